package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"guichet.dev/guichet/simulator/cloudapi"
)

// Graph versions that exist for the simulator.
const (
	minVersion = 20
	maxVersion = 30
)

// maxBody bounds every body except a media upload.
const maxBody = 1 << 20

// success is Graph's answer to a change.
var success = map[string]any{"success": true}

// Kinds of API requests, for faults.
const (
	KindMessages   = "messages"
	KindMedia      = "media"    // upload, look-up, deletion
	KindDownload   = "download" // of media
	KindNumber     = "number"   // the phone number's own node
	KindTemplates  = "templates"
	KindSubscribed = "subscribed_apps"
	KindBlockUsers = "block_users"
)

// call is one authenticated request to the Cloud API.
type call struct {
	request *http.Request
	kind    string
	node    string  // first path element after the version
	number  *Number // if the node is one of ours
	token   string
	body    []byte // of all but media uploads
	fault   *Fault
}

// asyncFault is the fault that fails the message after it was accepted.
func (c *call) asyncFault() *Fault {
	if c.fault != nil && c.fault.Action == ActionFail {
		return c.fault
	}
	return nil
}

type operation func(*call) (any, *cloudapi.Error)

// route finds the operation for a path below the version.
func (s *Server) route(method string, segments []string) (kind string, run operation) {
	if len(segments) == 1 {
		return s.routeNode(method, segments[0])
	}
	edges := map[string]struct {
		kind    string
		methods map[string]operation
	}{
		"messages":          {KindMessages, map[string]operation{"POST": s.postMessages}},
		"media":             {KindMedia, map[string]operation{"POST": s.postMedia}},
		"block_users":       {KindBlockUsers, map[string]operation{"GET": s.getBlocked, "POST": s.postBlocked, "DELETE": s.deleteBlocked}},
		"subscribed_apps":   {KindSubscribed, map[string]operation{"GET": s.getSubscribed, "POST": s.postSubscribed, "DELETE": s.deleteSubscribed}},
		"message_templates": {KindTemplates, map[string]operation{"GET": s.getTemplates}},
	}
	edge := edges[segments[1]]
	return edge.kind, edge.methods[method]
}

func (s *Server) routeNode(method, node string) (string, operation) {
	if s.number(node) != nil {
		return KindNumber, map[string]operation{"GET": s.getNumber, "POST": s.postNumber}[method]
	}
	return KindMedia, map[string]operation{"GET": s.getMedia, "DELETE": s.deleteMedia}[method]
}

// serveGraph answers the versioned paths of the Cloud API.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request) {
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if !knownVersion(segments[0]) || len(segments) < 2 || len(segments) > 3 {
		writeError(w, cloudapi.NewError(cloudapi.CodeUnknown, "Unknown path components; paths begin with /v%d.0 to /v%d.0.", minVersion, maxVersion))
		return
	}
	kind, run := s.route(r.Method, segments[1:])
	if run == nil {
		writeError(w, cloudapi.NewError(cloudapi.CodeBadObject, "Unsupported %s request for this path.", methodName(r.Method)))
		return
	}
	c := &call{request: r, kind: kind, node: segments[1], number: s.number(segments[1]), token: bearer(r)}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			writeError(w, cloudapi.NewError(cloudapi.CodeParameter, "The body cannot be read or exceeds %d bytes.", maxBody))
			return
		}
		c.body = body
	}
	s.withFault(w, c, func(w http.ResponseWriter) {
		if err := s.authorize(c); err != nil {
			writeError(w, err)
			return
		}
		result, err := run(c)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, result)
	})
}

// authorize checks the token and that it may touch the node. Media nodes are
// checked by their own operations.
func (s *Server) authorize(c *call) *cloudapi.Error {
	owner, known := s.tokenOwner(c.token)
	if !known {
		return &cloudapi.Error{Code: cloudapi.CodeToken, Details: "The access token is missing or could not be decrypted"}
	}
	perNumber := slices.Contains([]string{KindMessages, KindNumber, KindBlockUsers}, c.kind) || (c.kind == KindMedia && c.request.Method == http.MethodPost)
	if !perNumber {
		return nil
	}
	if c.number == nil || (owner != "" && owner != c.number.ID) {
		return cloudapi.NewError(cloudapi.CodeBadObject, "Unsupported request. Object with this ID does not exist or cannot be loaded due to missing permissions.")
	}
	return nil
}

// tokenOwner returns the number a token is limited to, "" for the app's token.
func (s *Server) tokenOwner(token string) (number string, known bool) {
	if token == "" {
		return "", false
	}
	for _, n := range s.config.Numbers {
		if n.AccessToken == token && token != s.config.AccessToken {
			return n.ID, true
		}
	}
	return "", token == s.config.AccessToken
}

// withFault answers a request, with the fault that is waiting for it if any.
func (s *Server) withFault(w http.ResponseWriter, c *call, answer func(http.ResponseWriter)) {
	c.fault = s.apiFault(c)
	if c.fault == nil {
		answer(w)
		return
	}
	switch f := c.fault; f.Action {
	case ActionLatency:
		s.pause(c.request.Context(), time.Duration(f.Delay))
		answer(w)
	case ActionStatus:
		writeJSON(w, f.Status, cloudapi.NewError(2, "Failure asked for by a fault.").Body(trace()))
	case ActionClose:
		panic(http.ErrAbortHandler)
	case ActionError:
		writeError(w, cloudapi.NewError(f.Code, "Failure asked for by a fault."))
	case ActionExpired:
		writeError(w, &cloudapi.Error{Code: cloudapi.CodeToken, Subcode: 463, Details: "Session has expired"})
	case ActionHang, ActionAcceptClose:
		answer(discard{http.Header{}})
		if f.Action == ActionHang {
			s.pause(c.request.Context(), time.Duration(f.Delay))
		}
		panic(http.ErrAbortHandler)
	case ActionLate:
		late := &recorder{header: http.Header{}}
		answer(late)
		s.pause(c.request.Context(), time.Duration(f.Delay))
		late.copyTo(w)
	default: // the action is for later, such as ActionFail
		answer(w)
	}
}

// pause waits for a time, or without end if it is 0, but not longer than the
// request or the simulator lasts.
func (s *Server) pause(ctx context.Context, wait time.Duration) {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-ctx.Done():
	case <-s.stop.Done():
	}
}

func knownVersion(segment string) bool {
	major, ok := strings.CutSuffix(strings.TrimPrefix(segment, "v"), ".0")
	version, err := strconv.Atoi(major)
	return ok && err == nil && segment == "v"+strconv.Itoa(version)+".0" && version >= minVersion && version <= maxVersion
}

func methodName(method string) string {
	return strings.ToLower(method)
}

func bearer(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return strings.TrimSpace(token)
}

// trace makes up Meta's support id of an answer.
func trace() string { return "A" + digest(string(randomBytes(12)))[:22] }

func writeError(w http.ResponseWriter, err *cloudapi.Error) {
	if err.HTTPStatus() == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `OAuth "Facebook Platform" "invalid_token"`)
	}
	writeJSON(w, err.HTTPStatus(), err.Body(trace()))
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	encoded, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	if _, err := w.Write(append(encoded, '\n')); err != nil {
		return // the client has gone; nobody is left to tell
	}
}

// discard takes an answer that nobody will see.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// recorder keeps an answer to give it later.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { r.body = append(r.body, p...); return len(p), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

func (r *recorder) copyTo(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.WriteHeader(max(r.status, http.StatusOK))
	if _, err := w.Write(r.body); err != nil && !errors.Is(err, http.ErrHandlerTimeout) {
		return // the client did not wait; that is what the fault is for
	}
}
