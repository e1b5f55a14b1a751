package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/optout"
	"guichet.dev/guichet/optout/intent"
)

// The aims, on text that nobody trained on.
const (
	precisionAim = 0.97
	recallAim    = 0.90
	classifyAim  = 1.0 // ms for a message
)

// interval is a share with its Wilson interval of 95 %.
type interval struct {
	Share figure `json:"share"`
	Low   figure `json:"low"`
	High  figure `json:"high"`
}

// wilson returns the share of hits among n with its interval.
func wilson(hits, n int) interval {
	if n == 0 {
		return interval{}
	}
	const z = 1.96
	p, m := float64(hits)/float64(n), float64(n)
	middle, half := (p+z*z/(2*m))/(1+z*z/m), z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))/(1+z*z/m)
	return interval{figure(p), figure(middle - half), figure(middle + half)}
}

// optOutLine is one language.
type optOutLine struct {
	Measurement string   `json:"measurement"`
	Language    string   `json:"language"`
	Wishes      int      `json:"wishes"`
	Others      int      `json:"others"`
	Precision   interval `json:"precision"`         // of what opts out at once
	Recall      interval `json:"recall"`            // of what opts out at once
	WithAsked   interval `json:"recall_with_asked"` // the questions to agents included
	Asked       interval `json:"others_asked"`      // ordinary messages about which an agent is asked
	Scope       interval `json:"scope_right"`       // of what opts out at once
	Keywords    interval `json:"recall_of_keywords_alone"`
	KeywordsOf  interval `json:"precision_of_keywords_alone"`
	PerMessage  figure   `json:"ms_per_message"`
}

// optOutResult is the last line: all languages together.
type optOutResult struct {
	optOutLine
	PrecisionAim figure  `json:"precision_aim"`
	RecallAim    figure  `json:"recall_aim"`
	TimeAim      figure  `json:"ms_aim"`
	Met          bool    `json:"aims_met"`
	Machine      machine `json:"machine"`
}

// labelled is a message of the test set.
type labelled struct{ label, text string }

func runOptOut(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("optout", flag.ContinueOnError)
	write := flags.Bool("write", false, "put the figures into "+performanceFile)
	folder := flags.String("set", "bench/testdata/stops", "folder with a file of labelled messages for each language")
	if err := flags.Parse(args); err != nil {
		return err
	}
	set, err := readLabelled(*folder)
	if err != nil {
		return err
	}
	classifier, err := intent.Default()
	if err != nil {
		return err
	}
	full, err := optout.New(optout.Policy{}, classifier)
	if err != nil {
		return err
	}
	words, err := optout.New(optout.Policy{}, nil)
	if err != nil {
		return err
	}
	var lines []optOutLine
	var everything []labelled
	for _, language := range slices.Sorted(maps.Keys(set)) {
		l := measureOptOut(language, set[language], full, words)
		if err := print(l); err != nil {
			return err
		}
		lines, everything = append(lines, l), append(everything, set[language]...)
	}
	r := optOutResult{
		optOutLine: measureOptOut("all", everything, full, words), PrecisionAim: precisionAim, RecallAim: recallAim, TimeAim: classifyAim, Machine: thisMachine(),
	}
	r.Met = r.Precision.Share >= precisionAim && r.Recall.Share >= recallAim && r.PerMessage <= classifyAim
	if err := print(r); err != nil || !*write {
		return err
	}
	return writePerformance("optout", "go run ./bench optout "+strings.Join(args, " "), r.Machine, r.markdown(lines))
}

func readLabelled(folder string) (map[string][]labelled, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.tsv"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no messages in %s: %w", folder, err)
	}
	set := make(map[string][]labelled)
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		language := strings.TrimSuffix(filepath.Base(file), ".tsv")
		for line := range strings.Lines(string(body)) {
			label, text, found := strings.Cut(strings.TrimRight(line, "\n"), "\t")
			if !found {
				return nil, fmt.Errorf("%s: a line without a label", file)
			}
			set[language] = append(set[language], labelled{label, text})
		}
	}
	return set, nil
}

func measureOptOut(language string, set []labelled, full, words *optout.Detector) optOutLine {
	l := optOutLine{Measurement: "optout", Language: language}
	var hits, wrong, asked, askedOthers, scope, keyword, keywordWrong int
	began := time.Now()
	findings := make([]conversation.Finding, len(set))
	for i, m := range set {
		findings[i] = full.Examine(conversation.Content{Kind: conversation.KindText, Text: m.text})
	}
	l.PerMessage = milliseconds(time.Since(began)) / figure(len(set))
	for i, m := range set {
		f := findings[i]
		opted := f.State == conversation.ConsentOptedOut
		sure := opted && !f.Ask
		byWord := words.Examine(conversation.Content{Kind: conversation.KindText, Text: m.text}).State == conversation.ConsentOptedOut
		if m.label == "no" {
			l.Others++
			wrong, askedOthers, keywordWrong = wrong+one(sure), askedOthers+one(opted && f.Ask), keywordWrong+one(byWord)
			continue
		}
		l.Wishes++
		hits, asked, keyword = hits+one(sure), asked+one(opted), keyword+one(byWord)
		scope += one(sure && string(f.Scope) == m.label)
	}
	l.Precision, l.Recall, l.WithAsked = wilson(hits, hits+wrong), wilson(hits, l.Wishes), wilson(asked, l.Wishes)
	l.Asked, l.Scope = wilson(askedOthers, l.Others), wilson(scope, hits)
	l.Keywords, l.KeywordsOf = wilson(keyword, l.Wishes), wilson(keyword, keyword+keywordWrong)
	return l
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// markdown is the document's section.
func (r optOutResult) markdown(lines []optOutLine) string {
	var b strings.Builder
	b.WriteString("## Wishes to be left alone\n\nMessages of nine languages, written before the classifier was trained by people who saw neither its keywords nor its training\n" +
		"data, and never used to choose anything, though measured after each of several trainings; three ordinary messages for each wish, most of them hard. In brackets\n" +
		"Wilson's intervals of 95 %. What opts out at once counts for precision and recall; what an agent is asked about is beside it.\n\n" +
		"| language | wishes | others | precision | recall | with questions | others asked about | keywords alone, recall |\n|---|---|---|---|---|---|---|---|\n")
	for _, l := range append(lines, r.optOutLine) {
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %s | %s | %s |\n", l.Language, l.Wishes, l.Others, l.Precision, l.Recall, l.WithAsked, l.Asked, l.Keywords)
	}
	fmt.Fprintf(&b, "\nAims: precision ≥ %.2g, recall ≥ %.2g. %.2f ms for a message, aim ≤ %.2g ms.\n", r.PrecisionAim, r.RecallAim, r.PerMessage, r.TimeAim)
	return b.String()
}

// String writes the share with its interval.
func (i interval) String() string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", i.Share, i.Low, i.High)
}
