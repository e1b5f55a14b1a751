package temporalx

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// timerBuckets reach from a local activity to a long poll, in seconds.
var timerBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// collector holds every series that the SDK made. The SDK gives one name different tags in different places, which a
// vector cannot hold, so it is an unchecked collector: it describes nothing beforehand.
type collector struct {
	mu     sync.Mutex
	series map[string]prometheus.Metric // by kind, name and tags
}

// metricsHandler returns a handler whose metrics are on the registry, with the names that the other SDKs of Temporal use:
// counters end in _total, timers in _seconds.
func metricsHandler(registry prometheus.Registerer) (client.MetricsHandler, error) {
	c := &collector{series: map[string]prometheus.Metric{}}
	if err := registry.Register(c); err != nil {
		return nil, err
	}
	return handler{collector: c}, nil
}

// Describe implements prometheus.Collector.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	all := slices.Collect(maps.Values(c.series))
	c.mu.Unlock()
	for _, one := range all {
		out <- one
	}
}

// handler makes series with its tags.
type handler struct {
	collector *collector
	tags      map[string]string
}

// WithTags implements client.MetricsHandler.
func (h handler) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(h.tags)
	if all == nil {
		all = map[string]string{}
	}
	for name, value := range tags {
		all[clean(name)] = value
	}
	return handler{collector: h.collector, tags: all}
}

// Counter implements client.MetricsHandler.
func (h handler) Counter(name string) client.MetricsCounter {
	name = suffixed(name, "_total")
	counter := series(h, "counter", name, func() prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: h.tags})
	})
	return counterFunc(func(by int64) { counter.Add(float64(by)) })
}

// Gauge implements client.MetricsHandler.
func (h handler) Gauge(name string) client.MetricsGauge {
	name = clean(name)
	gauge := series(h, "gauge", name, func() prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: h.tags})
	})
	return gaugeFunc(gauge.Set)
}

// Timer implements client.MetricsHandler.
func (h handler) Timer(name string) client.MetricsTimer {
	name = suffixed(name, "_seconds")
	histogram := series(h, "timer", name, func() prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, ConstLabels: h.tags, Buckets: timerBuckets})
	})
	return timerFunc(func(d time.Duration) { histogram.Observe(d.Seconds()) })
}

const help = "Reported by the Temporal SDK."

// series returns the series of that kind, name and tags, and makes it the first time.
func series[M prometheus.Metric](h handler, kind, name string, create func() M) M {
	key := fmt.Sprint(kind, name, h.tags) // maps are printed in order
	h.collector.mu.Lock()
	defer h.collector.mu.Unlock()
	if known, ok := h.collector.series[key].(M); ok {
		return known
	}
	made := create()
	h.collector.series[key] = made
	return made
}

// clean replaces what a Prometheus name may not contain.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

func suffixed(name, suffix string) string {
	return strings.TrimSuffix(clean(name), suffix) + suffix
}

type counterFunc func(int64)

// Inc implements client.MetricsCounter.
func (f counterFunc) Inc(by int64) { f(by) }

type gaugeFunc func(float64)

// Update implements client.MetricsGauge.
func (f gaugeFunc) Update(to float64) { f(to) }

type timerFunc func(time.Duration)

// Record implements client.MetricsTimer.
func (f timerFunc) Record(d time.Duration) { f(d) }
