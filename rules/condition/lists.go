package condition

import (
	"github.com/expr-lang/expr/ast"
)

// array reads a list of constants, which is all that [ ] may hold.
func (c *walk) array(n *ast.ArrayNode) value {
	v := value{kind: texts, at: n, size: len(n.Nodes)}
	if len(n.Nodes) == 0 || len(n.Nodes) > maxItems {
		return c.fail(n, "", "A list must have 1 to 100 values")
	}
	var all []string
	for _, node := range n.Nodes {
		item := c.check(node)
		s, ok := item.literal.(string)
		if c.err != nil {
			return value{at: n}
		}
		if !ok {
			return c.fail(node, `as in ["FR", "BE"]`, "Such a list holds texts in quotes only")
		}
		all, v.each = append(all, s), max(v.each, item.size)
	}
	v.literal, v.node = all, constant(n, all)
	return v
}

// in checks that a text is one of a list.
func (c *walk) in(n *ast.BinaryNode) value {
	l := c.check(n.Left)
	if numbers, ok := n.Right.(*ast.ArrayNode); ok && l.kind == number {
		return c.inNumbers(n, l, numbers)
	}
	r := c.check(n.Right)
	switch {
	case c.err != nil:
		return value{at: n}
	case r.kind == text && r.literal == nil && l.kind == text:
		return c.fail(n, "write contains_text("+r.describe()+", "+l.describe()+")", "in looks into lists, and "+r.describe()+" is a text")
	case r.kind != texts:
		return c.fail(n, `as in contact.country in ["FR", "BE"]`, "in needs a list, and "+r.describe()+" is "+r.kind.phrase())
	case l.kind != text:
		return c.fail(n, "", "The list holds texts, and "+l.describe()+" is "+l.kind.phrase())
	}
	list := r.node
	if constants, ok := r.literal.([]string); ok {
		set := make(map[string]struct{}, len(constants))
		for i, s := range constants {
			set[s] = struct{}{}
			if array, ok := n.Right.(*ast.ArrayNode); ok {
				c.option(l, value{kind: text, at: array.Nodes[i], literal: s})
			}
		}
		list = constant(n.Right, set)
	}
	c.spend(n, (costNode+costTouch*min(l.size, r.each))*r.size)
	return value{kind: boolean, at: n, node: placed(n, &ast.BinaryNode{Operator: "in", Left: l.node, Right: list})}
}

func (c *walk) inNumbers(n *ast.BinaryNode, l value, numbers *ast.ArrayNode) value {
	if len(numbers.Nodes) > maxItems {
		return c.fail(numbers, "", "A list must have 1 to 100 values")
	}
	var all []any
	for _, node := range numbers.Nodes {
		item := c.check(node)
		if c.err == nil && (item.kind != number || item.literal == nil) {
			c.fail(node, "", l.describe()+" is a number, and the list holds something else")
		}
		all = append(all, item.literal)
	}
	if c.err != nil {
		return value{at: n}
	}
	c.spend(n, costNode*len(all))
	return value{kind: boolean, at: n, node: placed(n, &ast.BinaryNode{Operator: "in", Left: l.node, Right: constant(numbers, all)})}
}

// predicate checks any, all, none, one and count: a list, and a condition on each of its texts.
func (c *walk) predicate(node ast.Node, name string, args []ast.Node) value {
	const example = `any(conversation.labels, # matches "^vip")`
	if c.item != nil {
		return c.fail(node, "", name+" cannot stand inside of another any, all, none, one or count")
	}
	if len(args) != 2 {
		return c.fail(node, "as in "+example, name+" needs a list and a condition")
	}
	list := c.check(args[0])
	body, ok := args[1].(*ast.PredicateNode)
	if c.err != nil {
		return value{at: node}
	}
	if list.kind != texts || !ok {
		return c.fail(node, "as in "+example, name+" needs a list, and "+list.describe()+" is "+list.kind.phrase())
	}
	c.item, c.times = &value{kind: text, size: list.each}, max(list.size, 1)
	holds := c.check(body.Node)
	c.item, c.times = nil, 1
	if c.err != nil {
		return value{at: node}
	}
	if holds.kind != boolean {
		return c.fail(body.Node, "as in "+example, name+" needs a condition, and "+holds.describe()+" is "+holds.kind.phrase())
	}
	result := boolean
	if name == "count" {
		result = number
	}
	inner := placed(body, &ast.PredicateNode{Node: holds.node})
	return value{kind: result, at: node, node: placed(node, &ast.BuiltinNode{Name: name, Arguments: []ast.Node{list.node, inner}})}
}

func (c *walk) pointer(n *ast.PointerNode) value {
	if c.item == nil || n.Name != "" {
		return c.fail(n, "", "# stands for a text of a list, within any, all, none, one and count")
	}
	v := *c.item
	v.node, v.at = n, n
	return v
}
