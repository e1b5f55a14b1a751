package blueprint

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	// MaxBytes bounds a file.
	MaxBytes = 1 << 20
	// maxDepth bounds how deep lists and mappings lie in each other; the format itself needs nine.
	maxDepth = 30
	// maxEntries bounds one list or mapping, maxKey the bytes of a key. They keep the work on a file of this size small.
	maxEntries = 5000
	maxKey     = 500
	// maxProblems bounds what is told of one file.
	maxProblems = 1000
)

// file is one that was read, with what is wrong with it so far.
type file struct {
	Document
	root     *yaml.Node // a mapping; nil if nothing could be read
	lines    []string
	problems []Problem
	bad      map[string]bool               // paths of which something was said: what follows from it is not told as well
	keys     map[*yaml.Node]map[string]int // where mappings have them
	taken    map[string]string             // which key means what, by the path of their map and the id
}

// read reads a file. What it cannot make sense of is among the problems, and left out of the document.
func read(source []byte) *file {
	f := &file{bad: make(map[string]bool), taken: make(map[string]string), keys: make(map[*yaml.Node]map[string]int)}
	if len(source) > MaxBytes {
		f.at(1, 1, "", fmt.Sprintf("the file must have at most %d bytes", MaxBytes), "")
		return f
	}
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	f.lines = strings.Split(string(source), "\n")
	for i, line := range f.lines {
		switch at := strings.IndexAny(strings.TrimSuffix(line, "\r"), oddBreaks); {
		case !utf8.ValidString(line):
			f.at(i+1, 1, "", "the file must be UTF-8", "")
			return f
		case at >= 0:
			f.at(i+1, utf8.RuneCountInString(line[:at])+1, "", "this character ends a line in YAML, and nowhere else", "write it as an escape in double quotes")
			return f
		}
	}
	root, err := parse(source)
	if err != nil {
		f.syntax(err)
		return f
	}
	if f.inspect(root, "", 1); root.Kind != yaml.MappingNode {
		f.wrong(root, "", "must be a mapping of sections", "begin with guichet: 1")
		return f
	}
	f.root = root
	f.decode(root, addressable(&f.Document), "")
	return f
}

// oddBreaks are line ends for YAML and not for editors, so that lines would be counted differently.
const oddBreaks = "\r\u0085\u2028\u2029"

// errSeveral refuses a second document in the file, of which nobody would know whether it was looked at.
var errSeveral = errors.New("the file must be one document, without --- in between")

// parse returns the only document's node.
func parse(source []byte) (root *yaml.Node, err error) {
	defer func() {
		// The parser is not ours: a mistake in it must not stop the process.
		if r := recover(); r != nil {
			root, err = nil, errors.New("the file cannot be read; write it in a simpler way")
		}
	}()
	var document, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(source))
	if err := d.Decode(&document); errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(&more); err == nil {
		return nil, errSeveral
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return document.Content[0], nil
}

// syntaxError is how the parser tells where it gave up.
var syntaxError = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)

func (f *file) syntax(err error) {
	line, message := 1, err.Error()
	if found := syntaxError.FindStringSubmatch(message); found != nil {
		message = "this is no YAML: " + found[2]
		if n, err := strconv.Atoi(found[1]); err == nil {
			line = n
		}
	}
	f.at(line, 1, "", message, "")
}

// at adds a problem.
func (f *file) at(line, column int, path, message, hint string) {
	f.bad[path] = true
	line = min(max(line, 1), max(len(f.lines), 1)) // the parser puts what is not there behind the end
	if len(f.problems) < maxProblems {
		f.problems = append(f.problems, Problem{Line: line, Column: max(column, 1), Field: path, Message: message, Hint: hint})
	}
}

// wrong adds a problem at a node.
func (f *file) wrong(node *yaml.Node, path, message, hint string) {
	f.at(node.Line, node.Column, path, message, hint)
}

// found returns all problems in the order of the file.
func (f *file) found() []Problem {
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return append([]Problem{}, f.problems...)
}

// has reports whether the file has a section.
func (f *file) has(section string) bool { return f.entry(f.root, section) >= 0 }

// entry returns where a mapping has a key, below 0 if it does not.
func (f *file) entry(mapping *yaml.Node, key string) int {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return -1
	}
	keys, known := f.keys[mapping]
	if !known {
		keys = make(map[string]int)
		for i := len(mapping.Content) - 2; i >= 0; i -= 2 { // of two that are the same the first counts
			keys[mapping.Content[i].Value] = i
		}
		f.keys[mapping] = keys
	}
	if i, has := keys[key]; has {
		return i
	}
	return -1
}
