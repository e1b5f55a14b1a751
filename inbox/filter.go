package inbox

import (
	"encoding/json"
	"slices"
	"time"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// View is a named selection of conversations.
type View string

// The views.
const (
	ViewUnassigned View = "unassigned" // open, nobody's
	ViewMine       View = "mine"       // open, the caller's: agents only
	ViewWaiting    View = "waiting"    // open, the customer waits for an answer
	ViewOpen       View = "open"
	ViewSnoozed    View = "snoozed"
	ViewDone       View = "done"
	ViewAll        View = "all"
)

// Views lists all views in their usual order.
func Views() []View {
	return []View{ViewUnassigned, ViewMine, ViewWaiting, ViewOpen, ViewSnoozed, ViewDone, ViewAll}
}

// Sort is an order of conversations.
type Sort string

// The orders. Those that a special order says nothing of follow by their newest activity.
const (
	SortNewest   Sort = "newest"   // activity
	SortWaiting  Sort = "waiting"  // longest first
	SortWindow   Sort = "window"   // closing soonest first
	SortPriority Sort = "priority" // urgent first
)

// Sorts lists all orders.
func Sorts() []Sort { return []Sort{SortNewest, SortWaiting, SortWindow, SortPriority} }

// WindowState is how a conversation's 24-hour window stands.
type WindowState string

// The states of a window.
const (
	WindowOpen    WindowState = "open"
	WindowClosing WindowState = "closing" // open, but not for long
	WindowClosed  WindowState = "closed"
)

// WindowStates lists all states of a window.
func WindowStates() []WindowState { return []WindowState{WindowOpen, WindowClosing, WindowClosed} }

// closingWithin is how long before its end a window counts as closing unless a filter says how long, in minutes.
const closingWithin = 120

// Whoever is given instead of an id.
const (
	Me     = "me"   // the caller
	Mine   = "mine" // any team of the caller
	Nobody = "none" // no agent, no team
)

// Criteria narrow a view. Empty ones let everything pass. They are what a saved view keeps.
type Criteria struct {
	View      View                      `json:"view,omitempty"`     // open if empty
	Statuses  []conversation.Status     `json:"statuses,omitempty"` // of those that the view has
	Accounts  []string                  `json:"account_ids,omitempty"`
	Assignee  string                    `json:"assignee,omitempty"` // an agent's id, me or none
	Team      string                    `json:"team,omitempty"`     // a team's id, mine or none
	Labels    []string                  `json:"label_ids,omitempty"`
	AllLabels bool                      `json:"all_labels,omitempty"` // all of the labels, not any
	Unread    bool                      `json:"unread,omitempty"`     // by the caller
	Followed  bool                      `json:"followed,omitempty"`   // by the caller
	Waiting   bool                      `json:"waiting,omitempty"`    // the customer waits for an answer
	Window    WindowState               `json:"window,omitempty"`
	Closing   int                       `json:"closing_within_minutes,omitempty"` // with the window closing; 120 if 0
	Priority  []conversation.Priority   `json:"priorities,omitempty"`
	Consent   conversation.ConsentState `json:"consent,omitempty"`           // standing for all
	Marketing conversation.ConsentState `json:"marketing_consent,omitempty"` // standing for marketing
	Asked     bool                      `json:"consent_asked,omitempty"`     // whether a message is a wish to be left alone, and nobody answered yet
	Attribute map[string]string         `json:"attributes,omitempty"`        // of the contact; all must be equal
	Sort      Sort                      `json:"sort,omitempty"`              // newest if empty
}

// Filter selects a page of conversations.
type Filter struct {
	Criteria
	Limit int    // 1–100
	After Cursor // zero for the first page
}

// Limits of what a filter may name.
const (
	maxNamed     = 100
	maxAttribute = 10
	dayMinutes   = int(conversation.WindowLength / time.Minute)
)

// Check returns the error for the first wrong field, and puts in what is empty.
func (c *Criteria) Check() error {
	if c.View == "" {
		c.View = ViewOpen
	}
	if c.Sort == "" {
		c.Sort = SortNewest
	}
	switch {
	case !slices.Contains(Views(), c.View):
		return conversation.Invalid("view", "must be one of %v", Views())
	case !slices.Contains(Sorts(), c.Sort):
		return conversation.Invalid("sort", "must be one of %v", Sorts())
	case slices.ContainsFunc(c.Statuses, func(s conversation.Status) bool { return !slices.Contains(conversation.Statuses(), s) }):
		return conversation.Invalid("status", "must be of %v", conversation.Statuses())
	case c.Closing < 0 || c.Closing > dayMinutes || c.Closing > 0 && c.Window != WindowClosing:
		return conversation.Invalid("closing_within_minutes", "must be 1 to %d, for the window closing", dayMinutes)
	case c.Window != "" && !slices.Contains(WindowStates(), c.Window):
		return conversation.Invalid("window", "must be one of %v", WindowStates())
	case !allIDs(c.Accounts):
		return conversation.Invalid("account_id", "must be ids of accounts, %d at most", maxNamed)
	case c.Assignee != "" && c.Assignee != Me && c.Assignee != Nobody && !postgres.IsID(c.Assignee):
		return conversation.Invalid("assignee", "must be an agent's id, me or none")
	case c.Team != "" && c.Team != Mine && c.Team != Nobody && !postgres.IsID(c.Team):
		return conversation.Invalid("team", "must be a team's id, mine or none")
	case !allIDs(c.Labels):
		return conversation.Invalid("label_id", "must be ids of labels, %d at most", maxNamed)
	case slices.ContainsFunc(c.Priority, func(p conversation.Priority) bool { return !slices.Contains(conversation.Priorities(), p) }):
		return conversation.Invalid("priority", "must be of %v", conversation.Priorities())
	case c.Consent != "" && !slices.Contains(conversation.ConsentStates(), c.Consent):
		return conversation.Invalid("consent", "must be one of %v", conversation.ConsentStates())
	case c.Marketing != "" && !slices.Contains(conversation.ConsentStates(), c.Marketing):
		return conversation.Invalid("marketing_consent", "must be one of %v", conversation.ConsentStates())
	}
	return c.checkAttributes()
}

func (c *Criteria) checkAttributes() error {
	text, err := json.Marshal(c.Attribute)
	if err != nil || len(c.Attribute) > maxAttribute || len(text) > 4_000 || !storable(string(text)) {
		return conversation.Invalid("attribute", "must be %d attributes at most, with short values", maxAttribute)
	}
	return nil
}

func allIDs(list []string) bool {
	return len(list) <= maxNamed && !slices.ContainsFunc(list, func(id string) bool { return !postgres.IsID(id) })
}

// needsAgent reports which field can only be asked for by an agent, empty if none.
func (c *Criteria) needsAgent() string {
	switch {
	case c.View == ViewMine:
		return "view"
	case c.Assignee == Me:
		return "assignee"
	case c.Team == Mine:
		return "team"
	case c.Followed:
		return "followed"
	default:
		return ""
	}
}
