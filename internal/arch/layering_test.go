package arch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rule says what the packages of one layer may import. Names are paths below the module; "x/..." is all below x.
type rule struct {
	layer     []string
	own       []string // packages of ours that may be imported; nil: those that are not forbidden
	forbidden []string // must not be imported; with a dot in the first element, a package of somebody else
	reach     []string // must not be reached through others either
	pure      bool     // standard library only, apart from own and foreign
	foreign   []string // packages of somebody else that pure code may import
}

// outside are packages by which the database, the web and Temporal come in.
var outside = []string{
	"github.com/uptrace/bun/...", "github.com/jackc/pgx/v5/...", "github.com/labstack/echo/v4/...",
	"github.com/danielgtaylor/huma/v2/...", "go.temporal.io/...", "database/sql", "net/http",
}

const (
	exprLang = "github.com/expr-lang/expr/..."
	adapters = "channel/*"
)

// rules are tried in order; the first whose layer has the package holds. The last is for the nouns: accounts, contacts,
// inbox, team and those to come.
var rules = []rule{
	{layer: []string{"conversation/..."}, own: []string{"conversation/..."}, pure: true},
	{
		layer: []string{"hours/..."}, own: []string{"hours/...", "conversation"}, forbidden: outside,
		pure: true, foreign: []string{"github.com/rickar/cal/v2/..."},
	},
	{layer: []string{"rules/condition"}, own: []string{"conversation"}, forbidden: outside},
	{layer: []string{"optout/..."}, own: []string{"optout/...", "conversation"}, forbidden: append([]string{exprLang}, outside...)},
	{layer: []string{"rules/..."}, own: []string{"rules/...", "hours/...", "optout", "conversation/..."}, forbidden: outside},
	{layer: []string{"channel"}, own: []string{"conversation"}, forbidden: append([]string{exprLang}, outside[:5]...)},
	{layer: []string{"channel/..."}, own: []string{"channel", "channel/channeltest", "conversation"}, forbidden: append([]string{exprLang}, outside[:6]...)},
	{layer: []string{"simulator/..."}, own: []string{"simulator/..."}, forbidden: []string{"go.temporal.io/..."}},
	{layer: []string{"postgres/..."}, own: []string{}, forbidden: []string{"go.temporal.io/...", "net/http"}},
	{layer: []string{"migrations/..."}, own: []string{"postgres"}},
	{
		layer: []string{"workflows/..."}, own: []string{"workflows/...", "activities", "conversation"},
		reach: []string{
			"github.com/uptrace/bun/...", "github.com/jackc/pgx/v5/...", "github.com/labstack/echo/v4/...",
			"github.com/danielgtaylor/huma/v2/...", exprLang, adapters, "postgres",
		},
	},
	{layer: []string{"activities/..."}, own: []string{"activities/...", "conversation", "channel"}},
	{layer: []string{"server/..."}, forbidden: []string{"activities", "worker", "simulator/...", "internal/app"}, reach: []string{"workflows/..."}},
	{layer: []string{"worker/..."}, forbidden: []string{"server/...", "simulator/...", "internal/app"}},
	{
		// Inbox and intake build on it.
		layer: []string{"assignment"}, own: []string{"conversation", "internal/clock", "ledger", "outbox", "postgres", "presence", "team"},
		forbidden: []string{"github.com/labstack/echo/v4/...", "github.com/danielgtaylor/huma/v2/...", "go.temporal.io/...", "net/http"},
	},
	{
		// It describes what these have and adds nothing of its own: whoever applies a file does what the API does.
		layer: []string{"blueprint"}, own: []string{"assignment", "calendars", "conversation", "postgres", "rulebook", "rules", "rules/condition"},
		forbidden: []string{"github.com/labstack/echo/v4/...", "github.com/danielgtaylor/huma/v2/...", "go.temporal.io/...", "net/http"},
	},
	{layer: []string{"cmd/...", "internal/app/...", "bench/...", "web/..."}},
	{layer: []string{"internal/..."}, forbidden: []string{"internal/app", "server/...", "worker/...", "workflows/...", "activities/...", "simulator/..."}},
	{
		layer: []string{"..."},
		forbidden: []string{
			"server/...", "worker/...", "workflows/...", "activities/...", "simulator/...", "cmd/...", "internal/app", adapters,
			"github.com/labstack/echo/v4/...", "github.com/danielgtaylor/huma/v2/...", "go.temporal.io/...",
		},
	},
}

