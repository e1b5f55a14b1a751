package condition

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// How a text function looks for a phrase. Phrases are folded when the condition is compiled.
func hasPhrase(f *folding, phrase string) bool { return strings.Contains(f.words, phrase) }
func hasPart(f *folding, part string) bool     { return strings.Contains(f.plain, part) }
func hasStart(f *folding, start string) bool   { return strings.HasPrefix(f.plain, start) }
func isPhrase(f *folding, phrase string) bool  { return f.words == phrase }

// comparing is for functions that look for phrases in a text.
func comparing(in func(*folding, string) bool, wholeWords bool) func(*walk, call) value {
	return func(c *walk, call call) value {
		if len(call.args) < 2 {
			return c.fail(call.at, "write "+functionByName[call.name].Signature, call.name+" needs a text and what to look for")
		}
		v := c.check(call.args[0])
		phrases := c.phrases(call, call.args[1:], wholeWords)
		if !c.needs(call, v, text) {
			return value{at: call.at}
		}
		path := v.path
		if path == "" || !c.folded[path] {
			c.spendFolding(call.at, path, v.size)
		}
		c.spend(call.at, costCall+costSearch*v.size*len(phrases))
		return value{kind: boolean, at: call.at, node: c.run(call.at, runMatch, self(call.at), v.node, constant(call.at, &comparison{path, in, phrases}))}
	}
}

// spendFolding pays for the folding of a text. That of a field happens once, even in a list.
func (c *walk) spendFolding(at ast.Node, path string, size int) {
	if path == "" {
		c.spend(at, costFold*size)
		return
	}
	c.folded[path] = true
	times := c.times
	c.times = 1
	c.spend(at, costFold*size)
	c.times = times
}

// phrases reads what is looked for: constants, so that they are folded only once, by the compiler.
func (c *walk) phrases(call call, args []ast.Node, wholeWords bool) []string {
	var all []string
	for _, arg := range args {
		if name, ok := arg.(*ast.IdentifierNode); ok && fieldByPath[name.Value] == nil {
			c.fail(arg, "a text needs quotes: "+quoted(name.Value), call.name+" looks for texts in quotes only")
		}
		v := c.check(arg)
		phrase, isText := v.literal.(string)
		if c.err != nil {
			return nil
		}
		if !isText {
			hint := "write " + functionByName[call.name].Example
			c.fail(arg, hint, call.name+" looks for texts in quotes only, and "+v.describe()+" is "+v.kind.phrase())
			return nil
		}
		folded := fold(phrase)
		if wholeWords {
			folded = words(folded)
		}
		switch {
		case utf8.RuneCountInString(phrase) > maxPhrase:
			c.fail(arg, "", fmt.Sprintf("What %s looks for can have %d characters", call.name, maxPhrase))
		case wholeWords && folded == " ":
			c.fail(arg, `write contains_text(message.text, "?") for signs`, quoted(phrase)+" has no letter and no digit, so that it is no word")
		case folded == "":
			c.fail(arg, `write message.text == "" for an empty text`, "There is nothing to look for")
		}
		all = append(all, folded)
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// naming is for functions that look for names in the labels or tags.
func naming(path string) func(*walk, call) value {
	return func(c *walk, call call) value {
		if len(call.args) == 0 {
			return c.fail(call.at, "write "+functionByName[call.name].Example, call.name+" needs the name of a label or tag")
		}
		names := c.phrases(call, call.args, true)
		if c.err != nil {
			return value{at: call.at}
		}
		f := fieldByPath[path]
		c.inputs[path] = true
		if !c.folded[path] {
			c.spendFolding(call.at, path, maxItems*f.max)
		}
		c.spend(call.at, costCall+costNamed*maxItems*len(names))
		return value{kind: boolean, at: call.at, node: c.run(call.at, runNamed, c.stored(call.at, path), self(call.at), constant(call.at, &comparison{path: path, phrases: names}))}
	}
}

// stored returns the node that reads a field.
func (c *walk) stored(at ast.Node, path string) ast.Node {
	before, name, _ := strings.Cut(path, ".")
	property := placed(at, &ast.StringNode{Value: name})
	return placed(at, &ast.MemberNode{Node: placed(at, &ast.IdentifierNode{Value: before}), Property: property})
}
