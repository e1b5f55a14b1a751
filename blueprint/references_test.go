package blueprint

import (
	"reflect"
	"strings"
	"testing"
)

// Whoever adds a field with an id to what can be in a file must say of what it is the id: an id would mean nothing elsewhere.
func TestEveryIDIsAReference(t *testing.T) {
	t.Parallel()
	references := 0
	var look func(t *testing.T, of reflect.Type)
	look = func(t *testing.T, of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			look(t, of.Elem())
		case reflect.Struct:
			for _, one := range partsOf(of) {
				isID := strings.HasSuffix(one.json, "_id") || strings.HasSuffix(one.json, "_ids")
				if tagged := one.names != "" || one.keys != ""; tagged {
					references++
				} else if isID {
					t.Errorf("%s.%s has no tag names", of, one.json)
				}
				look(t, of.FieldByIndex(one.index).Type)
			}
		}
	}
	look(t, reflect.TypeFor[Document]())
	if references < 12 {
		t.Errorf("found %d references only", references)
	}
}

// A field that the API has and a file has not, or the other way round, would be lost on the way.
func TestEveryFieldHasBothNames(t *testing.T) {
	t.Parallel()
	var look func(of reflect.Type)
	look = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			look(of.Elem())
		case reflect.Struct:
			for _, field := range reflect.VisibleFields(of) {
				inJSON, inYAML := field.Tag.Get("json"), field.Tag.Get("yaml")
				if !field.Anonymous && inYAML != "-" && (inJSON == "" || inYAML == "") {
					t.Errorf("%s.%s: json %q, yaml %q", of, field.Name, inJSON, inYAML)
				}
				if inYAML != "-" {
					look(field.Type)
				}
			}
		}
	}
	look(reflect.TypeFor[Document]())
}
