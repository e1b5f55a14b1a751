package simulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"guichet.dev/guichet/simulator"
)

// upload sends a file and returns the answer.
func (s *sim) upload(t *testing.T, product, contentType string, content []byte) (int, map[string]any) {
	t.Helper()
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	must(t, writer.WriteField("messaging_product", product))
	must(t, writer.WriteField("type", contentType))
	part, err := writer.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="file"`}, "Content-Type": {contentType},
	})
	must(t, err)
	_, err = part.Write(content)
	must(t, err)
	must(t, writer.Close())
	request, err := http.NewRequest("POST", s.url+"/v25.0/"+numberID+"/media", &form)
	must(t, err)
	request.Header.Set("Content-Type", writer.FormDataContentType())
	request.Header.Set("Authorization", "Bearer token")
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	var answer map[string]any
	must(t, json.NewDecoder(response.Body).Decode(&answer))
	return response.StatusCode, answer
}

func download(t *testing.T, address, token string) (int, string) {
	t.Helper()
	request, err := http.NewRequest("GET", address, nil)
	must(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, string(body)
}

func TestMediaLife(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ctx := t.Context()
	_, err := s.Say(ctx, anna, "Bonjour")
	must(t, err)
	status, answer := s.upload(t, "whatsapp", "image/png", []byte("picture"))
	if status != 200 {
		t.Fatalf("upload: %v", answer)
	}
	id := answer["id"].(string)
	status, answer = s.api(t, "POST", "/v25.0/"+numberID+"/messages", send(`"type":"image","image":{"id":"`+id+`"}`))
	if status != 200 {
		t.Fatalf("send: %v", answer)
	}
	status, answer = s.api(t, "POST", "/v25.0/"+numberID+"/messages", send(`"type":"video","video":{"id":"`+id+`"}`))
	if status != 200 {
		t.Fatalf("send as video: %v", answer)
	}
	s.receiver.awaitStatus(t, answer["messages"].([]any)[0].(map[string]any)["id"].(string), "failed")
	_, node := s.api(t, "GET", "/v25.0/"+id+"?phone_number_id="+numberID, "")
	address, _ := node["url"].(string)
	if node["mime_type"] != "image/png" || node["file_size"] != float64(7) {
		t.Errorf("node: %v", node)
	}
	if status, content := download(t, address, "token"); status != 200 || content != "picture" {
		t.Errorf("download: status %d", status)
	}
	if status, _ := download(t, address, "x"); status != 401 {
		t.Errorf("download without a token: status %d", status)
	}
	if status, _ := download(t, strings.Replace(address, "hash=", "hash=x", 1), "token"); status != 404 {
		t.Errorf("download with a changed address: status %d", status)
	}
	_, err = s.AdvanceClock(ctx, 5*time.Minute)
	must(t, err)
	if status, _ := download(t, address, "token"); status != 404 {
		t.Errorf("download after five minutes: status %d", status)
	}
	_, node = s.api(t, "GET", "/v25.0/"+id, "")
	if status, _ := download(t, node["url"].(string), "token"); status != 200 {
		t.Errorf("download with a new address: status %d", status)
	}
	if status, _ := s.api(t, "DELETE", "/v25.0/"+id, ""); status != 200 {
		t.Error("cannot delete")
	}
	if status, answer := s.api(t, "GET", "/v25.0/"+id, ""); status != 400 || errorCode(answer) != 33 {
		t.Errorf("deleted media: %v", answer)
	}
}

func TestUploadLimits(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, test := range map[string]struct {
		product, contentType string
		size, status         int
	}{
		"jpeg":             {"whatsapp", "image/jpeg", 5 << 20, 200},
		"big jpeg":         {"whatsapp", "image/jpeg", 5<<20 + 1, 400},
		"voice":            {"whatsapp", "audio/ogg; codecs=opus", 10, 200},
		"empty":            {"whatsapp", "image/png", 0, 400},
		"unsupported type": {"whatsapp", "image/tiff", 10, 400},
		"no product":       {"", "image/png", 10, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer := s.upload(t, test.product, test.contentType, make([]byte, test.size))
			if status != test.status || (status == 400 && errorCode(answer) != 100) {
				t.Errorf("status %d: %v", status, answer)
			}
		})
	}
}

func TestCustomersSendEveryKindOfMedia(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, err := s.PutCustomer(t.Context(), simulator.Customer{Phone: anna})
	must(t, err)
	for _, kind := range []string{"image", "video", "audio", "document", "sticker"} {
		_, err := s.Send(t.Context(), anna, simulator.Outgoing{Type: kind})
		must(t, err)
	}
	await(t, "all media", func() bool { return len(s.receiver.items(t, "messages")) == 5 })
	for _, item := range s.receiver.items(t, "messages") {
		kind := item["type"].(string)
		if status, content := download(t, item[kind].(map[string]any)["url"].(string), "token"); status != 200 || len(content) < 30 {
			t.Errorf("%s: status %d, %d bytes", kind, status, len(content))
		}
	}
}

func TestNumbersHaveTheirOwnTokens(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *simulator.Config) {
		c.Numbers = []simulator.Number{{ID: "1", Display: "33111111111", AccessToken: "one"}, {ID: "2", Display: "33111111112", AccessToken: "two"}}
	})
	for name, test := range map[string]struct {
		number, token string
		code          int
	}{
		"own token":     {"1", "one", 0},
		"other's token": {"2", "one", 33},
		"app's token":   {"2", "token", 0},
	} {
		_, answer, err := s.try("POST", "/v25.0/"+test.number+"/messages", test.token, textBody("+"+anna, "a", ""))
		must(t, err)
		if errorCode(answer) != test.code {
			t.Errorf("%s: code %d, want %d", name, errorCode(answer), test.code)
		}
	}
	_, err := s.Send(t.Context(), anna, simulator.Outgoing{Number: "2", Text: "for the second"})
	must(t, err)
	await(t, "the message", func() bool { return len(s.receiver.items(t, "messages")) == 1 })
	for _, value := range s.receiver.values(t) {
		if value["messages"] != nil && value["metadata"].(map[string]any)["phone_number_id"] != "2" {
			t.Error("the message came from the wrong number")
		}
	}
}
