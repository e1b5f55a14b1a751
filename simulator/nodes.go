package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"guichet.dev/guichet/simulator/cloudapi"
	"guichet.dev/guichet/simulator/webhook"
)

// getNumber answers GET /{PNID}?fields=…
func (s *Server) getNumber(c *call) (any, *cloudapi.Error) {
	all := map[string]any{
		"id": c.number.ID, "verified_name": c.number.VerifiedName, "display_phone_number": "+" + c.number.Display,
		"quality_rating": "GREEN", "code_verification_status": "VERIFIED", "platform_type": "CLOUD_API", "status": "CONNECTED",
		"name_status": "APPROVED", "account_mode": "LIVE", "throughput": map[string]any{"level": "STANDARD"},
		"whatsapp_business_manager_messaging_limit": "TIER_2K",
	}
	fields := []string{"verified_name", "display_phone_number", "quality_rating", "code_verification_status"}
	if asked := c.request.URL.Query().Get("fields"); asked != "" {
		fields = strings.Split(asked, ",")
	}
	answer := map[string]any{"id": c.number.ID}
	for _, field := range fields {
		value, ok := all[strings.TrimSpace(field)]
		if !ok {
			return nil, cloudapi.NewError(cloudapi.CodeParameter, "Tried accessing a nonexisting field (%.64s)", field)
		}
		answer[strings.TrimSpace(field)] = value
	}
	return answer, nil
}

