package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// reader reads schemas of one document.
type reader struct{ schemas huma.Registry }

// schema is a named one.
type schema struct {
	Name, Doc string
	Fields    []field
}

// field is a property, a parameter or a body.
type field struct {
	Name, In, Doc, Allowed, Default string
	Required                        bool
	Type                            []part
}

// part is a piece of a type's name, with the schema that it links to, if any.
type part struct{ Text, Link string }

// all returns the named schemas that have properties.
func (r reader) all() []schema {
	var list []schema
	named := r.schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if fields := r.fields(named[name]); len(fields) > 0 {
			list = append(list, schema{Name: name, Doc: named[name].Description, Fields: fields})
		}
	}
	return list
}

func (r reader) resolve(s *huma.Schema) *huma.Schema {
	if s != nil && s.Ref != "" {
		return r.schemas.SchemaFromRef(s.Ref)
	}
	return s
}

func (r reader) fields(s *huma.Schema) []field {
	if s == nil {
		return nil
	}
	var list []field
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		list = append(list, r.field(name, s.Properties[name], slices.Contains(s.Required, name)))
	}
	return list
}

func (r reader) field(name string, s *huma.Schema, required bool) field {
	f := field{Name: name, Required: required, Type: r.kind(s)}
	if s == nil {
		return f
	}
	f.Doc = s.Description
	target := r.resolve(s)
	if target != nil {
		f.Allowed = allowed(target)
	}
	if s.Default != nil {
		f.Default = fmt.Sprint(s.Default)
	}
	return f
}

// kind names a schema's type.
func (r reader) kind(s *huma.Schema) []part {
	switch {
	case s == nil:
		return []part{{Text: "nothing"}}
	case s.Ref != "":
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		if target := r.resolve(s); target != nil && len(target.Properties) == 0 {
			return r.kind(target)
		}
		return []part{{Text: name, Link: "schema-" + name}}
	case s.Type == huma.TypeArray:
		return append([]part{{Text: "list of "}}, r.kind(s.Items)...)
	case len(s.OneOf) > 0:
		var list []part
		for i, one := range s.OneOf {
			if i > 0 {
				list = append(list, part{Text: " or "})
			}
			list = append(list, r.kind(one)...)
		}
		return list
	case s.Type == huma.TypeObject && s.AdditionalProperties != nil && len(s.Properties) == 0:
		return []part{{Text: "map"}}
	}
	text := s.Type
	if text == "" {
		text = "anything"
	}
	if s.Format != "" && s.Format != "int64" && s.Format != "double" {
		text += " (" + s.Format + ")"
	}
	if s.Nullable {
		text += " or null"
	}
	return []part{{Text: text}}
}

// allowed says which values a schema takes.
func allowed(s *huma.Schema) string {
	var list []string
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprint(v)
		}
		list = append(list, strings.Join(values, ", "))
	}
	limits := func(least, most any, unit string) {
		switch {
		case least != nil && most != nil:
			list = append(list, fmt.Sprintf("%v to %v%s", least, most, unit))
		case least != nil:
			list = append(list, fmt.Sprintf("at least %v%s", least, unit))
		case most != nil:
			list = append(list, fmt.Sprintf("at most %v%s", most, unit))
		}
	}
	limits(value(s.Minimum), value(s.Maximum), "")
	limits(value(s.MinLength), value(s.MaxLength), " characters")
	limits(value(s.MinItems), value(s.MaxItems), " items")
	if s.Pattern != "" {
		list = append(list, "matches "+s.Pattern)
	}
	return strings.Join(list, "; ")
}

func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
