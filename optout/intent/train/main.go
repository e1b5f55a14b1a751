// Command train makes the classifier's model of the sentences in optout/intent/corpus: go run ./optout/intent/train. The same
// sentences give the same model on the same kind of machine. With -check it leaves the model alone and prints, as JSON, how well
// models do on sentences that were kept from them.
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
	check := flag.Bool("check", false, "measure by cross-validation instead of writing the model")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	corpus, err := readCorpus(filepath.Join(folder, "corpus"))
	if err != nil {
		return err
	}
	all := crossValidate(corpus)
	if check {
		return report(all, os.Stdout)
	}
	hash, err := intent.CorpusHash(os.DirFS(filepath.Join(folder, "corpus")))
	if err != nil {
		return err
	}
	certain, ask := thresholds(all)
	var body bytes.Buffer
	if err := intent.NewModel(train(corpus, folds), hash, certain, ask).Write(&body); err != nil {
		return err
	}
	fmt.Printf("{\"patterns\":%d,\"bytes\":%d,\"certain\":%.3f,\"ask\":%.3f}\n", len(corpus), body.Len(), certain, ask)
	return os.WriteFile(filepath.Join(folder, "model.gob.gz"), body.Bytes(), 0o644)
}
