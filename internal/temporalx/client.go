package temporalx

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
)

// Options say where Temporal is. What is empty here is taken from the environment and the configuration file that
// Temporal's own tools use (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_…, TEMPORAL_PROFILE).
type Options struct {
	Address   string // host:port
	Namespace string
	Identity  string // how this process is called in histories; empty leaves it to the SDK
	Logger    *slog.Logger
	Metrics   prometheus.Registerer // nil for none
}

// Dial returns a client. It connects when it is first used: without a server Dial succeeds, because messages are received
// and read without Temporal too. An error means that the configuration is wrong.
func Dial(_ context.Context, o Options) (client.Client, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, fmt.Errorf("read the configuration of Temporal: %w", err)
	}
	if o.Address != "" {
		options.HostPort = o.Address
	}
	if o.Namespace != "" {
		options.Namespace = o.Namespace
	}
	options.Identity = o.Identity
	if o.Logger != nil {
		options.Logger = log.NewStructuredLogger(o.Logger)
	}
	if o.Metrics != nil {
		handler, err := metricsHandler(o.Metrics)
		if err != nil {
			return nil, fmt.Errorf("register the metrics of Temporal: %w", err)
		}
		options.MetricsHandler = handler
	}
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("configure Temporal: %w", err)
	}
	return c, nil
}
