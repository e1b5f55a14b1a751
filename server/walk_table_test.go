package server_test

// walk says what the walk over all routes cannot read in the OpenAPI document. In queries and bodies, <kind> stands for the
// id of an object of that kind (see objects in walk_office_test.go), and <unique> for a text that is new each time.
type walk struct {
	bodies  []string // each is sent; together they fill every id that the body may have
	queries []string // for queries that need more than one parameter to make sense
	// settings marks what may also be done to an account by those who administer it without seeing its conversations.
	settings bool
	// unaudited says why an operation that needs an admin's permission leaves no entry in the audit.
	unaudited string
	// selects marks bodies that only say what is meant: what the caller cannot know of is taken and finds nothing.
	selects bool
	// lacks marks what may be absent although its conversation is seen, such as a draft.
	lacks bool
	// after puts back what the operation changed for the others who walk, after each request.
	after func(w *walked)
}

// kinds says to which kind of object the ids in paths, queries and bodies belong, by their names.
var kinds = map[string]string{
	"account_id": "account", "account_ids": "account",
	"conversation_id": "conversation",
	"message_id":      "message", "reply_to": "message",
	"parked_id": "parked",
	"agent_id":  "agent", "agent_ids": "agent", "actor_id": "agent",
	"team_id": "team", "team_ids": "team",
	"token_id": "token", "session_id": "session", "bulk_id": "bulk", "view_id": "view",
	"role_key":   "role",
	"contact_id": "contact", "note_id": "note", "label_id": "label", "key": "attribute",
	"calendar_id": "calendar", "version": "version",
	"saved_view": "view", "assignee": "agent", "team": "team",
}

// ofAccount are the kinds whose objects belong to an account: without sight of it they do not exist.
var ofAccount = map[string]bool{"account": true, "conversation": true, "message": true, "parked": true, "contact": true, "note": true}

// notIDs are names that look like ids of ours and are the caller's or the provider's own.
var notIDs = map[string]bool{"id": true, "client_id": true, "provider_id": true, "business_id": true}

// public are the operations that everybody may ask for. There is no other way in without a token or a session.
var public = map[string]bool{"log-in": true, "forgot-password": true, "set-password": true, "get-oidc": true, "begin-oidc": true, "finish-oidc": true}

// someRule names one of everything that a rule can refer to.
const someRule = `{"id":"<unique>","name":"r","when":"message_received","account_ids":["<account>"],"then":[
	{"do":"assign","to":"agent","agent_id":"<agent>"},{"do":"assign","to":"team","team_id":"<team>"},{"do":"add_label","label_id":"<label>"}]}`

// automationFile names one of everything that a file can refer to, by ids as names that do not tell are.
const automationFile = `{guichet: 1, calendars: [{name: "<unique>", hours: {time_zone: UTC}}], rules: [{name: "<unique>", when: message_received, then: [
	{do: assign, to: team, team: "<team>"}, {do: add_label, label: "<label>"}]}], accounts: {"<account>": {calendar: null, assignment_plan: {policies: [{kind: team, team: "<team>"}]}}}}`

