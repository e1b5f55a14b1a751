package channeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"guichet.dev/guichet/channel"
)

func (c Case) parse(t *testing.T) {
	for name, body := range c.Bodies {
		t.Run(name, func(t *testing.T) {
			before := bytes.Clone(body)
			updates, err := c.Adapter.Parse(body)
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			if len(updates) == 0 {
				t.Error("a well-formed post says nothing")
			}
			if !bytes.Equal(before, body) {
				t.Error("parse changed the body")
			}
			Check(t, updates)
			scratch := bytes.Clone(body)
			again, err := c.Adapter.Parse(scratch)
			if err != nil {
				t.Fatalf("parse again: %v", err)
			}
			for i := range scratch {
				scratch[i] = 'x' // the caller may use its buffer again
			}
			if !reflect.DeepEqual(updates, again) {
				t.Error("a duplicate is understood differently, or depends on the caller's buffer")
			}
		})
	}
}

// Check reports every update that the inbox could not store: each has a path of its own, a kind, raw JSON that a jsonb
// column takes, and either a body or an error.
func Check(t *testing.T, updates []channel.Update) {
	t.Helper()
	paths := make(map[string]bool, len(updates))
	for i, u := range updates {
		if u.Path == "" || u.Kind == "" {
			t.Errorf("update %d has path %q and kind %q", i, u.Path, u.Kind)
		}
		if paths[u.Path] {
			t.Errorf("update %d repeats path %s", i, u.Path)
		}
		paths[u.Path] = true
		if (u.Err == nil) == (u.Body == nil) {
			t.Errorf("%s: error %v with body %T", u.Path, u.Err, u.Body)
		}
		if why := unfit(u.Raw); why != "" {
			t.Errorf("%s: raw is unfit for jsonb: %s", u.Path, why)
		}
	}
}

// maxStored is a depth that PostgreSQL stores as jsonb without reaching its stack limit.
const maxStored = 1000

// unfit says why a jsonb column would refuse raw.
func unfit(raw []byte) string {
	switch {
	case !json.Valid(raw):
		return "not JSON"
	case !utf8.Valid(raw):
		return "not UTF-8"
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	depth := 0
	for {
		token, err := decoder.Token()
		if err != nil {
			break // the end: raw is valid
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			if depth > maxStored {
				return "nested too deep"
			}
		case string:
			if strings.ContainsRune(v, 0) {
				return "a NUL"
			}
		case json.Number:
			if len(v) > 1000 || strings.ContainsAny(string(v), "eE") && len(v)-strings.IndexAny(string(v), "eE") > 5 {
				return "an endless number"
			}
		}
	}
	if loneSurrogate(raw) {
		return "a lone surrogate"
	}
	return ""
}

// loneSurrogate looks for an escaped surrogate that encoding/json decodes to U+FFFD.
func loneSurrogate(raw []byte) bool {
	text := strings.ReplaceAll(string(raw), `\\`, "")
	text = strings.ReplaceAll(strings.ToLower(text), `\ufffd`, "")
	text = strings.ReplaceAll(text, "\uFFFD", "")
	var b bytes.Buffer
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if err != nil {
			return strings.ContainsRune(b.String(), utf8.RuneError)
		}
		if s, ok := token.(string); ok {
			b.WriteString(s)
		}
	}
}

