package whatsapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

const (
	// maxAnswer is the longest answer that is read, in bytes; real ones have less than two thousand.
	maxAnswer = 1 << 20
	// defaultCall is the deadline of a call whose context has none.
	defaultCall = 30 * time.Second
)

// Codes of failures on the way; see channel.SendError.
const (
	codeConnect = "connect" // before the first byte of the request
	codeTimeout = "timeout" // no answer before the deadline
	codeAnswer  = "answer"  // no answer that can be read
)

// progress is what is known of a request while the transport works on it.
type progress struct {
	mu      sync.Mutex
	asked   bool // the transport looked for a connection, so it reports to us
	used    bool // the request got one
	carrier *conn
}

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			p.mu.Lock()
			p.asked = true
			p.mu.Unlock()
		},
		GotConn: func(info httptrace.GotConnInfo) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.used = true
			if p.carrier = unwrap(info.Conn); p.carrier != nil {
				p.carrier.take()
			}
		},
	}
}

// untouched reports whether it is certain that no byte of the request left. It may be asked only after the request
// failed, because it seals the connection.
func (p *progress) untouched() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.used {
		return p.asked
	}
	return p.carrier != nil && !p.carrier.seal()
}

// call asks the Graph API and decodes its answer into answer. Its error is a *channel.SendError or nil.
func (a *Adapter) call(ctx context.Context, account channel.Account, method, path string, query url.Values, body, answer any) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultCall)
		defer cancel()
	}
	var p progress
	request, err := a.request(httptrace.WithClientTrace(ctx, p.trace()), account, method, path, query, body)
	if err != nil {
		// An account that cannot even be addressed: no call was made, and none can be before it is repaired.
		return &channel.SendError{Behaviour: channel.StopAccount, Code: string(conversation.CodeAccountError)}
	}
	if ctx.Err() != nil {
		return &channel.SendError{Behaviour: channel.Retry, Code: codeConnect} // nothing was begun
	}
	response, err := a.client.Do(request)
	if err != nil {
		if p.untouched() {
			return &channel.SendError{Behaviour: channel.Retry, Code: codeConnect}
		}
		return &channel.SendError{Behaviour: channel.Unknown, Code: wayCode(ctx, err)}
	}
	content, err := read(response)
	if err != nil {
		return unreadable(response, wayCode(ctx, err), a.now())
	}
	return a.judge(response, content, answer)
}

// request builds a call. It can be sent once only: without GetBody and without an idempotency key the transport never
// repeats a POST, whatever becomes of the connection.
func (a *Adapter) request(ctx context.Context, account channel.Account, method, path string, query url.Values, body any) (*http.Request, error) {
	if !isToken(account.Secrets.AccessToken) || account.ProviderID == "" {
		return nil, errors.New("account has no usable token or phone number id")
	}
	address := strings.TrimSuffix(account.APIBaseURL, "/") + "/" + url.PathEscape(account.APIVersion) + "/" + url.PathEscape(account.ProviderID) + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, err
	}
	if s := request.URL.Scheme; request.URL.Host == "" || s != "http" && s != "https" {
		return nil, errors.New("account has no usable address")
	}
	request.GetBody = nil
	request.Header.Set("Authorization", "Bearer "+account.Secrets.AccessToken)
	request.Header.Set("User-Agent", a.userAgent)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// read reads an answer up to maxAnswer; a longer one is an error.
func read(response *http.Response) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if err == nil && len(content) > maxAnswer {
		err = errors.New("answer is too long")
	}
	return content, err
}

// judge says what an answer means and decodes a good one.
func (a *Adapter) judge(response *http.Response, content []byte, answer any) error {
	var refusal struct {
		Error *struct {
			Code *text `json:"code"`
		} `json:"error"`
	}
	// An answer that is no such object leaves refusal empty; what follows from that depends on the status.
	readable := json.Unmarshal(content, &refusal) == nil
	if readable && refusal.Error != nil && refusal.Error.Code != nil {
		return refused(string(*refusal.Error.Code), response, a.now())
	}
	if response.StatusCode != http.StatusOK || !readable {
		return unreadable(response, codeAnswer, a.now())
	}
	if err := json.Unmarshal(content, answer); err != nil {
		return unreadable(response, codeAnswer, a.now())
	}
	return nil
}

func wayCode(ctx context.Context, err error) string {
	var slow interface{ Timeout() bool }
	if ctx.Err() != nil || errors.As(err, &slow) && slow.Timeout() {
		return codeTimeout
	}
	return codeAnswer
}

// isToken reports whether s can stand in an Authorization header.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
