// Package metrics holds every collector of the product on one registry.
//
// Labels carry kinds and codes only: never an id, a name or anything that a customer wrote, so that the number of series
// stays small and the scrape may be seen by ops.
package metrics

import (
	"database/sql"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Outcomes of a webhook.
const (
	WebhookAccepted  = "accepted"
	WebhookUnsigned  = "unsigned" // the signature is missing or wrong
	WebhookUnknown   = "unknown_account"
	WebhookTooLarge  = "too_large"
	WebhookFailed    = "failed"    // not stored, or not known whether it is: the provider posts again
	WebhookAborted   = "aborted"   // the body did not arrive in full
	WebhookDraining  = "draining"  // refused while shutting down
	WebhookHandshake = "handshake" // the provider verified the address
	WebhookRefused   = "handshake_refused"
)

// Metrics are the product's collectors. The dispatcher and Temporal's SDK register their own on the same registry.
type Metrics struct {
	Registry *prometheus.Registry

	Webhooks      *prometheus.CounterVec   // by outcome
	IngestSeconds prometheus.Histogram     // of accepted webhooks, from the first byte read to the commit
	HTTPRequests  *prometheus.CounterVec   // by method, route template and status
	HTTPSeconds   *prometheus.HistogramVec // by method and route template

	Updates *prometheus.CounterVec // what webhooks said, by channel, kind and outcome
	Sends   *prometheus.CounterVec // attempts by channel, outcome and code
	Mails   *prometheus.CounterVec // attempts to send Guichet's own mails, by kind, outcome and code
	Rules   *prometheus.CounterVec // that matched or should have, by trigger and result

	Streams prometheus.Gauge // clients that listen to events

	Stuck          prometheus.Gauge // conversations
	Parked         prometheus.Gauge // updates
	AccountsFailed prometheus.Gauge
	SearchLag      prometheus.Gauge // seconds
	Queued         prometheus.Gauge // conversations that wait for somebody to whom they can be assigned
	QueuedSince    prometheus.Gauge // seconds, of the oldest
	Questions      prometheus.Gauge // open ones about consent
	QuestionSince  prometheus.Gauge // seconds, of the oldest

	Dependencies *prometheus.GaugeVec   // by name: 1 while it answers
	Retained     *prometheus.CounterVec // rows that retention deleted, by kind
	Accounts     *Accounts
}

// New returns the collectors on a registry of their own, with those of the Go runtime and the process.
func New() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		Webhooks: counters("webhooks_total", "Webhooks by what became of them.", "outcome"),
		IngestSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "guichet_ingest_seconds", Help: "Time from the start of an accepted webhook to its commit.", Buckets: latencies(),
		}),
		HTTPRequests: counters("http_requests_total", "Requests to the API by route template.", "method", "route", "status"),
		HTTPSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "guichet_http_request_seconds", Help: "Duration of requests to the API.", Buckets: latencies(),
		}, []string{"method", "route"}),
		Updates:        counters("updates_total", "Updates in webhooks by what became of them.", "channel", "kind", "outcome"),
		Sends:          counters("sends_total", "Attempts to send a message by outcome and error code.", "channel", "outcome", "code"),
		Mails:          counters("mails_total", "Attempts to send Guichet's own mails by outcome and error code; failed means given up.", "kind", "outcome", "code"),
		Rules:          counters("rules_total", "Rules that matched, or failed, or were kept from acting.", "trigger", "result"),
		Streams:        gauge("event_streams", "Clients that are listening to live events."),
		Stuck:          gauge("stuck_conversations", "Conversations whose process failed ten times in a row or more."),
		Parked:         gauge("parked_updates", "Updates of providers that could not be applied and wait for an admin."),
		AccountsFailed: gauge("accounts_in_error", "Accounts that must be reconnected."),
		SearchLag:      gauge("search_lag_seconds", "Age of the oldest event that is not searched yet."),
		Queued:         gauge("assignment_queued", "Conversations that wait until somebody can take them."),
		QueuedSince:    gauge("assignment_oldest_seconds", "Since when the oldest of them waits."),
		Questions:      gauge("consent_questions", "Messages of which an agent should say whether they are a wish to be left alone."),
		QuestionSince:  gauge("consent_question_oldest_seconds", "Since when the oldest of them is open."),
		Dependencies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "guichet_dependency_up", Help: "Whether what this process depends on answers: 1 or 0.",
		}, []string{"dependency"}),
		Retained: counters("retention_deleted_total", "Rows that were deleted because of their age.", "kind"),
		Accounts: newAccounts(),
	}
	m.Registry.MustRegister(
		m.Webhooks, m.IngestSeconds, m.HTTPRequests, m.HTTPSeconds, m.Updates, m.Sends, m.Mails, m.Streams, m.Stuck, m.Parked, m.AccountsFailed, m.SearchLag,
		m.Rules, m.Queued, m.QueuedSince, m.Questions, m.QuestionSince,
		m.Dependencies, m.Retained, m.Accounts,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// WatchDatabase adds the statistics of a connection pool.
func (m *Metrics) WatchDatabase(pool *sql.DB) error {
	return m.Registry.Register(poolCollector{pool})
}

// latencies are buckets from a millisecond to ten seconds.
func latencies() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "guichet_" + name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: "guichet_" + name, Help: help})
}

// ObserveIngest notes that a webhook was stored.
func (m *Metrics) ObserveIngest(began time.Time) {
	m.Webhooks.WithLabelValues(WebhookAccepted).Inc()
	m.IngestSeconds.Observe(time.Since(began).Seconds())
}

// Observer notes what intake and outbox tell.
type Observer struct{ *Metrics }

// Updates implements intake.Observer.
func (o Observer) Updates(channel, kind, outcome string, n int) {
	o.Metrics.Updates.WithLabelValues(channel, kind, outcome).Add(float64(n))
}

// Send implements outbox.Observer.
func (o Observer) Send(channel, outcome, code string) {
	o.Sends.WithLabelValues(channel, outcome, code).Inc()
}

// Rule implements automation.Observer.
func (o Observer) Rule(trigger, result string) {
	o.Rules.WithLabelValues(trigger, result).Inc()
}

// Mail implements mailer.Observer.
func (o Observer) Mail(kind, outcome, code string) {
	o.Mails.WithLabelValues(kind, outcome, code).Inc()
}
