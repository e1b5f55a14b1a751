package simulator

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// delivery is one webhook POST that is owed to the callback. Its times are real
// ones, because it deals with a real receiver.
type delivery struct {
	ID         int64
	Number     string
	WABA       string
	Fields     []string
	Body       []byte
	Created    time.Time
	NotBefore  time.Time
	Attempts   int
	LastStatus int
	LastError  string
	Held       bool // until it is released

	gate  <-chan struct{} // another delivery's first attempt comes before
	first chan struct{}   // closed after the first attempt
}

// DeliveryReport is a line of the delivery log.
type DeliveryReport struct {
	ID         int64     `json:"id"`
	Fields     []string  `json:"fields"`
	State      string    `json:"state"` // pending, held, delivered, expired
	Attempts   int       `json:"attempts"`
	LastStatus int       `json:"last_status,omitempty"`
	LastError  string    `json:"last_error,omitempty"`
	Created    time.Time `json:"created"`
}

// States of a delivery; the last is for updates that nobody was subscribed to.
const (
	DeliveryPending      = "pending"
	DeliveryHeld         = "held"
	DeliveryDelivered    = "delivered"
	DeliveryExpired      = "expired"
	DeliveryUnsubscribed = "unsubscribed"
)

const recentDeliveries = 200

func (d *delivery) report(state string) DeliveryReport {
	return DeliveryReport{ID: d.ID, Fields: d.Fields, State: state, Attempts: d.Attempts, LastStatus: d.LastStatus, LastError: d.LastError, Created: d.Created}
}

// enqueue records a delivery that is owed from now on. The caller starts it.
func (s *Server) enqueue(n *Number, fields []string, body []byte) *delivery {
	d := &delivery{ID: s.state.next(), Number: n.ID, WABA: n.WABAID, Fields: fields, Body: body, Created: time.Now().UTC()}
	s.state.Pending[d.ID] = d
	return d
}

// start delivers in the background, unless the simulator is being closed: then
// the delivery is saved and starts next time.
func (s *Server) start(d *delivery) {
	if s.closing {
		return
	}
	d.first = make(chan struct{})
	s.work.Go(func() {
		defer d.attempted()
		s.deliver(d)
	})
}

func (d *delivery) attempted() {
	select {
	case <-d.first:
	default:
		close(d.first)
	}
}

// deliver posts until the receiver answers 200, time is up or the simulator stops.
func (s *Server) deliver(d *delivery) {
	if d.gate != nil && !s.waitFor(d.gate, 0) {
		return
	}
	if wait := time.Until(d.NotBefore); wait > 0 && !s.waitFor(nil, wait) {
		return
	}
	for {
		target, changed := s.target(d)
		if target == "" {
			if !s.waitFor(changed, 0) {
				return
			}
			continue
		}
		select {
		case s.slots <- struct{}{}:
		case <-s.stop.Done():
			return
		}
		status, err := s.post(target, d.Body)
		<-s.slots
		d.attempted()
		pause, done := s.settle(d, status, err)
		if done || !s.waitFor(changed, pause) {
			return
		}
	}
}

// waitFor waits for a signal or, if a time is given, no longer than that. It
// returns false if the simulator stops.
func (s *Server) waitFor(signal <-chan struct{}, limit time.Duration) bool {
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-signal:
		return true
	case <-over:
		return true
	case <-s.stop.Done():
		return false
	}
}

// target is where a delivery goes now: the callback of the number, of the WABA
// or of the app. The channel is closed when that may have changed.
func (s *Server) target(d *delivery) (address string, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	address = s.state.Callback.URL
	for _, node := range []string{d.WABA, d.Number} {
		if o, ok := s.state.Overrides[node]; ok {
			address = o.URL
		}
	}
	return address, s.changed
}

// lookAgain makes waiting deliveries try at once.
func (s *Server) lookAgain() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// post makes one attempt and returns the HTTP status, 0 without an answer.
func (s *Server) post(target string, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(s.posting, s.config.Webhooks.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "facebookexternalua")
	request.Header.Set("X-Hub-Signature-256", "sha256="+Sign(s.config.AppSecret, body))
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxBody)); err != nil {
		s.log.Debug("webhook answer not read", "error", err)
	}
	return response.StatusCode, response.Body.Close()
}

// Sign returns the lowercase hex HMAC-SHA256 of the raw body under the app secret,
// which the signature header carries behind "sha256=".
func Sign(appSecret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// settle records an attempt. Only the status 200 ends a delivery; otherwise it
// returns the pause before the next attempt.
func (s *Server) settle(d *delivery, status int, err error) (pause time.Duration, done bool) {
	defer s.change()()
	d.Attempts++
	d.LastStatus, d.LastError = status, ""
	if err != nil && status == 0 {
		d.LastError = failureKind(err)
	}
	switch {
	case status == http.StatusOK:
		s.finish(d, DeliveryDelivered)
		return 0, true
	case time.Since(d.Created) > s.config.Webhooks.GiveUp:
		s.finish(d, DeliveryExpired)
		s.log.Warn("webhook given up", "delivery", d.ID, "attempts", d.Attempts, "status", status)
		return 0, true
	}
	if d.Attempts == 1 {
		s.log.Warn("webhook not accepted, retrying", "delivery", d.ID, "status", status, "error", d.LastError)
	}
	limit := s.config.Webhooks.MaxRetry
	pause = s.config.Webhooks.FirstRetry << min(d.Attempts-1, 20)
	if pause <= 0 || pause > limit {
		pause = limit
	}
	return pause, false
}

func (s *Server) finish(d *delivery, state string) {
	delete(s.state.Pending, d.ID)
	s.state.Finished[state]++
	s.recent = append(s.recent, d.report(state))
	if len(s.recent) > recentDeliveries {
		s.recent = append([]DeliveryReport(nil), s.recent[len(s.recent)-recentDeliveries/2:]...)
	}
}

// failureKind names a failure without the address, which may hold a secret.
func failureKind(err error) string {
	var failure *url.Error
	if errors.As(err, &failure) {
		if failure.Timeout() {
			return "timeout"
		}
		return failure.Err.Error()
	}
	return err.Error()
}

// handshake asks a receiver to prove that it knows the verify token.
func (s *Server) handshake(ctx context.Context, target callback) error {
	address, err := url.Parse(target.URL)
	if err != nil {
		return errors.New("not a URL")
	}
	challenge := fmt.Sprint(1e9 + time.Now().UnixNano()%1e9)
	query := address.Query()
	query.Set("hub.mode", "subscribe")
	query.Set("hub.challenge", challenge)
	query.Set("hub.verify_token", target.VerifyToken)
	address.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, s.config.Webhooks.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return errors.New("not a URL")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return errors.New(failureKind(err))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	err = errors.Join(err, response.Body.Close())
	switch {
	case err != nil:
		return errors.New(failureKind(err))
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d instead of 200", response.StatusCode)
	case strings.TrimSpace(string(body)) != challenge:
		return errors.New("the body is not the challenge")
	}
	return nil
}
