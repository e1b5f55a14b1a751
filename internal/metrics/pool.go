package metrics

import (
	"database/sql"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	poolMax     = prometheus.NewDesc("guichet_database_connections_max", "Most connections that the pool may open.", nil, nil)
	poolOpen    = prometheus.NewDesc("guichet_database_connections_open", "Connections by whether they are in use.", []string{"state"}, nil)
	poolWaits   = prometheus.NewDesc("guichet_database_waits_total", "Times that somebody had to wait for a connection.", nil, nil)
	poolWaiting = prometheus.NewDesc("guichet_database_wait_seconds_total", "Time spent waiting for connections.", nil, nil)
)

// poolCollector reads a pool's statistics when it is scraped.
type poolCollector struct{ pool *sql.DB }

// Describe implements prometheus.Collector.
func (poolCollector) Describe(to chan<- *prometheus.Desc) {
	to <- poolMax
	to <- poolOpen
	to <- poolWaits
	to <- poolWaiting
}

// Collect implements prometheus.Collector.
func (c poolCollector) Collect(to chan<- prometheus.Metric) {
	s := c.pool.Stats()
	to <- prometheus.MustNewConstMetric(poolMax, prometheus.GaugeValue, float64(s.MaxOpenConnections))
	to <- prometheus.MustNewConstMetric(poolOpen, prometheus.GaugeValue, float64(s.InUse), "in_use")
	to <- prometheus.MustNewConstMetric(poolOpen, prometheus.GaugeValue, float64(s.Idle), "idle")
	to <- prometheus.MustNewConstMetric(poolWaits, prometheus.CounterValue, float64(s.WaitCount))
	to <- prometheus.MustNewConstMetric(poolWaiting, prometheus.CounterValue, s.WaitDuration.Seconds())
}
