package whatsapp_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/channel/channeltest"
	"guichet.dev/guichet/channel/whatsapp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is an update as the golden files show it. Raw is left out: it is compared with the body itself.
type golden struct {
	Path    string
	Account string `json:",omitempty"`
	Kind    string
	Err     string `json:",omitempty"`
	Type    string `json:",omitempty"`
	Body    channel.Body
}

func fixtures(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures %s: %v", pattern, err)
	}
	bodies := make(map[string][]byte, len(files))
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies[strings.TrimSuffix(filepath.Base(file), ".json")] = body
	}
	return bodies
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, body := range fixtures(t, "testdata/parse/*.json") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			updates, err := whatsapp.New(whatsapp.Options{}).Parse(body)
			if err != nil {
				t.Fatal(err)
			}
			channeltest.Check(t, updates)
			all := make([]golden, 0, len(updates))
			for _, u := range updates {
				sameRaw(t, body, u)
				g := golden{Path: u.Path, Account: u.AccountID, Kind: u.Kind, Body: u.Body}
				if u.Err != nil {
					g.Err = u.Err.Error()
				} else {
					g.Type = fmt.Sprintf("%T", u.Body)
				}
				all = append(all, g)
			}
			compare(t, filepath.Join("testdata", "parsed", name+".json"), all)
		})
	}
}

// sameRaw checks that raw is what stands in the body at the update's path.
func sameRaw(t *testing.T, body []byte, u channel.Update) {
	t.Helper()
	var at any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&at); err != nil {
		t.Fatal(err)
	}
	steps := strings.Split(u.Path, "/")
	for _, step := range steps {
		switch v := at.(type) {
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				t.Fatalf("path %s leads nowhere", u.Path)
			}
			at = v[i]
		case map[string]any:
			at = v[step]
			if value, isObject := at.(map[string]any); isObject && value["metadata"] != nil {
				at = value
			}
		}
		if m, isMap := at.(map[string]any); isMap && m["value"] != nil && m["field"] != nil {
			if _, isObject := m["value"].(map[string]any); isObject {
				at = m["value"]
			}
		}
	}
	var raw any
	decoder = json.NewDecoder(bytes.NewReader(u.Raw))
	decoder.UseNumber()
	if err := decoder.Decode(&raw); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(raw, at) {
		t.Errorf("%s: raw is not what stands there: %.200s", u.Path, u.Raw)
	}
}

func compare(t *testing.T, file string, value any) {
	t.Helper()
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run with -update)", err)
	}
	if !bytes.Equal(want, got.Bytes()) {
		t.Errorf("%s differs:\n%s", file, firstDifference(want, got.Bytes()))
	}
}

