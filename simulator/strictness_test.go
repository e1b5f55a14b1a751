package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"guichet.dev/guichet/simulator/cloudapi"
)

// send wraps the part of a body that a case is about.
func send(part string) string {
	return `{"messaging_product":"whatsapp","to":"+33612345678",` + part + `}`
}

func button(id, title string) string {
	return fmt.Sprintf(`{"type":"reply","reply":{"id":%q,"title":%q}}`, id, title)
}

func interactive(part string) string {
	return send(`"type":"interactive","interactive":{` + part + `}`)
}

func TestStrictness(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	if _, err := s.Say(t.Context(), anna, "Bonjour"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutTemplate(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	paused := hello
	paused.Name, paused.Status = "paused", "PAUSED"
	if _, err := s.PutTemplate(t.Context(), paused); err != nil {
		t.Fatal(err)
	}
	long := func(n int) string { return strings.Repeat("é", n) }
	row := `{"id":"%d","title":"t"}`
	rows := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(row, i))
		}
		return strings.Join(list, ",")
	}
	template := func(name, parameters string) string {
		return send(`"type":"template","template":{"name":"` + name + `","language":{"code":"fr"},"components":[{"type":"body","parameters":[` + parameters + `]}]}`)
	}
	two := `{"type":"text","text":"a"},{"type":"text","text":"b"}`
	for name, test := range map[string]struct {
		body string
		code int // 0: accepted
	}{
		"not JSON":               {`{`, 100},
		"two objects":            {`{}{}`, 100},
		"null":                   {`null`, 100},
		"no product":             {`{"to":"+33612345678","text":{"body":"a"}}`, 100},
		"other product":          {`{"messaging_product":"sms","to":"+33612345678","text":{"body":"a"}}`, 100},
		"no recipient":           {`{"messaging_product":"whatsapp","text":{"body":"a"}}`, 100},
		"bad recipient":          {`{"messaging_product":"whatsapp","to":"anna","text":{"body":"a"}}`, 131009},
		"recipient of a number":  {`{"messaging_product":"whatsapp","to":33612345678,"text":{"body":"a"}}`, 100},
		"bad user id":            {`{"messaging_product":"whatsapp","recipient":"33.1","text":{"body":"a"}}`, 131009},
		"unknown user id":        {`{"messaging_product":"whatsapp","recipient":"FR.1","text":{"body":"a"}}`, 131009},
		"to itself":              {`{"messaging_product":"whatsapp","to":"+15550783881","text":{"body":"a"}}`, 131021},
		"group":                  {send(`"recipient_type":"group","text":{"body":"a"}`), 100},
		"unknown type":           {send(`"type":"poll"`), 100},
		"default type":           {send(`"text":{"body":"a"}`), 0},
		"type without object":    {send(`"type":"text"`), 131008},
		"text of a string":       {send(`"type":"text","text":"a"`), 100},
		"empty text":             {send(`"type":"text","text":{"body":" "}`), 100},
		"text without body":      {send(`"type":"text","text":{}`), 131008},
		"longest text":           {send(`"type":"text","text":{"body":"` + long(4096) + `"}`), 0},
		"too long text":          {send(`"type":"text","text":{"body":"` + long(4097) + `"}`), 100},
		"long callback data":     {send(`"text":{"body":"a"},"biz_opaque_callback_data":"` + long(513) + `"`), 100},
		"context without id":     {send(`"text":{"body":"a"},"context":{}`), 131008},
		"image by link":          {send(`"type":"image","image":{"link":"https://example.org/a.png","caption":"` + long(1024) + `"}`), 0},
		"long caption":           {send(`"type":"image","image":{"link":"https://example.org/a.png","caption":"` + long(1025) + `"}`), 100},
		"image of nothing":       {send(`"type":"image","image":{}`), 131008},
		"image of both":          {send(`"type":"image","image":{"id":"1","link":"https://example.org/a.png"}`), 100},
		"unknown media":          {send(`"type":"image","image":{"id":"1"}`), 100},
		"link of a file":         {send(`"type":"image","image":{"link":"file:///etc/passwd"}`), 100},
		"audio with caption":     {send(`"type":"audio","audio":{"link":"https://example.org/a.ogg","caption":"a"}`), 100},
		"voice note":             {send(`"type":"audio","audio":{"link":"https://example.org/a.ogg","voice":true}`), 0},
		"location":               {send(`"type":"location","location":{"latitude":48.85,"longitude":"2.35"}`), 0},
		"location off the globe": {send(`"type":"location","location":{"latitude":91,"longitude":2}`), 131009},
		"location in words":      {send(`"type":"location","location":{"latitude":"north","longitude":2}`), 100},
		"contact card":           {send(`"type":"contacts","contacts":[{"name":{"formatted_name":"A"}}]`), 0},
		"card without name":      {send(`"type":"contacts","contacts":[{}]`), 131008},
		"no cards":               {send(`"type":"contacts","contacts":[]`), 131009},
		"reaction with context":  {send(`"type":"reaction","reaction":{"message_id":"a","emoji":"b"},"context":{"message_id":"c"}`), 131009},
		"reaction without emoji": {send(`"type":"reaction","reaction":{"message_id":"a"}`), 131008},
		"three buttons":          {interactive(`"type":"button","body":{"text":"a"},"action":{"buttons":[` + button("1", "a") + "," + button("2", "b") + "," + button("3", "c") + `]}`), 0},
		"four buttons":           {interactive(`"type":"button","body":{"text":"a"},"action":{"buttons":[` + strings.Repeat(button("1", "a")+",", 3) + button("1", "a") + `]}`), 131009},
		"equal buttons":          {interactive(`"type":"button","body":{"text":"a"},"action":{"buttons":[` + button("1", "a") + "," + button("2", "a") + `]}`), 131009},
		"long button":            {interactive(`"type":"button","body":{"text":"a"},"action":{"buttons":[` + button("1", long(21)) + `]}`), 131009},
		"no action":              {interactive(`"type":"button","body":{"text":"a"}`), 131008},
		"long footer":            {interactive(`"type":"button","body":{"text":"a"},"footer":{"text":"` + long(61) + `"},"action":{"buttons":[` + button("1", "a") + `]}`), 131009},
		"image header":           {interactive(`"type":"button","header":{"type":"image","image":{"link":"https://example.org/a"}},"body":{"text":"a"},"action":{"buttons":[` + button("1", "a") + `]}`), 0},
		"header of no upload":    {interactive(`"type":"button","header":{"type":"image","image":{"id":"42"}},"body":{"text":"a"},"action":{"buttons":[` + button("1", "a") + `]}`), 100},
		"image header of a list": {interactive(`"type":"list","header":{"type":"image","image":{"link":"https://example.org/a"}},"body":{"text":"a"},"action":{"button":"b","sections":[{"rows":[` + rows(1) + `]}]}`), 100},
		"ten rows":               {interactive(`"type":"list","body":{"text":"a"},"action":{"button":"b","sections":[{"rows":[` + rows(10) + `]}]}`), 0},
		"eleven rows":            {interactive(`"type":"list","body":{"text":"a"},"action":{"button":"b","sections":[{"rows":[` + rows(11) + `]}]}`), 131009},
		"sections without title": {interactive(`"type":"list","body":{"text":"a"},"action":{"button":"b","sections":[{"rows":[` + rows(1) + `]},{"rows":[{"id":"x","title":"t"}]}]}`), 131008},
		"equal rows":             {interactive(`"type":"list","body":{"text":"a"},"action":{"button":"b","sections":[{"rows":[` + rows(1) + "," + rows(1) + `]}]}`), 131009},
		"link button":            {interactive(`"type":"cta_url","body":{"text":"a"},"action":{"name":"cta_url","parameters":{"display_text":"Go","url":"https://example.org"}}`), 0},
		"link button of a word":  {interactive(`"type":"cta_url","body":{"text":"a"},"action":{"name":"cta_url","parameters":{"display_text":"Go","url":"go"}}`), 131009},
		"location request":       {interactive(`"type":"location_request_message","body":{"text":"a"},"action":{"name":"send_location"}`), 0},
		"location request typo":  {interactive(`"type":"location_request_message","body":{"text":"a"},"action":{"name":"send"}`), 100},
		"unknown interactive":    {interactive(`"type":"carousel","body":{"text":"a"},"action":{}`), 100},
		"template":               {template("hello", two), 0},
		"unknown template":       {template("bye", two), 132001},
		"paused template":        {template("paused", two), 132015},
		"missing parameter":      {template("hello", `{"type":"text","text":"a"}`), 132000},
		"wrong parameter":        {template("hello", `{"type":"text","text":"a"},{"type":"payload","payload":"b"}`), 132012},
		"parameter of two lines": {template("hello", `{"type":"text","text":"a\nb"},{"type":"text","text":"b"}`), 100},
		"hydrated too long":      {template("hello", `{"type":"text","text":"`+long(1020)+`"},{"type":"text","text":"b"}`), 132005},
		"read of unknown":        {`{"messaging_product":"whatsapp","status":"read","message_id":"wamid.x"}`, 100},
		"other status":           {`{"messaging_product":"whatsapp","status":"delivered","message_id":"wamid.x"}`, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer := s.api(t, "POST", "/v25.0/"+numberID+"/messages", test.body)
			if code := errorCode(answer); code != test.code {
				t.Fatalf("code %d, want %d: %v", code, test.code, answer)
			}
			want := http.StatusOK
			if test.code != 0 {
				want = cloudapi.NewError(test.code, "").HTTPStatus()
				failure := answer["error"].(map[string]any)
				details, _ := failure["error_data"].(map[string]any)
				if failure["fbtrace_id"] == "" || failure["type"] != "OAuthException" || details["details"] == "" || details["messaging_product"] != "whatsapp" {
					t.Errorf("not the shape of a Graph error: %v", answer)
				}
			}
			if status != want {
				t.Errorf("status %d, want %d", status, want)
			}
		})
	}
}

