package intake

import (
	"context"
	"crypto/hmac"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/failpoint"
	"guichet.dev/guichet/outbox"
	"guichet.dev/guichet/postgres"
)

// Accounts finds accounts by what a webhook says.
type Accounts interface {
	ByProviderID(ctx context.Context, on conversation.Channel, providerID string) (accounts.Account, error)
	outbox.Stopper
}

// Observer is told what came of the updates, for metrics.
type Observer interface {
	Updates(channel, kind, outcome string, n int)
}

// Options are what an Intake works with.
type Options struct {
	DB *bun.DB
	// Commits are the sessions for group commits, opened with postgres.Options.KeyLookups; nil uses DB.
	Commits  *bun.DB
	Accounts Accounts
	Adapters map[conversation.Channel]channel.Receiver
	Now      func() time.Time
	// Notify is called after a commit that left something for the dispatchers.
	Notify   func()
	Observer Observer
	Logger   *slog.Logger
}

// Intake takes in webhooks. Run must be running for Receive to return.
type Intake struct {
	Options
	lanes   [Sessions]chan *delivery
	traffic traffic
}

// Sessions is how many group commits run at once, each in a session of its own: while one waits for the disk, another
// prepares its statements. Each has its own senders, so that they seldom wait for each other's rows.
const Sessions = 2

// maxGroup bounds a group commit, in webhooks; maxGroupUpdates in updates, so that large webhooks travel alone.
const (
	maxGroup        = 64
	maxGroupUpdates = 256
)

// New returns an Intake.
func New(o Options) *Intake {
	if o.Commits == nil {
		o.Commits = o.DB
	}
	in := &Intake{Options: o, traffic: traffic{counts: map[string]int{}}}
	for i := range in.lanes {
		in.lanes[i] = make(chan *delivery, 4*maxGroup)
	}
	return in
}

// delivery is one webhook on its way into the database.
type delivery struct {
	id         string
	account    accounts.Account // that of the address it was posted to
	body       []byte
	receivedAt time.Time
	updates    []routed
	unparsable string // why the body as a whole cannot be read, empty if it can
	done       chan error
}

// laneSeed makes senders fall into lanes as if by chance.
var laneSeed = maphash.MakeSeed()

// lane returns the number of the group commits that the webhook goes into: the same for all webhooks of one sender.
func (d *delivery) lane() int {
	key := d.id
	for i := range d.updates {
		if s, ok := sighting(d.updates[i].Body); ok && len(s.Person.Identities) > 0 {
			key = s.Person.Identities[0].Key
			break
		}
	}
	return int(maphash.String(laneSeed, key) % Sessions)
}

// routed is an update with the account that it concerns.
type routed struct {
	channel.Update
	account accounts.Account
	parked  string // a reason code if it cannot be applied
	detail  string
}

// The reasons for parking.
const (
	ReasonUnparsable     = "unparsable"      // the body is not what the provider sends
	ReasonNotUnderstood  = "not_understood"  // one update is not
	ReasonUnknownAccount = "unknown_account" // for a number that is not connected, or one of another app
	ReasonFailed         = "failed"          // applying it failed
)

// Receive stores a webhook whose signature was checked. It returns nil only after everything is committed; after any
// error, also when the outcome of the commit is not known, the provider must send it again.
func (in *Intake) Receive(ctx context.Context, account accounts.Account, body []byte) error {
	d := &delivery{
		id: postgres.NewID(), account: account, body: body, receivedAt: in.Now(), done: make(chan error, 1),
	}
	if err := in.parse(ctx, d); err != nil {
		return err
	}
	select {
	case in.lanes[d.lane()] <- d:
	case <-ctx.Done():
		return fmt.Errorf("receive webhook: %w", ctx.Err())
	}
	// From here on it will be committed or not whether or not the caller still waits.
	select {
	case err := <-d.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("receive webhook: %w", ctx.Err())
	}
}

func (in *Intake) parse(ctx context.Context, d *delivery) error {
	adapter, ok := in.Adapters[d.account.Channel]
	if !ok {
		return fmt.Errorf("no adapter for channel %s", d.account.Channel)
	}
	updates, err := adapter.Parse(d.body)
	if err != nil {
		d.unparsable = err.Error()
		return nil //nolint:nilerr // a body that cannot be read is parked, which is no failure
	}
	d.updates = make([]routed, len(updates))
	for i, u := range updates {
		r := routed{Update: u, account: d.account}
		if err := in.route(ctx, d.account, &r); err != nil {
			return err
		}
		if u.Err != nil && r.parked == "" {
			r.parked, r.detail = ReasonNotUnderstood, u.Err.Error()
		}
		d.updates[i] = r
	}
	return nil
}

