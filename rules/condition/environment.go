package condition

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Environment is what a condition sees. Fill it in, evaluate as many conditions as you like with it, also at the same time,
// and do not change or copy it after the first; [Environment.Clone] gives one that may be changed.
//
// The tags are the documentation that [Fields] returns: doc is one sentence, max is after how many characters a text is cut,
// options are all values of a text, and personal marks what tells something of a customer's person or is in their words.
type Environment struct {
	Trigger      string       `expr:"trigger" doc:"What made the rule look." example:"trigger == \"message_received\"" max:"64"`
	Now          time.Time    `expr:"now" doc:"The time of the decision, in the time zone of the account's business hours." example:"hour(now) >= 18"`
	Message      Message      `expr:"message"`
	Contact      Contact      `expr:"contact"`
	Conversation Conversation `expr:"conversation"`
	Account      Account      `expr:"account"`
	Team         Team         `expr:"team"`
	Agent        Agent        `expr:"agent"`
	Hours        Hours        `expr:"hours"`
	Window       Window       `expr:"window"`
	Consent      Consent      `expr:"consent"`
	Label        string       `expr:"label" doc:"The label that was added, if that made the rule look; else empty." example:"label == \"refund\"" max:"100"`

	once  sync.Once
	ready *scope
}

// Message is the message that is decided on. All is empty if the rule looks for another reason.
type Message struct {
	Text      string    `expr:"text" doc:"What the customer wrote: the text, the caption of a file or the words of a tapped button." example:"mentions(message.text, \"refund\")" max:"4096" personal:"yes"`
	Kind      string    `expr:"kind" doc:"The kind of message." example:"message.kind == \"image\"" options:"text,image,video,audio,document,sticker,location,contacts,choice,form,call_permission,order,system,template,reaction,interactive,unsupported"`
	Late      bool      `expr:"late" doc:"Whether it arrived long after it was written." example:"not message.late"`
	Automatic bool      `expr:"automatic" doc:"Whether a machine wrote it, such as a notice of absence." example:"not message.automatic"`
	At        time.Time `expr:"at" doc:"When it was written." example:"minutes_since(message.at) < 5"`
	HasMedia  bool      `expr:"has_media" doc:"Whether a file is attached." example:"message.has_media"`
	Language  string    `expr:"language" doc:"The language in which it seems to be written, as a code; empty if not known." example:"message.language == \"fr\"" max:"35"`
}

// Contact is the customer.
type Contact struct {
	Name       string         `expr:"name" doc:"The customer's name." example:"is_known(contact.name)" max:"200" personal:"yes"`
	Language   string         `expr:"language" doc:"The customer's language as a code, with the region if it is known; empty if not known." example:"contact.language in [\"pt\", \"pt-BR\"]" max:"35"`
	Phone      string         `expr:"phone" doc:"The customer's phone number with + and country code; empty if not known." example:"phone_country(contact.phone) == \"BE\"" max:"32" personal:"yes"`
	Email      string         `expr:"email" doc:"The customer's e-mail address; empty if not known." example:"contact.email matches \"@example[.]com$\"" max:"254" personal:"yes"`
	Country    string         `expr:"country" doc:"The customer's country as two capital letters; empty if not known." example:"contact.country in [\"FR\", \"BE\"]" max:"2"`
	Blocked    bool           `expr:"blocked" doc:"Whether the customer is blocked." example:"not contact.blocked"`
	Tags       []string       `expr:"tags" doc:"The tags of the contact." example:"has_tag(\"vip\")" max:"100"`
	Attributes map[string]any `expr:"attributes" doc:"The contact fields that you defined, by their key." example:"contact.attributes.tier == \"gold\"" personal:"yes"`
}

