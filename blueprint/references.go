package blueprint

import (
	"reflect"
	"slices"
)

// The kinds of things that have names in a file.
const (
	ofAccount  = "account"
	ofAgent    = "agent"
	ofTeam     = "team"
	ofLabel    = "label"
	ofCalendar = "calendar"
)

// visit is given each reference: its kind, its field as the API names it, and what it says. It returns what it is to say.
type visit func(kind, field, text string) string

// refer goes through all references below a value and replaces them: names by ids when a file is read, ids by names when it is
// written. The references are the fields that are tagged so, wherever they are; see the package's comment.
func refer(v reflect.Value, field, kind string, see visit) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			refer(v.Elem(), field, kind, see)
		}
	case reflect.String:
		if kind != "" && v.String() != "" {
			v.SetString(see(kind, field, v.String()))
		}
	case reflect.Slice:
		for i := range v.Len() {
			refer(v.Index(i), index(field, i), kind, see)
		}
	case reflect.Struct:
		for _, one := range partsOf(v.Type()) {
			below := one.json
			if field != "" {
				below = field + "." + one.json
			}
			if one.keys != "" {
				referKeys(v.FieldByIndex(one.index), below, one.keys, see)
			} else {
				refer(v.FieldByIndex(one.index), below, one.names, see)
			}
		}
	case reflect.Map:
		for _, key := range sorted(v) {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			refer(value, field+"."+key.String(), kind, see)
			v.SetMapIndex(key, value)
		}
	}
}

// referKeys replaces the keys of a map, and what its values refer to.
func referKeys(v reflect.Value, field, kind string, see visit) {
	if v.Len() == 0 {
		return
	}
	fresh := reflect.MakeMapWithSize(v.Type(), v.Len())
	for _, key := range sorted(v) {
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		below := field + "." + key.String()
		refer(value, below, "", see)
		fresh.SetMapIndex(reflect.ValueOf(see(kind, below, key.String())), value)
	}
	v.Set(fresh)
}

func sorted(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		switch {
		case a.String() < b.String():
			return -1
		case a.String() > b.String():
			return 1
		}
		return 0
	})
	return keys
}
