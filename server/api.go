package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/team"
)

const (
	// prefix begins the path of every operation.
	prefix = "/api/v1"
	// requestTimeout is how long a command or query may take.
	requestTimeout = 30 * time.Second
	// maxAPIBody is the largest body of a request to the API, in bytes.
	maxAPIBody = 1 << 20
	// scheme names how callers prove who they are, in the OpenAPI document.
	scheme = "token"
	// sessionScheme is the other way: a browser's cookie.
	sessionScheme = "session"
	// permissionExtension names an operation's permission in the OpenAPI document.
	permissionExtension = "x-permission"
)

// registerAPI registers all operations and the document that describes them, at /api/openapi.json.
func (s *Server) registerAPI() {
	config := huma.DefaultConfig("Guichet", s.version())
	config.Info.Description = "The API of a shared inbox in which every conversation is a durable workflow. " +
		"Every error is a problem document (RFC 9457) with a stable code."
	config.OpenAPIPath = "/api/openapi"
	config.DocsPath, config.SchemasPath = "", ""
	config.CreateHooks = nil // no $schema in answers
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		scheme:        {Type: "http", Scheme: "bearer", Description: "An API token, as Authorization: Bearer guichet_…"},
		sessionScheme: {Type: "apiKey", In: "cookie", Name: s.cookieName(), Description: "The session of somebody who is logged in. What changes something also needs the header " + csrfHeader},
	}
	describeEnums(config.Components.Schemas)
	s.api = humaecho.New(s.echo, config)

	s.registerSessions()
	s.registerOIDC()
	s.registerMe()
	s.registerNotifications()
	s.registerOwnTokens()
	s.registerSecondFactor()
	s.registerRoles()
	s.registerAccounts()
	s.registerAccountStates()
	s.registerAccountHealth()
	s.registerViewers()
	s.registerParked()
	s.registerAgents()
	s.registerTeams()
	s.registerTokens()
	s.registerAudit()
	s.registerConversations()
	s.registerViews()
	s.registerBulk()
	s.registerHandling()
	s.registerMessages()
	s.registerRead()
	s.registerConsent()
	s.registerEvents()
	s.registerPresence()
	s.registerNotes()
	s.registerLabels()
	s.registerLabelling()
	s.registerDrafts()
	s.registerFollowing()
	s.registerBlocks()
	s.registerAssignment()
	s.registerTranscripts()
	s.registerContacts()
	s.registerAttributes()
	s.registerSearch()
	s.registerCalendars()
	s.registerRules()
	s.registerAutomationFile()
	s.registerDecisions()
}

func (s *Server) version() string {
	if s.Version == "" {
		return "development"
	}
	return s.Version
}

// operation is one entry of the API.
type operation struct {
	id         string // "list-conversations"
	method     string
	path       string // after the prefix
	permission team.Permission
	public     bool // for everybody: there is no permission
	summary    string
	status     int // of success; 0 is 200
	tag        string
	responses  map[string]*huma.Response // of a stream; nil describes the handler's answer
}

// register adds an operation. The caller's token and permission are checked before anything of the request is read.
func register[In, Out any](s *Server, op operation, handle func(context.Context, *In) (*Out, error)) {
	if slices.Contains(team.Permissions(), op.permission) == op.public {
		panic("operation " + op.id + " names no permission, or is public and names one")
	}
	places := map[string]string{} // of parameters, where they stand
	huma.Register(s.api, huma.Operation{
		OperationID: op.id, Method: op.method, Path: prefix + op.path, Summary: op.summary, Tags: []string{op.tag},
		DefaultStatus: op.status, MaxBodyBytes: maxAPIBody,
		Security: op.security(), Extensions: op.extensions(),
		Middlewares: s.middlewares(op), Parameters: op.parameters(), Responses: op.responses,
	}, func(ctx context.Context, in *In) (*Out, error) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		out, err := handle(ctx, in)
		if err != nil {
			noteUnknown(ctx, err)
			return nil, s.problem(ctx, err).located(places)
		}
		return out, nil
	})
	for _, parameter := range s.described(op).Parameters {
		places[parameter.Name] = parameter.In
	}
}

// described returns an operation as the document describes it.
func (s *Server) described(op operation) *huma.Operation {
	item := s.api.OpenAPI().Paths[prefix+op.path]
	switch op.method {
	case http.MethodGet:
		return item.Get
	case http.MethodPut:
		return item.Put
	case http.MethodPatch:
		return item.Patch
	case http.MethodDelete:
		return item.Delete
	default:
		return item.Post
	}
}

