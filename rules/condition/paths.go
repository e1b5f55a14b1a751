package condition

import (
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// field reads a name such as contact.country or contact.attributes.tier.
func (c *walk) field(node ast.Node) value {
	path, ok := c.path(node)
	if !ok {
		return value{at: node}
	}
	if key, isAttribute := strings.CutPrefix(path, attributesPath+"."); isAttribute {
		return c.attribute(node, path, key)
	}
	f := fieldByPath[path]
	switch {
	case groups[path]:
		example := slices.Sorted(maps.Keys(c.below(path)))
		return c.fail(node, hintList("write one of", example), path+" is a group of fields")
	case f == nil:
		return c.unknown(node, path)
	}
	c.inputs[path] = true
	v := value{kind: f.kind, node: node, at: node, size: f.max, path: path, options: f.Options}
	if f.kind == texts {
		v.size, v.each = maxItems, f.max
	}
	return v
}

// path returns a.b.c as it is written; a["b"] is a.b.
func (c *walk) path(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.MemberNode:
		name, constant := n.Property.(*ast.StringNode)
		if !constant {
			c.fail(n, "use any, all, none, one or count for lists", "Items cannot be taken out by number")
			return "", false
		}
		if _, pointer := n.Node.(*ast.PointerNode); pointer || n.Optional {
			c.fail(n, "# itself is the text", "There are no fields below this")
			return "", false
		}
		before, ok := c.path(n.Node)
		return before + "." + name.Value, ok
	default:
		c.fail(node, "", "There are no fields below this")
		return "", false
	}
}

var attributeRunners = map[kind]string{text: runText, number: runNumber, boolean: runBoolean, moment: runTime}

func (c *walk) attribute(node ast.Node, path, key string) value {
	a, known := c.schema[key]
	if !known {
		return c.unknownAttribute(node, key)
	}
	c.inputs[path] = true
	k := a.kind()
	if k == moment {
		c.inputs["now"] = true
	}
	c.spend(node, costCall)
	v := value{kind: k, at: node, path: path, options: a.Options}
	if k == text {
		v.size = maxAttribute
	}
	v.node = c.run(node, attributeRunners[k], self(node), constant(node, &attribute{key, k}))
	return v
}
