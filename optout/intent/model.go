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

// Model is a network as it is kept, with what was found out about it.
type Model struct {
	Corpus  string  // the hash of what it was trained on, see CorpusHash
	Certain float64 // likelihood from which a wish is certain
	Ask     float64 // and from which an agent is asked
	Vectors []int8  // those of the network, of which one unit is Unit
	Unit    float32
	Net     Net // without vectors
}

// NewModel keeps a network, its vectors in a byte for each number.
func NewModel(n *Net, corpus string, certain, ask float64) *Model {
	m := &Model{Corpus: corpus, Certain: certain, Ask: ask, Net: *n, Vectors: make([]int8, len(n.Vectors))}
	m.Net.Vectors = nil
	top := float32(0)
	for _, v := range n.Vectors {
		top = max(top, float32(math.Abs(float64(v))))
	}
	m.Unit = top / math.MaxInt8
	for i, v := range n.Vectors {
		m.Vectors[i] = int8(math.Round(float64(v / m.Unit)))
	}
	return m
}

// net returns the network.
func (m *Model) net() *Net {
	n := m.Net
	n.Vectors = make([]float32, len(m.Vectors))
	for i, v := range m.Vectors {
		n.Vectors[i] = float32(v) * m.Unit
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
const largestModel = 32 << 20

func readModel(body []byte) (*Model, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	m := &Model{}
	if err := gob.NewDecoder(io.LimitReader(r, largestModel)).Decode(m); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	if len(m.Vectors) != Buckets*Dim {
		return nil, fmt.Errorf("read model: %d numbers instead of %d", len(m.Vectors), Buckets*Dim)
	}
	return m, nil
}

// CorpusHash is the hash of all files of a corpus, by which a model names what it was trained on.
func CorpusHash(corpus fs.FS) (string, error) {
	files, err := fs.Glob(corpus, "*.tsv")
	if err != nil {
		return "", fmt.Errorf("hash corpus: %w", err)
	}
	sum := sha256.New()
	for _, file := range files { // in the order of their names
		body, err := fs.ReadFile(corpus, file)
		if err != nil {
			return "", fmt.Errorf("hash corpus: %w", err)
		}
		_, _ = fmt.Fprintf(sum, "%s %d\n", file, len(body)) // a hash never fails to write
		_, _ = sum.Write(body)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