// Conversation is the thread. Its state is the one after the event that is decided on.
type Conversation struct {
	ID                     string    `expr:"id" doc:"The id of the conversation." example:"conversation.id != \"\"" max:"64"`
	Status                 string    `expr:"status" doc:"Where the conversation stands." example:"conversation.status == \"open\"" options:"open,snoozed,done"`
	Channel                string    `expr:"channel" doc:"The kind of channel." example:"conversation.channel == \"whatsapp\"" max:"32"`
	Labels                 []string  `expr:"labels" doc:"The labels on the conversation." example:"has_label(\"refund\")" max:"100"`
	Priority               string    `expr:"priority" doc:"How urgent the conversation is." example:"conversation.priority in [\"high\", \"urgent\"]" options:"low,normal,high,urgent"`
	Assigned               bool      `expr:"assigned" doc:"Whether an agent has the conversation." example:"not conversation.assigned"`
	OpenedAt               time.Time `expr:"opened_at" doc:"When the conversation was opened, or reopened." example:"hours_since(conversation.opened_at) > 2"`
	FirstContact           bool      `expr:"first_contact" doc:"Whether the customer wrote here for the first time ever." example:"conversation.first_contact"`
	Reopened               bool      `expr:"reopened" doc:"Whether it was done before and is open again." example:"conversation.reopened"`
	InboundCount           int       `expr:"inbound_count" doc:"How many messages the customer wrote in it." example:"conversation.inbound_count >= 5"`
	WaitingMinutes         float64   `expr:"waiting_minutes" doc:"For how many minutes the customer has waited for an answer; 0 if nobody waits." example:"conversation.waiting_minutes > 30"`
	WaitingBusinessMinutes float64   `expr:"waiting_business_minutes" doc:"The same, counting business hours only." example:"conversation.waiting_business_minutes > 15"`
	MinutesSinceAgent      float64   `expr:"minutes_since_agent" doc:"How many minutes ago an agent last wrote; a huge number if none ever did." example:"conversation.minutes_since_agent > 30"`
	Answered               bool      `expr:"answered" doc:"Whether an agent answered since it was opened." example:"not conversation.answered"`
}

// Account is the channel account on which the conversation is.
type Account struct {
	ID      string `expr:"id" doc:"The id of the account." example:"account.id != \"\"" max:"64"`
	Name    string `expr:"name" doc:"The name that you gave the account." example:"account.name == \"Shop France\"" max:"200"`
	Channel string `expr:"channel" doc:"The kind of channel of the account." example:"account.channel == \"email\"" max:"32"`
}

// Team is the team that has the conversation.
type Team struct {
	ID   string `expr:"id" doc:"The id of the team; empty if no team has the conversation." example:"team.id == \"\"" max:"64"`
	Name string `expr:"name" doc:"The name of the team; empty if no team has the conversation." example:"team.name == \"Billing\"" max:"200"`
}

// Agent is the agent who has the conversation.
type Agent struct {
	ID     string `expr:"id" doc:"The id of the agent; empty if nobody has the conversation." example:"agent.id == \"\"" max:"64"`
	Name   string `expr:"name" doc:"The name of the agent; empty if nobody has the conversation." example:"agent.name == \"Lia\"" max:"200"`
	Online bool   `expr:"online" doc:"Whether the agent is online." example:"conversation.assigned and not agent.online"`
}

// Hours are the business hours of the account.
type Hours struct {
	Open        bool      `expr:"open" doc:"Whether you are open now." example:"not hours.open"`
	NextOpening time.Time `expr:"next_opening" doc:"When you open next." example:"hours_until(hours.next_opening) > 12"`
	NextClosing time.Time `expr:"next_closing" doc:"When you close next." example:"minutes_until(hours.next_closing) < 15"`
	Holiday     string    `expr:"holiday" doc:"The name of today's holiday; empty if there is none." example:"hours.holiday != \"\"" max:"200"`
}

// Window is the time in which free text may be sent.
type Window struct {
	Open        bool      `expr:"open" doc:"Whether free text may be sent now." example:"window.open"`
	MinutesLeft float64   `expr:"minutes_left" doc:"For how many minutes yet free text may be sent; 0 if it may not." example:"window.minutes_left < 60"`
	ClosesAt    time.Time `expr:"closes_at" doc:"When the window closes; not known if it is closed." example:"hours_until(window.closes_at) < 2"`
}

// Consent is what the customer wants on this kind of channel.
type Consent struct {
	All       string `expr:"all" doc:"Whether the customer wants messages at all." example:"consent.all != \"opted_out\"" options:"unknown,opted_in,opted_out"`
	Marketing string `expr:"marketing" doc:"Whether the customer wants advertising." example:"consent.marketing == \"opted_in\"" options:"unknown,opted_in,opted_out"`
}

// Clone returns a copy that may be changed, for example for the rules after one that added a label.
func (e *Environment) Clone() *Environment {
	c := e.shallow()
	c.Conversation.Labels = slices.Clone(e.Conversation.Labels)
	c.Contact.Tags = slices.Clone(e.Contact.Tags)
	c.Contact.Attributes = maps.Clone(e.Contact.Attributes)
	return c
}

func (e *Environment) shallow() *Environment {
	return &Environment{
		Trigger: e.Trigger, Now: e.Now, Message: e.Message, Contact: e.Contact, Conversation: e.Conversation, Account: e.Account,
		Team: e.Team, Agent: e.Agent, Hours: e.Hours, Window: e.Window, Consent: e.Consent, Label: e.Label,
	}
}
