package simulator

import (
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
)

// piece is a part of a mail's text: words, or a link with its address.
type piece struct{ Text, Link string }

var links = regexp.MustCompile(`https?://[^\s<>"']+`)

// pieces finds the links of a text. What is no address of a page stays words.
func pieces(text string) []piece {
	var list []piece
	at := 0
	for _, place := range links.FindAllStringIndex(text, -1) {
		link := text[place[0]:place[1]]
		if u, err := url.Parse(link); err != nil || u.Host == "" {
			continue
		}
		list = append(list, piece{Text: text[at:place[0]]}, piece{link, link})
		at = place[1]
	}
	return append(list, piece{Text: text[at:]})
}

// The page shows a mail's text, never its HTML: that may be anybody's.
var mailboxPage = template.Must(template.New("mailbox").Funcs(template.FuncMap{"pieces": pieces}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mailbox of the simulator</title>
<style>
body{margin:0 auto;max-width:760px;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#18181b;background:#fafafa}
li{margin:0 0 8px}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#fff;border:1px solid #e4e4e7;border-radius:6px;padding:16px;font:inherit}
small{color:#52525b}a{color:#166534}
</style>
</head>
<body>
{{with .Mail}}<p><a href="/mailbox">All mails</a></p>
<h1>{{if .Subject}}{{.Subject}}{{else}}(no subject){{end}}</h1>
<p><small>{{.At.Format "2006-01-02 15:04:05 MST"}} · from {{.From}} · to {{range $i, $to := .To}}{{if $i}}, {{end}}{{$to}}{{end}}</small></p>
<pre>{{range pieces .Text}}{{if .Link}}<a href="{{.Link}}" rel="noreferrer">{{.Text}}</a>{{else}}{{.Text}}{{end}}{{end}}</pre>
{{else}}<h1>Mailbox</h1>
<p>Every mail that was sent to the simulator, the newest first. They are gone when it ends.</p>
<ul>
{{range .Mails}}<li><a href="/mailbox/{{.ID}}">{{if .Subject}}{{.Subject}}{{else}}(no subject){{end}}</a><br><small>{{.At.Format "2006-01-02 15:04:05 MST"}} · to {{range $i, $to := .To}}{{if $i}}, {{end}}{{$to}}{{end}}</small></li>
{{else}}<li>No mail yet.</li>
{{end}}</ul>
{{end}}</body>
</html>
`))

// page shows the mailbox, or one mail.
func (b *mailbox) page(w http.ResponseWriter, r *http.Request) {
	var shown struct {
		Mail  *Mail
		Mails []Mail
	}
	if id := r.PathValue("id"); id != "" {
		m, err := b.get(id)
		if err != nil {
			http.Error(w, "no such mail", http.StatusNotFound)
			return
		}
		shown.Mail = &m
	} else {
		shown.Mails = b.list("")
		slices.Reverse(shown.Mails)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if err := mailboxPage.Execute(w, shown); err != nil {
		b.owner.log.Debug("simulator: the mailbox's page was not written", "error", err)
	}
}
