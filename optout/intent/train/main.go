// Command train makes the classifier's model of the sentences in optout/intent/corpus: go run ./optout/intent/train. The same
// sentences give the same model on the same kind of machine. Those in optout/intent/heldout are kept from it: they decide from which
// likelihood a wish is certain, and the command prints, as JSON, how well the model does on them. With -check it writes nothing.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"guichet.dev/guichet/optout/intent"
)

const folder = "optout/intent"

func main() {
	check := flag.Bool("check", false, "measure only, and leave the model alone")
	mistakes := flag.Bool("mistakes", false, "print the held-out sentences that are judged wrongly, too")
	flag.Parse()
	if err := run(*check, *mistakes); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(check, mistakes bool) error {
	corpus, err := readCorpus(filepath.Join(folder, "corpus"))
	if err != nil {
		return err
	}
	held, err := readCorpus(filepath.Join(folder, "heldout"))
	if err != nil {
		return err
	}
	m := together(corpus)
	all := judge(m.Panel(), held)
	if mistakes {
		if err := printMistakes(all, os.Stdout); err != nil {
			return err
		}
	}
	m.Certain, m.Ask = thresholds(all)
	if err := report(all, m.Certain, m.Ask, os.Stdout); err != nil || check {
		return err
	}
	return save(m)
}

// save replaces the embedded model.
func save(m *intent.Model) error {
	var err error
	if m.Corpus, err = intent.CorpusHash(os.DirFS(filepath.Join(folder, "corpus"))); err != nil {
		return err
	}
	var body bytes.Buffer
	if err := m.Write(&body); err != nil {
		return err
	}
	fmt.Printf("{\"bytes\":%d,\"certain\":%.3f,\"ask\":%.3f}\n", body.Len(), m.Certain, m.Ask)
	return os.WriteFile(filepath.Join(folder, "model.gob.gz"), body.Bytes(), 0o644)
}
