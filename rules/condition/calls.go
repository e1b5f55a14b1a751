package condition

import (
	"fmt"
	"time"

	"github.com/expr-lang/expr/ast"
)

// call is a call as it is written.
type call struct {
	at   ast.Node
	name string
	args []ast.Node
}

func (c *walk) call(at ast.Node, name string, args []ast.Node) value {
	f := functionByName[name]
	if f == nil {
		return c.unknownFunction(at, name)
	}
	result := f.check(c, call{at, name, args})
	result.call = name
	return result
}

// arguments checks the number of arguments, and those that are values.
func (c *walk) arguments(call call, want int) []value {
	if len(call.args) != want {
		c.fail(call.at, "write "+functionByName[call.name].Signature, fmt.Sprintf("%s takes %s", call.name, amount(want, "value")))
		return make([]value, want)
	}
	var all []value
	for _, arg := range call.args {
		all = append(all, c.check(arg))
	}
	return all
}

func amount(n int, noun string) string {
	if n == 1 {
		return "one " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// needs refuses an argument of the wrong kind.
func (c *walk) needs(call call, v value, k kind) bool {
	if c.err == nil && v.kind != k {
		hint := "write " + functionByName[call.name].Signature
		if k == moment {
			hint = "as in " + functionByName[call.name].Example
		}
		c.fail(v.at, hint, call.name+" needs "+k.phrase()+", and "+v.describe()+" is "+v.kind.phrase())
	}
	return c.err == nil
}

func changing(runner string) func(*walk, call) value {
	return func(c *walk, call call) value {
		v := c.arguments(call, 1)[0]
		if !c.needs(call, v, text) {
			return value{at: call.at}
		}
		c.spend(call.at, costCall+costChange*v.size)
		return value{kind: text, at: call.at, size: v.size, node: c.run(call.at, runner, v.node)}
	}
}

func checkLen(c *walk, call call) value {
	v := c.arguments(call, 1)[0]
	if v.kind != texts && !c.needs(call, v, text) {
		return value{at: call.at}
	}
	c.spend(call.at, costCount*v.size)
	return value{kind: number, at: call.at, node: placed(call.at, &ast.BuiltinNode{Name: "len", Arguments: []ast.Node{v.node}})}
}

func checkPhone(c *walk, call call) value {
	v := c.arguments(call, 1)[0]
	if !c.needs(call, v, text) {
		return value{at: call.at}
	}
	c.spend(call.at, costPhone)
	return value{kind: text, at: call.at, size: 2, node: c.run(call.at, runCountry, v.node)}
}

// checkKnown takes the name of a field, not its value.
func checkKnown(c *walk, call call) value {
	v := c.arguments(call, 1)[0]
	if c.err != nil {
		return value{at: call.at}
	}
	example := "write " + functionByName[call.name].Example
	var of any
	if attribute, isAttribute := v.node.(*ast.CallNode); isAttribute && v.path != "" {
		of = attribute.Arguments[1].(*ast.ConstantNode).Value //nolint:errcheck // a panic is an error of Compile
	} else if f := fieldByPath[v.path]; f != nil {
		of = f
	}
	switch {
	case of == nil:
		return c.fail(v.at, example, "is_known needs a field, and this is none")
	case fieldByPath[v.path] != nil && v.kind != text && v.kind != moment:
		return c.fail(v.at, "", v.path+" always has a value")
	}
	c.spend(call.at, costCall)
	return value{kind: boolean, at: call.at, node: c.run(call.at, runKnown, self(call.at), constant(call.at, of))}
}

// reading is for functions of a time that know the zone.
func reading(runner string, result value) func(*walk, call) value {
	return func(c *walk, call call) value {
		v := c.arguments(call, 1)[0]
		if !c.needs(call, v, moment) {
			return value{at: call.at}
		}
		c.spend(call.at, costCall)
		c.inputs["now"] = true
		result := result
		result.at, result.node = call.at, c.run(call.at, runner, self(call.at), v.node)
		return result
	}
}

func elapsing(s span) func(*walk, call) value {
	return func(c *walk, call call) value {
		v := c.arguments(call, 1)[0]
		if !c.needs(call, v, moment) {
			return value{at: call.at}
		}
		c.spend(call.at, costCall)
		c.inputs["now"] = true
		return value{kind: number, at: call.at, node: c.run(call.at, runElapsed, self(call.at), v.node, constant(call.at, &s))}
	}
}

func checkDate(c *walk, call call) value {
	v := c.arguments(call, 1)[0]
	if c.err != nil {
		return value{at: call.at}
	}
	written, _ := v.literal.(string)
	day, err := time.Parse(time.DateOnly, written)
	if err != nil {
		return c.fail(v.at, `write date("2026-12-24")`, "date needs a day in quotes, as year, month and day")
	}
	c.spend(call.at, costCall)
	c.inputs["now"] = true
	at := &calendarDay{day.Year(), day.Month(), day.Day()}
	return value{kind: moment, at: call.at, node: c.run(call.at, runDay, self(call.at), constant(call.at, at))}
}

func quantifying(c *walk, call call) value { return c.predicate(call.at, call.name, call.args) }
