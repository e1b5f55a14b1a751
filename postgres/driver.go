package postgres

import (
	"context"
	"database/sql/driver"
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
	return &Conn{pg}, nil
}

// Conn is the driver connection that (*sql.Conn).Raw hands out. Its Conn method returns the pgx connection.
type Conn struct{ *stdlib.Conn }

// QueryContext implements driver.QueryerContext.
func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 0 {
		args = []driver.NamedValue{{Ordinal: 1, Value: pgx.QueryExecModeSimpleProtocol}}
	}
	return c.Conn.QueryContext(ctx, query, args)
}
