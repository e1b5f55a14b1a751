package condition

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"guichet.dev/guichet/conversation"
)

// Condition is a compiled condition. It may be evaluated concurrently.
type Condition struct {
	program *vm.Program
	inputs  []string
	cost    int
}

// Compile reads a condition. The error is an *Error with the place of the first mistake.
func Compile(source string, schema Schema) (compiled *Condition, err error) {
	defer func() {
		// The parser and the compiler are not ours: a mistake in them must not stop the process.
		if recover() != nil {
			compiled, err = nil, errorAt(source, 0, "The condition cannot be read", "write it in a simpler way")
		}
	}()
	if err := checkSource(source); err != nil {
		return nil, err
	}
	limits := conf.CreateNew()
	limits.MaxNodes = maxNodes
	tree, err := parser.ParseWithConfig(source, limits)
	if err != nil {
		return nil, syntaxError(source, err)
	}
	c := &walk{
		source: source, schema: schema, times: 1, cost: costReady,
		inputs: map[string]bool{}, folded: map[string]bool{}, seen: map[ast.Node]bool{},
	}
	result := c.check(tree.Node)
	c.checkCost()
	if c.err == nil && result.kind != boolean {
		c.fail(tree.Node, result.kind.comparison(), "The condition is "+result.kind.phrase()+", and must be true or false")
	}
	if c.err != nil {
		return nil, c.err
	}
	program, err := build(&parser.Tree{Node: result.node, Source: file.NewSource(source)})
	if err != nil {
		return nil, errorAt(source, 0, "The condition cannot be compiled", "write it in a simpler way")
	}
	return &Condition{program: program, inputs: slices.Sorted(maps.Keys(c.inputs)), cost: c.cost}, nil
}

// build compiles what the checker made. expr checks the types once more.
func build(tree *parser.Tree) (*vm.Program, error) {
	config := conf.New(&view{})
	config.Strict, config.Expect, config.Optimize = true, reflect.Bool, false
	for name, r := range runners {
		expr.Function(name, r.run, r.types)(config)
	}
	if _, err := checker.Check(tree, config); err != nil {
		return nil, err
	}
	return compiler.Compile(tree, config)
}

var machines = sync.Pool{New: func() any { return &vm.VM{MemoryBudget: memoryOfOneRun} }}

// errFailed is our fault: what Compile accepts does not fail. The machine's own message can hold the customer's words.
var errFailed = conversation.Errorf(conversation.CodeInternal, "the condition could not be evaluated")

// Eval tells whether the condition holds. An error is a conversation.Error of CodeInternal; it never panics.
func (c *Condition) Eval(env *Environment) (holds bool, err error) {
	defer func() {
		if recover() != nil {
			holds, err = false, errFailed
		}
	}()
	machine, _ := machines.Get().(*vm.VM)
	result, err := machine.Run(c.program, env.prepare().view)
	// The machine must not keep the customer's words until somebody else uses it.
	clear(machine.Stack[:cap(machine.Stack)])
	machines.Put(machine)
	holds, ok := result.(bool)
	if err != nil || !ok {
		return false, errFailed
	}
	return holds, nil
}

// Cost is the most that one evaluation can take, in units of about a nanosecond; at most Budget.
func (c *Condition) Cost() int { return c.cost }

// Inputs returns the paths of the environment that the condition looks at, sorted. "now" is among them if it works with the
// time or its zone.
func (c *Condition) Inputs() []string { return slices.Clone(c.inputs) }

// Uses reports whether the condition looks at a path or something below it, so that the caller loads only what is needed.
func (c *Condition) Uses(path string) bool {
	return slices.ContainsFunc(c.inputs, func(input string) bool {
		return input == path || strings.HasPrefix(input, path+".")
	})
}
