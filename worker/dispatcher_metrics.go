package worker

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// dispatchMetrics are what one watches a dispatcher by.
type dispatchMetrics struct {
	lag     prometheus.Gauge
	waiting prometheus.Gauge
	delay   prometheus.Histogram
	signals *prometheus.CounterVec
}

func newDispatchMetrics(registry prometheus.Registerer) (*dispatchMetrics, error) {
	m := &dispatchMetrics{
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "guichet_dispatch_lag_seconds",
			Help: "Age of the oldest row that waits to be dispatched, of all processes.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "guichet_dispatch_waiting",
			Help: "Rows that wait to be dispatched, of all processes.",
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "guichet_dispatch_delay_seconds",
			Help:    "Time from the oldest change of a conversation to the signal that told its workflow.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 1800},
		}),
		signals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guichet_dispatch_signals_total",
			Help: "Signals by outcome: told, failed (counted against the conversation), refused (Temporal does not answer).",
		}, []string{"outcome"}),
	}
	if registry == nil {
		return m, nil
	}
	for _, one := range []prometheus.Collector{m.lag, m.waiting, m.delay, m.signals} {
		if err := registry.Register(one); err != nil {
			return nil, fmt.Errorf("register the dispatcher's metrics: %w", err)
		}
	}
	return m, nil
}

// count counts the signals of a batch.
func (m *dispatchMetrics) count(b *batch) {
	m.signals.WithLabelValues("told").Add(float64(len(b.told)))
	m.signals.WithLabelValues("failed").Add(float64(len(b.failed)))
	m.signals.WithLabelValues("refused").Add(float64(len(b.refused)))
}
