package assignment

import (
	"database/sql"
	"strings"
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
