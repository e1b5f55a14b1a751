package assignment

import (
	"context"
	"database/sql"
	"strings"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
)

func scanLine(into *[]line) func(*sql.Rows) error {
	return func(row *sql.Rows) error {
		var l line
		err := row.Scan(&l.account, &l.team)
		*into = append(*into, l)
		return err
	}
}

func scanPlace(into *[]place) func(*sql.Rows) error {
	return func(row *sql.Rows) error {
		var (
			p        place
			declined string
		)
		err := row.Scan(&p.id, &p.line.account, &p.line.team, &p.number, &declined, &p.told)
		p.declined = strings.Fields(declined)
		*into = append(*into, p)
		return err
	}
}

// texts reads one column of text.
func texts(ctx context.Context, db bun.IDB, query string, args ...any) ([]string, error) {
	var list []string
	err := postgres.Rows(ctx, db, func(row *sql.Rows) error {
		var one string
		err := row.Scan(&one)
		list = append(list, one)
		return err
	}, query, args...)
	return list, err
}