// postNumber sets the callback of one number.
func (s *Server) postNumber(c *call) (any, *cloudapi.Error) {
	var body struct {
		Configuration *override `json:"webhook_configuration"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil || body.Configuration == nil {
		return nil, cloudapi.NewError(cloudapi.CodeParameter, "The parameter webhook_configuration is required.")
	}
	return s.setOverride(c, *body.Configuration)
}

type override struct {
	URL         string `json:"override_callback_uri"`
	VerifyToken string `json:"verify_token"`
}

// setOverride changes the callback of a node after a handshake; an empty address
// takes it back to the next wider one.
func (s *Server) setOverride(c *call, o override) (any, *cloudapi.Error) {
	if o.URL == "" {
		s.retarget(c.node, webhook.Target{})
		return success, nil
	}
	if len(o.URL) > 200 || checkCallback(o.URL) != nil {
		return nil, cloudapi.NewError(cloudapi.CodeParameter, "Param override_callback_uri must be a URL of at most 200 characters.")
	}
	target := webhook.Target(o)
	if err := s.queue.Handshake(c.request.Context(), target); err != nil {
		return nil, cloudapi.NewError(cloudapi.CodeCallbackValidation, "The URL couldn't be validated: %s", err)
	}
	s.retarget(c.node, target)
	return success, nil
}

// retarget sets the callback of a node, or of the app for "".
func (s *Server) retarget(node string, target webhook.Target) {
	defer s.change()()
	s.queue.SetTarget(node, target)
}

// knownWABA checks that the node is a WABA the token may manage.
func (s *Server) knownWABA(c *call) *cloudapi.Error {
	owner, _ := s.tokenOwner(c.token)
	if slices.ContainsFunc(s.config.Numbers, func(n Number) bool { return n.WABAID == c.node && (owner == "" || owner == n.ID) }) {
		return nil
	}
	return cloudapi.NewError(cloudapi.CodeBadObject, "Unsupported request. Object with this ID does not exist or cannot be loaded due to missing permissions.")
}

func (s *Server) getSubscribed(c *call) (any, *cloudapi.Error) {
	if err := s.knownWABA(c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	apps := []any{}
	if !s.state.Unsubscribed[c.node] {
		app := map[string]any{"whatsapp_business_api_data": map[string]any{"id": "1", "link": s.url(), "name": "Simulator"}}
		if o, ok := s.queue.Target(c.node); ok {
			app["override_callback_uri"] = o.URL
		}
		apps = append(apps, app)
	}
	return map[string]any{"data": apps}, nil
}

func (s *Server) postSubscribed(c *call) (any, *cloudapi.Error) {
	if err := s.knownWABA(c); err != nil {
		return nil, err
	}
	var o override
	if len(c.body) > 0 {
		if err := json.Unmarshal(c.body, &o); err != nil {
			return nil, cloudapi.NewError(cloudapi.CodeParameter, "The body must be a JSON object.")
		}
	}
	if _, err := s.setOverride(c, o); err != nil {
		return nil, err
	}
	defer s.change()()
	delete(s.state.Unsubscribed, c.node)
	return success, nil
}

func (s *Server) deleteSubscribed(c *call) (any, *cloudapi.Error) {
	if err := s.knownWABA(c); err != nil {
		return nil, err
	}
	defer s.change()()
	s.state.Unsubscribed[c.node] = true
	s.queue.SetTarget(c.node, webhook.Target{})
	return success, nil
}

// getTemplates answers GET /{WABA}/message_templates with name, status, limit
// and after.
func (s *Server) getTemplates(c *call) (any, *cloudapi.Error) {
	if err := s.knownWABA(c); err != nil {
		return nil, err
	}
	query := c.request.URL.Query()
	limit, after := queryInt(query.Get("limit"), 25), queryInt(query.Get("after"), 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []cloudapi.Template{}
	for _, t := range s.state.Templates {
		if (query.Get("name") == "" || query.Get("name") == t.Name) && (query.Get("status") == "" || query.Get("status") == t.Status) {
			found = append(found, *t)
		}
	}
	from := min(after, len(found))
	to := min(from+max(limit, 1), len(found))
	paging := map[string]any{"cursors": map[string]any{"before": strconv.Itoa(from), "after": strconv.Itoa(to)}}
	if to < len(found) {
		query.Set("after", strconv.Itoa(to))
		paging["next"] = "http://" + c.request.Host + c.request.URL.Path + "?" + query.Encode()
	}
	return map[string]any{"data": found[from:to], "paging": paging}, nil
}

func queryInt(text string, fallback int) int {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= 1_000_000 {
		return n
	}
	return fallback
}

func (s *Server) getBlocked(c *call) (any, *cloudapi.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := []any{}
	for _, customer := range s.state.Customers {
		if s.state.thread(c.number.ID, customer.Key).Barred {
			users = append(users, map[string]any{"messaging_product": "whatsapp", "wa_id": customer.waID()})
		}
	}
	return map[string]any{"data": users, "paging": map[string]any{}}, nil
}

func (s *Server) postBlocked(c *call) (any, *cloudapi.Error)   { return s.setBlocked(c, true) }
func (s *Server) deleteBlocked(c *call) (any, *cloudapi.Error) { return s.setBlocked(c, false) }

// setBlocked bars customers or lets them in again. Only those who wrote within
// 24 hours can be barred.
func (s *Server) setBlocked(c *call, barred bool) (any, *cloudapi.Error) {
	var body struct {
		Product string `json:"messaging_product"`
		Users   []struct {
			User string `json:"user"`
		} `json:"block_users"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil || body.Product != "whatsapp" || len(body.Users) == 0 {
		return nil, cloudapi.NewError(cloudapi.CodeParameter, "The parameters messaging_product and block_users are required.")
	}
	defer s.change()()
	changed, failed := []any{}, []any{}
	for _, user := range body.Users {
		customer := s.find(user.User)
		if customer == nil || (barred && !s.now().Before(s.state.thread(c.number.ID, customer.Key).LastInbound.Add(windowTime))) {
			reason := cloudapi.NewError(cloudapi.CodeBlockUser, "The user has not written within 24 hours.")
			failed = append(failed, map[string]any{"input": user.User, "errors": []any{reason.Webhook()}})
			continue
		}
		s.state.thread(c.number.ID, customer.Key).Barred = barred
		changed = append(changed, map[string]any{"input": user.User, "wa_id": customer.waID()})
	}
	result := map[string]any{"added_users": changed}
	if c.request.Method == http.MethodDelete {
		result = map[string]any{"removed_users": changed}
	}
	if len(failed) > 0 {
		result["failed_users"] = failed
	}
	return map[string]any{"messaging_product": "whatsapp", "block_users": result}, nil
}
