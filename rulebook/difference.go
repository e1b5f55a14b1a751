package rulebook

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"guichet.dev/guichet/rules"
)

// Difference is one thing in which two definitions differ.
type Difference struct {
	What   string          `json:"what" enum:"rule,order,replies,opt_out,limits"`
	ID     string          `json:"id,omitempty" doc:"Of the rule; of the account for replies"`
	Name   string          `json:"name,omitempty" doc:"Of the rule"`
	Change string          `json:"change" enum:"added,removed,changed"`
	Fields []string        `json:"fields,omitempty" doc:"Which of them changed"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Differences says what a version changed against another; version 0 of from is before everything, and to 0 is the draft.
func (s *Store) Differences(ctx context.Context, from, to int) ([]Difference, error) {
	before := rules.Edition{}
	if from > 0 {
		_, d, err := s.Get(ctx, from)
		if err != nil {
			return nil, err
		}
		before = d
	}
	if to == 0 {
		draft, err := readDraft(ctx, s.DB, "")
		if err != nil {
			return nil, err
		}
		return differences(before, draft.Definition)
	}
	_, after, err := s.Get(ctx, to)
	if err != nil {
		return nil, err
	}
	return differences(before, after)
}

func differences(before, after rules.Edition) ([]Difference, error) {
	list := []Difference{}
	names := make(map[string]string)
	byID := func(d rules.Edition) (map[string]any, []string) {
		found, order := make(map[string]any), []string{}
		for _, r := range d.Rules {
			found[r.ID], names[r.ID] = r, r.Name
			order = append(order, r.ID)
		}
		return found, order
	}
	old, oldOrder := byID(before)
	fresh, freshOrder := byID(after)
	changed, err := compare("rule", old, fresh)
	if err != nil {
		return nil, err
	}
	for i := range changed {
		changed[i].Name = names[changed[i].ID]
	}
	list = append(list, changed...)
	kept := func(order []string) []string {
		return slices.DeleteFunc(slices.Clone(order), func(id string) bool { return old[id] == nil || fresh[id] == nil })
	}
	if !slices.Equal(kept(oldOrder), kept(freshOrder)) {
		list = append(list, Difference{What: "order", Change: "changed"})
	}
	for _, part := range []struct {
		what          string
		before, after map[string]any
	}{
		{"replies", anyMap(before.Replies), anyMap(after.Replies)},
		{"opt_out", map[string]any{"": before.OptOut}, map[string]any{"": after.OptOut}},
		{"limits", map[string]any{"": before.Limits}, map[string]any{"": after.Limits}},
	} {
		changed, err := compare(part.what, part.before, part.after)
		if err != nil {
			return nil, err
		}
		list = append(list, changed...)
	}
	return list, nil
}

func anyMap[T any](m map[string]T) map[string]any {
	all := make(map[string]any, len(m))
	for k, v := range m {
		all[k] = v
	}
	return all
}

// compare compares what has an id, in the order of the ids.
func compare(what string, before, after map[string]any) ([]Difference, error) {
	var list []Difference
	ids := slices.Sorted(maps.Keys(before))
	for _, id := range slices.Sorted(maps.Keys(after)) {
		if _, known := before[id]; !known {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		x, y := before[id], after[id]
		if reflect.DeepEqual(x, y) {
			continue
		}
		d := Difference{What: what, ID: id, Change: "changed"}
		switch {
		case x == nil:
			d.Change = "added"
		case y == nil:
			d.Change = "removed"
		}
		var err error
		if d.Before, d.After, d.Fields, err = parts(x, y); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// parts returns both sides as JSON, and the fields in which they differ.
func parts(x, y any) (before, after json.RawMessage, fields []string, err error) {
	sides := make([]map[string]any, 2)
	bodies := make([]json.RawMessage, 2)
	for i, v := range []any{x, y} {
		if v == nil {
			continue
		}
		if bodies[i], err = json.Marshal(v); err != nil {
			return nil, nil, nil, fmt.Errorf("compare rules: %w", err)
		}
		if err := json.Unmarshal(bodies[i], &sides[i]); err != nil {
			return nil, nil, nil, fmt.Errorf("compare rules: %w", err)
		}
	}
	if x != nil && y != nil {
		for _, side := range sides {
			for field := range side {
				if !slices.Contains(fields, field) && !reflect.DeepEqual(sides[0][field], sides[1][field]) {
					fields = append(fields, field)
				}
			}
		}
		slices.Sort(fields)
	}
	return bodies[0], bodies[1], fields, nil
}
