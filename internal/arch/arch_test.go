// Package arch holds the tests of the repository's own rules: which package may import which, what is documented, and
// how long things get. CONTRIBUTING says why.
package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "guichet.dev/guichet"

// listed is what `go list` says of a package.
type listed struct {
	ImportPath   string
	Dir          string
	Doc          string
	Imports      []string
	Deps         []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

// name is the path below the module: "channel/whatsapp".
func (p listed) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func (p listed) paths(files ...[]string) []string {
	var paths []string
	for _, group := range files {
		for _, file := range group {
			paths = append(paths, filepath.Join(p.Dir, file))
		}
	}
	return paths
}

// packages lists every package of the module.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Doc,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles", module+"/...")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, complaint.Bytes())
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 3 {
		t.Fatalf("go list found %d packages only", len(all))
	}
	return all
}

func TestLayering(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, broken := range layering(p) {
			t.Error(broken)
		}
	}
}

func TestPackagesAreNamedAndDescribed(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, broken := range naming(p) {
			t.Error(broken)
		}
	}
}

func TestCodeIsDocumentedAndShort(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, path := range p.paths(p.GoFiles) {
			for _, broken := range source(t, path, limits{file: 500, function: 80, documented: true}) {
				t.Error(broken)
			}
		}
		for _, path := range p.paths(p.TestGoFiles, p.XTestGoFiles) {
			for _, broken := range source(t, path, limits{file: 800, function: 200}) {
				t.Error(broken)
			}
		}
	}
}