// middlewares are what stands before an operation's handler, the outermost first.
func (s *Server) middlewares(op operation) huma.Middlewares {
	if op.public {
		return huma.Middlewares{s.welcome}
	}
	list := huma.Middlewares{s.authorise(op.permission), s.limited}
	if op.method == http.MethodPost {
		list = append(list, s.repeatable)
	}
	if op.single() {
		list = append(list, validate)
	}
	if op.decides() {
		list = append(list, s.sighted)
	}
	return list
}

// parameters describes the parameters that the middlewares read.
func (op operation) parameters() (list []*huma.Param) {
	if op.method == http.MethodPost && !op.public {
		list = append(list, describeIdempotencyKey())
	}
	if op.single() {
		list = append(list, describeIfNoneMatch())
	}
	if op.decides() {
		list = append(list, describeIfSeq())
	}
	return list
}

// security says how callers prove who they are.
func (op operation) security() []map[string][]string {
	if op.public {
		return []map[string][]string{}
	}
	return []map[string][]string{{scheme: {}}, {sessionScheme: {}}}
}

func (op operation) extensions() map[string]any {
	if op.public {
		return nil
	}
	return map[string]any{permissionExtension: op.permission}
}

// welcome lets everybody pass, but not without end.
func (s *Server) welcome(ctx huma.Context, next func(huma.Context)) {
	if s.admitted(ctx, s.strangers, s.client(ctx).IP) {
		next(s.withClient(ctx))
	}
}

// withClient says where the request comes from.
func (s *Server) withClient(ctx huma.Context) huma.Context {
	return huma.WithValue(ctx, keyClient, s.client(ctx))
}

// authorise lets a request pass if its token has the permission.
func (s *Server) authorise(permission team.Permission) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who, err := s.visitor(ctx)
		if err == nil && !who.Can(permission) {
			err = &conversation.Error{
				Code: conversation.CodeForbidden, Message: "this needs the permission " + string(permission),
				Details: map[string]any{"permission": permission},
			}
		}
		if err == nil {
			ctx = huma.WithValue(s.withClient(ctx), keyPrincipal, who.Principal)
			if who.session != nil {
				ctx = huma.WithValue(ctx, keySession, *who.session)
			}
			next(ctx)
			return
		}
		p := s.problem(ctx.Context(), err)
		if p.Status == http.StatusUnauthorized {
			if !s.admitted(ctx, s.strangers, s.client(ctx).IP) {
				return
			}
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="guichet"`)
		}
		s.refuse(ctx, p)
	}
}

// refuse answers with a problem.
func (s *Server) refuse(ctx huma.Context, p *Problem) {
	if p.RequestID == "" {
		p.RequestID = requestID(ctx.Context())
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	if err := s.api.Marshal(ctx.BodyWriter(), "application/json", p); err != nil {
		s.Logger.DebugContext(ctx.Context(), "answer not written", "request_id", p.RequestID, errorAttr(err))
	}
}

// bearer returns the token of an Authorization header, empty if there is none.
func bearer(header string) string {
	kind, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(kind, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// caller returns who makes the request. Every operation has one.
func caller(ctx context.Context) team.Principal {
	p, _ := ctx.Value(keyPrincipal).(team.Principal)
	return p
}

// actor returns who acts, as it stands in events and in the audit.
func actor(ctx context.Context) conversation.Actor { return caller(ctx).Actor() }

// viewer returns who looks at conversations or acts on them, and what they may see.
func viewer(ctx context.Context) conversation.Caller {
	p := caller(ctx)
	return conversation.Caller{Actor: p.Actor(), Sight: p.Sight, Seen: seen(ctx)}
}

// answer is an operation's result with nothing but a body.
type answer[T any] struct{ Body T }

func reply[T any](body T, err error) (*answer[T], error) {
	if err != nil {
		return nil, err
	}
	return &answer[T]{Body: body}, nil
}

// list is a list that is never null.
type list[T any] struct {
	Items []T `json:"items" nullable:"false"`
}

func replyList[T any](items []T, err error) (*answer[list[T]], error) {
	if items == nil {
		items = []T{}
	}
	return reply(list[T]{Items: items}, err)
}
