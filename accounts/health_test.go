package accounts_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/conversation"
)

func TestHealthTellsHowFarAnAccountHasCome(t *testing.T) {
	s, db := store(t)
	a, everywhere := create(t, s), admin.Everywhere()
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	health := func() accounts.Health {
		t.Helper()
		h, err := s.Health(t.Context(), everywhere, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if h := health(); h.LastReceivedAt != nil || h.LastAppliedAt != nil || h.LagSeconds != 0 || h.LastError != nil || h.State != conversation.AccountActive {
		t.Errorf("a new account: %+v", h)
	}
	now := time.Now().UTC().Truncate(time.Second)
	exec("UPDATE accounts SET last_received_at = ?", now)
	if h := health(); h.LastAppliedAt == nil || !h.LastAppliedAt.Equal(now) || h.Behind != 0 {
		t.Errorf("all is applied: %+v", h)
	}

	contact, behind := uuid.NewString(), uuid.NewString()
	oldest := now.Add(-90 * time.Second)
	exec("INSERT INTO contacts (id, created_at, updated_at) VALUES (?, now(), now())", contact)
	exec(`INSERT INTO conversations (id, account_id, channel, contact_id, thread_key, last_seq, wake_seq, applied_seq, next_deadline_at, last_activity_at, opened_at, created_at)
		VALUES (?0, ?1, 'whatsapp', ?2, ?0, 3, 3, 1, ?3, ?3, ?3, ?3)`, behind, a.ID, contact, now)
	for seq, at := range map[int]time.Time{1: now.Add(-time.Hour), 2: oldest, 3: now} {
		exec("INSERT INTO events (conversation_id, seq, kind, actor_kind, at, recorded_at) VALUES (?0, ?1, 'received', 'contact', ?2, ?2)", behind, seq, at)
	}
	exec("INSERT INTO parked_updates (id, account_id, webhook_id, path, kind, reason, parked_at) VALUES (?, ?, ?, '', 'message', 'not_understood', ?)",
		uuid.NewString(), a.ID, uuid.NewString(), now)
	h := health()
	if h.Behind != 1 || h.LagSeconds < 89 || h.LagSeconds > 150 || !h.LastAppliedAt.Equal(oldest) || h.Parked != 1 {
		t.Errorf("one conversation is behind: %+v", h)
	}
	if e := h.LastError; e == nil || e.Kind != accounts.ErrorUpdate || e.Code != "not_understood" || !e.At.Equal(now) {
		t.Errorf("%+v", e)
	}
	exec("UPDATE accounts SET state = 'error', state_code = '190', updated_at = ?", now.Add(time.Second))
	if e := health().LastError; e == nil || e.Kind != accounts.ErrorAccount || e.Code != "190" {
		t.Errorf("the newest of two errors: %+v", e)
	}

	blind := conversation.Caller{Actor: admin, Sight: conversation.SeesOnly()}
	if _, err := s.Health(t.Context(), blind, a.ID); conversation.CodeOf(err) != conversation.CodeNotFound {
		t.Errorf("who may not see the account: %v", err)
	}
	if all, err := s.Healths(t.Context(), blind); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
	only := conversation.Caller{Actor: admin, Sight: conversation.SeesOnly(a.ID)}
	if all, err := s.Healths(t.Context(), only); err != nil || len(all) != 1 {
		t.Errorf("%+v %v", all, err)
	}
	if _, err := s.Health(t.Context(), everywhere, uuid.NewString()); conversation.CodeOf(err) != conversation.CodeNotFound {
		t.Errorf("no such account: %v", err)
	}
}
