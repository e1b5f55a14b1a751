package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"guichet.dev/guichet/blueprint"
)

type automationCommand struct {
	Check  automationCheck  `cmd:"" help:"Say what is wrong with an automation file, without a server; exit code 1 if anything is."`
	Export automationExport `cmd:"" help:"Print the whole automation of a server as a file."`
	Apply  automationApply  `cmd:"" help:"Make the automation of a server what a file says, all of it or nothing."`
}

type automationCheck struct {
	File string `arg:"" help:"The file; - is standard input." placeholder:"FILE"`
}

// Run checks a file. What only a server knows, such as the names of labels, is taken to be right.
func (c automationCheck) Run() error { return c.check(os.Stdin, os.Stdout) }

func (c automationCheck) check(in io.Reader, out io.Writer) error {
	source, err := readFile(c.File, in)
	if err != nil {
		return err
	}
	return printProblems(out, c.File, blueprint.Check(source))
}

type automationExport struct {
	Server serverFlags `embed:""`
}

// Run prints the file.
func (c automationExport) Run(ctx context.Context) error {
	file, err := c.Server.export(ctx)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(file)
	return err
}

type automationApply struct {
	Server        serverFlags `embed:""`
	DryRun        bool        `help:"Only say what would change."`
	Prune         bool        `help:"Delete the calendars that the file does not have."`
	MoveDeadlines bool        `help:"Let waits that are running count by the new version."`
	Comment       string      `help:"What changes, and why." placeholder:"TEXT"`
	File          string      `arg:"" help:"The file; - is standard input." placeholder:"FILE"`
}

// Run applies a file.
func (c automationApply) Run(ctx context.Context) error { return c.apply(ctx, os.Stdin, os.Stdout) }

func (c automationApply) apply(ctx context.Context, in io.Reader, out io.Writer) error {
	source, err := readFile(c.File, in)
	if err != nil {
		return err
	}
	result, problems, err := c.Server.apply(ctx, c, source)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return printProblems(out, c.File, problems)
	}
	return printResult(out, result)
}

// readFile reads a file to the byte behind the longest that is taken, so that a longer one is refused and not read.
func readFile(name string, stdin io.Reader) (source []byte, err error) {
	from := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read the automation file: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		from = file
	}
	if source, err = io.ReadAll(io.LimitReader(from, blueprint.MaxBytes+1)); err != nil {
		return nil, fmt.Errorf("read the automation file: %w", err)
	}
	return source, nil
}

// printProblems prints a line for each problem, as compilers do, and returns an error if there are any.
func printProblems(out io.Writer, name string, problems []blueprint.Problem) error {
	for _, p := range problems {
		line := p.Message
		if p.Field != "" {
			line = p.Field + ": " + line
		}
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		if _, err := fmt.Fprintf(out, "%s:%d:%d: %s\n", name, p.Line, p.Column, printable(line)); err != nil {
			return err
		}
	}
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("one problem in %s", name)
	default:
		return fmt.Errorf("%d problems in %s", len(problems), name)
	}
}

func printResult(out io.Writer, r blueprint.Result) error {
	unchanged := 0
	for _, c := range r.Changes {
		if c.Change == blueprint.Unchanged {
			unchanged++
			continue
		}
		if _, err := fmt.Fprintln(out, strings.TrimSpace(fmt.Sprintf("%-8s  %-17s  %s", c.Change, c.What, printable(c.Name)))); err != nil {
			return err
		}
	}
	end := fmt.Sprintf("%d unchanged; version %d of the rules is in force", unchanged, r.Version)
	switch {
	case r.DryRun && r.Published:
		end += ", and would be followed by a new one"
	case r.Published:
		end += ", published now"
	}
	if r.DraftKept {
		end += "; the draft that somebody works on stays as it is"
	}
	_, err := fmt.Fprintln(out, end)
	return err
}

// printable keeps what a file says from commanding the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
