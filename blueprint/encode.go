package blueprint

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// encode writes a document. Texts of several lines become blocks, where YAML can say exactly the same with them.
func encode(d Document) ([]byte, error) {
	var root yaml.Node
	if err := root.Encode(d); err != nil {
		return nil, fmt.Errorf("write the automation as YAML: %w", err)
	}
	each(&root, style)
	back := standIns(&root)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return nil, fmt.Errorf("write the automation as YAML: %w", err)
	}
	return []byte(back.Replace(b.String())), e.Close()
}

// The private characters that stand in for others while a document is written.
const (
	firstStandIn = '\ue000'
	lastStandIn  = '\uefff'
)

// standIns lets private characters stand in for emoji and all else beyond the basic plane, which the encoder would write as \U0001F44D,
// and returns what puts them back. It does nothing if the texts have such characters themselves.
func standIns(root *yaml.Node) *strings.Replacer {
	var there, back []string
	next, used := firstStandIn, make(map[rune]bool)
	each(root, func(node *yaml.Node) {
		for _, r := range node.Value {
			switch {
			case r >= firstStandIn && r <= lastStandIn:
				next = lastStandIn + 1
			case astral(r) && unicode.IsGraphic(r) && !used[r] && next <= lastStandIn:
				used[r] = true
				there, back = append(there, string(r), string(next)), append(back, string(next), string(r))
				next++
			}
		}
	})
	if next > lastStandIn {
		return strings.NewReplacer()
	}
	forth := strings.NewReplacer(there...)
	each(root, func(node *yaml.Node) { node.Value = forth.Replace(node.Value) })
	return strings.NewReplacer(back...)
}

func each(node *yaml.Node, do func(*yaml.Node)) {
	do(node)
	for _, below := range node.Content {
		each(below, do)
	}
}

func style(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!str" {
		switch {
		case !strings.ContainsFunc(node.Value, special):
			if strings.ContainsFunc(node.Value, astral) {
				node.Style = 0 // as the encoder likes, who need not escape anything
			}
		case block(node.Value):
			node.Style = yaml.LiteralStyle
		default:
			node.Style = yaml.DoubleQuotedStyle
		}
	}
}

// special reports what cannot stand in a text of one line without quotes.
func special(r rune) bool { return !unicode.IsGraphic(r) && r != joiner }

// astral reports whether a character lies beyond the basic plane.
func astral(r rune) bool { return r > 0xffff }

// joiner makes one emoji of several.
const joiner = '\u200d'

// block reports whether a text can be a block: nothing at the edges of its lines would get lost or change its indentation.
func block(text string) bool {
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && special(r) }) || strings.HasSuffix(text, "\n\n") {
		return false
	}
	for i, line := range strings.Split(text, "\n") {
		if strings.TrimRight(line, " ") != line || i == 0 && (line == "" || line[0] == ' ') {
			return false
		}
	}
	return true
}

// same reports whether two values are written in the same way: nothing is lost by taking one for the other.
func same(a, b any) bool {
	x, err := yaml.Marshal(a)
	if err != nil {
		return false
	}
	y, err := yaml.Marshal(b)
	return err == nil && bytes.Equal(x, y)
}
