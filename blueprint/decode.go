package blueprint

import (
	"math"
	"reflect"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"guichet.dev/guichet/rules/condition"
)

func addressable[T any](to *T) reflect.Value { return reflect.ValueOf(to).Elem() }

// decode reads a node into a value. It goes on after what is wrong, so that all of it is found.
func (f *file) decode(node *yaml.Node, to reflect.Value, path string) {
	switch {
	case f.bad[path] && node.Kind != yaml.MappingNode: // inspect said so
	case to.Kind() == reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		if to.Type().Elem().Kind() != reflect.String || !isNull(node) { // null is no name
			f.decode(node, to.Elem(), path)
		}
	case to.Kind() == reflect.Interface:
		f.decodeAny(node, to, path)
	case isNull(node):
		f.wrong(node, path, "has no value", "leave it out, or write "+emptyOf(to.Kind()))
	case to.Kind() == reflect.Struct:
		f.decodeStruct(node, to, path)
	case to.Kind() == reflect.Map:
		f.decodeMap(node, to, path)
	case to.Kind() == reflect.Slice:
		f.decodeList(node, to, path)
	default:
		f.decodeScalar(node, to, path)
	}
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }

func emptyOf(k reflect.Kind) string {
	switch k {
	case reflect.Slice:
		return "[] for none"
	case reflect.Struct, reflect.Map:
		return "{} for none"
	default:
		return "a value"
	}
}

func (f *file) decodeStruct(node *yaml.Node, to reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		f.wrong(node, path, "must be a mapping", "its keys are "+strings.Join(keysOf(to.Type()), ", "))
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		field, known := fieldOf(to.Type(), func(one part) bool { return one.yaml == key.Value })
		switch {
		case !isKey(key) || seen[key.Value]:
		case !known:
			f.wrong(key, child(path, key.Value), "is not known here", f.meant(key.Value, to.Type()))
		default:
			f.decode(node.Content[i+1], to.FieldByIndex(field.index), child(path, key.Value))
		}
		seen[key.Value] = true
	}
}

// isKey reports whether inspect takes it for one.
func isKey(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && len(node.Value) <= maxKey }

// meant says which key was probably meant, or which there are.
func (*file) meant(key string, t reflect.Type) string {
	all := keysOf(t)
	if near := condition.Nearest(key, all); near != "" {
		return "did you mean " + near + "?"
	}
	return "there are " + strings.Join(all, ", ")
}

func (f *file) decodeMap(node *yaml.Node, to reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		f.wrong(node, path, "must be a mapping", "")
		return
	}
	to.Set(reflect.MakeMap(to.Type()))
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, below := node.Content[i], child(path, node.Content[i].Value)
		if !isKey(key) || !f.isText(key, below) {
			continue
		}
		value := reflect.New(to.Type().Elem()).Elem()
		f.decode(node.Content[i+1], value, below)
		to.SetMapIndex(reflect.ValueOf(key.Value), value)
	}
}

func (f *file) decodeList(node *yaml.Node, to reflect.Value, path string) {
	if node.Kind != yaml.SequenceNode {
		f.wrong(node, path, "must be a list", "begin each item with -")
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		f.decode(item, to.Index(i), index(path, i))
	}
}

func (f *file) decodeScalar(node *yaml.Node, to reflect.Value, path string) {
	tag := node.ShortTag()
	switch {
	case to.Kind() == reflect.String && node.Kind == yaml.ScalarNode && (tag == "!!str" || tag == "!!timestamp"):
		if f.isText(node, path) {
			to.SetString(node.Value)
		}
	case to.Kind() == reflect.String && node.Kind == yaml.ScalarNode:
		f.wrong(node, path, "must be text", "write it in quotes")
	case to.Kind() == reflect.String:
		f.wrong(node, path, "must be text", "")
	case to.Kind() == reflect.Bool:
		if tag != "!!bool" || node.Decode(to.Addr().Interface()) != nil {
			f.wrong(node, path, "must be true or false", "")
		}
	case to.Kind() == reflect.Int:
		if tag != "!!int" || node.Decode(to.Addr().Interface()) != nil {
			f.wrong(node, path, "must be a whole number", "")
		}
	}
}

// isText refuses what PostgreSQL cannot keep.
func (f *file) isText(node *yaml.Node, path string) bool {
	if utf8.ValidString(node.Value) && !strings.ContainsRune(node.Value, 0) {
		return true
	}
	f.wrong(node, path, "must be text without NUL characters", "")
	return false
}

// decodeAny reads a value of an attribute: a text, a number, true or false, or null. Numbers become what they are in JSON.
func (f *file) decodeAny(node *yaml.Node, to reflect.Value, path string) {
	var value any
	switch tag := node.ShortTag(); {
	case node.Kind != yaml.ScalarNode:
		f.wrong(node, path, "must be a text, a number, true, false or null", "")
	case tag == "!!null":
	case tag == "!!bool":
		var b bool
		if node.Decode(&b) == nil {
			value = b
		}
	case tag == "!!int" || tag == "!!float":
		var n float64
		if node.Decode(&n) != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			f.wrong(node, path, "must be a finite number", "")
			return
		}
		value = n
	case f.isText(node, path):
		value = node.Value
	}
	if value != nil {
		to.Set(reflect.ValueOf(value))
	}
}