// route finds the account of an update. The app secret of the address vouches for all accounts of the same app.
func (in *Intake) route(ctx context.Context, posted accounts.Account, r *routed) error {
	if r.AccountID == "" || r.AccountID == posted.ProviderID {
		return nil
	}
	account, err := in.Accounts.ByProviderID(ctx, posted.Channel, r.AccountID)
	switch {
	case conversation.CodeOf(err) == conversation.CodeNotFound:
		r.parked, r.detail = ReasonUnknownAccount, "no account has this number"
	case err != nil:
		return fmt.Errorf("route update: %w", err)
	case !hmac.Equal([]byte(account.Secrets.AppSecret), []byte(posted.Secrets.AppSecret)):
		r.parked, r.detail = ReasonUnknownAccount, "the number's account has another app secret"
	default:
		r.account = account
	}
	return nil
}

// Run commits what Receive hands in until the context ends; what was handed in before is still committed.
func (in *Intake) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, lane := range in.lanes {
		wg.Go(func() { in.flush(ctx, lane) })
	}
	wg.Go(func() { in.countTraffic(ctx) })
	wg.Wait()
	return nil
}

// patience is how long a group waits for as many webhooks as its predecessors had.
const patience = 2 * time.Millisecond

// flush takes what waits, and while much comes in it waits a moment for more: a transaction costs far more than a webhook
// in it. A webhook that comes alone does not wait.
func (in *Intake) flush(ctx context.Context, lane <-chan *delivery) {
	for expected := 1; ; {
		var first *delivery
		select {
		case first = <-lane:
		case <-ctx.Done():
			select {
			case first = <-lane: // drain
			default:
				return
			}
		}
		group := gather(lane, first, expected)
		if len(group) >= expected {
			expected = len(group)
		} else {
			expected -= (expected - len(group) + 1) / 2
		}
		in.commit(context.WithoutCancel(ctx), group)
	}
}

// gather returns the first with what waits, or what comes within the patience until there are as many as expected.
func gather(lane <-chan *delivery, first *delivery, expected int) []*delivery {
	group, updates := []*delivery{first}, len(first.updates)
	var enough <-chan time.Time
	for len(group) < maxGroup && updates < maxGroupUpdates {
		select {
		case d := <-lane:
			group, updates = append(group, d), updates+len(d.updates)
			continue
		default:
		}
		if len(group) >= expected {
			return group
		}
		if enough == nil {
			enough = time.After(patience)
		}
		select {
		case d := <-lane:
			group, updates = append(group, d), updates+len(d.updates)
		case <-enough:
			return group
		}
	}
	return group
}

// commitTimeout bounds one group commit; providers give up after some seconds and post again.
const commitTimeout = 10 * time.Second

// commit writes a group in one transaction. If that fails for a reason that lies in the data, each webhook is tried by
// itself, and then each update of a bad webhook, so that one bad thing fails alone.
func (in *Intake) commit(ctx context.Context, group []*delivery) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	err := in.write(ctx, group, false)
	if err == nil || unavailable(err) {
		in.finish(group, err)
		return
	}
	in.Logger.WarnContext(ctx, "group commit failed, trying each webhook by itself", "webhooks", len(group), "error", errorCode(err))
	for _, d := range group {
		if len(group) > 1 {
			err = in.write(ctx, []*delivery{d}, false)
		}
		if err != nil && !unavailable(err) {
			err = in.write(ctx, []*delivery{d}, true)
		}
		in.finish([]*delivery{d}, err)
	}
}

func (in *Intake) finish(group []*delivery, err error) {
	if err == nil {
		failpoint.Hit("intake.committed")
	}
	for _, d := range group {
		d.done <- err
		if err == nil {
			in.observe(d)
		}
	}
	if err == nil {
		in.Notify()
	}
}

func (in *Intake) observe(d *delivery) {
	inbound := 0
	for _, u := range d.updates {
		outcome := "applied"
		if u.parked != "" {
			outcome = "parked_" + u.parked
		}
		in.Observer.Updates(string(d.account.Channel), u.Kind, outcome, 1)
		if m, ok := u.Body.(channel.Message); ok && u.parked == "" && !m.Echo {
			inbound++
		}
	}
	if d.unparsable != "" {
		in.Observer.Updates(string(d.account.Channel), "body", "parked_"+ReasonUnparsable, 1)
	}
	in.traffic.add(d.account.ID, inbound)
}

// write runs the transaction, again if other transactions got in its way.
func (in *Intake) write(ctx context.Context, group []*delivery, careful bool) error {
	const attempts = 6
	for attempt := 1; ; attempt++ {
		err := in.writeOnce(ctx, group, careful)
		if attempt == attempts || !raced(err) {
			return err
		}
	}
}
