package blueprint

import (
	"context"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/rulebook"
)

// Application says how a file is applied.
type Application struct {
	Comment string // of the version that is published, if one is
	// MoveDeadlines lets the deadlines that are armed count by the new version.
	MoveDeadlines bool
	Prune         bool // delete the calendars that the file does not have
	DryRun        bool // only tell what would change
}

// Result is what applying a file changed, or would change.
type Result struct {
	Changes   []FileChange `json:"changes" nullable:"false" doc:"In the order in which they are made"`
	Version   int          `json:"version" doc:"Of the rules that is in force afterwards; of a dry run: before"`
	Published bool         `json:"published" doc:"Whether a new version was published, or would be"`
	DraftKept bool         `json:"draft_kept" doc:"Somebody works on a draft: it stays as it is, and is based on an older version now"`
	DryRun    bool         `json:"dry_run"`
}

// Changed reports whether anything is not as it was.
func (r Result) Changed() bool {
	for _, c := range r.Changes {
		if c.Change != Unchanged {
			return true
		}
	}
	return false
}

// Check returns everything that is wrong with a file for this office, in the order of the file.
func (s *Store) Check(ctx context.Context, caller Caller, source []byte) ([]Problem, error) {
	problems := []Problem{}
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		_, err := s.plan(ctx, tx, caller, source, Application{DryRun: true})
		problems = Problems(err)
		if len(problems) > 0 {
			return nil
		}
		return err
	})
	return problems, err
}

// Apply makes the office what the file says, in one transaction: all of it or nothing. Sections that the file does not have are
// left alone, as are accounts, teams and agents that it does not name, and what is so already. What the file says of rules,
// automatic replies, opt-outs and limits becomes the next version, unless it is what the newest one says. A file with problems is
// refused as invalid; see [Problems].
func (s *Store) Apply(ctx context.Context, caller Caller, source []byte, a Application) (Result, error) {
	var r Result
	err := postgres.InTx(ctx, s.DB, func(ctx context.Context, tx bun.Tx) error {
		p, err := s.plan(ctx, tx, caller, source, a)
		if err != nil {
			return err
		}
		r = p.Result
		for _, step := range p.steps {
			if a.DryRun {
				break
			}
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		r.Version = p.Version
		return nil
	})
	if err != nil || a.DryRun || !r.Changed() {
		return r, err
	}
	s.Assignment.Look() // for plans
	s.Assignment.Notify()
	if r.Published && a.MoveDeadlines {
		err = s.Rulebook.WakeArmed(ctx)
	}
	return r, err
}

// plan reads a file and finds out what is to be done.
func (s *Store) plan(ctx context.Context, tx bun.Tx, caller Caller, source []byte, a Application) (*plan, error) {
	f := read(source)
	if f.root == nil {
		return nil, refused(f.found())
	}
	o, err := s.readOffice(ctx, tx, caller, !a.DryRun)
	if err != nil {
		return nil, err
	}
	refs, err := rulebook.References(ctx, tx)
	if err != nil {
		return nil, err
	}
	p := &plan{store: s, file: f, office: o, by: caller.Actor, Application: a, Result: Result{Changes: []FileChange{}, Version: o.version.Version, DryRun: a.DryRun}}
	if err := p.mayBe(caller); err != nil {
		return nil, err
	}
	f.resolve(o)
	p.examineAccounts()
	f.examine(refs)
	if err := p.examinePlans(ctx, tx); err != nil {
		return nil, err
	}
	p.make()
	if len(f.problems) > 0 {
		return nil, refused(f.found())
	}
	if p.Published {
		p.DraftKept, err = s.Rulebook.Drafting(ctx, tx)
	}
	return p, err
}
