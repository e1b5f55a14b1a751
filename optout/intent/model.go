package intent

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
)

// Model is a panel as it is kept, with what was found out about it.
type Model struct {
	Corpus  string  // the hash of what they were trained on, see CorpusHash
	Certain float64 // likelihood from which a wish is certain
	Ask     float64 // and from which an agent is asked
	Nets    []Packed
	Phrases Phrases
}

// Panel makes the model usable.
func (m *Model) Panel() *Panel {
	p := &Panel{Phrases: &m.Phrases}
	for _, n := range m.Nets {
		p.Nets = append(p.Nets, n.Unpack())
	}
	return p
}

// Packed is a network with its vectors in a byte for each number.
type Packed struct {
	Net     Net // without vectors
	Vectors []int8
	Unit    float32 // one unit of the vectors
}

// Pack makes a network small.
func Pack(n *Net) Packed {
	p := Packed{Net: *n}
	p.Net.Vectors = nil
	p.Vectors, p.Unit = pack(n.Vectors)
	return p
}

// pack writes numbers in a byte each, and returns what one unit is.
func pack(numbers []float32) (packed []int8, unit float32) {
	top := float32(0)
	for _, v := range numbers {
		top = max(top, float32(math.Abs(float64(v))))
	}
	unit = top / math.MaxInt8
	packed = make([]int8, len(numbers))
	for i, v := range numbers {
		packed[i] = int8(math.Round(float64(v / unit)))
	}
	return packed, unit
}

// Unpack makes it usable again.
func (p *Packed) Unpack() *Net {
	n := p.Net
	n.Vectors = make([]float32, len(p.Vectors))
	for i, v := range p.Vectors {
		n.Vectors[i] = float32(v) * p.Unit
	}
	return &n
}

// Write writes the model as it is embedded.
func (m *Model) Write(to io.Writer) error {
	w, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err == nil {
		err = errors.Join(gob.NewEncoder(w).Encode(m), w.Close())
	}
	if err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	return nil
}

// largestModel bounds what is read, in bytes.
const largestModel = 64 << 20

func readModel(body []byte) (*Model, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	m := &Model{}
	if err := gob.NewDecoder(io.LimitReader(r, largestModel)).Decode(m); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	if len(m.Phrases.Weights) != Slots*Classes {
		return nil, fmt.Errorf("read model: %d weights of phrases", len(m.Phrases.Weights))
	}
	for _, p := range m.Nets {
		if len(p.Vectors) != Buckets*Dim || len(p.Net.Things) != Concepts()*Dim {
			return nil, fmt.Errorf("read model: %d and %d numbers do not fit the lexicon", len(p.Vectors), len(p.Net.Things))
		}
	}
	return m, nil
}

// CorpusHash is the hash of all files of a corpus and of the lexicon, by which a model names what it was trained on.
func CorpusHash(corpus fs.FS) (string, error) {
	files, err := fs.Glob(corpus, "*.tsv")
	if err != nil {
		return "", fmt.Errorf("hash corpus: %w", err)
	}
	sum := sha256.New()
	_, _ = io.WriteString(sum, lexiconFile) // a hash never fails to write
	for _, file := range files {            // in the order of their names
		body, err := fs.ReadFile(corpus, file)
		if err != nil {
			return "", fmt.Errorf("hash corpus: %w", err)
		}
		_, _ = fmt.Fprintf(sum, "%s %d\n", file, len(body))
		_, _ = sum.Write(body)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
