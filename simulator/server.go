package simulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"guichet.dev/guichet/simulator/webhook"
)

// Server is one simulated app of the Cloud API with its numbers and customers.
// Its methods are safe for concurrent use.
type Server struct {
	config  Config
	log     *slog.Logger
	handler http.Handler
	queue   *webhook.Queue
	mailbox *mailbox

	stop   context.Context // ends loops and waits
	halt   context.CancelFunc
	wake   chan struct{} // the scheduler has something to do
	work   sync.WaitGroup
	closed sync.Once

	mu        sync.Mutex // guards everything below
	state     *state
	customers map[string]*Customer
	messages  map[string]*message
	opaque    map[string]*message
	pairs     map[string]*rate.Limiter
	rates     map[string]*rate.Limiter
	buffers   map[string]*buffer // of webhook faults, by fault id
	random    *rand.Rand
	listener  net.Listener
	closing   bool
	dirty     bool
	arrivals  int64
}

// grace is how long a stop waits for requests and POSTs in flight. It is longer than the 5 s for which net/http takes a
// connection for busy on which no request has come yet.
const grace = 7 * time.Second

// New returns a simulator with its state loaded from the data file, if there is
// one. Its deliveries run from now on; Run or Close must be called to end them.
func New(config Config) (*Server, error) {
	config.setDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	seed := config.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	s := &Server{
		config: config, log: config.Logger, state: newState(),
		wake:      make(chan struct{}, 1),
		customers: map[string]*Customer{}, messages: map[string]*message{}, opaque: map[string]*message{},
		pairs: map[string]*rate.Limiter{}, rates: map[string]*rate.Limiter{}, buffers: map[string]*buffer{},
		random: rand.New(rand.NewPCG(seed, seed)),
	}
	s.mailbox = newMailbox(s)
	if err := s.load(); err != nil {
		return nil, err
	}
	schedule := config.Webhooks
	schedule.Secret, schedule.Logger = config.AppSecret, config.Logger
	queue, err := webhook.New(schedule, s.state.Webhooks)
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	s.queue = queue
	if config.CallbackURL != "" {
		queue.SetTarget("", webhook.Target{URL: config.CallbackURL, VerifyToken: config.VerifyToken})
	}
	s.stop, s.halt = context.WithCancel(context.Background())
	s.handler = s.routes()
	s.work.Go(s.schedule)
	if config.DataFile != "" {
		s.work.Go(s.saveLoop)
	}
	return s, nil
}

// Handler serves the Cloud API and the control API.
func (s *Server) Handler() http.Handler { return s.handler }

// Listen opens the listen address, so that URL is final before Run serves.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", s.config.Addr)
	if err != nil {
		return fmt.Errorf("simulator: listen: %w", err)
	}
	if err := s.mailbox.listen(s.config.MailAddr); err != nil {
		return errors.Join(err, listener.Close())
	}
	s.listener = listener
	return nil
}

// URL is the base address of both APIs, without a slash at the end.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url()
}

func (s *Server) url() string {
	switch {
	case s.config.BaseURL != "":
		return s.config.BaseURL
	case s.listener != nil:
		return "http://" + s.listener.Addr().String()
	}
	return "http://" + s.config.Addr
}

// Run listens and serves until the context ends, then lets requests and
// deliveries in flight finish, and saves the state.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return errors.Join(err, s.Close())
	}
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	mailed := make(chan error, 1)
	go func() { mailed <- s.mailbox.serve() }()
	s.log.Info("simulator listening", "url", s.URL())
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-served:
		failure = fmt.Errorf("simulator: serve: %w", failure)
	case failure = <-mailed:
		mailed <- failure
	}
	s.halt() // ends answers that a fault holds back
	timeout, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(timeout); err != nil {
		failure = errors.Join(failure, fmt.Errorf("simulator: stop: %w", err), server.Close())
	}
	failure = errors.Join(failure, s.Close())
	if err := <-mailed; err != nil && failure == nil {
		failure = err
	}
	return failure
}

// Close ends all deliveries and saves the state. What was not delivered is
// delivered after the next start, if there is a data file.
func (s *Server) Close() error {
	var err error
	s.closed.Do(func() {
		s.mu.Lock()
		s.flushAll()
		s.closing = true
		listener := s.listener
		s.mu.Unlock()
		s.halt()
		err = s.mailbox.close()
		s.work.Wait()
		s.queue.Close(grace)
		s.change()()
		if listener != nil {
			if closeErr := listener.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
				err = errors.Join(err, fmt.Errorf("simulator: close listener: %w", closeErr))
			}
		}
		err = errors.Join(err, s.save())
	})
	return err
}
