package signin_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/signin"
	"guichet.dev/guichet/team"
)

const (
	email    = "Ana@example.com"
	password = "a good long password"
)

var (
	admin = conversation.Actor{Kind: conversation.ActorSystem}
	home  = signin.Client{UserAgent: "Browser", IP: "192.0.2.1"}
)

// mails takes what would be sent.
type mails struct {
	mu   sync.Mutex
	sent []mail
}

type mail struct {
	to, kind string
	data     map[string]string
}

func (m *mails) Send(_ context.Context, _ bun.IDB, to, kind, _ string, data map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, mail{to, kind, data})
	return nil
}

// of returns the mails of a kind.
func (m *mails) of(kind string) (list []mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.sent {
		if one.kind == kind {
			list = append(list, one)
		}
	}
	return list
}

func (m mail) token(t *testing.T) string {
	t.Helper()
	_, token, ok := strings.Cut(m.data["link"], "#token=")
	if !ok || !strings.HasPrefix(m.data["link"], "https://inbox.example.com/") {
		t.Fatalf("link %q", m.data["link"])
	}
	return token
}

type door struct {
	*signin.Store
	t     *testing.T
	db    *bun.DB
	team  *team.Store
	mails *mails
	ana   string
}

func newDoor(t *testing.T, change ...func(*signin.Options)) *door {
	t.Helper()
	t.Parallel()
	d := &door{t: t, db: testkit.Database(t), mails: &mails{}}
	d.team = team.NewStore(d.db)
	o := signin.Options{DB: d.db, Mailer: d.mails, PublicURL: func() string { return "https://inbox.example.com" }, Idle: 12 * time.Hour}
	for _, c := range change {
		c(&o)
	}
	d.Store = signin.New(o)
	if err := d.db.NewRaw("INSERT INTO agents (id, name, email, role, created_at) VALUES (gen_random_uuid(), 'Ana', ?, 'agent', now()) RETURNING id", email).Scan(t.Context(), &d.ana); err != nil {
		t.Fatal(err)
	}
	if err := d.SetPassword(t.Context(), admin, d.ana, password, ""); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *door) exec(query string, args ...any) {
	d.t.Helper()
	if _, err := d.db.ExecContext(d.t.Context(), query, args...); err != nil {
		d.t.Fatal(err)
	}
}

func (d *door) try(email, password string, from signin.Client) (string, conversation.Code) {
	d.t.Helper()
	value, _, err := d.LogIn(d.t.Context(), signin.Credentials{Email: email, Password: password}, from)
	return value, conversation.CodeOf(err)
}

func (d *door) enter() string {
	d.t.Helper()
	value, code := d.try(email, password, home)
	if code != "" {
		d.t.Fatal(code)
	}
	return value
}

func (d *door) wantCode(err error, code conversation.Code) {
	d.t.Helper()
	if conversation.CodeOf(err) != code {
		d.t.Errorf("%v, want %s", err, code)
	}
}

func TestLogIn(t *testing.T) {
	d := newDoor(t)
	for name, c := range map[string]struct {
		email, password string
		want            conversation.Code
	}{
		"right":             {email, password, ""},
		"another case":      {"aNA@EXAMPLE.com", password, ""},
		"wrong password":    {email, password + "x", conversation.CodeUnauthorised},
		"another case of p": {email, strings.ToUpper(password), conversation.CodeUnauthorised},
		"nobody":            {"eva@example.com", password, conversation.CodeUnauthorised},
		"NUL":               {"ana@example.com\x00", password, conversation.CodeUnauthorised},
		"empty":             {email, "", conversation.CodeUnauthorised},
	} {
		value, code := d.try(c.email, c.password, signin.Client{IP: name})
		if code != c.want || (value == "") != (c.want != "") {
			t.Errorf("%s: %q %s", name, value, code)
		}
	}
	// What is wrong must not tell who exists.
	_, _, wrong := d.LogIn(t.Context(), signin.Credentials{Email: email, Password: "x"}, home)
	_, _, nobody := d.LogIn(t.Context(), signin.Credentials{Email: "eva@example.com", Password: "x"}, home)
	if wrong.Error() != nobody.Error() {
		t.Errorf("%v, but %v", wrong, nobody)
	}
	var stored string
	if err := d.db.NewRaw("SELECT hash FROM passwords").Scan(t.Context(), &stored); err != nil || !strings.HasPrefix(stored, "$argon2id$") || strings.Contains(stored, password) {
		t.Errorf("%s %v", stored, err)
	}
	d.exec("UPDATE agents SET state = 'deactivated'")
	if _, code := d.try(email, password, home); code != conversation.CodeUnauthorised {
		t.Errorf("deactivated: %s", code)
	}
}

