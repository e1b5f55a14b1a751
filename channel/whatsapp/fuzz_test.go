package whatsapp_test

import (
	"net/http"
	"testing"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/channel/channeltest"
	"guichet.dev/guichet/channel/whatsapp"
)

// FuzzParse: whatever comes, nothing crashes and every update can be stored.
func FuzzParse(f *testing.F) {
	for _, body := range fixtures(f, "testdata/parse/*.json") {
		f.Add(body)
	}
	f.Add([]byte(oneText))
	f.Add(envelope(`"messages":[{"from":"33639980142","id":"w","timestamp":1,"type":"text","zz":[1e999,"\ud800"],"text":{"body":"\u0000\\\"\ud83d\ude22"}}]`))
	a := whatsapp.New(whatsapp.Options{})
	f.Fuzz(func(t *testing.T, body []byte) {
		updates, err := a.Parse(body)
		if err != nil {
			return
		}
		channeltest.Check(t, updates)
		for _, u := range updates {
			if m, ok := u.Body.(channel.Message); ok && (m.ProviderID == "" || m.At.IsZero() || len(m.Person.Identities) == 0 || m.Content.Kind == "" || u.AccountID == "") {
				t.Errorf("%s: message without what every message has: %+v", u.Path, m)
			}
		}
	})
}

// FuzzVerify: only the right signature is one.
func FuzzVerify(f *testing.F) {
	f.Add("s3cret", []byte(`{}`), "sha256=00")
	f.Add("s3cret", []byte(`{}`), sign("s3cret", []byte(`{}`)))
	f.Add("", []byte(``), "")
	a := whatsapp.New(whatsapp.Options{})
	f.Fuzz(func(t *testing.T, secret string, body []byte, header string) {
		want := secret != "" && header == sign(secret, body)
		got := a.Verify(channel.Secrets{AppSecret: secret}, http.Header{"X-Hub-Signature-256": {header}}, body)
		if got != want {
			t.Errorf("verify %v, want %v", got, want)
		}
	})
}
