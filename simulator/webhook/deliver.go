package webhook

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

// maxAnswer bounds how much of an answer is read.
const maxAnswer = 1 << 20

// Sign returns the lowercase hex HMAC-SHA256 of the raw body under the app secret,
// which the signature header carries behind "sha256=".
func Sign(appSecret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// start delivers in the background, unless the delivery is held or the queue is
// closed: then it stays owed.
func (q *Queue) start(d *Delivery) {
	d.tried = make(chan struct{})
	if q.closed || d.Held {
		return
	}
	q.work.Go(func() {
		q.deliver(d)
		d.attempted()
	})
}

func (d *Delivery) attempted() {
	select {
	case <-d.tried:
	default:
		close(d.tried)
	}
}

// deliver posts until the receiver answers 200, time is up or the queue closes.
func (q *Queue) deliver(d *Delivery) {
	if d.After != nil && !q.wait(d.After.tried, 0) {
		return
	}
	if pause := time.Until(d.NotBefore); pause > 0 && !q.wait(nil, pause) {
		return
	}
	for {
		address, changed := q.resolve(d)
		if address == "" {
			if !q.wait(changed, 0) {
				return
			}
			continue
		}
		select {
		case q.slots <- struct{}{}:
		case <-q.stop.Done():
			return
		}
		status, err := q.post(address, d.Body)
		<-q.slots
		d.attempted()
		pause, done := q.settle(d, status, err)
		if done || !q.wait(changed, pause) {
			return
		}
	}
}

// wait waits for a signal or, if a time is given, no longer than that. It returns
// false if the queue closes.
func (q *Queue) wait(signal <-chan struct{}, limit time.Duration) bool {
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
	case <-q.stop.Done():
		return false
	}
}

// resolve is where a delivery goes now. The channel is closed when that changes.
func (q *Queue) resolve(d *Delivery) (address string, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range d.Route {
		if target, ok := q.stored.Targets[name]; ok {
			return target.URL, q.changed
		}
	}
	return q.stored.Targets[""].URL, q.changed
}

// post makes one attempt and returns the HTTP status, 0 without an answer.
func (q *Queue) post(address string, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(q.posting, q.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "facebookexternalua")
	request.Header.Set("X-Hub-Signature-256", "sha256="+Sign(q.config.Secret, body))
	response, err := q.client.Do(request)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)); err != nil {
		q.config.Logger.Debug("webhook answer not read", "error", err)
	}
	return response.StatusCode, response.Body.Close()
}

// settle records an attempt. Only the status 200 ends a delivery; otherwise it
// returns the pause before the next attempt.
func (q *Queue) settle(d *Delivery, status int, err error) (pause time.Duration, done bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	d.Attempts++
	d.LastStatus, d.LastError = status, ""
	if err != nil && status == 0 {
		d.LastError = kind(err)
	}
	switch {
	case status == http.StatusOK:
		q.finish(d, Delivered)
		return 0, true
	case time.Since(d.Created) > q.config.GiveUp:
		q.finish(d, Expired)
		q.config.Logger.Warn("webhook given up", "delivery", d.ID, "attempts", d.Attempts, "status", status)
		return 0, true
	}
	if d.Attempts == 1 {
		q.config.Logger.Warn("webhook not accepted, retrying", "delivery", d.ID, "status", status, "error", d.LastError)
	}
	pause = q.config.FirstRetry << min(d.Attempts-1, 20)
	if pause <= 0 || pause > q.config.MaxRetry {
		pause = q.config.MaxRetry
	}
	return pause, false
}

func (q *Queue) finish(d *Delivery, state string) {
	delete(q.stored.Owed, d.ID)
	q.stored.Finished[state]++
	q.recent = append(q.recent, d.report(state))
	if len(q.recent) > keptReports {
		q.recent = append([]Report(nil), q.recent[len(q.recent)-keptReports/2:]...)
	}
}

// kind names a failure without the address, which may hold a secret.
func kind(err error) string {
	var failure *url.Error
	if errors.As(err, &failure) {
		if failure.Timeout() {
			return "timeout"
		}
		return failure.Err.Error()
	}
	return err.Error()
}

// Handshake asks a receiver to prove that it knows the verify token.
func (q *Queue) Handshake(ctx context.Context, target Target) error {
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
	ctx, cancel := context.WithTimeout(ctx, q.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return errors.New("not a URL")
	}
	response, err := q.client.Do(request)
	if err != nil {
		return errors.New(kind(err))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	err = errors.Join(err, response.Body.Close())
	switch {
	case err != nil:
		return errors.New(kind(err))
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d instead of 200", response.StatusCode)
	case strings.TrimSpace(string(body)) != challenge:
		return errors.New("the body is not the challenge")
	}
	return nil
}
