package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/internal/app"
)

// inboxAim is what a page may take at 1 million conversations, one request at a time, in milliseconds at p99.
const inboxAim = 25

// inboxPage is how many conversations are asked for.
const inboxPage = 50

// inboxLine is one list: who asks for which view in which order, how many at a time. The sort "count" is the view's count.
type inboxLine struct {
	Measurement   string     `json:"measurement"`
	Conversations int        `json:"conversations"`
	Caller        string     `json:"caller"` // all, or 3 of 20 accounts
	View          inbox.View `json:"view"`
	Sort          inbox.Sort `json:"sort"`
	Concurrency   int        `json:"concurrency"`
	Requests      int        `json:"requests"`
	PerSecond     figure     `json:"per_second"`
	P50           figure     `json:"p50_ms"`
	P99           figure     `json:"p99_ms"`
}

// inboxResult is the last line.
type inboxResult struct {
	Measurement string      `json:"measurement"`
	Sizes       []inboxSize `json:"sizes"`
	Aim         figure      `json:"aim_p99_ms"`
	Met         bool        `json:"aim_met"`
	Machine     machine     `json:"machine"`
	lines       []inboxLine
}

// inboxSize is what was worst with so many conversations.
type inboxSize struct {
	Conversations int       `json:"conversations"`
	Messages      int       `json:"messages"`
	LoadSeconds   figure    `json:"load_seconds"`
	Worst         inboxLine `json:"worst"` // one at a time
	WorstMany     inboxLine `json:"worst_of_16"`
}

func runInbox(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("inbox", flag.ContinueOnError)
	write := flags.Bool("write", false, "put the figures into "+performanceFile)
	sizes := flags.String("conversations", "100000,1000000", "how many conversations; several sizes divided by commas")
	messages := flags.Int("messages", 10, "messages of each conversation")
	seconds := flags.Float64("seconds", 1, "length of one round")
	if err := flags.Parse(args); err != nil {
		return err
	}
	result := inboxResult{Measurement: "inbox", Aim: inboxAim, Met: true, Machine: thisMachine()}
	for _, text := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1000 {
			return fmt.Errorf("--conversations: %q is not a number from 1000 on", text)
		}
		if err := result.measure(ctx, n, *messages, time.Duration(*seconds*float64(time.Second))); err != nil {
			return err
		}
	}
	if err := print(result); err != nil || !*write {
		return err
	}
	return writePerformance("inbox", "go run ./bench inbox "+strings.Join(args, " "), result.Machine, result.markdown())
}

// measure fills a database of its own and asks for every list.
func (r *inboxResult) measure(ctx context.Context, conversations, messages int, length time.Duration) (err error) {
	s, err := startStack(ctx, app.Serve, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	began := time.Now()
	c, err := fillCrowd(ctx, s.app, conversations, messages)
	if err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	size := inboxSize{Conversations: conversations, Messages: conversations * messages, LoadSeconds: figure(time.Since(began).Seconds())}
	for _, caller := range []string{"all", "3 of 20 accounts"} {
		by := conversation.Actor{Kind: conversation.ActorAgent, ID: c.agents[0]}.Everywhere()
		if caller != "all" {
			by.Sight = conversation.SeesOnly(c.accounts[5], c.accounts[12], c.accounts[19])
		}
		for _, view := range inbox.Views() {
			for _, sort := range append(inbox.Sorts(), "count") {
				for _, workers := range []int{1, 16} {
					line := inboxLine{Measurement: "inbox", Conversations: conversations, Caller: caller, View: view, Sort: sort, Concurrency: workers}
					if err := line.ask(ctx, s.app.Inbox, by, length); err != nil {
						return fmt.Errorf("%s by %s: %w", view, sort, err)
					}
					if err := print(line); err != nil {
						return err
					}
					r.lines = append(r.lines, line)
					size.keep(line)
				}
			}
		}
	}
	r.Sizes = append(r.Sizes, size)
	r.Met = r.Met && size.Worst.P99 <= r.Aim
	return nil
}

func (s *inboxSize) keep(line inboxLine) {
	worst := &s.Worst
	if line.Concurrency > 1 {
		worst = &s.WorstMany
	}
	if line.P99 > worst.P99 {
		*worst = line
	}
}

// ask measures the first page of a list, or its count, after some requests that are not timed.
func (l *inboxLine) ask(ctx context.Context, in *inbox.Inbox, by conversation.Caller, length time.Duration) error {
	do := func(ctx context.Context) error {
		criteria := inbox.Criteria{View: l.View, Sort: l.Sort}
		if l.Sort == "count" {
			criteria.Sort = ""
			_, err := in.Count(ctx, by, criteria)
			return err
		}
		_, _, err := in.List(ctx, by, inbox.Filter{Criteria: criteria, Limit: inboxPage})
		return err
	}
	doer := func(int) func(context.Context) error { return do }
	if _, err := play(ctx, l.Concurrency, length/5, doer); err != nil {
		return err
	}
	round, err := play(ctx, l.Concurrency, length, doer)
	l.Requests, l.PerSecond = len(round.latencies), figure(round.perSecond())
	l.P50, l.P99 = figure(round.quantile(0.5)), figure(round.quantile(0.99))
	return err
}

// markdown is the document's section.
func (r inboxResult) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Lists of conversations\n\nThe first %d of each view in each order, and the counts, warm, as the API gives them (contacts, consents, labels and read\n"+
		"marks included): 20 accounts, 200 agents, 20 teams; 10 %% of the conversations are open, 5 %% snoozed. p50 / p99 in milliseconds,\n"+
		"for somebody who sees all accounts, one request at a time and 16 (two cores do the asking and the answering), and for\n"+
		"somebody who sees 3 of the 20, one at a time. The aim is a p99 of %d ms for a list, one at a time.\n", inboxPage, inboxAim)
	for _, size := range r.Sizes {
		fmt.Fprintf(&b, "\n%d conversations, %d messages. Worst p99: %.1f ms (%s by %s, %s), with 16 at a time %.1f ms (%s by %s).\n\n",
			size.Conversations, size.Messages, float64(size.Worst.P99), size.Worst.View, size.Worst.Sort, size.Worst.Caller,
			float64(size.WorstMany.P99), size.WorstMany.View, size.WorstMany.Sort)
		b.WriteString("| view | order | all, 1 | all, 16 | 3 accounts, 1 |\n|---|---|---|---|---|\n")
		for _, view := range inbox.Views() {
			for _, sort := range append(inbox.Sorts(), "count") {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", view, sort, r.cell(size.Conversations, "all", view, sort, 1),
					r.cell(size.Conversations, "all", view, sort, 16), r.cell(size.Conversations, "3 of 20 accounts", view, sort, 1))
			}
		}
	}
	return b.String()
}

func (r inboxResult) cell(size int, caller string, view inbox.View, sort inbox.Sort, concurrency int) string {
	for _, l := range r.lines {
		if l.Conversations == size && l.Caller == caller && l.View == view && l.Sort == sort && l.Concurrency == concurrency {
			return fmt.Sprintf("%.1f / %.1f", float64(l.P50), float64(l.P99))
		}
	}
	return "–"
}
