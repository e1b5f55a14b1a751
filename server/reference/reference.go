// Package reference turns the OpenAPI document into a page that people read: plain HTML and one style sheet, without
// scripts and without anything from elsewhere, so that it works offline.
package reference

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed page.html
var pageText string

// Style is the page's style sheet.
//
//go:embed style.css
var Style []byte

var pageTemplate = template.Must(template.New("reference").Parse(pageText))

// Page returns the HTML page of a document. The style sheet is expected at the given path, the document itself at another.
func Page(document *huma.OpenAPI, stylePath, documentPath string) ([]byte, error) {
	r := reader{schemas: document.Components.Schemas}
	view := struct {
		Title, Version, Description, Style, Document string
		Groups                                       []group
		Schemas                                      []schema
	}{
		document.Info.Title, document.Info.Version, document.Info.Description, stylePath, documentPath,
		r.groups(document), r.all(),
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, view); err != nil {
		return nil, fmt.Errorf("write the API's reference: %w", err)
	}
	return out.Bytes(), nil
}

// group is the operations of one tag.
type group struct {
	Name       string
	Operations []operation
}

type operation struct {
	ID, Method, Path, Summary, Description, Permission string
	Parameters                                         []field
	Body                                               *field
	BodyFields                                         []field
	Answers                                            []answer
}

type answer struct {
	Status, Meaning string
	Type            []part
}

// groups returns the operations by tag, in the order of the alphabet, then of paths.
func (r reader) groups(document *huma.OpenAPI) []group {
	byTag := map[string][]operation{}
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		item := document.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			tag := "other"
			if len(op.Tags) > 0 {
				tag = op.Tags[0]
			}
			byTag[tag] = append(byTag[tag], r.operation(path, op))
		}
	}
	var groups []group
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		groups = append(groups, group{tag, byTag[tag]})
	}
	return groups
}

func (r reader) operation(path string, op *huma.Operation) operation {
	o := operation{ID: op.OperationID, Method: op.Method, Path: path, Summary: op.Summary, Description: op.Description}
	if p, ok := op.Extensions["x-permission"]; ok {
		o.Permission = fmt.Sprint(p)
	}
	for _, p := range op.Parameters {
		f := r.field(p.Name, p.Schema, p.Required)
		f.In = p.In
		if p.Description != "" {
			f.Doc = p.Description
		}
		o.Parameters = append(o.Parameters, f)
	}
	slices.SortStableFunc(o.Parameters, func(x, y field) int { return place(x) - place(y) })
	if op.RequestBody != nil {
		for _, content := range sorted(op.RequestBody.Content) {
			body := r.field("", content.Schema, op.RequestBody.Required)
			o.Body, o.BodyFields = &body, r.fields(r.resolve(content.Schema))
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		a := answer{Status: status, Meaning: op.Responses[status].Description}
		if status == "default" {
			a.Meaning = "Anything else: a problem document"
		}
		if a.Meaning == "" {
			a.Meaning = http.StatusText(number(status))
		}
		for _, content := range sorted(op.Responses[status].Content) {
			a.Type = r.kind(content.Schema)
		}
		o.Answers = append(o.Answers, a)
	}
	return o
}

// place orders parameters: those of the path first, headers last.
func place(f field) int { return slices.Index([]string{"path", "query", "header", "cookie"}, f.In) }

func sorted[T any](m map[string]T) []T {
	var list []T
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[k])
	}
	return list
}

func number(status string) int {
	n := 0
	_, _ = fmt.Sscanf(strings.TrimSpace(status), "%d", &n) // 0 has no text
	return n
}
