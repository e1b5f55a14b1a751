package mailer

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	texttemplate "text/template"
	"unicode"
)

// The kinds of mail.
const (
	KindInvitation          = "invitation"            // link; name, by, expires
	KindPasswordReset       = "password_reset"        // link; name, expires
	KindPasswordChanged     = "password_changed"      // name
	KindSecondFactorChanged = "second_factor_changed" // name
	KindDigest              = "notification_digest"   // link, unsubscribe; name, mention, assignment, follow: how many
)

// Names of data that mean something beyond the text.
const (
	dataLink        = "link"        // what the mail's button opens
	dataUnsubscribe = "unsubscribe" // takes a POST (RFC 8058)
)

// kind says what a kind of mail needs.
type kind struct {
	needs  []string
	secret bool // the link opens something for whoever has it
}

var kinds = map[string]kind{
	KindInvitation:          {needs: []string{dataLink}, secret: true},
	KindPasswordReset:       {needs: []string{dataLink}, secret: true},
	KindPasswordChanged:     {},
	KindSecondFactorChanged: {},
	KindDigest:              {needs: []string{dataLink, dataUnsubscribe}},
}

// Kinds returns the kinds of mail in alphabetical order.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Languages returns the languages that mails are written in; the first stands in for all others.
func Languages() []string { return []string{"en", "fr", "ro"} }

// checkData returns an error if the data are not such that the kind's text can be written.
func checkData(of string, data map[string]string) error {
	k, known := kinds[of]
	if !known {
		return fmt.Errorf("no such kind of mail: %q", of)
	}
	for _, name := range k.needs {
		if data[name] == "" {
			return fmt.Errorf("a mail of the kind %s needs %s", of, name)
		}
	}
	for _, name := range []string{dataLink, dataUnsubscribe} {
		if text := data[name]; text != "" && !isLink(text) {
			return fmt.Errorf("a mail of the kind %s: %s is no address of a page", of, name)
		}
	}
	return nil
}

// isLink accepts only what can stand in a header and in a text as it is.
func isLink(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' || r == '"' })
}

// Text is a mail in words.
type Text struct {
	Subject, Plain, HTML string
	Unsubscribe          string // where a POST ends mails of this kind; may be empty
}

// Render writes a mail of a kind in a language.
func Render(of, language string, data map[string]string) (Text, error) {
	if err := checkData(of, data); err != nil {
		return Text{}, err
	}
	set, err := loaded()
	if err != nil {
		return Text{}, err
	}
	words, known := set.words[language]
	if !known {
		return Text{}, fmt.Errorf("no texts in %q", language)
	}
	l := letter{Language: language, Link: data[dataLink], Unsubscribe: data[dataUnsubscribe], Footer: words.Footer, Stop: words.Stop}
	clean := make(map[string]string, len(data))
	for name, text := range data {
		clean[name] = oneLine(text)
	}
	pattern := words.Mails[of]
	if l.Subject, err = fill(pattern.Subject, clean); err != nil {
		return Text{}, err
	}
	if l.Before, err = fillAll(pattern.Before, clean); err != nil {
		return Text{}, err
	}
	if l.After, err = fillAll(pattern.After, clean); err != nil {
		return Text{}, err
	}
	if l.Button = pattern.Button; l.Button == "" {
		l.Link = ""
	}
	var html strings.Builder
	if err := set.html.Execute(&html, l); err != nil {
		return Text{}, fmt.Errorf("write a mail: %w", err)
	}
	return Text{Subject: l.Subject, Plain: l.plain(), HTML: html.String(), Unsubscribe: l.Unsubscribe}, nil
}

// letter is what a mail is made of. Everything in it is plain text.
type letter struct {
	Language, Subject string
	Before, After     []string // paragraphs around the button
	Button, Link      string
	Unsubscribe, Stop string
	Footer            string
}

func (l letter) plain() string {
	parts := slices.Clone(l.Before)
	if l.Link != "" {
		parts = append(parts, l.Button+"\n"+l.Link)
	}
	parts = append(append(parts, l.After...), "-- \n"+l.Footer)
	if l.Unsubscribe != "" {
		parts = append(parts, l.Stop+"\n"+l.Unsubscribe)
	}
	return strings.Join(parts, "\n\n") + "\n"
}

// longestWord is the most characters that one piece of data brings into a text.
const longestWord = 2000

// oneLine keeps a piece of data from changing the form of a mail: it stays within its line, and without marks that turn the
// direction of a text.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		default:
			return r
		}
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > longestWord {
		text = string(runes[:longestWord])
	}
	return strings.Join(strings.Fields(text), " ")
}

//go:embed texts
var files embed.FS

// words are the texts of one language.
type words struct {
	Footer string `json:"footer"`
	Stop   string `json:"stop"`
	Mails  map[string]struct {
		Subject string   `json:"subject"`
		Before  []string `json:"before"`
		Button  string   `json:"button"`
		After   []string `json:"after"`
	} `json:"mails"`
}

type texts struct {
	words map[string]words
	html  *template.Template
}

var loaded = sync.OnceValues(func() (texts, error) {
	set := texts{words: map[string]words{}}
	for _, language := range Languages() {
		raw, err := files.ReadFile("texts/" + language + ".json")
		if err != nil {
			return texts{}, fmt.Errorf("texts of mails: %w", err)
		}
		var w words
		if err := json.Unmarshal(raw, &w); err != nil {
			return texts{}, fmt.Errorf("texts of mails in %s: %w", language, err)
		}
		set.words[language] = w
	}
	var err error
	set.html, err = template.ParseFS(files, "texts/mail.html")
	return set, err
})

func fill(pattern string, data map[string]string) (string, error) {
	t, err := texttemplate.New("").Option("missingkey=zero").Parse(pattern)
	if err != nil {
		return "", fmt.Errorf("text of a mail: %w", err)
	}
	var out strings.Builder
	if err := t.Execute(&out, data); err != nil {
		return "", fmt.Errorf("text of a mail: %w", err)
	}
	return out.String(), nil
}

// fillAll leaves out paragraphs of which nothing is left.
func fillAll(patterns []string, data map[string]string) ([]string, error) {
	var list []string
	for _, pattern := range patterns {
		text, err := fill(pattern, data)
		if err != nil {
			return nil, err
		}
		if text != "" {
			list = append(list, text)
		}
	}
	return list, nil
}
