package whatsapp

import (
	"net/http"
	"strconv"
	"time"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

// verdict is what follows from an error code of the Graph API.
type verdict struct {
	behaviour channel.Behaviour
	wait      time.Duration // Meta's wish, 0 if it has none
	meaning   string
}

// verdicts are Meta's error codes (Cloud API, "Error codes") with what to do about each. A code that stops campaigns but
// not answers (131048, 132015 …) is permanent for its message: the account itself still works. 131049 may be tried again
// after a day, by a new message: a message that waits that long would hold up all later ones of its conversation.
var verdicts = map[string]verdict{
	"0":   {channel.StopAccount, 0, "The access token is not valid."},
	"190": {channel.StopAccount, 0, "The access token has expired or was withdrawn."},
	"3":   {channel.StopAccount, 0, "The app lacks a permission for this call."},
	"10":  {channel.StopAccount, 0, "The permission for this call was not granted or was withdrawn."},
	"33":  {channel.StopAccount, 0, "The phone number was deleted or its id is wrong."},
	"368": {channel.StopAccount, 0, "The account is blocked for some time because of a breach of policy."},

	"1":      {channel.Retry, 0, "Meta did not understand the request or has an outage."},
	"2":      {channel.Retry, 0, "Meta's service is out of order for a while."},
	"131000": {channel.Retry, 0, "Something went wrong at Meta."},
	"131016": {channel.Retry, 0, "Meta's service is out of order or overloaded for a while."},
	"131036": {channel.Retry, 0, "Meta lost the message's content before it could be delivered."},
	"131057": {channel.Retry, time.Minute, "The account is in maintenance while its throughput is raised."},
	"133004": {channel.Retry, 0, "Meta's server is out of order for a while."},

	"4":      {channel.SlowAll, 0, "The app made too many calls."},
	"80007":  {channel.SlowAll, 0, "The business account made too many calls."},
	"130429": {channel.SlowAccount, 0, "The phone number sent too many messages in a short time."},
	"131056": {channel.SlowPair, 0, "Too many messages were sent to this recipient in a short time."},

	"131047": {channel.WindowClosed, 0, "More than 24 hours have passed since the customer's last message."},
	"131050": {channel.OptedOut, 0, "The customer stopped marketing messages of this business."},
	"131026": {channel.Unreachable, 0, "The message cannot be delivered: the number may not be on WhatsApp, use an old version or have blocked the business."},

	"100":    {channel.Permanent, 0, "A parameter of the request is wrong."},
	"130472": {channel.Permanent, 0, "The message was withheld because the customer takes part in an experiment of Meta."},
	"130497": {channel.Permanent, 0, "This business may not write to customers of that country."},
	"131008": {channel.Permanent, 0, "A required parameter is missing."},
	"131009": {channel.Permanent, 0, "The value of a parameter is not valid."},
	"131021": {channel.Permanent, 0, "Sender and recipient are the same number."},
	"131030": {channel.Permanent, 0, "The recipient is not on the list of numbers to which a test number may write."},
	"131048": {channel.Permanent, 0, "The number may send less for now because too many of its messages were reported or blocked."},
	"131049": {channel.Permanent, 24 * time.Hour, "Meta withheld the marketing message to keep the number per customer low."},
	"131051": {channel.Permanent, 0, "The type of the message is not supported."},
	"131052": {channel.Permanent, 0, "A file that the customer sent could not be fetched."},
	"131053": {channel.Permanent, 0, "The file could not be uploaded or has a type that is not allowed."},
	"131062": {channel.Permanent, 0, "This message can only be sent to a phone number."},
	"131064": {channel.Permanent, 0, "The messaging limit was cut because templates were put into a wrong category."},
	"132000": {channel.Permanent, 0, "The number of parameters does not fit the template."},
	"132001": {channel.Permanent, 0, "The template does not exist in this language or is not approved."},
	"132005": {channel.Permanent, 0, "The template's text is too long with its parameters."},
	"132007": {channel.Permanent, 0, "The template's content breaks a policy of WhatsApp."},
	"132012": {channel.Permanent, 0, "A parameter has a form that does not fit the template."},
	"132015": {channel.Permanent, 0, "The template is paused because of its low quality."},
	"132016": {channel.Permanent, 0, "The template was disabled for good because of its low quality."},
	"132068": {channel.Permanent, 0, "The form is blocked."},
	"132069": {channel.Permanent, 0, "The form was sent too often for now."},
	"135000": {channel.Permanent, 0, "A parameter of the message is wrong."},
	"137000": {channel.Permanent, 0, "The customer's identity changed and must be confirmed again."},
	"139100": {channel.Permanent, 0, "The user could not be blocked or unblocked."},
	"139101": {channel.Permanent, 0, "The list of blocked users is full."},
	"139102": {channel.Permanent, 0, "The list of blocked users was changed by somebody else at the same time."},
	"139103": {channel.Permanent, 0, "The list of blocked users could not be changed."},

	"131005": {channel.StopAccount, 0, "The permission for this call was not granted or was withdrawn."},
	"131031": {channel.StopAccount, 0, "The account is locked because of a breach of policy or a wrong PIN."},
	"131037": {channel.StopAccount, 0, "The display name of the phone number is not approved yet."},
	"131042": {channel.StopAccount, 0, "There is a problem with the payment method of the business account."},
	"131045": {channel.StopAccount, 0, "The phone number is not registered correctly."},
	"133000": {channel.StopAccount, 0, "An earlier removal of the phone number's registration did not finish."},
	"133005": {channel.StopAccount, 0, "The PIN of the two-step verification is wrong."},
	"133006": {channel.StopAccount, 0, "The phone number must be verified before it is registered."},
	"133008": {channel.StopAccount, 0, "The PIN of the two-step verification was wrong too often."},
	"133009": {channel.StopAccount, 0, "The PIN of the two-step verification was entered too fast."},
	"133010": {channel.StopAccount, 0, "The phone number is not registered on the platform."},
	"133015": {channel.StopAccount, 0, "The phone number was deleted a short time ago and is not free yet."},
	"133016": {channel.StopAccount, 0, "The phone number was registered too often in a short time."},

	codeConnect: {channel.Retry, 0, "WhatsApp could not be reached."},
	codeTimeout: {channel.Unknown, 0, "WhatsApp did not answer in time, so it is not known whether the message was sent."},
	codeAnswer:  {channel.Unknown, 0, "WhatsApp's answer could not be read, so it is not known whether the message was sent."},

	string(conversation.CodeUnsupported):  {channel.Permanent, 0, "This kind of message cannot be sent on WhatsApp yet."},
	string(conversation.CodeInvalid):      {channel.Permanent, 0, "The message is incomplete."},
	string(conversation.CodeNoAddress):    {channel.Permanent, 0, "No WhatsApp address of this contact is known."},
	string(conversation.CodeAccountError): {channel.StopAccount, 0, "The account's token, address or phone number id cannot be used."},
}

// permissions stands for the codes 200 to 299.
var permissions = verdict{channel.StopAccount, 0, "The app lacks a permission for this call."}

func lookUp(code string) (verdict, bool) {
	if v, known := verdicts[code]; known {
		return v, true
	}
	if n, err := strconv.Atoi(code); err == nil && n >= 200 && n <= 299 {
		return permissions, true
	}
	return verdict{}, false
}

// Classify says what to do about an error code of Meta's, from an answer or from a failed status. A code that is not known
// is permanent: Meta refused, and nothing says that it will not refuse again.
func Classify(code string) channel.Behaviour {
	if v, known := lookUp(code); known {
		return v.behaviour
	}
	return channel.Permanent
}

// Meaning says in a short English sentence what an error code means, "" if it is not known.
func Meaning(code string) string {
	v, known := lookUp(code)
	if !known {
		return ""
	}
	return v.meaning
}

// refused returns the error for an answer with a code of the Graph API. Codes that are not known count by the status:
// Meta's own failures are tried again, refusals are not.
func refused(code string, response *http.Response, now time.Time) *channel.SendError {
	v, known := lookUp(code)
	switch {
	case known:
	case response.StatusCode >= 500:
		v.behaviour = channel.Retry
	case response.StatusCode == http.StatusUnauthorized:
		v.behaviour = channel.StopAccount
	case response.StatusCode == http.StatusTooManyRequests:
		v.behaviour = channel.SlowAccount
	default:
		v.behaviour = channel.Permanent
	}
	return &channel.SendError{
		Behaviour: v.behaviour, Code: shortCode(code), HTTP: response.StatusCode,
		RetryAfter: max(v.wait, retryAfter(response.Header.Get("Retry-After"), now)),
	}
}

// unreadable returns the error for an answer without a code. Two statuses speak for themselves, even from a proxy in
// between; with any other the message may have been taken.
func unreadable(response *http.Response, code string, now time.Time) *channel.SendError {
	e := &channel.SendError{Behaviour: channel.Unknown, Code: code, HTTP: response.StatusCode}
	switch response.StatusCode {
	case http.StatusUnauthorized:
		e.Behaviour = channel.StopAccount
	case http.StatusTooManyRequests:
		e.Behaviour = channel.SlowAccount
		e.RetryAfter = retryAfter(response.Header.Get("Retry-After"), now)
	}
	return e
}

// retryAfter reads a Retry-After header (RFC 9110, 10.2.3), in seconds or as a date, up to a day.
func retryAfter(value string, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	if seconds, err := strconv.Atoi(value); err == nil {
		return min(max(time.Duration(min(seconds, 86400))*time.Second, 0), longest)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), longest)
	}
	return 0
}
