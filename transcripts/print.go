package transcripts

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode"
)

// printer writes a transcript in one format.
type printer interface {
	begin(head) error
	item(item) error
	end() error
}

func newPrinter(f Format, to io.Writer) (printer, error) {
	switch f {
	case Text:
		return &textPrinter{to: to}, nil
	case JSON:
		return &jsonPrinter{to: to}, nil
	case HTML:
		return &htmlPrinter{to: to}, nil
	default:
		return nil, fmt.Errorf("no way to write format %q", f)
	}
}

// stamp is how times are printed for people.
const stamp = "2006-01-02 15:04:05"

// remark says what else there is to know of an item, empty for nothing.
func (i item) remark() string {
	var parts []string
	switch {
	case i.Gone != nil:
		parts = append(parts, "deleted")
	case i.Edited != nil:
		parts = append(parts, "edited")
	}
	if i.State == "failed" || i.State == "cancelled" || i.State == "unknown" {
		parts = append(parts, string(i.State))
	}
	if i.Type == "note" {
		parts = append(parts, "internal note")
	}
	return strings.Join(parts, ", ")
}

// event says what happened, in the words of the API's codes.
func (i item) event() string { return strings.ReplaceAll(i.Kind, "_", " ") }

type textPrinter struct{ to io.Writer }

func (p *textPrinter) begin(h head) error {
	_, err := fmt.Fprintf(p.to, "%s\n%s · %s · %s\nExported %s (%s)\n\n", plain(h.Contact), plain(h.Account), h.Channel, h.ConversationID, h.ExportedAt.Format(stamp), h.TimeZone)
	return err
}

func (p *textPrinter) item(i item) error {
	if i.Type == "event" {
		_, err := fmt.Fprintf(p.to, "[%s] — %s (%s)\n", i.At.Format(stamp), i.event(), plain(i.who()))
		return err
	}
	remark := i.remark()
	if remark != "" {
		remark = " (" + remark + ")"
	}
	lines := plain(i.Text)
	for _, f := range i.Files {
		lines = strings.TrimPrefix(lines+"\n", "\n") + "<" + plain(f) + ">"
	}
	_, err := fmt.Fprintf(p.to, "[%s] %s%s: %s\n", i.At.Format(stamp), plain(i.who()), remark, strings.ReplaceAll(lines, "\n", "\n    "))
	return err
}

func (p *textPrinter) end() error { return nil }

// plain leaves out control characters, by which a text could move a terminal's cursor.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

type jsonPrinter struct {
	to    io.Writer
	begun bool
}

func (p *jsonPrinter) begin(h head) error {
	body, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.to, "%s,\"items\":[", body[:len(body)-1])
	return err
}

func (p *jsonPrinter) item(i item) error {
	body, err := json.Marshal(i)
	if err != nil {
		return err
	}
	between := ",\n"
	if !p.begun {
		p.begun, between = true, "\n"
	}
	_, err = fmt.Fprint(p.to, between, string(body))
	return err
}

func (p *jsonPrinter) end() error {
	_, err := fmt.Fprint(p.to, "\n]}\n")
	return err
}

// htmlPrinter escapes everything by html/template. The page loads nothing and runs nothing.
type htmlPrinter struct{ to io.Writer }

func (p *htmlPrinter) begin(h head) error { return page.ExecuteTemplate(p.to, "begin", h) }

func (p *htmlPrinter) item(i item) error {
	class := i.Type
	if i.Type == "message" && i.By.Kind == "contact" {
		class = "message in"
	}
	return page.ExecuteTemplate(p.to, "item", map[string]any{
		"Class": class, "At": i.At.Format(time.RFC3339), "Stamp": i.At.Format(stamp), "Who": i.who(), "Remark": i.remark(),
		"Text": i.Text, "Files": i.Files, "Event": map[bool]string{true: i.event()}[i.Type == "event"],
	})
}

func (p *htmlPrinter) end() error { return page.ExecuteTemplate(p.to, "end", nil) }

var page = template.Must(template.New("").Parse(`
{{- define "begin"}}<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Contact}}</title><style>
body{font:15px/1.45 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1c1c1e;background:#fff}
h1{font-size:1.3rem;margin-bottom:0}header p{color:#666;margin-top:.2rem}
article{margin:.6rem 0;padding:.5rem .8rem;border-radius:.6rem;background:#e8f1fb;margin-left:4rem}
article.in{background:#f1f1f3;margin:.6rem 4rem .6rem 0}article.note{background:#fff6d6;margin:.6rem 2rem}
article.event{background:none;color:#666;text-align:center;margin:.2rem;font-size:.85rem}
small{color:#666}p{margin:.2rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere}
@media print{article{break-inside:avoid}}
</style></head><body>
<header><h1>{{.Contact}}</h1><p>{{.Account}} · {{.Channel}} · {{.ConversationID}}<br>{{.ExportedAt.Format "2006-01-02 15:04:05"}} ({{.TimeZone}})</p></header>
{{end}}
{{- define "item"}}<article class="{{.Class}}"><small><strong>{{.Who}}</strong> <time datetime="{{.At}}">{{.Stamp}}</time>{{with .Remark}} · {{.}}{{end}}{{with .Event}} · {{.}}{{end}}</small>
{{- if not .Event}}<p>{{.Text}}</p>{{range .Files}}<p>📎 {{.}}</p>{{end}}{{end}}</article>
{{end}}
{{- define "end"}}</body></html>
{{end}}`))
