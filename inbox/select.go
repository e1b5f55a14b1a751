package inbox

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"reflect"
	"strconv"

	"guichet.dev/guichet/conversation"
)

// selectedAtOnce is how many ids one statement of Select reads.
const selectedAtOnce = 5000

// Select returns the ids of all conversations that the caller asks for and may see, as they stand while they are read. More
// than most of them are refused.
func (in *Inbox) Select(ctx context.Context, by conversation.Caller, c Criteria, most int) ([]string, error) {
	c.Sort = SortNewest
	all := []string{}
	for after := (Cursor{}); ; {
		ids, next, err := in.page(ctx, by, Filter{Criteria: c, Limit: selectedAtOnce, After: after})
		if err != nil {
			return nil, err
		}
		if all = append(all, ids...); len(all) > most {
			e := conversation.Invalid("filter", "selects more than %d conversations; narrow it down", most)
			e.Details = map[string]any{"most": most}
			return nil, e
		}
		if after = next; after.Zero() {
			return all, nil
		}
	}
}

// With returns the criteria with everything that others say in place of their own.
func (c Criteria) With(others Criteria) Criteria {
	to, from := reflect.ValueOf(&c).Elem(), reflect.ValueOf(others)
	for i := range from.NumField() {
		if f := from.Field(i); !f.IsZero() && (f.Kind() != reflect.Slice && f.Kind() != reflect.Map || f.Len() > 0) {
			to.Field(i).Set(f)
		}
	}
	return c
}

// name tells filters apart whose pages must not be mixed.
func (c Criteria) name() (string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return "", wrap("name a filter", err)
	}
	sum := fnv.New64a()
	_, _ = sum.Write(text) // a hash never fails
	return strconv.FormatUint(sum.Sum64(), 36), nil
}
