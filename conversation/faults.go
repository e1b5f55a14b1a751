package conversation

// Faults are all that is wrong with something, in the order in which it was found: whoever writes a file wants to know of
// everything at once, whoever fills in a form of the first.
type Faults []*Error

// Add adds one wrong field; the message says what is allowed.
func (f *Faults) Add(field, format string, args ...any) {
	*f = append(*f, Invalid(field, format, args...))
}

// Below adds what is wrong with a part, whose fields stand below the given one.
func (f *Faults) Below(field string, part Faults) {
	for _, e := range part {
		below := *e
		below.Field = field + "." + e.Field
		*f = append(*f, &below)
	}
}

// First returns the first fault as an error, nil if there is none.
func (f Faults) First() error {
	if len(f) == 0 {
		return nil
	}
	return f[0]
}
