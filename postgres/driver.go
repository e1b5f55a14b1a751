package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// connector chooses how a query travels. Bun writes the values into the SQL text, so each of its queries is a new text:
// preparing it would cost a second round trip and push useful statements out of the cache. Queries without arguments
// therefore go in one round trip, while hand-written SQL with $1 arguments is prepared once per connection and cached.
type connector struct{ driver.Connector }

// Connect opens one connection of the pool.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	pg, ok := opened.(*stdlib.Conn)
	if !ok {
		_ = opened.Close() // the error below says it all
		return nil, fmt.Errorf("driver connection is a %T", opened)
	}
	return &Conn{Conn: pg}, nil
}

// Conn is the driver connection that (*sql.Conn).Raw hands out. Its Conn method returns the pgx connection.
type Conn struct {
	*stdlib.Conn
	pipelined bool         // in a transaction of InPipeline
	queue     []*statement // of that transaction
}

// errLost says that the connection broke while a statement was under way.
var errLost = errors.New("the connection to the database was lost during the statement")

// BeginTx implements driver.ConnBeginTx.
func (c *Conn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if ctx.Value(pipelineKey{}) == nil {
		return c.Conn.BeginTx(ctx, options)
	}
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	c.pipelined, c.queue = true, []*statement{{query: begin}}
	return pipelineTx{c, ctx}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn // nothing was sent: the pool may try another connection
	}
	if c.neverBegan() {
		return nil, errNoTransaction
	}
	if ctx.Value(flushKey{}) != nil {
		_, err := c.send(ctx)
		return driver.RowsAffected(0), err
	}
	waits, ok := ctx.Value(laterKey{}).(*statement)
	if !ok && len(c.queue) > 0 {
		waits = &statement{}
	}
	if waits != nil {
		waits.query, waits.args = query, values(args)
		if ok && c.pipelined {
			c.queue = append(c.queue, waits)
			return driver.RowsAffected(0), nil
		}
		tag, err := c.send(ctx, waits)
		return driver.RowsAffected(tag.RowsAffected()), err
	}
	result, err := c.Conn.ExecContext(ctx, query, args)
	return result, noRepeat(err)
}

// QueryContext implements driver.QueryerContext.
func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	if c.neverBegan() {
		return nil, errNoTransaction
	}
	if len(c.queue) > 0 {
		return c.query(ctx, query, args)
	}
	if len(args) == 0 {
		args = []driver.NamedValue{{Ordinal: 1, Value: pgx.QueryExecModeSimpleProtocol}}
	}
	rows, err := c.Conn.QueryContext(ctx, query, args)
	return rows, noRepeat(err)
}

// noRepeat keeps database/sql from running a statement a second time. In one round trip pgx 5.12 reports a connection
// that breaks before the answer as one on which nothing was sent, which database/sql takes as leave to repeat: an INSERT
// outside a transaction would happen twice.
func noRepeat(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		return errLost
	}
	return err
}
