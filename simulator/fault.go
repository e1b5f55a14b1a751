package simulator

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"guichet.dev/guichet/simulator/cloudapi"
)

// Actions of faults on API requests.
const (
	ActionLatency     = "latency"      // answer after Delay
	ActionStatus      = "status"       // answer with the HTTP status and nothing done
	ActionClose       = "close"        // close the connection, nothing done
	ActionHang        = "hang"         // do it, do not answer, close after Delay (0: when the client leaves)
	ActionAcceptClose = "accept_close" // do it, close the connection without an answer
	ActionLate        = "late"         // do it, answer after Delay
	ActionError       = "error"        // answer with the error code
	ActionFail        = "fail"         // accept the message, then report `failed` with the code
	ActionExpired     = "expired"      // answer 190, token expired
)

// Actions of faults on webhooks.
const (
	ActionDrop       = "drop"       // hold back until a release
	ActionDuplicate  = "duplicate"  // send Copies more
	ActionReorder    = "reorder"    // gather Size updates or for Window, send in another order
	ActionDelay      = "delay"      // send after Delay
	ActionBatch      = "batch"      // gather Size updates or for Window, send in one POST
	ActionConcurrent = "concurrent" // gather Size updates or for Window, send at the same moment
)

// Actions of faults on mails.
const (
	ActionRefuse    = "refuse"    // 550 to the recipient, for good
	ActionTemporary = "temporary" // 451 to the recipient, for now
	ActionSlow      = "slow"      // take the mail after Delay
)

// KindRead is a read mark or typing indicator, for faults; KindAny is every
// API request. The webhook kinds match updates. KindMails is a mail to the
// mailbox, whose recipient To names.
const (
	KindRead             = "read"
	KindAny              = "any"
	KindWebhooks         = "webhooks"
	KindWebhooksMessages = "webhooks.messages"
	KindWebhooksStatuses = "webhooks.statuses"
	KindWebhooksOther    = "webhooks.other"
	KindMails            = "mails"
)

var (
	apiKinds       = []string{KindAny, KindMessages, KindRead, KindMedia, KindDownload, KindNumber, KindTemplates, KindSubscribed, KindBlockUsers}
	webhookKinds   = []string{KindWebhooks, KindWebhooksMessages, KindWebhooksStatuses, KindWebhooksOther}
	apiActions     = []string{ActionLatency, ActionStatus, ActionClose, ActionHang, ActionAcceptClose, ActionLate, ActionError, ActionFail, ActionExpired}
	mailActions    = []string{ActionRefuse, ActionTemporary, ActionSlow}
	webhookActions = []string{ActionDrop, ActionDuplicate, ActionReorder, ActionDelay, ActionBatch, ActionConcurrent}
)

// Fault makes the simulator misbehave on requests or webhooks that match. Faults
// are tried in the order in which they were made; the first match acts.
type Fault struct {
	ID          string   `json:"id"`                    // given by the simulator
	On          string   `json:"on"`                    // a Kind constant
	Method      string   `json:"method,omitempty"`      // HTTP method; any
	To          string   `json:"to,omitempty"`          // customer's phone or user id, a mail's recipient; any
	Number      string   `json:"number,omitempty"`      // phone number id; any
	Skip        int      `json:"skip,omitempty"`        // matches to let pass first
	Count       int      `json:"count,omitempty"`       // matches to act on; 0: until cleared
	Probability float64  `json:"probability,omitempty"` // 0 or 1: always
	Action      string   `json:"action"`                // an Action constant
	Code        int      `json:"code,omitempty"`        // of error and fail
	Status      int      `json:"status,omitempty"`      // of status; 500
	Delay       Duration `json:"delay,omitempty"`       // of latency, late, hang, delay and slow
	Copies      int      `json:"copies,omitempty"`      // of duplicate; 1
	Size        int      `json:"size,omitempty"`        // of batch, reorder and concurrent; 10
	Window      Duration `json:"window,omitempty"`      // of batch, reorder and concurrent; 200ms
	Seen        int      `json:"seen"`                  // matches so far
	Used        int      `json:"used"`                  // of them acted on
}

