package condition

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Field documents one thing that conditions can see.
type Field struct {
	Path     string   `json:"path"` // "contact.country"
	Type     string   `json:"type"` // text, number, boolean, time, texts (a list) or attributes
	Doc      string   `json:"doc"`
	Example  string   `json:"example"`           // a condition
	Options  []string `json:"options,omitempty"` // all values of a text, if they are known
	Personal bool     `json:"personal"`          // tells of a customer's person: leave its value out of what is shown or kept longer
}

// attributesPath is the field below which the contact fields of a schema are.
const attributesPath = "contact.attributes"

// Bounds of what is not bounded by a tag. The rest of a text or list is not looked at.
const (
	maxItems     = 100  // of a list
	maxAttribute = 2000 // characters of an attribute
	maxOption    = 32   // characters of a text with known values
)

// field is what this package knows of a Field besides.
type field struct {
	Field
	index []int
	kind  kind
	max   int // characters of a text, or of each text of a list
}

// fields are in the order of the structs.
var fields = readFields(reflect.TypeFor[Environment](), "", nil)

var fieldByPath = func() map[string]*field {
	byPath := make(map[string]*field, len(fields))
	for i := range fields {
		byPath[fields[i].Path] = &fields[i]
	}
	return byPath
}()

// groups are the names that have fields below them: "contact".
var groups = func() map[string]bool {
	groups := map[string]bool{attributesPath: true}
	for _, f := range fields {
		if group, _, below := strings.Cut(f.Path, "."); below {
			groups[group] = true
		}
	}
	return groups
}()

var kinds = map[reflect.Type]kind{
	reflect.TypeFor[string](): text, reflect.TypeFor[bool](): boolean, reflect.TypeFor[int](): number,
	reflect.TypeFor[float64](): number, reflect.TypeFor[time.Time](): moment, reflect.TypeFor[[]string](): texts,
	reflect.TypeFor[map[string]any](): group,
}

func readFields(of reflect.Type, prefix string, index []int) []field {
	var found []field
	for i := range of.NumField() {
		f := of.Field(i)
		if !f.IsExported() {
			continue
		}
		path, at := prefix+f.Tag.Get("expr"), append(slices.Clone(index), i)
		k, simple := kinds[f.Type]
		if !simple {
			found = append(found, readFields(f.Type, path+".", at)...)
			continue
		}
		one := field{index: at, kind: k, Field: Field{
			Path: path, Type: k.String(), Doc: f.Tag.Get("doc"), Example: f.Tag.Get("example"), Personal: f.Tag.Get("personal") == "yes",
		}}
		if options := f.Tag.Get("options"); options != "" {
			one.Options, one.max = strings.Split(options, ","), maxOption
		}
		if n, err := strconv.Atoi(f.Tag.Get("max")); err == nil {
			one.max = n
		}
		found = append(found, one)
	}
	return found
}

// Fields lists what conditions can see, in the order in which it is explained.
func Fields() []Field {
	list := make([]Field, len(fields))
	for i, f := range fields {
		list[i] = f.Field
		list[i].Options = slices.Clone(f.Options)
	}
	return list
}

// Value returns what stands at a path of [Condition.Inputs], for an explanation; ok is false if there is no such path, or no
// value of an attribute. Field.Personal and Schema.Personal say which values must not be shown or kept.
func (e *Environment) Value(path string) (value any, ok bool) {
	if key, isAttribute := strings.CutPrefix(path, attributesPath+"."); isAttribute {
		value, ok = e.Contact.Attributes[key]
		return value, ok
	}
	f := fieldByPath[path]
	if f == nil {
		return nil, false
	}
	return reflect.ValueOf(e).Elem().FieldByIndex(f.index).Interface(), true
}