func TestPathsAndTokens(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	good := textBody("+"+anna, "a", "")
	for name, test := range map[string]struct {
		method, path, token, body string
		status, code              int
	}{
		"no token":          {"POST", "/v25.0/" + numberID + "/messages", "", good, 401, 190},
		"wrong token":       {"POST", "/v25.0/" + numberID + "/messages", "x", good, 401, 190},
		"oldest version":    {"POST", "/v20.0/" + numberID + "/messages", "token", good, 200, 0},
		"version too old":   {"POST", "/v19.0/" + numberID + "/messages", "token", good, 400, 1},
		"odd version":       {"POST", "/v025.0/" + numberID + "/messages", "token", good, 400, 1},
		"unknown number":    {"POST", "/v25.0/1/messages", "token", good, 400, 33},
		"unknown edge":      {"POST", "/v25.0/" + numberID + "/letters", "token", good, 400, 33},
		"wrong method":      {"GET", "/v25.0/" + numberID + "/messages", "token", "", 400, 33},
		"number":            {"GET", "/v25.0/" + numberID + "?fields=id,verified_name,quality_rating", "token", "", 200, 0},
		"number's default":  {"GET", "/v25.0/" + numberID, "token", "", 200, 0},
		"unknown field":     {"GET", "/v25.0/" + numberID + "?fields=colour", "token", "", 400, 100},
		"unknown media":     {"GET", "/v25.0/42", "token", "", 400, 33},
		"subscribed":        {"GET", "/v25.0/" + wabaID + "/subscribed_apps", "token", "", 200, 0},
		"unknown WABA":      {"GET", "/v25.0/42/subscribed_apps", "token", "", 400, 33},
		"templates":         {"GET", "/v25.0/" + wabaID + "/message_templates?status=APPROVED", "token", "", 200, 0},
		"body beyond limit": {"POST", "/v25.0/" + numberID + "/messages", "token", strings.Repeat("x", 2<<20), 400, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer, err := s.try(test.method, test.path, test.token, test.body)
			must(t, err)
			if status != test.status || errorCode(answer) != test.code {
				t.Errorf("status %d code %d, want %d and %d: %v", status, errorCode(answer), test.status, test.code, answer)
			}
		})
	}
}

func TestControlNamesTheWrongField(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, test := range map[string]struct{ path, body, field, message string }{
		"unknown":      {"/control/clock", `{"speed":2}`, "speed", "unknown field"},
		"wrong type":   {"/control/clock", `{"advance":5}`, "advance", "cannot be a JSON number"},
		"two values":   {"/control/clock", `{"advance":"1s"} {}`, "body", "must be one JSON value"},
		"what follows": {"/control/customers", `{"phone":"33612345678"} x`, "body", "must be one JSON value"},
	} {
		status, answer, err := s.try("POST", test.path, "", test.body)
		must(t, err)
		failure, _ := answer["error"].(map[string]any)
		if status != http.StatusBadRequest || failure["field"] != test.field || failure["message"] != test.message {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
}
