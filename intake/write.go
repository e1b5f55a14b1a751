package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/ledger"
	"guichet.dev/guichet/postgres"
)

func insertWebhooks(ctx context.Context, tx bun.Tx, group []*delivery) error {
	var (
		ids, accountIDs []string
		ats             []time.Time
		bodies          [][]byte
	)
	for _, d := range group {
		ids, accountIDs = append(ids, d.id), append(accountIDs, d.account.ID)
		ats, bodies = append(ats, d.receivedAt), append(bodies, d.body)
	}
	return postgres.Later(ctx, tx, "store webhooks", `INSERT INTO webhooks (id, account_id, received_at, body)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bytea[])`, ids, accountIDs, ats, bodies)
}

func (b *batch) insertMessages() error {
	if len(b.inserted) == 0 {
		return nil
	}
	var (
		ids, conversations, accountIDs, directions, kinds, states, contents, summaries, authors, authorIDs, providers, webhooks []string
		raws                                                                                                                    []*string
		seqs                                                                                                                    []int64
		ats, receivedAts                                                                                                        []time.Time
		sentAts                                                                                                                 []*time.Time
		lates                                                                                                                   []bool
	)
	for i := range b.inserted {
		m := &b.inserted[i]
		content, err := json.Marshal(m.content)
		if err != nil {
			return fmt.Errorf("content: %w", err)
		}
		var sentAt *time.Time
		if m.direction == conversation.Outbound {
			sentAt = &m.at
		}
		ids, conversations, accountIDs = append(ids, m.id), append(conversations, m.conversation), append(accountIDs, m.account)
		directions, kinds, states = append(directions, string(m.direction)), append(kinds, string(m.content.Kind)), append(states, string(m.state))
		contents, summaries = append(contents, string(content)), append(summaries, m.content.Summary())
		authors, authorIDs = append(authors, string(m.author.Kind)), append(authorIDs, m.author.ID)
		providers, webhooks, seqs = append(providers, m.provider), append(webhooks, m.webhook), append(seqs, m.seq)
		ats, receivedAts, sentAts = append(ats, m.at), append(receivedAts, m.receivedAt), append(sentAts, sentAt)
		lates, raws = append(lates, m.late), append(raws, postgres.NullText(string(m.raw)))
	}
	err := postgres.Later(b.ctx, b.tx, "insert messages", `INSERT INTO messages (id, conversation_id, account_id, seq, direction, kind, state, content, summary,
			author_kind, author_id, provider_id, at, received_at, late, webhook_id, sent_at, raw)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::text[],
			$10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::boolean[], $16::uuid[], $17::timestamptz[], $18::jsonb[])`,
		ids, conversations, accountIDs, seqs, directions, kinds, states, contents, summaries, authors, authorIDs, providers, ats,
		receivedAts, lates, webhooks, sentAts, raws)
	if err != nil {
		return err
	}
	return b.insertAttachments()
}

// waitAgain finds what customers wait for where messages came out of order: the oldest that they wrote after the newest
// from the phone app, whose reader had all earlier ones before them.
func (b *batch) waitAgain() error {
	if len(b.disordered) == 0 {
		return nil
	}
	return postgres.Later(b.ctx, b.tx, "find what customers wait for", `UPDATE conversations c
		SET waiting_since = (SELECT min(at) FROM messages WHERE conversation_id = c.id AND author_kind = 'contact' AND at > e.at)
		FROM (SELECT conversation_id AS id, max(at) AS at FROM messages WHERE conversation_id = ANY($1::uuid[]) AND author_kind = 'phone_app' GROUP BY 1) AS e
		WHERE c.id = e.id AND c.waiting_since <= e.at`, slices.Collect(maps.Keys(b.disordered)))
}

