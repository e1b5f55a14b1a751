package condition

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// matches checks text matches "pattern". The pattern is a constant, so that it is compiled once and its cost is known.
func (c *walk) matches(n *ast.BinaryNode) value {
	l, r := c.check(n.Left), c.check(n.Right)
	if c.err != nil {
		return value{at: n}
	}
	pattern, constant := r.literal.(string)
	switch {
	case l.kind != text:
		return c.fail(n, "", "matches needs a text, and "+l.describe()+" is "+l.kind.phrase())
	case !constant:
		return c.fail(r.at, `as in contact.email matches "@example[.]com$"`, "The pattern must be a text in quotes")
	}
	instructions, wrong := measure(pattern)
	if wrong != "" {
		return c.fail(r.at, "to look for words, write mentions(message.text, \"refund\")", wrong)
	}
	c.spend(n, costInstr*instructions*(l.size+1))
	return value{kind: boolean, at: n, node: placed(n, &ast.BinaryNode{Operator: "matches", Left: l.node, Right: r.node})}
}

// measure returns how many instructions a pattern has, or a sentence on what is wrong with it. The time for a text is at
// most in proportion to instructions times characters.
func measure(pattern string) (instructions int, wrong string) {
	if utf8.RuneCountInString(pattern) > maxPattern {
		return 0, fmt.Sprintf("A pattern can have %d characters", maxPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		var e *syntax.Error
		if errors.As(err, &e) {
			return 0, "The pattern cannot be read: " + e.Code.String()
		}
		return 0, "The pattern cannot be read"
	}
	const tooLarge = "The pattern repeats too much"
	if expanded(parsed) > maxInstr {
		return 0, tooLarge
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxInstr {
		return 0, tooLarge
	}
	for _, instruction := range program.Inst {
		instructions++
		if len(instruction.Rune) > smallClass {
			instructions++ // such a class is searched
		}
	}
	return instructions, ""
}

// smallClass is how many bounds of ranges the standard library compares one by one.
const smallClass = 8

// expanded is about how many instructions a pattern will have, found without unrolling its repetitions.
func expanded(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n = len(re.Rune)
	}
	for _, sub := range re.Sub {
		n += expanded(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, maxInstr*1000)
}
