package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// MostAccounts is how many accounts have series of their own: the first ones by age. An installation with more looks at the
// API, which has no such bound.
const MostAccounts = 200

// AccountFigures are the figures of one account. Seconds that do not apply are negative: no series then.
type AccountFigures struct {
	ID, Channel    string
	Up             bool    // it is active: neither paused nor in error
	ReceivedAgo    float64 // seconds since the last webhook
	Lag            float64 // seconds for which the oldest event waits to be applied; 0 when all are
	Behind, Parked int     // conversations that wait for that; updates that could not be applied
}

var accountLabels = []string{"account", "channel"}

var (
	accountUp       = prometheus.NewDesc("guichet_account_up", "Whether the account is active: 1, or 0 when paused or in error.", accountLabels, nil)
	accountReceived = prometheus.NewDesc("guichet_account_last_received_seconds", "Seconds since the account's last webhook.", accountLabels, nil)
	accountLag      = prometheus.NewDesc("guichet_account_lag_seconds", "Age of the account's oldest event that is not applied yet.", accountLabels, nil)
	accountBehind   = prometheus.NewDesc("guichet_account_behind", "Conversations of the account with events that are not applied yet.", accountLabels, nil)
	accountParked   = prometheus.NewDesc("guichet_account_parked", "Updates of the account that could not be applied.", accountLabels, nil)
)

// Accounts shows the figures of the last reading, all of one time. The label is the account's id, which admins know and
// customers do not.
type Accounts struct {
	mu  sync.Mutex
	all []AccountFigures
}

func newAccounts() *Accounts { return &Accounts{} }

// Set replaces the figures of all accounts; those beyond [MostAccounts] are left out.
func (a *Accounts) Set(all []AccountFigures) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = all[:min(len(all), MostAccounts)]
}

// Describe implements prometheus.Collector.
func (*Accounts) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{accountUp, accountReceived, accountLag, accountBehind, accountParked} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (a *Accounts) Collect(to chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.all {
		show := func(d *prometheus.Desc, value float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, f.ID, f.Channel)
		}
		up := 0.0
		if f.Up {
			up = 1
		}
		show(accountUp, up)
		if f.ReceivedAgo >= 0 {
			show(accountReceived, f.ReceivedAgo)
		}
		show(accountLag, f.Lag)
		show(accountBehind, float64(f.Behind))
		show(accountParked, float64(f.Parked))
	}
}
