package rulebook

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/optout"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rules"
)

// Options are what a Store works with.
type Options struct {
	DB         *bun.DB
	Classifier optout.Classifier // of wishes to be left alone; nil: keywords only
	Now        func() time.Time
	// Notify is called after a commit that left something for the dispatchers.
	Notify func()
	Logger *slog.Logger
}

// Store is the rulebook in the database. It may be used concurrently.
type Store struct {
	Options

	mu   sync.Mutex
	sets map[int]*rules.Set
}

// keptSets bounds the versions that are held ready: the newest, and those under which deadlines are still armed.
const keptSets = 20

// NewStore returns a Store.
func NewStore(o Options) *Store { return &Store{Options: o, sets: make(map[int]*rules.Set)} }

// Version is one that was published.
type Version struct {
	Version        int                `json:"version"`
	Comment        string             `json:"comment"`
	Author         conversation.Actor `json:"author"`
	PublishedAt    time.Time          `json:"published_at"`
	MovesDeadlines bool               `json:"moves_deadlines" doc:"Deadlines that were armed before count by this version"`
	Rules          int                `json:"rules" doc:"How many it has"`
}

// Set returns a version ready to decide. Version 0, that of a new installation, has no rules.
func (s *Store) Set(ctx context.Context, db bun.IDB, version int) (*rules.Set, error) {
	s.mu.Lock()
	set := s.sets[version]
	s.mu.Unlock()
	if set != nil {
		return set, nil
	}
	set, err := s.load(ctx, db, version)
	if err != nil {
		return nil, fmt.Errorf("version %d of the rules: %w", version, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for old := range s.sets {
		if len(s.sets) >= keptSets {
			delete(s.sets, old)
		}
	}
	s.sets[version] = set
	return set, nil
}

func (s *Store) load(ctx context.Context, db bun.IDB, version int) (*rules.Set, error) {
	p := rules.Published{Version: version}
	if version > 0 {
		var body []byte
		err := postgres.Raw(db).QueryRowContext(ctx, `SELECT definition, published_at,
			coalesce((SELECT max(version) FROM rule_versions WHERE moves_deadlines AND version <= $1), 0) FROM rule_versions WHERE version = $1`,
			version).Scan(&body, &p.At, &p.MovedFrom)
		if postgres.IsNotFound(err) {
			return nil, notFound()
		}
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &p.Definition); err != nil {
			return nil, err
		}
	}
	schema, err := readSchema(ctx, db, true)
	if err != nil {
		return nil, err
	}
	return rules.Compile(p, schema, s.Classifier)
}

// Compile makes a definition ready to decide that was not published. The error is the first of its flaws.
func (s *Store) Compile(ctx context.Context, db bun.IDB, d rules.Edition) (*rules.Set, error) {
	refs, err := References(ctx, db)
	if err != nil {
		return nil, err
	}
	if flaws := rules.Check(d, refs); len(flaws) > 0 {
		return nil, flawError(flaws)
	}
	return rules.Compile(rules.Published{Definition: d, At: s.Now()}, refs.Schema, s.Classifier)
}

// flawError is the error of a definition with flaws.
func flawError(flaws []rules.Flaw) error {
	err := conversation.Invalid("definition."+flaws[0].Field, "%s", flaws[0].Message)
	err.Details = map[string]any{"flaws": flaws}
	return err
}

func notFound() error {
	return conversation.Errorf(conversation.CodeNotFound, "there is no such version of the rules")
}

// Versions returns a page of the published versions, the newest first; before is the last of the page before, 0 for the first.
func (s *Store) Versions(ctx context.Context, before, limit int) ([]Version, error) {
	list := []Version{}
	err := postgres.Rows(ctx, s.DB, func(row *sql.Rows) error {
		v, err := scanVersion(row)
		list = append(list, v)
		return err
	}, versionColumns+" WHERE $1 = 0 OR version < $1 ORDER BY version DESC LIMIT $2", before, limit)
	if err != nil {
		return nil, fmt.Errorf("list versions of the rules: %w", err)
	}
	return list, nil
}

const versionColumns = `SELECT version, comment, actor_kind, actor_id, published_at, moves_deadlines, jsonb_array_length(coalesce(definition->'rules', '[]')) FROM rule_versions`

func scanVersion(row postgres.Row) (v Version, err error) {
	err = row.Scan(&v.Version, &v.Comment, &v.Author.Kind, &v.Author.ID, &v.PublishedAt, &v.MovesDeadlines, &v.Rules)
	return v, err
}

// Get returns a published version with its definition; 0 is the newest.
func (s *Store) Get(ctx context.Context, version int) (Version, rules.Edition, error) {
	return get(ctx, s.DB, version)
}

func get(ctx context.Context, db bun.IDB, version int) (v Version, d rules.Edition, err error) {
	var body []byte
	err = postgres.Raw(db).QueryRowContext(ctx, `SELECT version, comment, actor_kind, actor_id, published_at, moves_deadlines, definition FROM rule_versions
		WHERE version = coalesce(nullif($1, 0), (SELECT max(version) FROM rule_versions))`, version).
		Scan(&v.Version, &v.Comment, &v.Author.Kind, &v.Author.ID, &v.PublishedAt, &v.MovesDeadlines, &body)
	switch {
	case postgres.IsNotFound(err) && version == 0:
		return Version{}, rules.Edition{Rules: []rules.Rule{}}, nil // nothing was published yet
	case postgres.IsNotFound(err):
		return v, d, notFound()
	case err != nil:
		return v, d, fmt.Errorf("read version of the rules: %w", err)
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return v, d, fmt.Errorf("version of the rules: %w", err)
	}
	v.Rules = len(d.Rules)
	return v, d, nil
}
