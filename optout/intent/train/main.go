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
	"sync"

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
	held, err := readCorpus(filepath.Join(folder, "heldout"))
	if err != nil {
		return err
	}
	n := int(env("ENSEMBLE", 1))
	nets := make([]*intent.Net, n)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i := range nets {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			nets[i] = train(corpus, uint64(i))
		})
	}
	wg.Wait()
	net := nets[0]
	all := judge(net, held)
	for _, other := range nets[1:] {
		for i, j := range judge(other, held) {
			for c := range j.p {
				all[i].p[c] += j.p[c]
			}
		}
	}
	for i := range all {
		for c := range all[i].p {
			all[i].p[c] /= float64(n)
		}
	}
	debug(all)
	if check {
		return report(all, os.Stdout)
	}
	hash, err := intent.CorpusHash(os.DirFS(filepath.Join(folder, "corpus")))
	if err != nil {
		return err
	}
	certain, ask := thresholds(all)
	var body bytes.Buffer
	if err := intent.NewModel(net, hash, certain, ask).Write(&body); err != nil {
		return err
	}
	fmt.Printf("{\"patterns\":%d,\"bytes\":%d,\"certain\":%.3f,\"ask\":%.3f}\n", len(corpus), body.Len(), certain, ask)
	return os.WriteFile(filepath.Join(folder, "model.gob.gz"), body.Bytes(), 0o644)
}
