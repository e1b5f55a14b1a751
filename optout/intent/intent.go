package intent

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

//go:embed model.gob.gz
var embedded []byte

// Intent classifies messages by the embedded model. It may be used concurrently.
type Intent struct {
	panel        *Panel
	name         string
	certain, ask float64
	passes       sync.Pool
}

// Default returns the classifier of the embedded model, which is read once.
var Default = sync.OnceValues(func() (*Intent, error) {
	m, err := readModel(embedded)
	if err != nil {
		return nil, err
	}
	i := &Intent{name: "intent " + m.Corpus[:8], panel: m.Panel(), certain: m.Certain, ask: m.Ask}
	i.passes.New = func() any { return &Pass{} }
	return i, nil
})

// Name is the classifier with the beginning of its corpus' hash.
func (i *Intent) Name() string { return i.name }

// Thresholds are the likelihood from which a wish is certain, and the one from which an agent should be asked.
func (i *Intent) Thresholds() (certain, ask float64) { return i.certain, i.ask }

// Classify returns how likely, from 0 to 1, a message asks for no more messages at all, and for no more advertising.
func (i *Intent) Classify(text string) (all, marketing float64) {
	if !strings.ContainsFunc(text, unicode.IsLetter) {
		return 0, 0
	}
	p, _ := i.passes.Get().(*Pass)
	defer i.passes.Put(p)
	l := i.panel.Judge(Words(text), p)
	return l[1], l[2]
}
