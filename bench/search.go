package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/internal/app"
	"guichet.dev/guichet/internal/devstack"
	"guichet.dev/guichet/postgres"
	"guichet.dev/guichet/search"
)

// searchLine is one kind of search at one concurrency.
type searchLine struct {
	Measurement string `json:"measurement"`
	What        string `json:"what"`
	Concurrency int    `json:"concurrency"`
	Found       figure `json:"found"` // on the first page, on average
	Rate        figure `json:"per_second"`
	P50         figure `json:"p50_ms"`
	P99         figure `json:"p99_ms"`
	Aim         figure `json:"p99_aim_ms,omitempty"`
}

// searchResult is the last line.
type searchResult struct {
	Measurement string       `json:"measurement"`
	People      int          `json:"people"`
	Messages    int          `json:"messages"`
	Loaded      figure       `json:"loaded_s"`
	Bytes       int64        `json:"bytes"`        // of the tables and indexes of the search
	MessageSize figure       `json:"message_size"` // of these, for each message
	PersonSize  figure       `json:"person_size"`
	Lines       []searchLine `json:"lines"`
	Met         bool         `json:"aims_met"`
	Machine     machine      `json:"machine"`
}

// searching is what is looked for: each search of a kind has other words.
type searching struct {
	what        string
	concurrency []int
	aim         float64 // p99 at concurrency 1; 0 for what is only told
	restricted  bool    // by somebody who sees one account of ten
	texts       bool
	query       func() string
}

// searches are what is measured. The words are those of the data, see loadSearch.
var searches = []searching{
	{"people, a name with at most 1,000 matches", []int{1, 16}, 60, false, false, func() string { return lastName(rand.N(lastNames)) }},
	{"people, part of a name with at most 1,000 matches", []int{1, 16}, 60, false, false, func() string { return lastName(rand.N(lastNames))[1:] }},
	{"people, a name with 50,000 matches", []int{1, 16}, 150, false, false, func() string { return "maria" }},
	{"people, part of a name with 50,000 matches", []int{1, 16}, 150, false, false, func() string { return "ari" }},
	{"people, a name with 50,000 matches and a rare one", []int{1, 16}, 150, false, false, func() string { return "maria " + lastName(rand.N(lastNames)) }},
	{"people, six digits of a phone", []int{1, 16}, 60, false, false, func() string { return fmt.Sprintf("%06d", rand.N(1_000_000)) }},
	{"people, a name with 50,000 matches, one account of ten", []int{1, 16}, 150, true, false, func() string { return "maria" }},
	{"messages, a word in ten", []int{1}, 150, false, true, func() string { return fmt.Sprintf("order%d ", rand.N(100_000)) }},
	{"messages, a word in one of 1,000", []int{1}, 150, false, true, func() string { return fmt.Sprintf("medium%d ", rand.N(10)) }},
	{"messages, a word in 5 %", []int{1}, 150, false, true, func() string { return "often " }},
	{"messages, a word in 5 %, last in use half of the time ago", []int{1}, 0, false, true, func() string { return "former " }},
	{"messages, two words in 5 %", []int{1}, 150, false, true, func() string { return "often livraison " }},
	{"messages, the beginning of a word in 5 %", []int{1}, 150, false, true, func() string { return "oft" }},
	{"messages, a word in one of 1,000, one account of ten", []int{1}, 150, true, true, func() string { return fmt.Sprintf("medium%d ", rand.N(10)) }},
	{"messages, a word in 5 %, one account of ten", []int{1}, 150, true, true, func() string { return "often " }},
}

