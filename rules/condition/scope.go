package condition

import (
	"maps"
	"reflect"
	"slices"
	"sync"
)

// view is an environment without its methods, so that expressions cannot reach them.
type view Environment

// scope is an environment made ready: texts and lists are cut, and what is folded is folded once for all conditions.
type scope struct {
	view *view

	mu     sync.Mutex
	folded map[string]*folding // by path
	names  map[string][]string // words of each label or tag, by path
}

// folding is a text as the text functions compare it.
type folding struct {
	plain string // see fold
	words string // see words
}

func newFolding(s string) *folding {
	folded := fold(s)
	return &folding{plain: folded, words: words(folded)}
}

// prepare returns the scope of an environment, made by the first condition that needs it.
func (e *Environment) prepare() *scope {
	e.once.Do(func() {
		bounded := e.shallow()
		v := reflect.ValueOf(bounded).Elem()
		for _, f := range fields {
			switch at := v.FieldByIndex(f.index); f.kind {
			case text:
				if s := at.String(); len(s) > f.max {
					at.SetString(cut(s, f.max))
				}
			case texts:
				if list, ok := at.Interface().([]string); ok {
					at.Set(reflect.ValueOf(cutList(list, f.max)))
				}
			}
		}
		bounded.Contact.Attributes = cutValues(e.Contact.Attributes)
		e.ready = &scope{view: (*view)(bounded), folded: map[string]*folding{}, names: map[string][]string{}}
		e.ready.view.ready = e.ready
	})
	return e.ready
}

// cut returns the beginning of a text, of at most so many characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for i := range s {
		if most == 0 {
			return s[:i]
		}
		most--
	}
	return s
}

// cutList does not change the list that it is given, which belongs to the caller.
func cutList(list []string, most int) []string {
	list = list[:min(len(list), maxItems)]
	if !slices.ContainsFunc(list, func(s string) bool { return len(s) > most }) {
		return list
	}
	bounded := make([]string, len(list))
	for i, s := range list {
		bounded[i] = cut(s, most)
	}
	return bounded
}

// cutValues does not change the map that it is given either.
func cutValues(values map[string]any) map[string]any {
	long := map[string]any{}
	for key, value := range values {
		if s, ok := value.(string); ok && len(s) > maxAttribute {
			long[key] = cut(s, maxAttribute)
		}
	}
	if len(long) == 0 {
		return values
	}
	bounded := maps.Clone(values)
	maps.Copy(bounded, long)
	return bounded
}

// fold returns the folded text of a path, which is folded by the first who asks.
func (s *scope) fold(path, text string) *folding {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.folded[path]
	if f == nil {
		f = newFolding(text)
		s.folded[path] = f
	}
	return f
}

// wordsOf returns the words of each text of a list.
func (s *scope) wordsOf(path string, list []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, known := s.names[path]
	if !known {
		found = make([]string, len(list))
		for i, name := range list {
			found[i] = words(fold(name))
		}
		s.names[path] = found
	}
	return found
}