func firstDifference(want, got []byte) string {
	w, g := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range min(len(w), len(g)) {
		if !bytes.Equal(w[i], g[i]) {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

func envelope(value string) []byte {
	return []byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{` +
		`"metadata":{"phone_number_id":"106540352242922"},` + value + `}}]}]}`)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	bodies := fixtures(t, "testdata/parse/*.json")
	mixed := bodies["broken_parts"]
	channeltest.Run(t, channeltest.Case{
		Adapter: whatsapp.New(whatsapp.Options{}),
		Secrets: channel.Secrets{AppSecret: "s3cret", VerifyToken: "our token"},
		Sign: func(secrets channel.Secrets, body []byte) http.Header {
			return http.Header{"X-Hub-Signature-256": {sign(secrets.AppSecret, body)}}
		},
		Bodies: bodies,
		Text: func(s string) []byte {
			return envelope(`"messages":[{"from":"33639980142","id":"wamid.1","timestamp":"1762852442","type":"text","text":{"body":"` + s + `"}}]`)
		},
		Mixed: mixed, MixedGood: 3,
		Handshake: map[string][]string{"hub.mode": {"subscribe"}, "hub.challenge": {"1158201444"}, "hub.verify_token": {"our token"}},
		Answer:    "1158201444",
		Refused: []url.Values{
			{"hub.mode": {"subscribe"}, "hub.challenge": {"1158201444"}, "hub.verify_token": {"Our token"}},
			{"hub.mode": {"unsubscribe"}, "hub.challenge": {"1158201444"}, "hub.verify_token": {"our token"}},
			{"hub.challenge": {"1158201444"}, "hub.verify_token": {"our token"}},
			{"hub.mode": {"subscribe"}, "hub.challenge": {"1158201444"}},
			{"hub.mode": {"subscribe"}, "hub.verify_token": {"our token"}},
		},
		Account:     accountAt("http://127.0.0.1:1"),
		Outbound:    hello(),
		Unsupported: templateMessage(),
	})
}

func TestVerifyIsStrict(t *testing.T) {
	t.Parallel()
	a := whatsapp.New(whatsapp.Options{})
	secrets := channel.Secrets{AppSecret: "s3cret"}
	body := []byte(`{"a":1}`)
	good := sign("s3cret", body)
	for name, header := range map[string]http.Header{
		"upper case":      {"X-Hub-Signature-256": {"sha256=" + strings.ToUpper(good[7:])}},
		"no prefix":       {"X-Hub-Signature-256": {good[7:]}},
		"other algorithm": {"X-Hub-Signature-256": {"sha1=" + good[7:]}},
		"SHA-1 header":    {"X-Hub-Signature": {good}},
		"not hexadecimal": {"X-Hub-Signature-256": {"sha256=" + strings.Repeat("z", 64)}},
		"short":           {"X-Hub-Signature-256": {"sha256=" + good[7:40]}},
	} {
		if a.Verify(secrets, header, body) {
			t.Errorf("%s was accepted", name)
		}
	}
}

// A body of Meta's largest size is read whole.
func TestParseLargest(t *testing.T) {
	t.Parallel()
	one := `{"from":"33639980142","id":"wamid.%d","timestamp":"1762852442","type":"text","text":{"body":"` + strings.Repeat("é", 1300) + `"}}`
	var list []string
	for i := range 1000 {
		list = append(list, fmt.Sprintf(one, i))
	}
	body := envelope(`"messages":[` + strings.Join(list, ",") + `]`)
	updates, err := whatsapp.New(whatsapp.Options{}).Parse(body)
	if err != nil || len(updates) != 1000 || updates[999].Err != nil || updates[999].Path != "entry/0/changes/0/messages/999" {
		t.Fatalf("%d updates from %d bytes, %v", len(updates), len(body), err)
	}
}

// Names may be written with escapes, members may come twice and in any order.
func TestParseOddJSON(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"escaped names": `{"\u006fbject":"whatsapp_business_account","entr\u0079":[{"changes":[{"fiel\u0064":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"\u0066rom":"33639980142","id":"w","timestamp":"1","type":"text","text":{"body":"x"}}]}}]}]}`,
		"reversed":      `{"entry":[{"changes":[{"value":{"messages":[{"text":{"body":"x"},"type":"text","timestamp":1,"id":"w","from":"33639980142"}],"metadata":{"phone_number_id":1}},"field":"messages"}]}],"object":"whatsapp_business_account"}`,
		"twice":         `{"object":"x","object":"whatsapp_business_account","entry":7,"entry":[{"changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"from":"1","from":"33639980142","id":"w","timestamp":"1","type":"text","text":{"body":"y","body":"x"}}]}}]}]}`,
		"white space":   " {\n\"object\" :\t\"whatsapp_business_account\" ,\r\n \"entry\" : [ { \"changes\" : [ { \"field\" : \"messages\" , \"value\" : { \"metadata\" : { \"phone_number_id\" : \"1\" } , \"messages\" : [ { \"from\" : \"33639980142\" , \"id\" : \"w\" , \"timestamp\" : \"1\" , \"type\" : \"text\" , \"text\" : { \"body\" : \"x\" } } ] , \"statuses\" : [ ] } } ] } ] } ",
		"endless":       `{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"zz":[1e999999,-1E+400000,` + strings.Repeat("9", 200000) + `,0.5e-12],"from":"33639980142","id":"w","timestamp":"1","type":"text","text":{"body":"x"}}]}}]}]}`,
	} {
		updates, err := whatsapp.New(whatsapp.Options{}).Parse([]byte(body))
		if err != nil || len(updates) != 1 {
			t.Errorf("%s: %d updates, %v", name, len(updates), err)
			continue
		}
		channeltest.Check(t, updates)
		m, ok := updates[0].Body.(channel.Message)
		if !ok || m.Content.Text != "x" || m.ProviderID != "w" || m.Person.Identities[0].Address != "33639980142" || updates[0].AccountID != "1" {
			t.Errorf("%s: got %+v (%v)", name, updates[0].Body, updates[0].Err)
		}
	}
}

// An update that is nested too deep is parked with its whole text, and holds back no other.
func TestParseTooDeep(t *testing.T) {
	t.Parallel()
	good := `{"from":"33639980142","id":"wamid.1","timestamp":"1762852442","type":"text","text":{"body":"x"}}`
	deep := strings.Replace(good, `"type"`, `"zz":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`,"type"`, 1)
	updates, err := whatsapp.New(whatsapp.Options{}).Parse(envelope(`"messages":[` + deep + `,` + good + `]`))
	if err != nil || len(updates) != 2 {
		t.Fatalf("%d updates, %v", len(updates), err)
	}
	channeltest.Check(t, updates)
	var kept string
	if updates[0].Err == nil || json.Unmarshal(updates[0].Raw, &kept) != nil || kept != deep {
		t.Errorf("deep update: %v, raw %.40s", updates[0].Err, updates[0].Raw)
	}
	if updates[1].Err != nil {
		t.Errorf("good update: %v", updates[1].Err)
	}
}

// No error repeats what a customer wrote.
func TestParseErrorsAreSilent(t *testing.T) {
	t.Parallel()
	const secret = "40777123123"
	for _, m := range []string{
		`{"from":"` + secret + `x","id":"w","timestamp":"1","type":"text","text":{"body":"` + secret + `"}}`,
		`{"from":"33639980142","id":"w","timestamp":"` + secret + `` + secret + `","type":"text"}`,
		`{"from":"33639980142","id":"w","timestamp":"1","type":"text","text":{"body":[` + secret + `]}}`,
		`{"from":"33639980142","id":"w","timestamp":"1","type":"location","location":{"latitude":"` + secret + `a","longitude":1}}`,
		`{"from":"33639980142","id":"w","timestamp":"1","type":"image","image":{"voice":` + secret + `}}`,
		`{"from":"33639980142","id":"w","timestamp":"1","type":"order","order":"` + secret + `"}`,
		`{"from":"33639980142","id":"w","timestamp":"1","type":"edit","edit":{"message":{"from":[` + secret + `]}}}`,
		`"` + secret + `"`,
	} {
		updates, err := whatsapp.New(whatsapp.Options{}).Parse(envelope(`"messages":[` + m + `]`))
		if err != nil || len(updates) != 1 || updates[0].Err == nil {
			t.Errorf("%s: not parked (%v)", m, err)
			continue
		}
		if strings.Contains(updates[0].Err.Error(), secret) {
			t.Errorf("error repeats a value: %v", updates[0].Err)
		}
	}
}