// check fills in defaults and reports the first wrong field.
func (f *Fault) check() error {
	allowed := apiActions
	if slices.Contains(webhookKinds, f.On) {
		allowed = webhookActions
	} else if f.On == KindMails {
		allowed = mailActions
	} else if !slices.Contains(apiKinds, f.On) {
		return &ControlError{Field: "on", Message: "unknown kind", Allowed: slices.Concat(apiKinds, webhookKinds, []string{KindMails})}
	}
	orDefault(&f.Size, 10)
	orDefault(&f.Window, Duration(200*time.Millisecond))
	orDefault(&f.Copies, 1)
	orDefault(&f.Status, 500)
	needsCode := f.Action == ActionError || f.Action == ActionFail
	needsDelay := slices.Contains([]string{ActionLatency, ActionLate, ActionDelay, ActionSlow}, f.Action)
	switch {
	case !slices.Contains(allowed, f.Action):
		return &ControlError{Field: "action", Message: "unknown for this kind", Allowed: allowed}
	case f.Action == ActionFail && f.On != KindMessages:
		return &ControlError{Field: "on", Message: "only messages can fail later", Allowed: []string{KindMessages}}
	case needsCode && !cloudapi.Known(f.Code):
		return &ControlError{Field: "code", Message: "must be an error code of the Cloud API"}
	case needsDelay && f.Delay <= 0, f.Delay < 0, f.Window < 0:
		return &ControlError{Field: "delay", Message: "must be a positive duration such as 250ms"}
	case f.Status < 400 || f.Status > 599:
		return &ControlError{Field: "status", Message: "must be 400 to 599"}
	case f.Probability < 0 || f.Probability > 1:
		return &ControlError{Field: "probability", Message: "must be 0 to 1"}
	case f.Skip < 0 || f.Count < 0 || f.Size < 1 || f.Size > 1000 || f.Copies < 1 || f.Copies > 100:
		return &ControlError{Field: "count", Message: "skip and count cannot be negative; size is 1 to 1000, copies 1 to 100"}
	}
	return nil
}

// take reports whether the fault acts on a match, and counts it.
func (s *Server) take(f *Fault) bool {
	if f.Count > 0 && f.Used >= f.Count {
		return false
	}
	f.Seen++
	if f.Seen <= f.Skip || (f.Probability > 0 && s.random.Float64() >= f.Probability) {
		return false
	}
	f.Used++
	return true
}

// concerns reports whether a fault is about a customer, named by any address.
func (s *Server) concerns(f *Fault, c *Customer, address string) bool {
	if f.To == "" {
		return true
	}
	if digits := cloudapi.Digits(address); digits != "" {
		address = digits
	}
	wanted := f.To
	if digits := cloudapi.Digits(wanted); digits != "" {
		wanted = digits
	}
	return wanted == address || (c != nil && s.find(f.To) == c)
}

// apiFault returns a copy of the fault that acts on a request, or nil.
func (s *Server) apiFault(c *call) *Fault {
	kind, address := c.kind, ""
	if kind == KindMessages {
		var body struct {
			To        string          `json:"to"`
			Recipient string          `json:"recipient"`
			Status    json.RawMessage `json:"status"`
		}
		if json.Unmarshal(c.body, &body) == nil { // a bad body is refused later; it has no recipient
			address = body.To + body.Recipient
			if len(body.Status) > 0 {
				kind = KindRead
			}
		}
	}
	defer s.change()()
	for _, f := range s.state.Faults {
		if (f.On == KindAny || f.On == kind) && (f.Method == "" || strings.EqualFold(f.Method, c.request.Method)) &&
			(f.Number == "" || f.Number == c.node) && s.concerns(f, s.find(address), address) && s.take(f) {
			acting := *f
			return &acting
		}
	}
	return nil
}

// webhookFault returns the fault that acts on an update, or nil.
func (s *Server) webhookFault(u *update) *Fault {
	for _, f := range s.state.Faults {
		if (f.On == KindWebhooks || f.On == KindWebhooks+"."+u.kind) && (f.Number == "" || f.Number == u.number.ID) &&
			s.concerns(f, u.customer, "") && s.take(f) {
			return f
		}
	}
	return nil
}
