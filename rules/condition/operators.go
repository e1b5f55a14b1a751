package condition

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

func (c *walk) unary(n *ast.UnaryNode) value {
	v := c.check(n.Node)
	if c.err != nil {
		return value{at: n}
	}
	want, hint := boolean, "write not ( ) around what follows, or != for =="
	if n.Operator == "-" || n.Operator == "+" {
		want, hint = number, ""
	}
	if v.kind != want {
		return c.fail(n, hint, n.Operator+" needs "+want.phrase()+", and "+v.describe()+" is "+v.kind.phrase())
	}
	return value{kind: want, at: n, node: placed(n, &ast.UnaryNode{Operator: n.Operator, Node: v.node})}
}

func (c *walk) binary(n *ast.BinaryNode) value {
	switch n.Operator {
	case "and", "&&", "or", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/":
		l, r := c.check(n.Left), c.check(n.Right)
		if c.err != nil {
			return value{at: n}
		}
		return c.operate(n, l, r)
	case "in":
		return c.in(n)
	case "matches":
		return c.matches(n)
	case "contains", "startsWith", "endsWith":
		function := map[string]string{"contains": "contains_text", "startsWith": "starts_with_text"}[n.Operator]
		if function == "" {
			return c.fail(n, `write message.text matches "end$"`, n.Operator+" is not used here")
		}
		return c.fail(n, "write "+function+`(message.text, "part"), which minds neither case nor accents`, n.Operator+" is not used here")
	case "..":
		return c.fail(n, "write 8 <= hour(now) and hour(now) < 18", "There are no ranges here")
	default:
		return c.fail(n, "", n.Operator+" is not used here")
	}
}

// operate checks an operator whose sides are values.
func (c *walk) operate(n *ast.BinaryNode, l, r value) value {
	c.spend(n, costTouch*min(l.size, r.size))
	result := value{kind: boolean, at: n, node: placed(n, &ast.BinaryNode{Operator: n.Operator, Left: l.node, Right: r.node})}
	switch n.Operator {
	case "and", "&&", "or", "||":
		for _, side := range []value{l, r} {
			if side.kind != boolean {
				hint := "compare it with something"
				if side.kind == text && side.literal != nil {
					hint = `name the field again: contact.country == "FR" or contact.country == "BE"`
				}
				return c.fail(side.at, hint, n.Operator+" joins conditions, and "+side.describe()+" is "+side.kind.phrase())
			}
		}
	case "==", "!=":
		c.equal(n, l, r)
	case "<", "<=", ">", ">=":
		c.order(n, l, r)
	default:
		c.calculate(n, l, r)
		result.kind = number
	}
	return result
}

func (c *walk) equal(n ast.Node, l, r value) {
	switch {
	case l.kind != r.kind:
		c.fail(n, mismatchHint(l, r), mismatch(l, r))
	case l.kind == texts:
		c.fail(n, `write has_label("refund") or "refund" in conversation.labels`, "Lists cannot be compared")
	}
	c.option(l, r)
	c.option(r, l)
}

// order checks <, <=, > and >=.
func (c *walk) order(n ast.Node, l, r value) {
	switch {
	case l.kind != r.kind:
		c.fail(n, mismatchHint(l, r), mismatch(l, r))
	case l.kind == text:
		hint := "write == or in"
		if all := append(slices.Clone(l.options), r.options...); len(all) > 1 {
			hint = "write in, such as " + l.describe() + ` in ["` + all[len(all)-2] + `", "` + all[len(all)-1] + `"]`
		}
		c.fail(n, hint, "Texts have no order here")
	case l.kind != number && l.kind != moment:
		c.fail(n, "", "Only numbers and times are more or less than others")
	}
}

func (c *walk) calculate(n *ast.BinaryNode, l, r value) {
	switch {
	case l.kind == number && r.kind == number:
	case l.kind == moment || r.kind == moment:
		c.fail(n, "write minutes_since(conversation.opened_at) > 30", "Times cannot be calculated with")
	case l.kind == text || r.kind == text:
		c.fail(n, "", "Texts cannot be put together here")
	default:
		c.fail(n, "", n.Operator+" needs numbers")
	}
}

// option refuses the comparison of a text with a value that it never has.
func (c *walk) option(of, with value) {
	constant, ok := with.literal.(string)
	if !ok || of.options == nil || slices.Contains(of.options, constant) || constant == "" {
		return
	}
	hint := hintList("it is one of", of.options)
	if near := Nearest(constant, of.options); near != "" {
		hint = "did you mean " + quoted(near) + "?"
	}
	c.fail(with.at, hint, of.describe()+" is never "+quoted(constant))
}

func (c *walk) conditional(n *ast.ConditionalNode) value {
	if !n.Ternary {
		return c.fail(n.Cond, "write condition ? one : other", "There is no if here")
	}
	if n.Cond == n.Exp1 {
		return c.fail(n, "write or", "?: is not used here")
	}
	cond, one, other := c.check(n.Cond), c.check(n.Exp1), c.check(n.Exp2)
	switch {
	case c.err != nil:
		return value{at: n}
	case cond.kind != boolean:
		return c.fail(cond.at, "", "Before ? stands what is true or false, and "+cond.describe()+" is "+cond.kind.phrase())
	case one.kind != other.kind || one.kind == texts:
		return c.fail(other.at, "", "Both sides of : must be of one type, and they are "+one.kind.phrase()+" and "+other.kind.phrase())
	}
	return value{
		kind: one.kind, at: n, size: max(one.size, other.size),
		node: placed(n, &ast.ConditionalNode{Ternary: true, Cond: cond.node, Exp1: one.node, Exp2: other.node}),
	}
}

// mismatch says that two values cannot be compared.
func mismatch(l, r value) string {
	return l.describe() + " is " + l.kind.phrase() + " and " + r.describe() + " is " + r.kind.phrase() + ": they cannot be compared"
}

func mismatchHint(l, r value) string {
	if l.literal != nil {
		l, r = r, l
	}
	constant, isText := r.literal.(string)
	switch {
	case l.kind == boolean && (constant == "true" || constant == "false"):
		return "write " + constant + " without quotes"
	case l.kind == number && isText && strings.Trim(constant, "0123456789.") == "":
		return "write " + constant + " without quotes"
	case l.kind == moment && isText:
		return `write date("2026-12-24")`
	case l.kind == moment || r.kind == moment:
		return "write minutes_since(conversation.opened_at) > 30"
	case l.kind == text && r.literal != nil:
		return `write "` + r.describe() + `" with quotes`
	case l.kind == texts || r.kind == texts:
		return `write has_label("refund") or "refund" in conversation.labels`
	}
	return ""
}
