package secondfactor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/uptrace/bun"
)

const (
	// recoveryCodes is how many an agent gets.
	recoveryCodes = 10
	// recoverySize is how many random bytes one has: 16 characters.
	recoverySize = 10
)

// newRecoveryCodes returns codes such as ABCD-EFGH-IJKL-MNOP and what is kept of them.
func newRecoveryCodes(agentID string) (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		raw := make([]byte, recoverySize)
		_, _ = rand.Read(raw) // it never fails
		text := base32.StdEncoding.EncodeToString(raw)
		codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
		hashes = append(hashes, recoveryHash(agentID, text))
	}
	return codes, hashes
}

func recoveryHash(agentID, code string) []byte {
	sum := sha256.Sum256([]byte(agentID + " " + code))
	return sum[:]
}

func writeRecoveryCodes(ctx context.Context, tx bun.Tx, agentID string, hashes [][]byte) error {
	for _, hash := range hashes {
		if _, err := tx.ExecContext(ctx, "INSERT INTO recovery_codes (agent_id, hash) VALUES (?, ?)", agentID, hash); err != nil {
			return fmt.Errorf("keep recovery codes: %w", err)
		}
	}
	return nil
}

// useRecoveryCode uses a recovery code up, and reports whether there was one.
func useRecoveryCode(ctx context.Context, tx bun.Tx, agentID, code string) (bool, error) {
	result, err := tx.ExecContext(ctx, "DELETE FROM recovery_codes WHERE agent_id = ? AND hash = ?", agentID, recoveryHash(agentID, code))
	if err != nil {
		return false, fmt.Errorf("use a recovery code: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return false, err
	}
	return true, audit(ctx, tx, own(agentID), "agents.use_recovery_code", agentID)
}

// plain returns a code without what people put between its characters.
func plain(code string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(strings.TrimSpace(code)))
}