func TestOldHashesAreRenewed(t *testing.T) {
	d := newDoor(t)
	// At another cost than today's.
	hash, err := hashAt(password, 8*1024)
	if err != nil {
		t.Fatal(hash, err)
	}
	d.exec("UPDATE passwords SET hash = ?", hash)
	d.enter()
	var stored string
	if err := d.db.NewRaw("SELECT hash FROM passwords").Scan(t.Context(), &stored); err != nil || strings.Contains(stored, "m=8192") {
		t.Errorf("%s %v", stored, err)
	}
	d.enter()
}

func TestAttemptsAreLimited(t *testing.T) {
	d := newDoor(t)
	for i := range 5 {
		if _, code := d.try(email, "wrong", home); code != conversation.CodeUnauthorised {
			t.Fatalf("attempt %d: %s", i+1, code)
		}
	}
	_, _, err := d.LogIn(t.Context(), signin.Credentials{Email: email, Password: password}, home)
	d.wantCode(err, conversation.CodeRateLimited)
	away := signin.Client{IP: "192.0.2.2"}
	if _, code := d.try(email, password, away); code != "" {
		t.Errorf("somebody else's attempts keep the person out: %s", code)
	}
	for i := range 5 { // what nobody has is limited in the same way
		if _, code := d.try("eva@example.com", "wrong", away); code != conversation.CodeUnauthorised {
			t.Fatalf("attempt %d on nobody: %s", i+1, code)
		}
	}
	if _, code := d.try("eva@example.com", "wrong", away); code != conversation.CodeRateLimited {
		t.Errorf("nobody's: %s", code)
	}
	// The time over, one more attempt; wrong, it is twice as long.
	wait := func() time.Duration {
		t.Helper()
		var seconds float64
		err := d.db.NewRaw("SELECT extract(epoch FROM max(locked_until) - now())::float FROM login_attempts").Scan(t.Context(), &seconds)
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(seconds * float64(time.Second)).Round(time.Minute)
	}
	if wait() != time.Minute {
		t.Errorf("locked for %v", wait())
	}
	d.exec("UPDATE login_attempts SET locked_until = now() - interval '1 second'")
	if _, code := d.try(email, "wrong", home); code != conversation.CodeUnauthorised || wait() != 2*time.Minute {
		t.Errorf("%s, locked for %v", code, wait())
	}
	d.exec("UPDATE login_attempts SET locked_until = now() - interval '1 second'")
	d.enter()
	for range 4 { // success begins anew
		if _, code := d.try(email, "wrong", home); code != conversation.CodeUnauthorised {
			t.Error(code)
		}
	}
	d.enter()
	var locks int
	if err := d.db.NewRaw("SELECT count(*) FROM audit_entries WHERE action = 'sessions.lock' AND subject_id = ?", d.ana).Scan(t.Context(), &locks); err != nil || locks != 2 {
		t.Errorf("%d locks in the audit, want 2: %v", locks, err)
	}
}

func TestManyAttemptsAtOnce(t *testing.T) {
	d := newDoor(t)
	var wg sync.WaitGroup
	codes := make([]conversation.Code, 20)
	for i := range codes {
		wg.Go(func() { _, codes[i] = d.try(email, "wrong", home) })
	}
	wg.Wait()
	tried := 0
	for _, c := range codes {
		if c == conversation.CodeUnauthorised {
			tried++
		}
	}
	if tried != 5 {
		t.Errorf("%d passwords were tried at once, want 5", tried)
	}
}