// layering returns what is wrong with the imports of one package.
func layering(p listed) []string {
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.layer, p.name()) })
	r := rules[i]
	var broken []string
	for _, path := range p.Imports {
		name, ours := strings.CutPrefix(path, module+"/")
		standard := !strings.Contains(strings.SplitN(path, "/", 2)[0], ".")
		switch {
		case ours && r.own != nil && !matches(r.own, name),
			matches(r.forbidden, name),
			r.pure && !ours && !standard && !matches(r.foreign, path):
			broken = append(broken, fmt.Sprintf("%s must not import %s", p.name(), name))
		}
	}
	for _, path := range p.Deps {
		if name := strings.TrimPrefix(path, module+"/"); matches(r.reach, name) {
			broken = append(broken, fmt.Sprintf("%s must not reach %s, through whatever package", p.name(), name))
		}
	}
	return broken
}

// matches knows names, "x/..." for x and all below it, "x/*" for all below x, and "..." for everything.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if pattern == "..." || pattern == name {
			return true
		}
		if root, ok := strings.CutSuffix(pattern, "/..."); ok {
			return name == root || strings.HasPrefix(name, root+"/")
		}
		root, ok := strings.CutSuffix(pattern, "*")
		return ok && strings.HasPrefix(name, root)
	})
}

func TestLayeringIsNoticed(t *testing.T) {
	t.Parallel()
	const bun, echo = "github.com/uptrace/bun", "github.com/labstack/echo/v4"
	for _, c := range []struct {
		from, imports, deps string
		want                bool
	}{
		{"conversation", "time", "", true},
		{"conversation", "golang.org/x/text/language", "", false},
		{"conversation", module + "/hours", "", false},
		{"hours", "github.com/rickar/cal/v2", "", true},
		{"hours", "github.com/rickar/cal/v2/ro", "", true},
		{"hours", "golang.org/x/text/language", "", false},
		{"hours", "net/http", "", false},
		{"hours", module + "/conversation", "", true},
		{"hours", module + "/rules", "", false},
		{"optout", module + "/conversation", "", true},
		{"optout/intent", module + "/optout", "", true},
		{"optout", module + "/rules", "", false},
		{"rules", module + "/hours", "", true},
		{"rules", module + "/optout", "", true},
		{"rules", "github.com/expr-lang/expr", "", true},
		{"rules", module + "/rules/condition", "", true},
		{"rules/condition", "github.com/expr-lang/expr", "", true},
		{"rules/condition", module + "/conversation", "", true},
		{"rules/condition", module + "/hours", "", false},
		{"rules/condition", module + "/rules", "", false},
		{"rules", bun, "", false},
		{"rules", module + "/inbox", "", false},
		{"channel", module + "/conversation", "", true},
		{"channel", module + "/channel/whatsapp", "", false},
		{"channel/whatsapp", module + "/channel", "", true},
		{"channel/whatsapp", module + "/channel/twilio", "", false},
		{"channel/whatsapp", module + "/inbox", "", false},
		{"simulator", module + "/channel", "", false},
		{"simulator", "net/http", "", true},
		{"workflows", module + "/activities", "", true},
		{"workflows", module + "/inbox", "", false},
		{"workflows", module + "/activities", bun, false},
		{"workflows", module + "/activities", module + "/channel", true},
		{"workflows", module + "/activities", module + "/channel/whatsapp", false},
		{"activities", module + "/inbox", "", false},
		{"server", module + "/inbox", "", true},
		{"server/webhooks", module + "/workflows", module + "/workflows", false},
		{"server", module + "/inbox", module + "/workflows", false},
		{"inbox", module + "/contacts", "", true},
		{"inbox", module + "/postgres", "", true},
		{"inbox", module + "/server", "", false},
		{"inbox", echo, "", false},
		{"inbox", module + "/channel/whatsapp", "", false},
		{"assignment", module + "/ledger", "", true},
		{"assignment", module + "/inbox", "", false},
		{"inbox", module + "/assignment", "", true},
		{"blueprint", module + "/rulebook", "", true},
		{"blueprint", module + "/inbox", "", false},
		{"blueprint", "net/http", "", false},
		{"postgres", module + "/conversation", "", false},
		{"internal/testkit", module + "/internal/app", "", false},
		{"internal/app", module + "/server", "", true},
		{"cmd/guichet", module + "/internal/app", "", true},
	} {
		p := listed{ImportPath: module + "/" + c.from, Imports: []string{c.imports}, Deps: []string{c.deps}}
		if broken := layering(p); (len(broken) == 0) != c.want {
			t.Errorf("%s → %s (%s): %q", c.from, c.imports, c.deps, broken)
		}
	}
}
