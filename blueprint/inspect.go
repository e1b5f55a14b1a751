package blueprint

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// inspect refuses what YAML can do and the format does not need: anchors and aliases, with which a small file becomes a huge one;
// tags, with which a text becomes something else; keys that are no text, or stand there twice; depth without end.
func (f *file) inspect(node *yaml.Node, path string, depth int) {
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		f.wrong(node, path, "anchors and aliases (& and *) cannot be used", "write it out")
	case node.Style&yaml.TaggedStyle != 0:
		f.wrong(node, path, "tags (!) cannot be used", "write text in quotes")
	case depth > maxDepth:
		f.wrong(node, path, fmt.Sprintf("must not lie deeper than %d lists and mappings", maxDepth), "")
		node.Content = nil
	}
	switch {
	case node.Kind == yaml.SequenceNode && len(node.Content) > maxEntries, node.Kind == yaml.MappingNode && len(node.Content) > 2*maxEntries:
		f.wrong(node, path, fmt.Sprintf("must have at most %d entries", maxEntries), "")
		node.Content = nil
	case node.Kind == yaml.SequenceNode:
		for i, item := range node.Content {
			f.inspect(item, index(path, i), depth+1)
		}
	case node.Kind == yaml.MappingNode:
		f.inspectKeys(node, path, depth)
	}
}

func (f *file) inspectKeys(node *yaml.Node, path string, depth int) {
	lines := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		below := child(path, key.Value)
		if key.Kind != yaml.ScalarNode || len(key.Value) > maxKey {
			f.wrong(key, path, fmt.Sprintf("keys must be text of at most %d bytes", maxKey), "")
			continue
		}
		f.inspect(key, below, depth)
		if first, twice := lines[key.Value]; twice {
			f.wrong(key, below, fmt.Sprintf("this key stands there twice: first in line %d", first), "")
			continue
		}
		lines[key.Value] = key.Line
		f.inspect(value, below, depth+1)
	}
}

// child is the path of a key, in quotes if it is more than a word.
func child(path, key string) string {
	if strings.ContainsFunc(key, func(r rune) bool { return strings.ContainsRune(" .[]\"", r) || !unicode.IsPrint(r) }) || key == "" {
		return path + "[" + strconv.Quote(short(key)) + "]"
	}
	if path == "" {
		return short(key)
	}
	return path + "." + short(key)
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// longestShown bounds what is repeated of the file in a problem, in characters.
const longestShown = 80

func short(text string) string {
	if utf8.RuneCountInString(text) <= longestShown {
		return text
	}
	return string([]rune(text)[:longestShown]) + "…"
}