func (c Case) garbage(t *testing.T) {
	for _, body := range []string{
		"", " ", "\x00", "null", "true", "7", `"text"`, "[]", "{}", "[{}]", "hello", "a=b&c=d", "<xml/>", "\xff\xfe", "{\"", "{]", "}",
		strings.Repeat("{", 1<<16), strings.Repeat(`"`, 1<<16), "\uFEFF{}", "{} {}", `\`, `"\`, `"\u`, `{"a":"\ud800`,
	} {
		if updates, err := c.Adapter.Parse([]byte(body)); err == nil {
			t.Errorf("garbage %.20q was understood as %d updates", body, len(updates))
		}
	}
	if _, err := c.Adapter.Parse(nil); err == nil {
		t.Error("an empty body was understood")
	}
}

func (c Case) truncated(t *testing.T) {
	for name, body := range c.Bodies {
		body = bytes.TrimSpace(body)
		for i := 0; i < len(body); i += 1 + len(body)/500 {
			if _, err := c.Adapter.Parse(body[:i]); err == nil {
				t.Errorf("%s: understood although cut at byte %d of %d", name, i, len(body))
			}
		}
	}
}

// nesting puts deep values where a provider may put keys that we do not know.
func (c Case) nesting(t *testing.T) {
	for name, body := range c.Bodies {
		body = bytes.TrimSpace(body)
		if body[0] != '{' {
			continue
		}
		want, err := c.Adapter.Parse(body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, depth := range []int{10, 200, 2000, 9000} {
			deep := `{"zz_unknown":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `,` + string(body[1:])
			got, err := c.Adapter.Parse([]byte(deep))
			if err != nil || len(got) != len(want) {
				t.Errorf("%s: with %d levels in an unknown key: %d updates, %v; want %d", name, depth, len(got), err, len(want))
			}
			everywhere := strings.ReplaceAll(string(body), `"id":`, `"zz":`+strings.Repeat(`[{"a":`, depth/2)+"1"+strings.Repeat("}]", depth/2)+`,"id":`)
			if len(everywhere) > 1<<18 {
				continue // the small bodies will do
			}
			got, err = c.Adapter.Parse([]byte(everywhere))
			if err == nil {
				Check(t, got)
			}
		}
	}
	// Beyond any limit it may be refused, but must not crash.
	for _, deep := range []string{strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 1<<18), `{"a":` + strings.Repeat("[", 1<<19) + strings.Repeat("]", 1<<19) + `}`} {
		if updates, err := c.Adapter.Parse([]byte(deep)); err == nil {
			Check(t, updates)
		}
	}
}

func (c Case) hostileText(t *testing.T) {
	const bad = "\uFFFD"
	for _, test := range []struct{ in, want string }{
		{`plain`, "plain"},
		{`a\u0000b`, "a" + bad + "b"},
		{`\u0000\u0000`, bad + bad},
		{`a\\u0000b`, `a\u0000b`},
		{`a\\\u0000b`, `a\` + bad + "b"},
		{`\ud83d\ude22`, "😢"},
		{`\uD83D\uDE22`, "😢"},
		{`a\ud83d`, "a" + bad},
		{`\ud83db`, bad + "b"},
		{`\ude22a`, bad + "a"},
		{`\ude22\ud83d`, bad + bad},
		{`\ud83d\ud83d\ude22`, bad + "😢"},
		{`\ud83d\n`, bad + "\n"},
		{`\\ud83d`, `\ud83d`},
		{"a\xffb", "a" + bad + "b"},
		{"\xc3", bad},
		{"\xed\xa0\x80", bad},
		{`\"\\\/\b\f\n\r\t\u00e9\u20AC`, "\"\\/\b\f\n\r\té€"},
		{"é€😢", "é€😢"},
		{`\\`, `\`},
		{`\\\"`, `\"`},
	} {
		updates, err := c.Adapter.Parse(c.Text(test.in))
		if err != nil || len(updates) != 1 {
			t.Errorf("%q: %d updates, %v", test.in, len(updates), err)
			continue
		}
		Check(t, updates)
		message, ok := updates[0].Body.(channel.Message)
		if !ok || message.Content.Text != test.want {
			t.Errorf("%q: got %T %q (%v), want %q", test.in, updates[0].Body, message.Content.Text, updates[0].Err, test.want)
		}
	}
}

func (c Case) mixed(t *testing.T) {
	updates, err := c.Adapter.Parse(c.Mixed)
	if err != nil {
		t.Fatalf("one bad update spoiled the post: %v", err)
	}
	Check(t, updates)
	good, bad := 0, 0
	for _, u := range updates {
		if u.Err != nil {
			bad++
		} else {
			good++
		}
	}
	if good != c.MixedGood || bad == 0 {
		t.Errorf("%d good and %d bad updates, want %d and some", good, bad, c.MixedGood)
	}
}

func (c Case) sendErrors(t *testing.T) {
	check := func(what string, err error, want channel.Behaviour) {
		t.Helper()
		var e *channel.SendError
		if !errors.As(err, &e) {
			t.Errorf("%s: error %T, want *channel.SendError", what, err)
			return
		}
		if e.Behaviour != want || e.Code == "" {
			t.Errorf("%s: %s %q, want %s and a code", what, e.Behaviour, e.Code, want)
		}
		for _, secret := range []string{c.Account.Secrets.AccessToken, c.Account.Secrets.AppSecret} {
			if secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds a secret", what)
			}
		}
	}
	ctx := t.Context()
	_, err := c.Adapter.Send(ctx, c.Account, c.Unsupported)
	check("unsupported content", err, channel.Permanent)
	nobody := c.Outbound
	nobody.To = nil
	_, err = c.Adapter.Send(ctx, c.Account, nobody)
	check("no recipient", err, channel.Permanent)
	_, err = c.Adapter.Send(ctx, c.Account, c.Outbound)
	check("no connection", err, channel.Retry)
	check("mark read without connection", c.Adapter.MarkRead(ctx, c.Account, "1", false), channel.Retry)
	_, err = c.Adapter.Check(ctx, c.Account)
	check("check without connection", err, channel.Retry)
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, err = c.Adapter.Send(over, c.Account, c.Outbound)
	check("cancelled before the call", err, channel.Retry)
}
