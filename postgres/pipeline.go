package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
)

// Row is one row of a result.
type Row interface{ Scan(dest ...any) error }

// InPipeline is InTx with fewer round trips: BEGIN travels with the first statement, what Later was given with the
// next statement whose outcome is asked for, or with the COMMIT. A round trip costs more than many a statement.
func InPipeline(ctx context.Context, db *bun.DB, fn func(ctx context.Context, tx bun.Tx) error) error {
	return repeatTx(ctx, db, true, fn)
}

// Later runs a statement at the next opportunity if the transaction is one of InPipeline, otherwise at once. Statements keep
// their order. What says what it is for: its error may be returned by a later statement or by the commit.
func Later(ctx context.Context, tx bun.Tx, what, query string, args ...any) error {
	return later(ctx, tx, &statement{what: what}, query, args)
}

// LaterRows is Later for a query. Its rows are scanned before the next statement whose outcome is asked for returns; an
// error of scan undoes the transaction.
func LaterRows(ctx context.Context, tx bun.Tx, what string, scan func(Row) error, query string, args ...any) error {
	return later(ctx, tx, &statement{what: what, scan: scan}, query, args)
}

// Flush runs everything that Later put off.
func Flush(ctx context.Context, tx bun.Tx) error {
	_, err := tx.Tx.ExecContext(context.WithValue(ctx, flushKey{}, true), "flush") // never sent
	return err
}

func later(ctx context.Context, tx bun.Tx, s *statement, query string, args []any) error {
	_, err := tx.Tx.ExecContext(context.WithValue(ctx, laterKey{}, s), query, args...)
	return err
}

// By these values in the context database/sql carries what it has no words for.
type (
	pipelineKey struct{} // to BeginTx
	laterKey    struct{}
	flushKey    struct{}
)

// statement is one that waits on its connection.
type statement struct {
	what  string // empty for those of the connection itself
	query string
	args  []any
	scan  func(Row) error
}

const begin, commit, rollback = "begin", "commit", "rollback"

// pipelineTx is a transaction of InPipeline. The context is that of its BeginTx.
type pipelineTx struct {
	conn *Conn
	ctx  context.Context
}

// Commit sends what waits and the commit in one round trip. Rows are looked at before: they may speak against it.
func (t pipelineTx) Commit() error {
	c := t.conn
	defer c.leave()
	for _, s := range c.queue {
		if s.scan != nil {
			if _, err := c.send(t.ctx); err != nil {
				return c.undo(t.ctx, fmt.Errorf("%w: %w", errBeforeCommit, err))
			}
			break
		}
	}
	if len(c.queue) == 1 && c.queue[0].query == begin {
		return nil // nothing was done
	}
	if c.neverBegan() {
		return errNoTransaction
	}
	tag, err := c.send(t.ctx, &statement{query: commit})
	if err == nil && tag.String() == "ROLLBACK" {
		err = pgx.ErrTxCommitRollback
	}
	return c.undo(t.ctx, err)
}

// Rollback forgets what waits and undoes what was sent.
func (t pipelineTx) Rollback() error {
	t.conn.leave()
	if t.conn.Conn.Conn().IsClosed() || t.conn.Conn.Conn().PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := t.conn.Conn.Conn().Exec(t.ctx, rollback)
	return err
}

// errBeforeCommit marks an error of what was sent before the commit, which was then not sent at all.
var errBeforeCommit = errors.New("before the commit")

// errNoTransaction says that the statement with which the BEGIN should have travelled could not be sent.
var errNoTransaction = fmt.Errorf("%w: the first statement failed, and with it the begin", errBeforeCommit)

// neverBegan reports whether the transaction's BEGIN was lost with a statement that the server could not prepare. What came
// next would be committed by itself.
func (c *Conn) neverBegan() bool {
	return c.pipelined && len(c.queue) == 0 && c.Conn.Conn().PgConn().TxStatus() == 'I'
}

// leave ends the connection's part in a transaction.
func (c *Conn) leave() { c.queue, c.pipelined = nil, false }

// undo rolls back after an error; a connection on which that fails is not used again.
func (c *Conn) undo(ctx context.Context, err error) error {
	pg := c.Conn.Conn()
	if err == nil || pg.IsClosed() || pg.PgConn().TxStatus() == 'I' {
		return err
	}
	if _, failed := pg.Exec(ctx, rollback); failed != nil {
		_ = pg.Close(ctx) // the first error is the one that matters
	}
	return err
}

