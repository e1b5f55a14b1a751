package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"

	"guichet.dev/guichet/postgres"
)

// narrowest is up to how many conversations a criterion that is looked up elsewhere (labels, attributes, followers, questions) selects
// by itself; one that finds more is checked on each conversation on the way, of which enough pass soon.
const narrowest = 2_000

// narrow adds what is looked up elsewhere: as the ids that it selects if they are few, else as a condition.
func (in *Inbox) narrow(ctx context.Context, s *selection, c Criteria, agent string) error {
	if len(c.Labels) > 0 && c.AllLabels {
		for _, id := range c.Labels {
			if err := in.narrowBy(ctx, s, "c.id", "SELECT conversation_id FROM conversation_labels WHERE label_id = $1::uuid", id); err != nil {
				return err
			}
		}
	} else if len(c.Labels) > 0 {
		if err := in.narrowBy(ctx, s, "c.id", "SELECT conversation_id FROM conversation_labels WHERE label_id = ANY($1::uuid[])", c.Labels); err != nil {
			return err
		}
	}
	if c.Followed {
		if err := in.narrowBy(ctx, s, "c.id", "SELECT conversation_id FROM followers WHERE agent_id = $1::uuid", agent); err != nil {
			return err
		}
	}
	if c.Asked {
		if err := in.narrowBy(ctx, s, "c.id", "SELECT conversation_id FROM consent_questions WHERE answered_at IS NULL"); err != nil {
			return err
		}
	}
	for key, value := range c.Attribute {
		forms, err := attributeForms(key, value)
		if err != nil {
			return err
		}
		if err := in.narrowBy(ctx, s, "c.contact_id", "SELECT id FROM contacts WHERE attributes @> ANY($1::jsonb[])", forms); err != nil {
			return err
		}
	}
	return nil
}

// attributeForms returns an attribute as JSON, in each form that its text can have: as text, and as a number or a boolean if it
// looks like one.
func attributeForms(key, value string) ([]string, error) {
	text, err := json.Marshal(map[string]string{key: value})
	forms := []string{string(text)}
	var other any
	if json.Unmarshal([]byte(value), &other) == nil {
		switch other.(type) {
		case float64, bool:
			plain, err := json.Marshal(map[string]json.RawMessage{key: json.RawMessage(value)})
			return append(forms, string(plain)), wrap("attribute", err)
		}
	}
	return forms, wrap("attribute", err)
}

// narrowBy adds a query for ids, which has one argument, $1, or none.
func (in *Inbox) narrowBy(ctx context.Context, s *selection, column, query string, arg ...any) error {
	ids := []string{}
	err := postgres.Rows(ctx, in.DB, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, query+" LIMIT "+strconv.Itoa(narrowest+1), arg...)
	if err != nil {
		return wrap("find conversations", err)
	}
	if len(ids) <= narrowest {
		s.direct = true
		s.add(column + " = ANY(" + s.arg(ids) + "::uuid[])")
		return nil
	}
	if len(arg) > 0 {
		query = strings.Replace(query, "$1", s.arg(arg[0]), 1)
	}
	s.add(column + " IN (" + query + ")")
	return nil
}
