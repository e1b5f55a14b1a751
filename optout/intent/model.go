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

// Model is some networks that judge together, as they are kept, with what was found out about them.
type Model struct {
	Corpus  string  // the hash of what they were trained on, see CorpusHash
	Certain float64 // likelihood from which a wish is certain
	Ask     float64 // and from which an agent is asked
	Nets    []Packed
}

// Packed is a network with its vectors in a byte for each number.
type Packed struct {
	Net     Net // without vectors
	Vectors []int8
	Unit    float32 // one unit of the vectors
}

// Pack makes a network small.
func Pack(n *Net) Packed {
	p := Packed{Net: *n, Vectors: make([]int8, len(n.Vectors))}
	p.Net.Vectors = nil
	top := float32(0)
	for _, v := range n.Vectors {
		top = max(top, float32(math.Abs(float64(v))))
	}
	p.Unit = top / math.MaxInt8
	for i, v := range n.Vectors {
		p.Vectors[i] = int8(math.Round(float64(v / p.Unit)))
	}
	return p
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