// walks has an entry for each operation with a body, and for the others that need one.
var walks = map[string]walk{
	"create-account": {bodies: []string{
		`{"channel":"whatsapp","name":"<unique>","provider_id":"<unique>","secrets":{"access_token":"a","app_secret":"b","verify_token":"c"}}`,
	}},
	"get-account":         {settings: true},
	"update-account":      {bodies: []string{`{"name":"<unique>"}`}, settings: true},
	"pause-account":       {settings: true},
	"resume-account":      {settings: true},
	"check-account":       {settings: true, unaudited: "it changes nothing"},
	"get-account-viewers": {settings: true},
	"get-assignment-plan": {settings: true},
	"set-assignment-plan": {settings: true, bodies: []string{
		`{"policies":[{"kind":"agent","agent_id":"<agent>"},{"kind":"team","team_id":"<team>","nobody":"queue"}]}`,
	}, after: (*walked).unplan},
	"set-capacity":  {bodies: []string{`{"capacity":7}`}},
	"accept-offer":  {lacks: true}, // nothing is offered to the admin
	"decline-offer": {lacks: true},
	"set-account-viewers": {
		bodies: []string{`{"restricted":true,"agent_ids":["<viewer>","<agent>"],"team_ids":["<watchers>","<team>"]}`}, settings: true, after: (*walked).restrict,
	},

	"get-own-second-factor":     {lacks: true}, // all of these need a session
	"enrol-own-second-factor":   {lacks: true},
	"confirm-own-second-factor": {bodies: []string{`{"code":"123456"}`}, lacks: true},
	"disable-own-second-factor": {bodies: []string{`{"code":"123456"}`}, lacks: true},
	"reset-second-factor":       {lacks: true},
	"get-oidc-settings":         {lacks: true}, // there is no provider
	"set-oidc-settings":         {bodies: []string{`{"issuer":"http://127.0.0.1:1","client_id":"c","label":"l"}`}, lacks: true},
	"remove-oidc-settings":      {lacks: true},
	"unlink-oidc":               {lacks: true},

	"create-agent":       {bodies: []string{`{"name":"<unique>","email":"<unique>@example.com","role":"agent"}`}},
	"update-agent":       {bodies: []string{`{"name":"<unique>"}`, `{"role":"supervisor","email":"<unique>@example.com"}`, `{"state":"deactivated"}`}},
	"list-agents":        {settings: true},
	"update-me":          {bodies: []string{`{"language":"fr"}`}},
	"change-password":    {bodies: []string{`{"current":"x","password":"y y y y y y"}`}, lacks: true},
	"get-session":        {lacks: true},
	"log-out":            {lacks: true},
	"end-own-session":    {lacks: true},
	"end-other-sessions": {lacks: true},
	"create-team":        {bodies: []string{`{"name":"<unique>"}`}},
	"rename-team":        {bodies: []string{`{"name":"<unique>"}`}},
	"create-role":        {bodies: []string{`{"key":"<unique>","name":"<unique>","permissions":["self.read"]}`}},
	"update-role":        {bodies: []string{`{"name":"<unique>","permissions":["self.read"]}`}},
	"create-token":       {bodies: []string{`{"name":"t","agent_id":"<agent>","account_ids":["<account>"]}`, `{"name":"t","role":"agent","scopes":["self.read"]}`}},
	"create-own-token":   {bodies: []string{`{"name":"t"}`, `{"name":"t","account_ids":["<account>"]}`}},
	"revoke-own-token":   {},
	"list-audit":         {queries: []string{"subject_kind=account&subject_id=<account>"}},

	"create-attribute":     {bodies: []string{`{"key":"<word>","label":"<unique>","type":"text"}`}},
	"update-attribute":     {bodies: []string{`{"label":"<unique>"}`}},
	"create-calendar":      {bodies: []string{`{"name":"<unique>","hours":{"time_zone":"Europe/Paris","week":{"monday":[{"from":"09:00","to":"17:00"}]},"holidays":{}}}`}},
	"replace-calendar":     {bodies: []string{`{"name":"<unique>","hours":{"time_zone":"Europe/Paris","week":{},"holidays":{}}}`}},
	"ask-calendar":         {queries: []string{"plus_seconds=60"}},
	"set-account-calendar": {bodies: []string{`{"calendar_id":"<calendar>"}`}, settings: true},
	"set-team-calendar":    {bodies: []string{`{"calendar_id":"<calendar>"}`}},
	"save-rule-draft":      {selects: true, bodies: []string{`{"definition":{"rules":[` + someRule + `]},"revision":<draft>}`}},
	"drop-rule-draft":      {queries: []string{"revision=<draft>"}},
	"publish-rule-draft":   {bodies: []string{`{"comment":"a comment","revision":<draft>}`}},
	"roll-back-rules":      {bodies: []string{`{"comment":"a comment","revision":<draft>}`}},
	"try-rules": {selects: true, bodies: []string{
		`{"definition":{"rules":[` + someRule + `]},"account_id":"<account>","text":"hello"}`, `{"definition":{"rules":[]},"message_id":"<message>"}`,
	}, unaudited: "it changes nothing"},
	"check-automation":        {selects: true, bodies: []string{automationFile}, unaudited: "it changes nothing"},
	"apply-automation":        {bodies: []string{automationFile}, settings: true, after: (*walked).unplan},
	"compare-rules":           {queries: []string{"from=0&to=0"}},
	"get-automatic-replies":   {settings: true},
	"set-automatic-replies":   {bodies: []string{`{"comment":"a comment","always":{"text":"Hello"}}`}, settings: true},
	"drop-automatic-replies":  {queries: []string{"comment=a"}, settings: true},
	"answer-consent-question": {bodies: []string{`{"answer":"no"}`}, lacks: true},
	"create-label":            {bodies: []string{`{"name":"<unique>"}`}},
	"update-label":            {bodies: []string{`{"name":"<unique>"}`}},
	"label-conversation":      {bodies: []string{`{"label_id":"<label>"}`, `{"name":"<unique>"}`}},
	"unlabel-conversation":    {lacks: true},
	"prioritise-conversation": {bodies: []string{`{"priority":"urgent"}`}},
	"add-note":                {bodies: []string{`{"text":"look","mentions":["<viewer>"]}`, `{"text":"look"}`}},
	"edit-note":               {bodies: []string{`{"text":"look here"}`}},
	"get-draft":               {lacks: true},
	"put-draft":               {bodies: []string{`{"text":"Hel","if_version":0}`, `{"text":"Hel","reply_to":"<message>","if_version":0}`}},
	"edit-contact":            {bodies: []string{`{"note":"likes tea"}`}},

	"start-bulk-action": {selects: true, bodies: []string{
		`{"action":{"kind":"assign","agent_id":"<agent>","team_id":"<team>"},"filter":{"account_ids":["<account>"],"label_ids":["<label>"],"assignee":"<agent>","team":"<team>"}}`,
		`{"action":{"kind":"add_label","label_id":"<label>"},"ids":["<conversation>"]}`,
	}},
	"get-bulk-action":    {lacks: true}, // one's own only
	"cancel-bulk-action": {lacks: true},
	"create-view": {selects: true, bodies: []string{
		`{"name":"<unique>","filter":{"account_ids":["<account>"],"label_ids":["<label>"],"assignee":"<agent>","team":"<team>"}}`,
	}},
	"update-view": {selects: true, bodies: []string{
		`{"name":"<unique>","filter":{"account_ids":["<account>"],"label_ids":["<label>"],"assignee":"<agent>","team":"<team>"}}`,
	}},
	"share-view":    {bodies: []string{`{"with":"everybody"}`, `{"with":"team","team_id":"<team>"}`}},
	"search-people": {queries: []string{"q=4071"}}, // the beginning of everybody's number
	"search-messages": {queries: []string{
		"q=words%20", "q=words&account_id=<account>", "q=words&conversation_id=<conversation>", "q=words&agent_id=<agent>", "q=words&label_id=<label>",
	}},

	"listen-events":        {queries: []string{"cursor=1-0-0"}}, // all that ever happened
	"choose-presence":      {bodies: []string{`{"state":"online"}`}},
	"choose-working-teams": {bodies: []string{`{"team_ids":["<team>"]}`, `{"team_ids":[]}`}},
	"visit-conversation":   {bodies: []string{`{"state":"viewing"}`}},
	"assign-conversation":  {bodies: []string{`{"agent_id":"<agent>","team_id":"<team>"}`, `{"agent_id":null,"team_id":null}`, `{"agent_id":"<agent>","note":{"text":"yours"}}`}},
	"snooze-conversation":  {bodies: []string{`{"until":"2100-01-01T00:00:00Z"}`, `{"until":"<tomorrow>"}`}},
	"read-conversation":    {bodies: []string{`{"up_to_seq":1}`}},
	"consent-conversation": {bodies: []string{`{"scope":"marketing","state":"opted_out"}`}},
	"send-message": {bodies: []string{
		`{"client_id":"<unique>","text":"hi","reply_to":"<message>"}`, `{"client_id":"<unique>","reaction":{"message_id":"<message>","emoji":"👍"}}`,
	}},

	// A program has none.
	"list-notifications":        {lacks: true},
	"read-notifications":        {bodies: []string{`{"up_to":"2100-01-01T00:00:00Z"}`}, lacks: true},
	"get-notification-settings": {lacks: true},
	"put-notification-settings": {bodies: []string{
		`{"mention":{"in_app":true,"mail":"daily"},"assignment":{"in_app":true,"mail":"off"},"follow":{"in_app":true,"mail":"off"},"hour":7,"time_zone":"UTC"}`,
	}, lacks: true},
}