// send sends what waits and more in one round trip. The error is the first one; the tag is the last statement's.
func (c *Conn) send(ctx context.Context, more ...*statement) (tag pgconn.CommandTag, err error) {
	queue := append(c.queue, more...)
	c.queue = nil
	if len(queue) == 0 {
		return tag, nil
	}
	results := c.sendBatch(ctx, queue)
	if tag, err = takeAll(results, queue); err != nil {
		return tag, c.failed(queue, err)
	}
	return tag, c.failed(queue, results.Close())
}

func (c *Conn) sendBatch(ctx context.Context, queue []*statement) pgx.BatchResults {
	var batch pgx.Batch
	for _, s := range queue {
		batch.Queue(s.query, s.args...)
	}
	return c.Conn.Conn().SendBatch(ctx, &batch)
}

// takeAll reads the results of the statements and returns the last one's tag. After an error, or a panic of a scan, it
// reads what is left, so that the connection can be used again.
func takeAll(results pgx.BatchResults, queue []*statement) (tag pgconn.CommandTag, err error) {
	all := false
	defer func() {
		if !all {
			_ = results.Close() // its error is the one of take
		}
	}()
	for _, s := range queue {
		if tag, err = s.take(results); err != nil {
			return tag, err
		}
	}
	all = true
	return tag, nil
}

// take reads one statement's result.
func (s *statement) take(results pgx.BatchResults) (tag pgconn.CommandTag, err error) {
	if s.scan == nil {
		tag, err = results.Exec()
	} else {
		err = s.scanAll(results)
	}
	if err != nil && s.what != "" {
		err = fmt.Errorf("%s: %w", s.what, err)
	}
	return tag, err
}

func (s *statement) scanAll(results pgx.BatchResults) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close() // also after an error or a panic of scan
	for rows.Next() {
		if err := s.scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// failed marks an error of the connection that came with the BEGIN and without the COMMIT: nothing happened, and the same on
// another connection may succeed.
func (c *Conn) failed(queue []*statement, err error) error {
	if err != nil && queue[0].query == begin && queue[len(queue)-1].query != commit && IsUnavailable(err) {
		return fmt.Errorf("%w: %w", errNotBegun, err)
	}
	return noRepeat(err)
}

// query sends what waits and a query whose rows database/sql reads.
func (c *Conn) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	queue := append(c.queue, &statement{query: query, args: values(args)})
	c.queue = nil
	results := c.sendBatch(ctx, queue)
	if _, err := takeAll(results, queue[:len(queue)-1]); err != nil {
		return nil, c.failed(queue, err)
	}
	rows, err := results.Query()
	if err != nil {
		_ = results.Close() // reads what is left; its error is the same
		return nil, c.failed(queue, err)
	}
	return &batchRows{conn: c, rows: rows, results: results}, nil
}

func values(args []driver.NamedValue) []any {
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a.Value
	}
	return list
}

// batchRows are the rows of a batch's last query.
type batchRows struct {
	conn    *Conn
	rows    pgx.Rows
	results pgx.BatchResults
}

// Columns implements driver.Rows.
func (r *batchRows) Columns() []string {
	fields := r.rows.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// Next implements driver.Rows.
func (r *batchRows) Next(dest []driver.Value) error {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return noRepeat(err)
		}
		return io.EOF
	}
	types, raw := r.conn.Conn.Conn().TypeMap(), r.rows.RawValues()
	for i, f := range r.rows.FieldDescriptions() {
		known, ok := types.TypeForOID(f.DataTypeOID)
		if !ok {
			return fmt.Errorf("column %s: type %d is not known", f.Name, f.DataTypeOID)
		}
		value, err := known.Codec.DecodeDatabaseSQLValue(types, f.DataTypeOID, f.Format, raw[i])
		if err != nil {
			return fmt.Errorf("column %s: %w", f.Name, err)
		}
		dest[i] = value
	}
	return nil
}

// Close implements driver.Rows.
func (r *batchRows) Close() error {
	r.rows.Close()
	return noRepeat(r.results.Close())
}