func TestSessions(t *testing.T) {
	d := newDoor(t)
	value := d.enter()
	session, err := d.Authenticate(t.Context(), value)
	if err != nil || session.AgentID != d.ana || session.IP != home.IP {
		t.Fatalf("%+v %v", session, err)
	}
	if again := d.enter(); again == value {
		t.Error("two sessions have one value")
	}
	for _, bad := range []string{"", value + "x", strings.ToUpper(value), strings.Repeat("x", 1000), "\x00"} {
		_, err := d.Authenticate(t.Context(), bad)
		d.wantCode(err, conversation.CodeUnauthorised)
	}
	list, err := d.Sessions(t.Context(), d.ana, session.ID)
	if err != nil || len(list) != 2 || list[0].Current == list[1].Current {
		t.Errorf("%+v %v", list, err)
	}
	d.wantCode(d.End(t.Context(), "00000000-0000-7000-8000-000000000000", session.ID), conversation.CodeNotFound)
	if err := d.End(t.Context(), d.ana, session.ID); err != nil {
		t.Fatal(err)
	}
	_, err = d.Authenticate(t.Context(), value)
	d.wantCode(err, conversation.CodeUnauthorised)
	for what, query := range map[string]string{
		"idle": "UPDATE sessions SET last_seen_at = now() - interval '12 hours 1 minute'", "old": "UPDATE sessions SET expires_at = now()",
	} {
		value := d.enter()
		d.exec(query)
		if _, err := d.Authenticate(t.Context(), value); conversation.CodeOf(err) != conversation.CodeUnauthorised {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := d.db.NewRaw("SELECT count(*) FROM sessions").Scan(t.Context(), &left); err != nil || left != 0 {
		t.Errorf("%d sessions are left, %v", left, err)
	}
}

func TestChangedPasswordEndsSessions(t *testing.T) {
	d := newDoor(t)
	here, there := d.enter(), d.enter()
	session, err := d.Authenticate(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	const next = "another good password"
	d.wantCode(d.ChangePassword(t.Context(), session, "wrong", next, home), conversation.CodeInvalid)
	if err := d.ChangePassword(t.Context(), session, password, next, home); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Authenticate(t.Context(), here); err != nil {
		t.Errorf("the session that changed it: %v", err)
	}
	_, err = d.Authenticate(t.Context(), there)
	d.wantCode(err, conversation.CodeUnauthorised)
	if _, code := d.try(email, next, home); code != "" {
		t.Error(code)
	}
	if n := len(d.mails.of("password_changed")); n != 2 { // the first password too
		t.Errorf("%d mails say so", n)
	}
}

func TestWeakPasswords(t *testing.T) {
	d := newDoor(t)
	for _, weak := range []string{"short", "123456789", "1234567890", "PASSWORD123", "ana@example.com", "aaaaaaaaaaaaaa", strings.Repeat("x y", 100), "bad\xff\xff\xff\xff\xff\xff\xff\xff"} {
		d.wantCode(d.SetPassword(t.Context(), admin, d.ana, weak, ""), conversation.CodeInvalid)
	}
	for _, good := range []string{"été à la mer", "日本語のパスワード日本", strings.Repeat("long ", 51)} {
		if err := d.SetPassword(t.Context(), admin, d.ana, good, ""); err != nil {
			t.Errorf("%s: %v", good, err)
		}
		if _, code := d.try(email, good, home); code != "" {
			t.Errorf("%s: %s", good, code)
		}
	}
}

func TestNobodyManagesWhoMayDoMore(t *testing.T) {
	d := newDoor(t)
	d.exec("UPDATE agents SET role = 'admin'")
	value := d.enter()
	weak := team.Principal{AgentID: "00000000-0000-7000-8000-000000000000", Role: team.RoleAgent, Permissions: team.SetOf([]team.Permission{team.WriteAgents})}
	d.wantCode(d.Invite(t.Context(), weak, d.ana), conversation.CodeForbidden)
	d.wantCode(d.EndAll(t.Context(), weak, d.ana, ""), conversation.CodeForbidden)
	if _, err := d.Authenticate(t.Context(), value); err != nil || len(d.mails.of("invitation")) != 0 {
		t.Errorf("%v, %+v", err, d.mails.sent)
	}
	if err := d.EndAll(t.Context(), team.System(), d.ana, ""); err != nil {
		t.Fatal(err)
	}
	_, err := d.Authenticate(t.Context(), value)
	d.wantCode(err, conversation.CodeUnauthorised)
}

func TestInvitationAndReset(t *testing.T) {
	d := newDoor(t)
	d.exec("DELETE FROM passwords")
	if err := d.Invite(t.Context(), team.System(), d.ana); err != nil {
		t.Fatal(err)
	}
	if err := d.Invite(t.Context(), team.System(), d.ana); err != nil {
		t.Fatal(err)
	}
	sent := d.mails.of("invitation")
	if len(sent) != 2 || sent[0].to != email || sent[0].data["name"] != "Ana" {
		t.Fatalf("%+v", sent)
	}
	d.wantCode(d.Accept(t.Context(), sent[0].token(t), password), conversation.CodeInvalid) // the second replaced it
	d.wantCode(d.Accept(t.Context(), sent[1].token(t), "weak"), conversation.CodeInvalid)
	if err := d.Accept(t.Context(), sent[1].token(t), password); err != nil {
		t.Fatal(err)
	}
	d.wantCode(d.Accept(t.Context(), sent[1].token(t), "a third password"), conversation.CodeInvalid)
	old := d.enter()

	for range 5 {
		if err := d.Forgotten(t.Context(), strings.ToUpper(email)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Forgotten(t.Context(), "eva@example.com"); err != nil {
		t.Errorf("it tells that nobody has the address: %v", err)
	}
	resets := d.mails.of("password_reset")
	if len(resets) != 3 {
		t.Fatalf("%d mails, want 3 an hour at most", len(resets))
	}
	d.exec("UPDATE password_links SET expires_at = now() WHERE hash = sha256(?::bytea)", []byte(resets[0].token(t)))
	d.wantCode(d.Accept(t.Context(), resets[0].token(t), "a third password"), conversation.CodeInvalid)
	var wg sync.WaitGroup
	codes := make([]conversation.Code, 4)
	for i := range codes {
		wg.Go(func() { codes[i] = conversation.CodeOf(d.Accept(t.Context(), resets[1].token(t), "a third password")) })
	}
	wg.Wait()
	accepted := 0
	for _, c := range codes {
		if c == "" {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("one link was used %d times", accepted)
	}
	_, err := d.Authenticate(t.Context(), old)
	d.wantCode(err, conversation.CodeUnauthorised)
	d.wantCode(d.Accept(t.Context(), resets[2].token(t), "a fourth password"), conversation.CodeInvalid) // ended with the change
	d.wantCode(d.Accept(t.Context(), strings.Repeat("x", 5000), "a fourth password"), conversation.CodeInvalid)
}

// codes is a second factor.
type codes struct{ agent string }

func (c codes) Has(_ context.Context, agentID string) (bool, error) { return agentID == c.agent, nil }

func (c codes) Verify(_ context.Context, _, code string) error {
	if code != "123456" {
		return conversation.Errorf(conversation.CodeUnauthorised, "the code is wrong")
	}
	return nil
}

func TestSecondFactor(t *testing.T) {
	factor := &codes{}
	d := newDoor(t, func(o *signin.Options) { o.SecondFactor = factor })
	d.enter()
	factor.agent = d.ana
	for code, want := range map[string]conversation.Code{"": conversation.CodeUnauthorised, "000000": conversation.CodeUnauthorised, "123456": ""} {
		_, _, err := d.LogIn(t.Context(), signin.Credentials{Email: email, Password: password, Code: code}, signin.Client{IP: code})
		d.wantCode(err, want)
	}
	// Only who has the password hears of it.
	_, _, err := d.LogIn(t.Context(), signin.Credentials{Email: email, Password: "wrong", Code: "123456"}, home)
	d.wantCode(err, conversation.CodeUnauthorised)
	if strings.Contains(err.Error(), "second factor") {
		t.Error(err)
	}
}
