package secondfactor_test

import (
	"bytes"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/secondfactor"
	"guichet.dev/guichet/signin"
	"guichet.dev/guichet/team"
)

var (
	_     signin.SecondFactor = (*secondfactor.Store)(nil)
	admin                     = team.System()
)

// desk is one agent with a store whose clock the test moves.
type desk struct {
	*secondfactor.Store
	t      *testing.T
	db     *bun.DB
	now    time.Time
	ana    string
	secret string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	t.Parallel()
	keys := testkit.Keyring(t)
	d := &desk{t: t, db: testkit.Database(t), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	d.Store = secondfactor.NewStore(secondfactor.Options{DB: d.db, Sealer: keys, Now: func() time.Time { return d.now }})
	err := d.db.NewRaw("INSERT INTO agents (id, name, email, role, created_at) VALUES (gen_random_uuid(), 'Ana', 'ana@example.com', 'agent', now()) RETURNING id").
		Scan(t.Context(), &d.ana)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) code(after time.Duration) string {
	d.t.Helper()
	code, err := totp.GenerateCode(d.secret, d.now.Add(after))
	if err != nil {
		d.t.Fatal(err)
	}
	return code
}

// wrong is a code that is right in none of the steps around now.
func (d *desk) wrong() string {
	for _, c := range []string{"000000", "000001", "000002", "000003"} {
		if c != d.code(0) && c != d.code(30*time.Second) && c != d.code(-30*time.Second) {
			return c
		}
	}
	panic("four codes cannot be right in three steps")
}

func (d *desk) enrol() {
	d.t.Helper()
	e, err := d.Enrol(d.t.Context(), d.ana)
	if err != nil {
		d.t.Fatal(err)
	}
	d.secret = e.Secret
}

// enable enrols and confirms, and moves on to a step whose code was not used.
func (d *desk) enable() []string {
	d.t.Helper()
	d.enrol()
	codes, err := d.Confirm(d.t.Context(), d.ana, d.code(0))
	if err != nil {
		d.t.Fatal(err)
	}
	d.now = d.now.Add(time.Minute)
	return codes
}

func (d *desk) want(err error, code conversation.Code) {
	d.t.Helper()
	if conversation.CodeOf(err) != code {
		d.t.Errorf("%v, want %q", err, code)
	}
}

func (d *desk) verify(code string, want conversation.Code) {
	d.t.Helper()
	d.want(d.Verify(d.t.Context(), d.ana, code), want)
}

func (d *desk) state() secondfactor.FactorState {
	d.t.Helper()
	s, err := d.State(d.t.Context(), d.ana)
	if err != nil {
		d.t.Fatal(err)
	}
	has, err := d.Has(d.t.Context(), d.ana)
	if err != nil || has != s.Enabled {
		d.t.Errorf("has %t, state %+v, %v", has, s, err)
	}
	return s
}

func (d *desk) audited(action string) int {
	d.t.Helper()
	var n int
	if err := d.db.NewRaw("SELECT count(*) FROM audit_entries WHERE action = ? AND subject_id = ?", action, d.ana).Scan(d.t.Context(), &n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func TestEnrolAndConfirm(t *testing.T) {
	d := newDesk(t)
	if s := d.state(); s.Enabled || s.Pending {
		t.Errorf("%+v before anything", s)
	}
	_, err := d.Confirm(t.Context(), d.ana, "123456")
	d.want(err, conversation.CodeNotFound)
	e, err := d.Enrol(t.Context(), d.ana)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Guichet:ana@example.com" || u.Query().Get("secret") != e.Secret || len(e.Secret) != 32 {
		t.Errorf("%+v %v", e, err)
	}
	d.enrol() // again: the first one's codes no longer count
	if d.secret == e.Secret {
		t.Error("the same secret twice")
	}
	if s := d.state(); s.Enabled || !s.Pending {
		t.Errorf("%+v before it is confirmed", s)
	}
	d.verify(d.code(0), conversation.CodeNotFound)
	_, err = d.Confirm(t.Context(), d.ana, d.wrong())
	d.want(err, conversation.CodeInvalid)
	codes, err := d.Confirm(t.Context(), d.ana, d.code(0))
	if err != nil || len(codes) != 10 || len(codes[0]) != 19 {
		t.Fatalf("%v %v", codes, err)
	}
	if s := d.state(); !s.Enabled || s.Pending || s.RecoveryCodes != 10 || !s.ConfirmedAt.Equal(d.now) {
		t.Errorf("%+v", s)
	}
	_, err = d.Enrol(t.Context(), d.ana)
	d.want(err, conversation.CodeConflict)
	_, err = d.Confirm(t.Context(), d.ana, d.code(30*time.Second))
	d.want(err, conversation.CodeConflict)
	_, err = d.Enrol(t.Context(), "00000000-0000-7000-8000-000000000000")
	d.want(err, conversation.CodeNotFound)
	d.nothingReadable(codes)
	if n := d.audited("agents.enable_second_factor"); n != 1 {
		t.Errorf("%d entries in the audit", n)
	}
}

// nothingReadable looks for secrets in the tables and in the audit.
func (d *desk) nothingReadable(codes []string) {
	d.t.Helper()
	var kept []byte
	var audit string
	err := d.db.DB.QueryRowContext(d.t.Context(), `SELECT (SELECT string_agg(secret, '') FROM second_factors) || (SELECT string_agg(hash, '') FROM recovery_codes),
		(SELECT json_agg(e)::text FROM audit_entries e)`).Scan(&kept, &audit)
	if err != nil || len(kept) < 10*32 {
		d.t.Fatal(len(kept), err)
	}
	for _, secret := range append(codes, d.secret) {
		bare := strings.ReplaceAll(secret, "-", "")
		if bytes.Contains(kept, []byte(bare)) || bytes.Contains(kept, []byte(secret)) || strings.Contains(audit, bare) || strings.Contains(audit, secret) {
			d.t.Error("a secret can be read in the database")
		}
	}
}

func TestCodesCountOnce(t *testing.T) {
	d := newDesk(t)
	d.enrol()
	if _, err := d.Confirm(t.Context(), d.ana, d.code(0)); err != nil {
		t.Fatal(err)
	}
	d.verify(d.code(0), conversation.CodeUnauthorised) // it confirmed
	d.now = d.now.Add(90 * time.Second)
	d.verify(" "+d.code(0)[:3]+" "+d.code(0)[3:], "")
	d.verify(d.code(0), conversation.CodeUnauthorised)
	d.verify(d.code(-30*time.Second), conversation.CodeUnauthorised) // older than one that counted
	d.verify(d.code(30*time.Second), "")                             // the app is ahead
	d.now = d.now.Add(2 * time.Minute)
	d.verify(d.code(-30*time.Second), "") // the app is behind
	d.now = d.now.Add(2 * time.Minute)
	d.verify(d.code(-time.Minute), conversation.CodeUnauthorised)
	d.verify(d.code(time.Minute), conversation.CodeUnauthorised)
	d.verify("", conversation.CodeUnauthorised)
	code := d.code(0)
	var wg sync.WaitGroup
	got := make([]conversation.Code, 3)
	for i := range got {
		wg.Go(func() { got[i] = conversation.CodeOf(d.Verify(t.Context(), d.ana, code)) })
	}
	wg.Wait()
	counted := 0
	for _, c := range got {
		if c == "" {
			counted++
		}
	}
	if counted != 1 {
		t.Errorf("one code counted %d times at once", counted)
	}
}

func TestWrongCodesLock(t *testing.T) {
	d := newDesk(t)
	recovery := d.enable()
	for range 5 {
		d.verify(d.wrong(), conversation.CodeUnauthorised)
	}
	d.verify(d.code(0), conversation.CodeRateLimited)
	d.verify(recovery[0], conversation.CodeRateLimited)
	d.want(d.Disable(t.Context(), d.ana, d.code(0)), conversation.CodeRateLimited)
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		d.now = d.now.Add(wait - time.Second)
		d.verify(d.code(0), conversation.CodeRateLimited)
		d.now = d.now.Add(time.Second)
		d.verify(d.wrong(), conversation.CodeUnauthorised)
	}
	d.now = d.now.Add(8 * time.Minute)
	d.verify(d.code(0), "")
	d.now = d.now.Add(time.Minute)
	for range 4 { // success begins anew
		d.verify(d.wrong(), conversation.CodeUnauthorised)
	}
	d.now = d.now.Add(25 * time.Hour) // and so does a day
	d.verify(d.wrong(), conversation.CodeUnauthorised)
	d.verify(d.code(0), "")
	if n := d.audited("agents.lock_second_factor"); n != 1 {
		t.Errorf("%d locks in the audit", n)
	}
}

func TestRecoveryCodes(t *testing.T) {
	d := newDesk(t)
	codes := d.enable()
	d.verify(strings.ToLower(strings.ReplaceAll(codes[3], "-", " ")), "")
	d.verify(codes[3], conversation.CodeUnauthorised)
	d.verify(codes[4], "")
	if s := d.state(); s.RecoveryCodes != 8 || d.audited("agents.use_recovery_code") != 2 {
		t.Errorf("%+v", s)
	}
	eva := ""
	if err := d.db.NewRaw("INSERT INTO agents (id, name, email, role, created_at) VALUES (gen_random_uuid(), 'Eva', 'eva@example.com', 'agent', now()) RETURNING id").Scan(t.Context(), &eva); err != nil {
		t.Fatal(err)
	}
	d.want(d.Verify(t.Context(), eva, codes[5]), conversation.CodeNotFound)
	d.want(d.Disable(t.Context(), d.ana, "ABCD-EFGH-IJKL-MNOP"), conversation.CodeInvalid)
	if err := d.Disable(t.Context(), d.ana, codes[5]); err != nil {
		t.Fatal(err)
	}
	if s := d.state(); s.Enabled || s.Pending || s.RecoveryCodes != 0 || d.audited("agents.disable_second_factor") != 1 {
		t.Errorf("%+v", s)
	}
	d.want(d.Disable(t.Context(), d.ana, codes[6]), conversation.CodeNotFound)
	d.enable()
	d.verify(codes[6], conversation.CodeUnauthorised) // of the factor before
}

func TestReset(t *testing.T) {
	d := newDesk(t)
	d.want(d.Reset(t.Context(), admin, d.ana), conversation.CodeNotFound)
	d.enable()
	if err := d.Reset(t.Context(), admin, d.ana); err != nil {
		t.Fatal(err)
	}
	if s := d.state(); s.Enabled || d.audited("agents.reset_second_factor") != 1 {
		t.Errorf("%+v", s)
	}
}

func TestResetStaysBelowOneself(t *testing.T) {
	d := newDesk(t)
	d.enable()
	supervisor := team.Principal{AgentID: "00000000-0000-7000-8000-000000000000", Permissions: team.SetOf(team.RoleSupervisor.Permissions())}
	if _, err := d.db.ExecContext(t.Context(), "UPDATE agents SET role = 'admin'"); err != nil {
		t.Fatal(err)
	}
	d.want(d.Reset(t.Context(), supervisor, d.ana), conversation.CodeForbidden)
	if _, err := d.db.ExecContext(t.Context(), "UPDATE agents SET role = 'agent'"); err != nil {
		t.Fatal(err)
	}
	limited := supervisor
	limited.Limited = true
	d.want(d.Reset(t.Context(), limited, d.ana), conversation.CodeForbidden)
	if err := d.Reset(t.Context(), supervisor, d.ana); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsBelongToOneAgent(t *testing.T) {
	d := newDesk(t)
	d.enable()
	if _, err := d.db.ExecContext(t.Context(), `WITH eva AS (INSERT INTO agents (id, name, email, role, created_at) VALUES (gen_random_uuid(), 'Eva', 'eva@example.com', 'agent', now()) RETURNING id)
		INSERT INTO second_factors (agent_id, secret, created_at, confirmed_at) SELECT eva.id, secret, f.created_at, confirmed_at FROM second_factors f, eva`); err != nil {
		t.Fatal(err)
	}
	var eva string
	if err := d.db.NewRaw("SELECT id FROM agents WHERE name = 'Eva'").Scan(t.Context(), &eva); err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(t.Context(), eva, d.code(0)); err == nil || conversation.CodeOf(err) == conversation.CodeUnauthorised {
		t.Errorf("a secret of another row opens: %v", err)
	}
}
