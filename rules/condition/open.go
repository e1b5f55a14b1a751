package condition

import "regexp"

// attributeMention finds what may be an attribute of the contact.
var attributeMention = regexp.MustCompile(`contact\.attributes\.([A-Za-z_][A-Za-z_0-9]*)`)

// mostGuessed bounds the attributes whose types are tried: each has four, and together they are tried in every way.
const mostGuessed = 3

// CheckOpen says what is wrong with a condition where attributes that the schema does not have may exist elsewhere, with any type: it is
// wrong only if it is wrong whatever they are. The error is the one of the guess that came furthest. With more attributes
// than can be tried, it says nothing of what depends on their types.
func CheckOpen(source string, schema Schema) error {
	guess := make(Schema, len(schema))
	for key, a := range schema {
		guess[key] = a
	}
	var unknown []string
	for _, found := range attributeMention.FindAllStringSubmatch(source, -1) {
		if _, known := guess[found[1]]; !known {
			unknown, guess[found[1]] = append(unknown, found[1]), Attribute{Type: TextAttribute}
		}
	}
	_, err := Compile(source, guess)
	if err == nil || len(unknown) == 0 {
		return err
	}
	if len(unknown) > mostGuessed {
		return nil
	}
	return try(source, guess, unknown, err)
}

// try compiles with every combination of types of the attributes whose type is not known.
func try(source string, guess Schema, unknown []string, best error) error {
	for _, t := range []AttributeType{TextAttribute, NumberAttribute, BooleanAttribute, DateAttribute} {
		guess[unknown[0]] = Attribute{Type: t}
		var err error
		if len(unknown) > 1 {
			err = try(source, guess, unknown[1:], best)
		} else {
			_, err = Compile(source, guess)
		}
		if err == nil {
			return nil
		}
		best = further(best, err)
	}
	return best
}

// further returns the error whose place comes later.
func further(a, b error) error {
	x, isError := a.(*Error) //nolint:errorlint // of our own Compile
	y, other := b.(*Error)   //nolint:errorlint // of our own Compile
	if isError && other && (y.Line > x.Line || y.Line == x.Line && y.Column > x.Column) {
		return b
	}
	return a
}
