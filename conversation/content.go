package conversation

import "encoding/json"

// MessageKind is the kind of a message's content.
type MessageKind string

// The message kinds. KindUnsupported stands for everything that we store and show as such.
const (
	KindText           MessageKind = "text"
	KindImage          MessageKind = "image"
	KindVideo          MessageKind = "video"
	KindAudio          MessageKind = "audio"
	KindDocument       MessageKind = "document"
	KindSticker        MessageKind = "sticker"
	KindLocation       MessageKind = "location"
	KindContacts       MessageKind = "contacts"
	KindChoice         MessageKind = "choice"          // a tapped reply button, list row or template button
	KindForm           MessageKind = "form"            // a completed flow
	KindCallPermission MessageKind = "call_permission" // yes or no to being called
	KindOrder          MessageKind = "order"
	KindSystem         MessageKind = "system"
	KindTemplate       MessageKind = "template"
	KindReaction       MessageKind = "reaction" // outgoing only: a received reaction belongs to its message
	KindInteractive    MessageKind = "interactive"
	KindUnsupported    MessageKind = "unsupported"
)

// Content is what a message says. Which of the pointers is set follows from Kind.
type Content struct {
	Kind           MessageKind     `json:"kind"`
	Text           string          `json:"text,omitempty"` // the body of a text, the caption of a file, the words of a choice
	Media          []Media         `json:"media,omitempty"`
	Location       *Location       `json:"location,omitempty"`
	Contacts       []ContactCard   `json:"contacts,omitempty"`
	Choice         *Choice         `json:"choice,omitempty"`
	Form           *Form           `json:"form,omitempty"`
	CallPermission *CallPermission `json:"call_permission,omitempty"`
	Order          *Order          `json:"order,omitempty"`
	System         *SystemNotice   `json:"system,omitempty"`
	Reaction       *Reaction       `json:"reaction,omitempty"`
	Unsupported    *Unsupported    `json:"unsupported,omitempty"`
	Quote          *Quote          `json:"quote,omitempty"`
	Referral       *Referral       `json:"referral,omitempty"`
	Forwarded      Forwarded       `json:"forwarded,omitempty"`
	// Automatic is set if the channel says that a machine wrote it, such as a notice of absence: nothing answers it by itself.
	Automatic bool `json:"automatic,omitempty"`
}

// Forwarded says whether the customer forwarded the message: "", "once" or "often".
type Forwarded string

// The values of Forwarded.
const (
	ForwardedOnce  Forwarded = "once"
	ForwardedOften Forwarded = "often"
)

// Media describes one file of a message. The file itself is an attachment row.
type Media struct {
	ProviderID string `json:"provider_id,omitempty"`
	MIMEType   string `json:"mime_type,omitempty"`
	SHA256     string `json:"sha256,omitempty"` // hexadecimal, lower case
	FileName   string `json:"file_name,omitempty"`
	Voice      bool   `json:"voice,omitempty"`    // a voice note
	Animated   bool   `json:"animated,omitempty"` // an animated sticker
	ErrorCode  string `json:"error_code,omitempty"`
}

// Location is a place on the map, in degrees (WGS 84).
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
	URL       string  `json:"url,omitempty"`
}

// ContactCard is a person's card sent as a message.
type ContactCard struct {
	Name         string   `json:"name"`
	Phones       []string `json:"phones,omitempty"`
	Emails       []string `json:"emails,omitempty"`
	Organisation string   `json:"organisation,omitempty"`
	// Raw is the card as the provider wrote it, with its addresses, birthday and so on.
	Raw json.RawMessage `json:"raw,omitempty"`
}

// ChoiceSource says what was tapped.
type ChoiceSource string

// The sources of a choice.
const (
	ChoiceButton   ChoiceSource = "button"          // reply button of an interactive message
	ChoiceList     ChoiceSource = "list"            // row of a list
	ChoiceTemplate ChoiceSource = "template_button" // quick-reply button of a template
)

// Choice is what the customer tapped.
type Choice struct {
	Source      ChoiceSource `json:"source"`
	ID          string       `json:"id"` // id or payload that we gave the button
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
}

// Form is the answer of a completed flow; Answer is the provider's JSON text.
type Form struct {
	Name   string `json:"name,omitempty"`
	Answer string `json:"answer"`
}

// CallPermission is the customer's answer to a request for permission to call.
type CallPermission struct {
	Granted   bool   `json:"granted"`
	Permanent bool   `json:"permanent,omitempty"`
	ExpiresAt int64  `json:"expires_at,omitempty"` // Unix seconds; 0 if it does not expire
	Source    string `json:"source,omitempty"`
}

// Order is a cart that the customer sent.
type Order struct {
	CatalogID string      `json:"catalog_id,omitempty"`
	Items     []OrderItem `json:"items"`
}

// OrderItem is one line of an order.
type OrderItem struct {
	ProductID string  `json:"product_id"`
	Quantity  float64 `json:"quantity"`
	Price     float64 `json:"price"`
	Currency  string  `json:"currency,omitempty"` // ISO 4217
}

// SystemNotice is a fact that the provider tells within the thread, such as a changed number.
type SystemNotice struct {
	Type string `json:"type"`
}

// Reaction is an emoji on another message; an empty emoji takes the reaction back.
type Reaction struct {
	MessageID  string `json:"message_id,omitempty"` // our id of the message reacted to
	ProviderID string `json:"provider_id"`          // the provider's
	Emoji      string `json:"emoji"`
}

// Unsupported says what could not be understood. The raw update is kept with the message.
type Unsupported struct {
	Type      string `json:"type,omitempty"`
	ErrorCode string `json:"error_code,omitempty"`
}

// Quote is the message that this one answers.
type Quote struct {
	ProviderID string `json:"provider_id,omitempty"`
	ProductID  string `json:"product_id,omitempty"`
	CatalogID  string `json:"catalog_id,omitempty"`
}

// Referral is the advertisement or post from which the customer came.
type Referral struct {
	SourceType string `json:"source_type,omitempty"`
	SourceID   string `json:"source_id,omitempty"`
	SourceURL  string `json:"source_url,omitempty"`
	Headline   string `json:"headline,omitempty"`
	Body       string `json:"body,omitempty"`
	ClickID    string `json:"click_id,omitempty"`
	Welcome    string `json:"welcome,omitempty"`
	Ref        string `json:"ref,omitempty"`
	MediaType  string `json:"media_type,omitempty"`
	MediaURL   string `json:"media_url,omitempty"`
}