func (b *batch) insertAttachments() error {
	var (
		ids, messages, providers, mimes, sums, names, states, codes []string
		positions                                                   []int64
	)
	for i := range b.inserted {
		for position, f := range b.inserted[i].content.Media {
			state := "pending"
			if f.ErrorCode != "" || f.ProviderID == "" {
				state = "failed"
			}
			ids, messages, positions = append(ids, postgres.NewID()), append(messages, b.inserted[i].id), append(positions, int64(position))
			providers, mimes, sums = append(providers, f.ProviderID), append(mimes, f.MIMEType), append(sums, f.SHA256)
			names, states, codes = append(names, f.FileName), append(states, state), append(codes, f.ErrorCode)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return postgres.Later(b.ctx, b.tx, "insert attachments", `INSERT INTO attachments (id, message_id, position, provider_id, mime_type, sha256, file_name, state, error_code)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])`,
		ids, messages, positions, providers, mimes, sums, names, states, codes)
}

func (b *batch) insertReceipts() error {
	if len(b.receipts) == 0 {
		return nil
	}
	var (
		accountIDs, providers, states, participants, codes []string
		messages, details                                  []*string
		ats                                                []time.Time
	)
	for _, r := range b.receipts {
		accountIDs, providers, states = append(accountIDs, r.account), append(providers, r.provider), append(states, string(r.state))
		participants, messages, ats = append(participants, r.participant), append(messages, postgres.NullText(r.message)), append(ats, r.at)
		codes, details = append(codes, r.code), append(details, r.detail)
	}
	return postgres.Later(b.ctx, b.tx, "insert receipts", `INSERT INTO receipts (account_id, provider_id, state, participant, message_id, at, error_code, detail, received_at)
		SELECT *, $9::timestamptz FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[], $7::text[], $8::jsonb[])
		ON CONFLICT DO NOTHING`, accountIDs, providers, states, participants, messages, ats, codes, details, b.now)
}

// receiptTurns is the class of the advisory locks of settleInserted.
const receiptTurns = 20260001

// settleInserted brings together echoes and receipts that nothing but the provider's id connects: the receipts may name a
// contact that is not known yet, so there may be no row on which the two transactions meet. They take turns by the id, after
// each has written its own, and the second sees what the first has written. Many ids share a turn, because a server has room
// for some thousand such locks only.
func (b *batch) settleInserted() error {
	var echoes, waiting []providerKey
	var ids []string
	for i := range b.inserted {
		if m := &b.inserted[i]; m.direction == conversation.Outbound {
			echoes, ids = append(echoes, providerKey{m.account, m.provider}), append(ids, m.id)
		}
	}
	for i := range b.receipts {
		if r := &b.receipts[i]; r.message == "" {
			waiting = append(waiting, providerKey{r.account, r.provider})
		}
	}
	if len(echoes)+len(waiting) == 0 {
		return nil
	}
	accountIDs, providerIDs := columns(slices.Concat(echoes, waiting))
	_, err := b.tx.Tx.ExecContext(b.ctx, `SELECT pg_advisory_xact_lock($3::integer, turn) FROM (
		SELECT DISTINCT hashtext(a || p) & 63 AS turn FROM unnest($1::text[], $2::text[]) AS k(a, p) ORDER BY 1) AS turns`, accountIDs, providerIDs, receiptTurns)
	if err != nil {
		return fmt.Errorf("take turns: %w", err)
	}
	for _, id := range ids {
		if _, err := ledger.ApplyEarlyReceipts(b.ctx, b.tx, id); err != nil {
			return err
		}
	}
	return b.unstored(waiting)
}

// updateMessages writes what receipts changed, in the order of the ids.
func (b *batch) updateMessages() error {
	if len(b.settled) == 0 {
		return nil
	}
	var (
		ids, states, codes, providers         []string
		sent, delivered, read, played, failed []*time.Time
		pricing                               []*string
	)
	list := make([]*known, 0, len(b.settled))
	for _, m := range b.settled {
		list = append(list, m)
	}
	slices.SortFunc(list, func(x, y *known) int { return strings.Compare(x.id, y.id) })
	for _, m := range list {
		ids, states, codes, providers = append(ids, m.id), append(states, string(m.state)), append(codes, m.errorCode), append(providers, m.provider)
		sent, delivered, read = append(sent, postgres.NullTime(m.sentAt)), append(delivered, postgres.NullTime(m.deliveredAt)), append(read, postgres.NullTime(m.readAt))
		played, failed, pricing = append(played, postgres.NullTime(m.playedAt)), append(failed, postgres.NullTime(m.failedAt)), append(pricing, m.pricing)
	}
	return postgres.Later(b.ctx, b.tx, "update messages", `UPDATE messages AS m SET state = v.state, error_code = v.code, provider_id = nullif(v.provider, ''), sent_at = v.sent,
			delivered_at = v.delivered, read_at = v.read, played_at = v.played, failed_at = v.failed, pricing = v.pricing
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::jsonb[])
			AS v(id, state, code, provider, sent, delivered, read, played, failed, pricing) WHERE m.id = v.id`,
		ids, states, codes, providers, sent, delivered, read, played, failed, pricing)
}
