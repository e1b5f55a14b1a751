package condition

import "github.com/expr-lang/expr/ast"

// run calls a runner in the place of what was written.
func (c *walk) run(at ast.Node, name string, args ...ast.Node) ast.Node {
	callee := placed(at, &ast.IdentifierNode{Value: name})
	return placed(at, &ast.CallNode{Callee: callee, Arguments: args})
}

// self is how expr names the environment as a whole.
func self(at ast.Node) ast.Node { return placed(at, &ast.IdentifierNode{Value: "$env"}) }

func constant(at ast.Node, v any) ast.Node { return placed(at, &ast.ConstantNode{Value: v}) }

func placed(at, node ast.Node) ast.Node {
	node.SetLocation(at.Location())
	return node
}
