package blueprint

import (
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// part is a field of a struct, as it is called in JSON and in YAML.
type part struct {
	index       []int
	json, yaml  string
	names, keys string // the kind of thing to which its values, or its keys, refer
}

// fieldOf finds a field of a struct, also of one that it embeds.
func fieldOf(t reflect.Type, is func(part) bool) (part, bool) {
	for _, one := range partsOf(t) {
		if is(one) {
			return one, true
		}
	}
	return part{}, false
}

// partsOf returns the fields of a struct in order, with those that it embeds in their place.
func partsOf(t reflect.Type) []part {
	var all []part
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if field.Anonymous || name == "-" || name == "" {
			continue
		}
		inJSON, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		all = append(all, part{index: field.Index, json: inJSON, yaml: name, names: field.Tag.Get("names"), keys: field.Tag.Get("keys")})
	}
	return all
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for _, one := range partsOf(t) {
		keys = append(keys, one.yaml)
	}
	return keys
}

// place is where a field of the API stands in the file.
type place struct {
	node    *yaml.Node // of the field; of what it lies in if it is missing
	key     *yaml.Node // of an entry of a map
	path    string     // in the names of the file
	kind    string     // of thing to which it refers
	missing bool
}

// place finds a field that is named as the API does, such as rules[0].then[1].label_id.
func (f *file) place(field string) place {
	p := place{node: f.root}
	t := reflect.TypeFor[Document]()
	for rest := field; rest != ""; {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		rest = strings.TrimPrefix(rest, ".")
		switch t.Kind() {
		case reflect.Struct:
			name := rest[:end(rest)]
			one, known := fieldOf(t, func(one part) bool { return one.json == name })
			if !known {
				return p
			}
			p.kind = one.names
			f.step(&p, one.yaml)
			t, rest = t.FieldByIndex(one.index).Type, rest[len(name):]
		case reflect.Slice:
			number, after, _ := strings.Cut(strings.TrimPrefix(rest, "["), "]")
			i, err := strconv.Atoi(number)
			if err != nil {
				return p
			}
			p.item(i)
			t, rest = t.Elem(), after
		case reflect.Map:
			key, length := f.keyIn(p, rest)
			f.step(&p, key)
			t, rest = t.Elem(), rest[length:]
		default:
			return p
		}
	}
	return p
}

// end returns where the first name of a path ends.
func end(path string) int {
	if i := strings.IndexAny(path, ".["); i > 0 {
		return i
	}
	return len(path)
}

// keyIn returns the key of a map with which a path begins, as it is written in the file, and how long it is in the path: keys may
// have dots, and names became ids. The longest is meant.
func (f *file) keyIn(p place, path string) (string, int) {
	for at := len(path); at > 0; at-- {
		if at < len(path) && path[at] != '.' && path[at] != '[' {
			continue
		}
		if name, isID := f.taken[p.path+"\x00"+path[:at]]; isID {
			return name, at
		}
		if !p.missing && f.entry(p.node, path[:at]) >= 0 {
			return path[:at], at
		}
	}
	return path[:end(path)], end(path)
}

func (f *file) step(p *place, key string) {
	p.path = child(p.path, key)
	p.key = nil
	i := f.entry(p.node, key)
	if p.missing = p.missing || i < 0; !p.missing {
		p.key, p.node = p.node.Content[i], p.node.Content[i+1]
	}
}

func (p *place) item(i int) {
	p.path = index(p.path, i)
	if p.missing || p.node == nil || p.node.Kind != yaml.SequenceNode || i < 0 || i >= len(p.node.Content) {
		p.missing = true
		return
	}
	p.node = p.node.Content[i]
}
