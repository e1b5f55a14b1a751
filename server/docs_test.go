package server_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestReferencePage(t *testing.T) {
	f := newFixture(t)
	w := f.request(http.MethodGet, "/api/docs", "", nil)
	html := w.Body.String()
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatal(w.Code, w.Header())
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	// It works offline: nothing comes from elsewhere.
	if strings.Contains(html, "<script") || strings.Contains(html, "style=") || regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(html) {
		t.Error("the page has scripts, inline styles or foreign addresses")
	}
	for path, methods := range f.document().Paths {
		for _, op := range methods {
			if !strings.Contains(html, `id="`+op.OperationID+`"`) || !strings.Contains(html, "<code>"+path+"</code>") {
				t.Errorf("%s of %s is missing", op.OperationID, path)
			}
			if op.Permission != "" && !strings.Contains(html, "<code>"+op.Permission+"</code>") {
				t.Errorf("permission %s is missing", op.Permission)
			}
		}
	}
	// Every link leads somewhere.
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(html, -1) {
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(html, -1) {
		if !ids[m[1]] {
			t.Errorf("no %s", m[1])
		}
	}
	if w := f.request(http.MethodGet, "/api/docs/style.css", "", nil); w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("style sheet: %d", w.Code)
	}
}
