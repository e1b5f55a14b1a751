package oidc

// Reason is why somebody could not sign in, as a stable code for the log-in page.
type Reason string

// The reasons.
const (
	NotOffered    Reason = "not_offered"          // no provider is set up
	Unreachable   Reason = "provider_unreachable" // or it is none
	Expired       Reason = "expired"              // took too long, began in another browser, or came back before
	Refused       Reason = "provider_refused"     // the code or our own name and secret
	Denied        Reason = "denied"               // the provider or the person said no
	Untrusted     Reason = "untrusted"            // what the provider sent does not prove anything
	Unverified    Reason = "email_unverified"
	ForeignDomain Reason = "domain_not_allowed"
	Unknown       Reason = "unknown_person"
	Deactivated   Reason = "deactivated"
	LinkedAlready Reason = "linked_already" // the agent is somebody else at this provider
)

// Refusal is an expected end of an attempt to sign in. Its text never holds words of the provider.
type Refusal struct {
	Reason Reason
	cause  error
}

// Error implements error.
func (r *Refusal) Error() string { return "sign in through the provider: " + string(r.Reason) }

// Unwrap returns what was behind it, which may quote the provider: not for logs.
func (r *Refusal) Unwrap() error { return r.cause }

func refuse(reason Reason, cause error) error { return &Refusal{Reason: reason, cause: cause} }
