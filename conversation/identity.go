package conversation

// Channel names a kind of channel.
type Channel string

// The channel kinds.
const (
	WhatsApp Channel = "whatsapp"
)

// IdentityKind says what sort of address an identity is.
type IdentityKind string

// The kinds of identity on WhatsApp. A person is matched by WhatsAppID, UserID and ParentUserID; a username may pass from
// one person to another, so it is kept for people to read and never matched.
const (
	WhatsAppID   IdentityKind = "wa_id"          // digits without +, usually the phone number
	UserID       IdentityKind = "user_id"        // business-scoped user id, "FR.1349…"
	ParentUserID IdentityKind = "parent_user_id" // the same across linked portfolios, "FR.ENT.118…"
	Username     IdentityKind = "username"       // without the leading @
)

// Matches reports whether two identities of this kind with equal keys belong to one person.
func (k IdentityKind) Matches() bool { return k != Username && k != "" }

// Identity is one address of a person on one channel kind.
type Identity struct {
	Kind    IdentityKind `json:"kind"`
	Address string       `json:"address"` // as the provider writes it; what we send to
	// Key is the canonical form by which a person is recognised: variants of one phone number (Brazil, Mexico, Argentina)
	// have one key.
	Key string `json:"key"`
}

// Person is what one update of a provider says about a customer. At least one identity matches.
type Person struct {
	Identities []Identity `json:"identities"`
	Name       string     `json:"name,omitempty"`  // the profile name that the person chose
	Phone      string     `json:"phone,omitempty"` // E.164 with +, if known
}

// Identity returns the person's identity of the given kind.
func (p Person) Identity(kind IdentityKind) (Identity, bool) {
	for _, id := range p.Identities {
		if id.Kind == kind {
			return id, true
		}
	}
	return Identity{}, false
}
