package simulator

import (
	"encoding/json"
	"net/http"

	"guichet.dev/guichet/simulator/cloudapi"
)

// done is the answer of a control request that has nothing to tell.
var done = map[string]any{"success": true}

// controlTable lists the control API.
func (s *Server) controlTable() []controlRoute {
	return append([]controlRoute{
		{"POST /control/customers", "add or change a customer; fields left out keep their value", json.RawMessage(`{"phone":"33612345678","name":"Anna","auto_read":true,"read_after":"2s"}`), s.controlPutCustomer},
		{"GET /control/customers", "all customers", nil, s.controlCustomers},
		{"GET /control/customers/{phone}", "one customer, by phone, WhatsApp id or user id", nil, s.onCustomer(func(c *Customer, _ target) (any, error) { return *c, nil })},
		{"POST /control/customers/{phone}/send", "send any message from the customer's phone", json.RawMessage(`{"type":"text","text":"Bonjour"}`), s.controlSend},
		{"GET /control/customers/{phone}/messages", "what the phone has received, in order of arrival; ?all=true: both directions, also what has not arrived; ?number=", nil, s.controlMessages},
		{"POST /control/customers/{phone}/read", "read one message or all that have arrived", json.RawMessage(`{"message_id":"wamid.…"}`), s.onCustomer(func(c *Customer, t target) (any, error) { return s.controlRead(c, t, StatusRead) })},
		{"POST /control/customers/{phone}/played", "listen to one voice message or all", json.RawMessage(`{}`), s.onCustomer(func(c *Customer, t target) (any, error) { return s.controlRead(c, t, StatusPlayed) })},
		{"POST /control/customers/{phone}/block", "block the business: sends stay at sent, or fail with result fail", json.RawMessage(`{"result":"silent"}`), s.onCustomer(s.controlBlock)},
		{"POST /control/customers/{phone}/unblock", "let the business write again", nil, s.onCustomer(s.controlUnblock)},
		{"POST /control/customers/{phone}/change-number", "move to another phone; the user id changes too", json.RawMessage(`{"phone":"33687654321"}`), s.onCustomer(func(c *Customer, t target) (any, error) { return s.outcome(c, s.changeNumber(c, t.Phone)) })},
		{"POST /control/customers/{phone}/change-user-id", "get another business-scoped user id", json.RawMessage(`{"user_id":"FR.12345678901234567"}`), s.onCustomer(func(c *Customer, t target) (any, error) { return s.outcome(c, s.changeUserID(c, t.UserID)) })},
		{"POST /control/customers/{phone}/marketing", "stop, resume or signup", json.RawMessage(`{"value":"stop"}`), s.onCustomer(func(c *Customer, t target) (any, error) { return s.outcome(c, s.preferMarketing(c, t.Value)) })},
		{"POST /control/customers/{phone}/call", "call the business: connect or terminate", json.RawMessage(`{"event":"connect"}`), s.onCustomer(s.controlCall)},
		{"POST /control/customers/{phone}/echo", "a text typed to the customer in the WhatsApp Business app", json.RawMessage(`{"text":"On my way"}`), s.controlEcho},
	}, append(s.serviceTable(), s.mailbox.table()...)...)
}

// target is the body of the smaller customer actions.
type target struct {
	Number    string `json:"number"`
	MessageID string `json:"message_id"`
	Result    string `json:"result"`
	Phone     string `json:"phone"`
	UserID    string `json:"user_id"`
	Value     string `json:"value"`
	Event     string `json:"event"`
	ID        string `json:"id"`
}

// onCustomer wraps an action on the customer of the path, with the state locked.
func (s *Server) onCustomer(act func(*Customer, target) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		t, err := decode[target](r)
		if err != nil {
			return nil, err
		}
		defer s.change()()
		c, err := s.mustFind(r.PathValue("phone"))
		if err != nil {
			return nil, err
		}
		return act(c, t)
	}
}

// outcome is a customer after an action, or the action's error.
func (s *Server) outcome(c *Customer, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return *c, nil
}

func (s *Server) controlPutCustomer(r *http.Request) (any, error) {
	patch, err := decode[json.RawMessage](r)
	if err != nil {
		return nil, err
	}
	return s.putCustomer(patch)
}

func (s *Server) controlCustomers(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Customer, 0, len(s.state.Customers))
	for _, c := range s.state.Customers {
		list = append(list, *c)
	}
	return map[string]any{"customers": list}, nil
}

func (s *Server) controlSend(r *http.Request) (any, error) {
	out, err := decode[Outgoing](r)
	if err != nil {
		return nil, err
	}
	return s.fromCustomer(r.PathValue("phone"), out)
}

func (s *Server) controlEcho(r *http.Request) (any, error) {
	out, err := decode[Outgoing](r)
	if err != nil {
		return nil, err
	}
	n, err := s.pick(out.Number)
	if err != nil {
		return nil, err
	}
	defer s.change()()
	c, err := s.mustFind(r.PathValue("phone"))
	if err != nil {
		return nil, err
	}
	return s.echo(c, n, out)
}

func (s *Server) controlRead(c *Customer, t target, status string) (any, error) {
	count, err := s.readMessages(c, t.MessageID, status)
	return map[string]any{"count": count}, err
}

func (s *Server) controlBlock(c *Customer, t target) (any, error) {
	switch t.Result {
	case "":
		t.Result = BlockSilent
	case BlockSilent, BlockFail:
	default:
		return nil, &ControlError{Field: "result", Message: "unknown", Allowed: []string{BlockFail, BlockSilent}}
	}
	return s.block(c, t)
}

func (s *Server) controlUnblock(c *Customer, t target) (any, error) {
	t.Result = ""
	return s.block(c, t)
}

// block sets what becomes of sends of one number, or of all.
func (s *Server) block(c *Customer, t target) (any, error) {
	if t.Number != "" {
		if _, err := s.pick(t.Number); err != nil {
			return nil, err
		}
	}
	for _, n := range s.config.Numbers {
		if t.Number == "" || t.Number == n.ID {
			s.state.thread(n.ID, c.Key).Blocked = t.Result
		}
	}
	return done, nil
}

func (s *Server) controlCall(c *Customer, t target) (any, error) {
	n, err := s.pick(t.Number)
	if err != nil {
		return nil, err
	}
	id, err := s.call(c, n, t.Event, t.ID)
	return map[string]any{"id": id}, err
}

func (s *Server) controlMessages(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.mustFind(r.PathValue("phone"))
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	return map[string]any{"messages": s.phone(c, query.Get("number"), query.Get("all") == "true"), "typing": s.typing(c)}, nil
}

// putTemplate adds a template or replaces the one with its name and language.
func (s *Server) putTemplate(t cloudapi.Template) (*cloudapi.Template, error) {
	if field, allowed := t.Check(); field != "" {
		return nil, &ControlError{Field: field, Message: "must be " + allowed}
	}
	defer s.change()()
	if known := s.template(t.Name, t.Language); known != nil {
		t.ID = known.ID
		*known = t
		return &t, nil
	}
	t.ID = s.newMediaID()
	stored := t
	s.state.Templates = append(s.state.Templates, &stored)
	return &t, nil
}
