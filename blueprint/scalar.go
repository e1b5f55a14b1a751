package blueprint

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// within returns where a line and a column of a text stand in the file: exactly if the text is written as it is, on one line or in
// a block that begins with |; else where the text begins.
func (f *file) within(node *yaml.Node, line, column int) (int, int) {
	if line < 1 || column < 1 || node.Kind != yaml.ScalarNode {
		return node.Line, node.Column
	}
	if node.Style&yaml.LiteralStyle != 0 {
		return f.inBlock(node, line, column)
	}
	skip := 0
	if node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		skip = 1 // the quote; what is escaped makes the texts differ
	}
	written, ok := f.after(node.Line, node.Column+skip)
	if line != 1 || !ok || !strings.HasPrefix(written, node.Value) {
		return node.Line, node.Column
	}
	return node.Line, node.Column + skip + column - 1
}

// inBlock counts in a block, whose lines have an indentation that does not belong to the text.
func (f *file) inBlock(node *yaml.Node, line, column int) (int, int) {
	lines := strings.Split(node.Value, "\n")
	if line > len(lines) || node.Line+line > len(f.lines) {
		return node.Line, node.Column
	}
	want, written := lines[line-1], strings.TrimSuffix(f.lines[node.Line+line-1], "\r")
	indentation, found := strings.CutSuffix(written, want)
	if !found || strings.Trim(indentation, " ") != "" {
		return node.Line, node.Column
	}
	return node.Line + line, len(indentation) + column
}

// after returns what stands in a line from a column on.
func (f *file) after(line, column int) (string, bool) {
	if line < 1 || line > len(f.lines) {
		return "", false
	}
	rest := f.lines[line-1]
	for ; column > 1; column-- {
		if rest == "" {
			return "", false
		}
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
	}
	return rest, true
}
