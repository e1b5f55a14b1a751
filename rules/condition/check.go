package condition

import (
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// walk goes once through what the parser found: it finds the type of everything, adds up what it costs, and writes the
// tree that runs. What it does not know, it refuses, whatever expr would make of it. After the first error it goes on with
// unclear values, and says nothing more.
type walk struct {
	source string
	schema Schema
	err    *Error

	inputs map[string]bool
	seen   map[ast.Node]bool
	item   *value // what # is; nil outside of any, all, …

	cost   int
	times  int             // how often what is looked at can run
	folded map[string]bool // paths whose folding is paid for
	worst  charge
}

// charge is a cost and where it arises.
type charge struct {
	cost, offset int
}

// value is what the checker knows of a part of a condition.
type value struct {
	kind    kind
	node    ast.Node // what runs; nil after an error
	at      ast.Node // what was written
	size    int      // at most: characters of a text, items of a list
	each    int      // at most: characters of an item of a list
	path    string   // of a field
	call    string   // name of the function whose result it is
	options []string // all values of a text, if they are known
	literal any      // string, int, float64, bool or []string, of what is written as a constant
}

// fail notes the first error. The value that it returns is unclear.
func (c *walk) fail(at ast.Node, hint, message string) value {
	if c.err == nil {
		c.err = errorAt(c.source, beginning(at).Location().From, message, hint)
	}
	return value{at: at}
}

// beginning is where a name such as contact.country begins; the parser places it at its end.
func beginning(node ast.Node) ast.Node {
	for {
		member, ok := node.(*ast.MemberNode)
		if !ok {
			return node
		}
		node = member.Node
	}
}

// spend adds to the cost: units for each time that this part runs.
func (c *walk) spend(at ast.Node, units int) {
	units *= c.times
	c.cost += units
	if units > c.worst.cost {
		c.worst = charge{units, at.Location().From}
	}
}

func (c *walk) check(node ast.Node) value {
	if c.err != nil || node == nil {
		return value{at: node}
	}
	// The parser uses the middle of a < b < c and the a of a ?: b twice. Nested, such a tree is exponentially larger than
	// what was written.
	if c.seen[node] {
		return c.fail(node, "compare two values at a time, and join them: 8 <= hour(now) and hour(now) < 18", "This is compared twice")
	}
	c.seen[node] = true
	c.spend(node, costNode)
	switch n := node.(type) {
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.field(node)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		return c.literal(node)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.BuiltinNode:
		return c.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.call(n, callee.Value, n.Arguments)
		}
		return c.fail(n, "write function(value) instead of value.function()", "Only functions can be called")
	default:
		return c.refuse(node)
	}
}

// refuse says what of expr's language does not belong to conditions.
func (c *walk) refuse(node ast.Node) value {
	switch node.(type) {
	case *ast.NilNode:
		return c.fail(node, `compare with "", or write is_known(contact.name)`, "There is no nil here: what is missing is empty")
	case *ast.ChainNode:
		return c.fail(node, "write . instead of ?.", "Nothing here needs ?.")
	case *ast.SliceNode:
		return c.fail(node, "", "Parts of texts and lists cannot be taken")
	case *ast.MapNode:
		return c.fail(node, "", "{ } has no meaning here")
	case *ast.SequenceNode, *ast.VariableDeclaratorNode:
		return c.fail(node, "join conditions with and, or", "A condition is one expression, without let and ;")
	case *ast.PredicateNode:
		return c.fail(node, "", "{ } has no meaning here")
	default:
		return c.fail(node, "", "This cannot be used in a condition")
	}
}

func (c *walk) literal(node ast.Node) value {
	v := value{node: node, at: node}
	switch n := node.(type) {
	case *ast.IntegerNode:
		v.kind, v.literal = number, n.Value
	case *ast.FloatNode:
		v.kind, v.literal = number, n.Value
	case *ast.BoolNode:
		v.kind, v.literal = boolean, n.Value
	case *ast.StringNode:
		v.kind, v.literal, v.size = text, n.Value, len(n.Value)
	}
	return v
}

// describe names a value in a sentence: contact.country is a text.
func (v value) describe() string {
	switch l := v.literal.(type) {
	case string:
		return quoted(l)
	case int:
		return strconv.Itoa(l)
	case float64:
		return strconv.FormatFloat(l, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(l)
	}
	if v.path != "" {
		return v.path
	}
	if v.call != "" {
		return v.call + "(…)"
	}
	return "this"
}
