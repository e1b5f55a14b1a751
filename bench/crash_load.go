package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// How much people write, in messages a second all together.
const (
	customersWrite = 6
	agentsTurns    = 2 // of one to three replies
	agentsAtWork   = 6
)

// crashSet is a set of texts that several may add to.
type crashSet struct {
	mu  *sync.Mutex
	all map[string]bool
}

func newCrashSet() crashSet { return crashSet{&sync.Mutex{}, map[string]bool{}} }

func (s crashSet) add(more ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range more {
		s.all[one] = true
	}
}

func (s crashSet) has(one string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[one]
}

func (s crashSet) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// crashLoad is the people: customers who write and agents who answer.
type crashLoad struct {
	site     *crashSite
	phones   []string // of the conversations in which people write
	sleeping []string // of those that are snoozed
	awake    []string // conversation ids
	asleep   []string
	said     crashSet // provider ids of what customers wrote
	replies  crashSet // client ids of what agents wrote and the API has acknowledged
	refused  atomic.Int64
	repeated atomic.Int64 // requests that had no answer, or a bad one, and were repeated
	counter  atomic.Int64 // makes every text unique
	accepted crashSet     // message ids that the provider has taken
}

func newCrashLoad(s *crashSite) *crashLoad {
	l := &crashLoad{site: s, said: newCrashSet(), replies: newCrashSet(), accepted: newCrashSet()}
	for i := range s.options.conversations + s.options.sleepers {
		phone := fmt.Sprintf("3361%07d", i)
		if i < s.options.conversations {
			l.phones = append(l.phones, phone)
		} else {
			l.sleeping = append(l.sleeping, phone)
		}
	}
	return l
}

// write lets a customer write. The simulator posts it until it is acknowledged.
func (l *crashLoad) write(ctx context.Context, phone string) error {
	m, err := l.site.sim.Say(ctx, phone, fmt.Sprintf("Message %d", l.counter.Add(1)))
	if err == nil {
		l.said.add(m.ID)
	}
	return err
}

// run lets people write until the context ends. Replies that were begun are finished.
func (l *crashLoad) run(ctx context.Context) error {
	var people sync.WaitGroup
	errs := make([]error, 1+agentsAtWork)
	people.Go(func() { errs[0] = l.customers(ctx) })
	for i := range agentsAtWork {
		people.Go(func() { errs[1+i] = l.agent(ctx) })
	}
	people.Wait()
	return errors.Join(errs...)
}

func (l *crashLoad) customers(ctx context.Context) error {
	for crashPause(ctx, time.Second/customersWrite) {
		if err := l.write(context.WithoutCancel(ctx), l.phones[rand.IntN(len(l.phones))]); err != nil {
			return err
		}
	}
	return nil
}

// agent answers in one conversation after the other.
func (l *crashLoad) agent(ctx context.Context) error {
	for crashPause(ctx, rand.N(2*time.Second*agentsAtWork/agentsTurns)) {
		id := l.awake[rand.IntN(len(l.awake))]
		for range 1 + rand.IntN(3) {
			if err := l.reply(context.WithoutCancel(ctx), id); err != nil {
				return err
			}
		}
	}
	return nil
}

// reply writes one reply, again with the same client id until the API says yes or no.
func (l *crashLoad) reply(ctx context.Context, id string) error {
	clientID, path := uuid.NewString(), "/api/v1/conversations/"+id+"/messages"
	status, err := l.insist(ctx, path, map[string]any{"client_id": clientID, "text": fmt.Sprintf("Reply %d", l.counter.Add(1))})
	switch {
	case err != nil:
		return err
	case status == http.StatusCreated:
		l.replies.add(clientID)
	default:
		l.refused.Add(1)
	}
	return nil
}

// insist posts until there is an answer that is no failure of the server's.
func (l *crashLoad) insist(ctx context.Context, path string, body any) (status int, err error) {
	answered, err := crashWait(ctx, time.Minute, func(ctx context.Context) (bool, error) {
		if status, err = l.site.call(ctx, http.MethodPost, path, body, nil); err != nil || status >= 500 {
			l.repeated.Add(1)
			return false, err
		}
		return true, nil
	})
	if err == nil && !answered {
		err = fmt.Errorf("%s: status %d for a minute", path, status)
	}
	return status, err
}

// snooze snoozes the conversations that nobody writes in.
func (l *crashLoad) snooze(ctx context.Context, until time.Time) error {
	var people sync.WaitGroup
	errs := make([]error, agentsAtWork)
	for i := range agentsAtWork {
		people.Go(func() {
			for at := i; at < len(l.asleep) && errs[i] == nil; at += agentsAtWork {
				var status int
				status, errs[i] = l.insist(ctx, "/api/v1/conversations/"+l.asleep[at]+"/snooze", map[string]any{"until": until})
				if errs[i] == nil && status != http.StatusOK {
					errs[i] = fmt.Errorf("snooze: status %d", status)
				}
			}
		})
	}
	people.Wait()
	return errors.Join(errs...)
}

// populate lets every customer write once, and finds the conversations.
func (s *crashSite) populate(ctx context.Context) error {
	l := s.load
	for _, phone := range append(append([]string{}, l.phones...), l.sleeping...) {
		if err := l.write(ctx, phone); err != nil {
			return err
		}
	}
	want := len(l.phones) + len(l.sleeping)
	there, err := crashWait(ctx, 3*time.Minute, func(ctx context.Context) (bool, error) {
		found, err := s.numbers(ctx, "SELECT count(*) FROM conversations", "SELECT count(*) FROM conversations WHERE applied_seq < wake_seq")
		return err == nil && found[0] == want && found[1] == 0, err
	})
	if err != nil || !there {
		return errors.Join(errors.New("the first messages do not come in"), err)
	}
	for _, one := range []struct {
		op string
		to *[]string
	}{{"<", &l.awake}, {">=", &l.asleep}} {
		*one.to, err = s.texts(ctx, `SELECT v.id::text FROM conversations v JOIN contacts c ON c.id = v.contact_id WHERE c.phone `+one.op+` $1`, "+"+l.sleeping[0])
		if err != nil {
			return err
		}
	}
	return s.say("populated", map[string]any{"conversations": len(l.awake), "sleepers": len(l.asleep)})
}

// call makes one request to the API.
func (s *crashSite) call(ctx context.Context, method, path string, in, out any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, body)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+crashToken)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return 0, err
	}
	if out != nil && response.StatusCode < 300 {
		return response.StatusCode, json.Unmarshal(text, out)
	}
	return response.StatusCode, nil
}
