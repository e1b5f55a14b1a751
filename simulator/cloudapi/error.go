package cloudapi

import (
	"fmt"
	"net/http"
	"slices"
)

// Codes that the simulator itself answers with. The others of the table can be
// asked for as faults.
const (
	CodeUnknown            = 1
	CodeBadObject          = 33
	CodeParameter          = 100
	CodeToken              = 190
	CodeThroughput         = 130429
	CodeGeneric            = 131000
	CodeMissing            = 131008
	CodeInvalid            = 131009
	CodeSameNumber         = 131021
	CodeUndeliverable      = 131026
	CodeWindow             = 131047
	CodeWithheld           = 131049
	CodeMarketingStopped   = 131050
	CodeUnsupported        = 131051
	CodeMediaUpload        = 131053
	CodePairRate           = 131056
	CodeUserIDUnsupported  = 131062
	CodeTemplateCount      = 132000
	CodeTemplateMissing    = 132001
	CodeTemplateLength     = 132005
	CodeTemplateParameter  = 132012
	CodeTemplatePaused     = 132015
	CodeTemplateDisabled   = 132016
	CodeBlockUser          = 139100
	CodeCallbackValidation = 2200
)

type codeInfo struct {
	status int
	title  string
}

var codes = map[int]codeInfo{
	0: {401, "AuthException"}, 1: {400, "API Unknown"}, 2: {503, "API Service"}, 3: {500, "API Method"},
	4: {400, "API Too Many Calls"}, 10: {403, "Permission Denied"}, 33: {400, "Parameter value is not valid"},
	100: {400, "Invalid parameter"}, 190: {401, "Access token has expired"}, 200: {403, "API Permission"},
	368: {403, "Temporarily blocked for policies violations"}, 2200: {400, "Callback verification failed"},
	80007: {400, "Rate limit issues"}, 130429: {400, "Rate limit hit"},
	130472: {400, "User's number is part of an experiment"}, 130497: {403, "Business account is restricted from messaging users in this country"},
	131000: {500, "Something went wrong"}, 131005: {403, "Access denied"}, 131008: {400, "Required parameter is missing"},
	131009: {400, "Parameter value is not valid"}, 131016: {500, "Service unavailable"},
	131021: {400, "Recipient cannot be sender"}, 131026: {400, "Message undeliverable"},
	131030: {400, "Recipient phone number not in allowed list"}, 131031: {403, "Account has been locked"},
	131036: {400, "Message content is no longer available"}, 131037: {400, "Display name approval is needed"},
	131042: {400, "Business eligibility payment issue"}, 131045: {500, "Incorrect certificate"},
	131047: {400, "Re-engagement message"}, 131048: {400, "Spam rate limit hit"},
	131049: {400, "This message was not delivered to maintain healthy ecosystem engagement"},
	131050: {400, "User has stopped receiving marketing messages from this business"},
	131051: {400, "Unsupported message type"}, 131052: {400, "Media download error"}, 131053: {400, "Media upload error"},
	131056: {400, "(Business Account, Consumer Account) pair rate limit hit"}, 131057: {500, "Account in maintenance mode"},
	131062: {400, "Business-scoped user id is not supported for this message"},
	131064: {400, "Messaging limit reduced after template misclassification"},
	132000: {400, "Number of parameters does not match the expected number of params"},
	132001: {404, "Template name does not exist in the translation"}, 132005: {400, "Translated text too long"},
	132007: {400, "Template format character policy violated"}, 132012: {400, "Parameter format does not match format in the created template"},
	132015: {400, "Template is paused"}, 132016: {400, "Template is disabled"},
	132068: {400, "Flow is blocked"}, 132069: {400, "Flow is throttled"},
	133000: {500, "Incomplete deregistration"}, 133004: {503, "Server temporarily unavailable"},
	133005: {400, "Two step verification PIN mismatch"}, 133006: {400, "Phone number re-verification needed"},
	133008: {400, "Too many two step verification PIN guesses"}, 133009: {400, "Two step verification PIN guessed too fast"},
	133010: {400, "Phone number not registered"}, 133015: {400, "Please wait a few minutes before attempting to register this phone number"},
	133016: {400, "Account register deregister rate limit exceeded"}, 135000: {400, "Generic user error"},
	137000: {400, "Identity key hash mismatch"}, 139100: {400, "Failed to block or unblock user"},
	139101: {400, "Blocklist limit reached"}, 139102: {400, "Blocklist concurrent update"},
	139103: {400, "Internal error of the block list"},
}

// Error is one error of the Graph API: an HTTP answer or the reason in a failed
// status. Decide on Code only.
type Error struct {
	Code    int    // as in Meta's list of error codes
	Subcode int    // 0 except for tokens: 463 expired
	Details string // what was wrong with this request
}

// NewError returns an error with the details formatted as fmt.Sprintf does.
func NewError(code int, format string, args ...any) *Error {
	return &Error{Code: code, Details: fmt.Sprintf(format, args...)}
}

// Known reports whether a code is in the table.
func Known(code int) bool { _, ok := codes[code]; return ok }

// Codes lists the known codes in ascending order.
func Codes() []int {
	list := make([]int, 0, len(codes))
	for code := range codes {
		list = append(list, code)
	}
	slices.Sort(list)
	return list
}

// Title is the short text that Meta gives for the code.
func (e *Error) Title() string {
	if info, ok := codes[e.Code]; ok {
		return info.title
	}
	return "Something went wrong"
}

// Message is the title with the code in front.
func (e *Error) Message() string { return fmt.Sprintf("(#%d) %s", e.Code, e.Title()) }

// Error implements the error interface.
func (e *Error) Error() string { return e.Message() + ": " + e.Details }

// HTTPStatus is the status of a synchronous answer with this code.
func (e *Error) HTTPStatus() int {
	if info, ok := codes[e.Code]; ok {
		return info.status
	}
	return http.StatusBadRequest
}

// Body is the JSON document of a synchronous answer.
func (e *Error) Body(trace string) map[string]any {
	body := map[string]any{"message": e.Message(), "type": "OAuthException", "code": e.Code, "fbtrace_id": trace}
	if e.Code == CodeToken || e.Code == 0 {
		body["message"] = "Error validating access token: " + e.Details
		if e.Subcode != 0 {
			body["error_subcode"] = e.Subcode
		}
		return map[string]any{"error": body}
	}
	body["error_data"] = map[string]any{"messaging_product": "whatsapp", "details": e.Details}
	return map[string]any{"error": body}
}

// Webhook is the shape of an error inside a status, a message or a value.
func (e *Error) Webhook() map[string]any {
	return map[string]any{
		"code": e.Code, "title": e.Title(), "message": e.Title(),
		"error_data": map[string]any{"details": e.Details},
		"href":       "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
	}
}
