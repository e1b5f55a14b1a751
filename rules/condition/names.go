package condition

import (
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// unknown refuses a name that is no field, with the field that was probably meant.
func (c *walk) unknown(node ast.Node, path string) value {
	message := "There is no field " + quoted(path)
	if functionByName[path] != nil {
		return c.fail(node, "write "+functionByName[path].Signature, path+" is a function")
	}
	before, last, below := strings.Cut(path, ".")
	if below && groups[before] {
		fields := slices.Sorted(maps.Keys(c.below(before)))
		if near := Nearest(path, fields); near != "" {
			return c.failAtEnd(node, "did you mean "+near+"?", message)
		}
		return c.failAtEnd(node, hintList("write one of", fields), message)
	}
	all := c.paths()
	if near := Nearest(path, all); near != "" {
		return c.fail(node, "did you mean "+near+"?", message)
	}
	if !below {
		last = path
	}
	for _, p := range all {
		if end := p[strings.LastIndexByte(p, '.')+1:]; end == strings.ToLower(last) {
			return c.fail(node, "did you mean "+p+"?", message)
		}
	}
	if below {
		return c.fail(node, hintList("names begin with one of", slices.Sorted(maps.Keys(groups))), message)
	}
	return c.fail(node, "a text needs quotes: "+quoted(path), message)
}

func (c *walk) unknownAttribute(node ast.Node, key string) value {
	keys := slices.Sorted(maps.Keys(c.schema))
	hint := "define it first"
	if near := Nearest(key, keys); near != "" {
		hint = "did you mean " + attributesPath + "." + near + "?"
	} else if len(keys) > 0 {
		hint = hintList("the contact fields are", keys)
	}
	return c.failAtEnd(node, hint, "There is no contact field "+quoted(key))
}

// failAtEnd is fail for the last part of a name.
func (c *walk) failAtEnd(node ast.Node, hint, message string) value {
	if c.err == nil {
		c.err = errorAt(c.source, node.Location().From, message, hint)
	}
	return value{at: node}
}

// below returns the fields of a group.
func (c *walk) below(group string) map[string]bool {
	found := map[string]bool{}
	for _, path := range c.paths() {
		if strings.HasPrefix(path, group+".") {
			found[path] = true
		}
	}
	return found
}

func (c *walk) paths() []string {
	var all []string
	for _, f := range fields {
		if f.kind != group {
			all = append(all, f.Path)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.schema)) {
		all = append(all, attributesPath+"."+key)
	}
	return all
}

// elsewhere are names of functions that people know from other languages, with what to write here.
var elsewhere = map[string]string{
	"contains": "contains_text", "includes": "contains_text", "startsWith": "starts_with_text", "startswith": "starts_with_text",
	"length": "len", "size": "len", "known": "is_known", "exists": "is_known", "has": "is_known", "label": "has_label", "tag": "has_tag",
	"labels": "has_label", "toLower": "lower", "toUpper": "upper", "duration": "minutes_since", "day": "weekday", "equals": "is_text",
	"country": "phone_country", "today": "date", "filter": "any", "find": "any", "some": "any", "every": "all", "map": "any",
}

func (c *walk) unknownFunction(at ast.Node, name string) value {
	message := "There is no function " + quoted(name)
	var names []string
	for _, f := range functions {
		names = append(names, f.Name)
	}
	near := elsewhere[name]
	if near == "" {
		near = Nearest(name, names)
	}
	switch {
	case near != "":
		return c.fail(at, "write "+functionByName[near].Signature, message)
	case fieldByPath[name] != nil:
		return c.fail(at, "write "+name+" without ( )", name+" is a field, not a function")
	default:
		return c.fail(at, hintList("the functions are", names), message)
	}
}

// Nearest returns the name that differs least, if it is near enough to be meant.
func Nearest(name string, among []string) string {
	best, least := "", 1+max(1, min(3, len(name)/4))
	for _, other := range among {
		if d := distance(strings.ToLower(name), strings.ToLower(other)); d < least {
			best, least = other, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap. Names are short; a long one is near to nothing.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 100
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	var next []int
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next = make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			step := 1
			if a[i] == b[j] {
				step = 0
			}
			next[j+1] = min(row[j]+step, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// hintList names what there is, unless it is too much to read.
func hintList(lead string, names []string) string {
	const most = 20
	if len(names) > most {
		return lead + " " + strings.Join(names[:most], ", ") + ", …"
	}
	return lead + " " + strings.Join(names, ", ")
}
