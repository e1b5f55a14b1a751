package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrCommitUnknown is wrapped by the error of InTx when the connection was lost while it committed: the transaction may
// or may not have happened. It must not be repeated blindly, and a webhook must not be acknowledged.
var ErrCommitUnknown = errors.New("outcome of the commit is unknown")

// SQLSTATE codes, from the PostgreSQL manual, appendix A.
const (
	codeUniqueViolation     = "23505"
	codeForeignKeyViolation = "23503"
	codeSerialization       = "40001"
	codeDeadlock            = "40P01"
	codeLockNotAvailable    = "55P03"
	codeQueryCanceled       = "57014"
	codeTooManyConnections  = "53300"
)

// Code returns the SQLSTATE of the server's error, empty if the error is not the server's.
func Code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// IsUniqueViolation tells whether a row with that key exists already. An empty constraint means any.
func IsUniqueViolation(err error, constraint string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == codeUniqueViolation && (constraint == "" || pg.ConstraintName == constraint)
}

// IsForeignKeyViolation reports whether a row refers to one that does not exist.
func IsForeignKeyViolation(err error) bool { return Code(err) == codeForeignKeyViolation }

// IsNotFound tells whether a query for one row found none.
func IsNotFound(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// IsLocked tells whether a lock was not to be had in time, or at all with NOWAIT.
func IsLocked(err error) bool { return Code(err) == codeLockNotAvailable }

// IsTimeout tells whether a statement took longer than it may, or its context ended.
func IsTimeout(err error) bool {
	return Code(err) == codeQueryCanceled || errors.Is(err, context.DeadlineExceeded)
}

// isConflict tells whether the server undid a transaction in favour of another one: the same again may well succeed.
func isConflict(err error) bool {
	code := Code(err)
	return code == codeSerialization || code == codeDeadlock
}

// IsUnavailable tells whether the database could not be reached, was shutting down or took no more connections.
// It says nothing about an error that wraps ErrCommitUnknown.
func IsUnavailable(err error) bool {
	if err == nil || errors.Is(err, ErrCommitUnknown) || errors.Is(err, context.Canceled) {
		return false
	}
	// Class 08 is a broken connection; 57P01 to 57P05 end the session from the server's side.
	if code := Code(err); code != "" {
		return code == codeTooManyConnections || strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P")
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return errors.Is(err, errLost) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

// IsRetryable tells of an error of InTx, or of a read, whether nothing was committed and the same again may succeed later.
// It cannot tell that of a single statement that writes outside a transaction.
func IsRetryable(err error) bool {
	if err == nil || errors.Is(err, ErrCommitUnknown) {
		return false
	}
	return isConflict(err) || IsLocked(err) || IsUnavailable(err)
}