func runSearch(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("search", flag.ContinueOnError)
	write := flags.Bool("write", false, "put the figures into "+performanceFile)
	people := flags.Int("people", 1_000_000, "contacts, each with one conversation")
	messages := flags.Int("messages", 10_000_000, "messages of all conversations")
	seconds := flags.Float64("seconds", 5, "length of one measurement")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := startSearch(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := searchResult{Measurement: "search", People: *people, Messages: *messages, Met: true, Machine: thisMachine()}
	began := time.Now()
	if err := loadSearch(ctx, s.db, *people, *messages); err != nil {
		return err
	}
	r.Loaded = figure(time.Since(began).Seconds())
	if err := r.weigh(ctx, s.db); err != nil {
		return err
	}
	for _, k := range searches {
		for _, c := range k.concurrency {
			line, err := k.measure(ctx, s, c, time.Duration(*seconds*float64(time.Second)))
			if err != nil {
				return fmt.Errorf("%s: %w", k.what, err)
			}
			if err := print(line); err != nil {
				return err
			}
			r.Lines, r.Met = append(r.Lines, line), r.Met && (line.Aim == 0 || line.P99 <= line.Aim)
		}
	}
	if err := print(r); err != nil {
		return err
	}
	if *write {
		return writePerformance("search", "go run ./bench search "+strings.Join(args, " "), r.Machine, r.markdown())
	}
	return nil
}

// searchSite is a database for this run only.
type searchSite struct {
	stack
	db    *bun.DB
	store *search.Store
}

func startSearch(ctx context.Context) (s *searchSite, err error) {
	s = &searchSite{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.folder, err = os.MkdirTemp("", "guichet-bench-"); err != nil {
		return s, err
	}
	if err := os.Chmod(s.folder, 0o755); err != nil { // PostgreSQL may run as another user
		return s, err
	}
	// Nothing here waits for a commit, and loading must not take all day.
	if s.postgres, err = devstack.StartPostgres(ctx, devstack.PostgresConfig{DataDir: filepath.Join(s.folder, "postgres"), Unsafe: true}); err != nil {
		return s, err
	}
	cfg, err := s.config(nil)
	if err != nil {
		return s, err
	}
	if err := app.Migrate(ctx, cfg); err != nil {
		return s, err
	}
	s.db, err = postgres.Open(ctx, cfg.DatabaseURL, postgres.Options{StatementTimeout: time.Hour, MaxOpenConns: 20})
	if err == nil {
		s.store = search.NewStore(s.db)
	}
	return s, err
}

func (s *searchSite) close() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	return errors.Join(err, s.stack.close())
}

// measure searches for so long, after some that warm up.
func (k searching) measure(ctx context.Context, s *searchSite, concurrency int, length time.Duration) (searchLine, error) {
	by := conversation.Actor{Kind: conversation.ActorSystem}.Everywhere()
	if k.restricted {
		by.Sight = conversation.SeesOnly(searchAccount(3))
	}
	found := make(chan int, 1<<20)
	once := func(ctx context.Context) error {
		var (
			n   int
			err error
		)
		if k.texts {
			var list []search.Text
			list, _, err = s.store.Texts(ctx, by, search.Wish{Query: k.query(), Limit: search.MaxHits})
			n = len(list)
		} else {
			var list []search.Person
			list, _, err = s.store.People(ctx, by, k.query(), search.MaxHits)
			n = len(list)
		}
		found <- n
		return err
	}
	for range 10 {
		if err := once(ctx); err != nil {
			return searchLine{}, err
		}
	}
	r, err := play(ctx, concurrency, length, func(int) func(context.Context) error { return once })
	close(found)
	sum, times := 0, 0
	for n := range found {
		sum, times = sum+n, times+1
	}
	line := searchLine{
		Measurement: "search", What: k.what, Concurrency: concurrency, Found: figure(float64(sum) / float64(max(times, 1))),
		Rate: figure(r.perSecond()), P50: figure(r.quantile(0.5)), P99: figure(r.quantile(0.99)),
	}
	if concurrency == 1 {
		line.Aim = figure(k.aim)
	}
	return line, err
}

// weigh reads how large the search's tables are.
func (r *searchResult) weigh(ctx context.Context, db *bun.DB) error {
	var texts, people int64
	err := db.QueryRowContext(ctx, "SELECT pg_total_relation_size('search_texts'), pg_total_relation_size('search_people')").Scan(&texts, &people)
	r.Bytes, r.MessageSize, r.PersonSize = texts+people, figure(float64(texts)/float64(r.Messages)), figure(float64(people)/float64(r.People))
	return err
}

// markdown is the document's section.
func (r searchResult) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Search\n\n%d people and %d messages, on PostgreSQL with its own settings (128 MB of shared buffers), warm; each search has other\n"+
		"words where there are others, and reads the first 50 hits with their excerpts. A word that was common once and is not used any more\n"+
		"is the hardest: every week since then is asked for in vain. The search's tables and their indexes take\n%.0f bytes for each message and %.0f for each person.\n\n"+
		"| what | at a time | found | searches/s | p50 ms | p99 ms | aim |\n|---|---|---|---|---|---|---|\n", r.People, r.Messages, float64(r.MessageSize), float64(r.PersonSize))
	for _, l := range r.Lines {
		aim := "–"
		if l.Aim > 0 {
			aim = fmt.Sprintf("%.0f", float64(l.Aim))
		}
		fmt.Fprintf(&b, "| %s | %d | %.1f | %.0f | %.1f | %.1f | %s |\n", l.What, l.Concurrency, l.Found, l.Rate, l.P50, l.P99, aim)
	}
	return b.String()
}
