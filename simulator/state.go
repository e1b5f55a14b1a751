package simulator

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"guichet.dev/guichet/simulator/cloudapi"
)

// Customer is a person with a phone. Its times and flags decide what becomes of
// the messages it is sent.
type Customer struct {
	Phone             string   `json:"phone"`              // digits
	WAID              string   `json:"wa_id,omitempty"`    // if it differs from the phone
	UserID            string   `json:"user_id,omitempty"`  // business-scoped user id; made up if empty
	Name              string   `json:"name,omitempty"`     // of the profile
	Username          string   `json:"username,omitempty"` // with or without @
	HidesNumber       bool     `json:"hides_number"`       // webhooks carry the user id only
	Unreachable       bool     `json:"unreachable"`        // not on WhatsApp: sends fail with 131026
	Offline           bool     `json:"offline"`            // sends stay at sent until back
	InChat            bool     `json:"in_chat"`            // reads at once: read comes without delivered
	AutoRead          bool     `json:"auto_read"`          // reads everything after a time
	DeliveredAfter    Duration `json:"delivered_after"`    // 0: Delays.Delivered
	ReadAfter         Duration `json:"read_after"`         // 0: Delays.Read
	MarketingStopped  bool     `json:"marketing_stopped"`  // marketing templates fail with 131050
	MarketingWithheld bool     `json:"marketing_withheld"` // marketing templates fail with 131049
	Key               string   `json:"key,omitempty"`      // the simulator's own id
	Changes           []string `json:"changes,omitempty"`  // earlier phones and user ids
}

func (c *Customer) waID() string { return cmp.Or(c.WAID, c.Phone) }

// thread is what one business number and one customer have between them.
type thread struct {
	LastInbound time.Time // of the last message that opens the window
	Entry       time.Time // of the ad or post through which the customer came
	FreeUntil   time.Time // end of the free entry point
	Blocked     string    // "": not; BlockSilent or BlockFail: by the customer
	Barred      bool      // by the business
	TypingUntil time.Time // the business shows that it is typing

	messages []*message
}

// message is one item of a thread, in the order of acceptance.
type message struct {
	Seq       int64
	ID        string
	Number    string
	Customer  string // key
	Origin    string // OriginBusiness, OriginCustomer, OriginApp
	Type      string
	Content   json.RawMessage
	Text      string
	ReplyTo   string
	Opaque    string
	ByUserID  bool   // addressed by the business-scoped user id
	Category  string // for prices: of the template, or service
	Price     string // pricing type, fixed when sent
	At        time.Time
	Status    string
	FailCode  int
	Details   string
	Priced    bool  // the price went out with delivered or read already
	Arrival   int64 // order of arrival on the phone; 0: has not arrived
	Deleted   bool
	Edited    bool
	Reactions map[string]string // by origin
}

// Origins of a message.
const (
	OriginBusiness = "business"  // sent through the Cloud API
	OriginCustomer = "customer"  // sent from the customer's phone
	OriginApp      = "phone_app" // typed in the WhatsApp Business app
)

// task is a change of state that is due at a time of the simulator's clock.
type task struct {
	Due     time.Time
	Seq     int64
	Message string
	Status  string
}

type media struct {
	ID       string
	Type     string
	SHA256   string // hex
	Size     int64
	Number   string
	Uploaded time.Time
	Lifetime Duration
	Data     []byte `json:"-"` // kept beside the data file
}

// state is everything that survives a restart.
type state struct {
	Seq          int64
	Offset       Duration
	Webhooks     json.RawMessage // the queue's snapshot
	Unsubscribed map[string]bool // by WABA
	Customers    []*Customer
	Threads      map[string]*thread
	Messages     []*message
	Templates    []*cloudapi.Template
	Media        map[string]*media
	Tasks        []*task
	Unheard      int64 // updates that nobody was subscribed to
	Faults       []*Fault
	Service      map[string]int // service messages by number and month
}

func newState() *state {
	return &state{
		Unsubscribed: map[string]bool{}, Threads: map[string]*thread{},
		Media: map[string]*media{}, Service: map[string]int{},
	}
}

func (st *state) next() int64 { st.Seq++; return st.Seq }

func (st *state) thread(number, customer string) *thread {
	key := number + "/" + customer
	t := st.Threads[key]
	if t == nil {
		t = &thread{}
		st.Threads[key] = t
	}
	return t
}

// find returns the customer with a phone, WhatsApp id, user id or key, or nil.
func (s *Server) find(address string) *Customer {
	if digits := cloudapi.Digits(address); digits != "" {
		address = digits
	}
	return s.customers[address]
}

// indexCustomer makes a customer findable by every address it has now.
func (s *Server) indexCustomer(c *Customer) {
	for _, address := range []string{c.Phone, c.WAID, c.UserID, c.Key} {
		if address != "" {
			s.customers[address] = c
		}
	}
}

func (s *Server) dropCustomerIndex(c *Customer) {
	for _, address := range []string{c.Phone, c.WAID, c.UserID} {
		if s.customers[address] == c {
			delete(s.customers, address)
		}
	}
}

// newCustomer adds a person with a phone who is on WhatsApp.
func (s *Server) newCustomer(phone string) *Customer {
	c := &Customer{Phone: phone, Key: "c" + formatInt(s.state.next()), UserID: s.newUserID(phone)}
	s.state.Customers = append(s.state.Customers, c)
	s.indexCustomer(c)
	return c
}

// add records a message at the end of its thread.
func (s *Server) add(m *message) {
	m.Seq = s.state.next()
	s.state.Messages = append(s.state.Messages, m)
	s.indexMessage(m)
}

func (s *Server) indexMessage(m *message) {
	s.messages[m.ID] = m
	if m.Opaque != "" {
		s.opaque[m.Opaque] = m
	}
	t := s.state.thread(m.Number, m.Customer)
	t.messages = append(t.messages, m)
}

// message returns a message by the provider's id or by the sender's own id.
func (s *Server) message(id string) *message {
	if m := s.messages[id]; m != nil {
		return m
	}
	return s.opaque[id]
}

func (s *Server) number(id string) *Number {
	i := slices.IndexFunc(s.config.Numbers, func(n Number) bool { return n.ID == id })
	if i < 0 {
		return nil
	}
	return &s.config.Numbers[i]
}
