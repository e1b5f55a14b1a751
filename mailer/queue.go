package mailer

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"guichet.dev/guichet/postgres"
)

const (
	poll       = time.Second
	atOnce     = 8                   // mails on their way from one process
	lease      = 2 * time.Minute     // of a mail that a process is sending: longer than sendTimeout
	firstPause = time.Second         // between tries; doubles
	maxPause   = time.Hour           //
	giveUp     = 24 * time.Hour      // after this a mail is failed
	kept       = 30 * 24 * time.Hour // what was sent or failed
	sweepEvery = time.Hour
)

// queued is a mail to send.
type queued struct {
	id, to, kind, language string
	sealed                 []byte
	tries                  int // this one included
	createdAt              time.Time
}

// Run sends what is queued until the context ends, and finishes what it has begun.
func (m *Mailer) Run(ctx context.Context) error {
	if !m.Ready() {
		return nil
	}
	var swept time.Time
	for lost := false; ; {
		n, err := m.Deliver(context.WithoutCancel(ctx))
		if err == nil && time.Since(swept) >= sweepEvery {
			swept = time.Now()
			err = m.sweep(ctx)
		}
		if err != nil && !lost && ctx.Err() == nil {
			m.Logger.WarnContext(ctx, "mails cannot be sent now", "sqlstate", postgres.Code(err))
		}
		lost = err != nil
		wait := poll
		if n == atOnce {
			wait = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Deliver tries the mails that are due, a few at most, and returns how many it tried. A mail that does not go is no error.
func (m *Mailer) Deliver(ctx context.Context) (int, error) {
	mails, err := m.claim(ctx)
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(mails))
	var sending sync.WaitGroup
	for i, q := range mails {
		sending.Go(func() { errs[i] = m.deliver(ctx, q) })
	}
	sending.Wait()
	return len(mails), errors.Join(errs...)
}

// claim leases mails that are due. Who dies with a lease leaves them to others.
func (m *Mailer) claim(ctx context.Context) ([]queued, error) {
	now := m.now()
	var mails []queued
	err := postgres.Rows(ctx, m.DB, func(row *sql.Rows) error {
		var q queued
		err := row.Scan(&q.id, &q.to, &q.kind, &q.language, &q.sealed, &q.tries, &q.createdAt)
		mails = append(mails, q)
		return err
	}, `UPDATE mails SET due_at = $2, tries = tries + 1 WHERE id IN (
			SELECT id FROM mails WHERE state = 'queued' AND due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
		RETURNING id::text, recipient, kind, language, data, tries, created_at`, now, now.Add(lease), atOnce)
	if err != nil {
		return nil, fmt.Errorf("claim mails: %w", err)
	}
	return mails, nil
}

// deliver sends one mail and writes down what became of it.
func (m *Mailer) deliver(ctx context.Context, q queued) error {
	code, final := m.try(ctx, q)
	now := m.now()
	outcome := OutcomeSent
	switch {
	case code == "":
		return m.settle(ctx, q, outcome, code, now)
	case final || !now.Before(q.createdAt.Add(giveUp)):
		m.Logger.ErrorContext(ctx, "a mail is given up", "mail_id", q.id, "kind", q.kind, "code", code, "tries", q.tries)
		return m.settle(ctx, q, OutcomeFailed, code, now)
	}
	m.observe(q.kind, OutcomeRetried, code)
	m.Logger.WarnContext(ctx, "a mail was not taken and is tried again", "mail_id", q.id, "kind", q.kind, "code", code, "tries", q.tries)
	_, err := postgres.Raw(m.DB).ExecContext(ctx, "UPDATE mails SET due_at = $3, error_code = $4 WHERE id = $1::uuid AND tries = $2 AND state = 'queued'",
		q.id, q.tries, now.Add(pause(q.tries)), code)
	if err != nil {
		return fmt.Errorf("put a mail back: %w", err)
	}
	return nil
}

// try sends a mail. The code is empty if the server took it; final says that another try would end the same.
func (m *Mailer) try(ctx context.Context, q queued) (code string, final bool) {
	plain, err := m.Sealer.Open(q.sealed, owner(q.id))
	if err != nil {
		return "sealed", false // perhaps this process alone has another key
	}
	var data map[string]string
	if json.Unmarshal(plain, &data) != nil {
		return "unreadable", true
	}
	if link := data[dataLink]; link != "" && m.ShowLinks && q.tries == 1 && kinds[q.kind].secret {
		m.Logger.InfoContext(ctx, "the link of a mail (demo only)", "kind", q.kind, "link", link)
	}
	text, err := Render(q.kind, q.language, data)
	if err != nil {
		return "unreadable", true
	}
	message, err := m.message(q, text)
	if err != nil {
		return "address", true
	}
	if err := m.server.send(ctx, message); err != nil {
		return failure(err)
	}
	return "", false
}

// settle ends a mail and deletes its data.
func (m *Mailer) settle(ctx context.Context, q queued, state, code string, now time.Time) error {
	m.observe(q.kind, state, code)
	_, err := postgres.Raw(m.DB).ExecContext(ctx, `UPDATE mails SET state = $2, error_code = $3, settled_at = $4, data = NULL
		WHERE id = $1::uuid AND state = 'queued'`, q.id, state, code, now)
	if err != nil {
		return fmt.Errorf("settle a mail: %w", err)
	}
	return nil
}

func (m *Mailer) observe(kind, outcome, code string) {
	if m.Observer != nil {
		m.Observer.Mail(kind, outcome, code)
	}
}

// pause is how long to wait after so many tries.
func pause(tries int) time.Duration {
	if tries > 12 {
		return maxPause
	}
	return min(firstPause<<(tries-1), maxPause)
}

// sweep deletes what was sent or given up long ago: it holds addresses.
func (m *Mailer) sweep(ctx context.Context) error {
	_, err := postgres.Raw(m.DB).ExecContext(ctx, "DELETE FROM mails WHERE state <> 'queued' AND settled_at < $1", m.now().Add(-kept))
	if err != nil {
		return fmt.Errorf("delete old mails: %w", err)
	}
	return nil
}
