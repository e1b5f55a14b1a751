package condition

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
)

// checkSource refuses what is not worth parsing.
func checkSource(source string) error {
	switch n := utf8.RuneCountInString(source); {
	case !utf8.ValidString(source):
		return errorAt(source, 0, "The condition is no valid text", "")
	case n > maxSource:
		return errorAt(source, maxSource, fmt.Sprintf("A condition can have %d characters, and this has %d", maxSource, n), "make two rules of it")
	case strings.TrimSpace(source) == "":
		return errorAt(source, 0, "The condition is empty", `write one such as contact.country == "FR"`)
	}
	return nil
}

// token is how the parser names what it did not expect.
var token = regexp.MustCompile(`unexpected token (\w+)(?:\((.*)\))?$`)

// syntaxError says in plain words what the parser found wrong.
func syntaxError(source string, err error) *Error {
	var e *file.Error
	if !errors.As(err, &e) {
		return errorAt(source, 0, "The condition cannot be read", "")
	}
	at, total := e.From, utf8.RuneCountInString(source)
	if at < 0 || at > total {
		at = total
	}
	if found := token.FindStringSubmatch(e.Message); found != nil {
		return unexpected(source, at, found[1], strings.Trim(found[2], `"`))
	}
	switch m := e.Message; {
	case strings.Contains(m, "maximum allowed nodes"):
		return errorAt(source, at, "The condition has too many parts", "make two rules of it")
	case strings.HasPrefix(m, "literal not terminated"):
		return errorAt(source, at, "A text is not closed", `texts begin and end with "`)
	case strings.HasPrefix(m, "unrecognized character"):
		return strange(source, at)
	case strings.HasPrefix(m, "invalid char escape"), strings.Contains(m, "unescape"), strings.Contains(m, "unable to unescape"):
		return errorAt(source, at, `After \ stands something unknown`, `write \\ for \, or put the text between two backquotes`)
	case strings.HasPrefix(m, "bad number"), strings.Contains(m, "literal is too large"), strings.Contains(m, "literal:"):
		return errorAt(source, at, "This is no number", "texts need quotes, and names begin with a letter")
	case strings.HasPrefix(m, "expected name"):
		return errorAt(source, at, "After . stands the name of a field", "as in contact.country")
	case strings.HasPrefix(m, "expected at least"):
		return errorAt(source, at, "A value is missing here", `as in any(conversation.labels, # matches "^vip")`)
	case strings.HasPrefix(m, "unclosed comment"):
		return errorAt(source, at, "A comment is not closed", "write */ where it ends")
	case strings.Contains(m, "unexpected end"):
		return unexpected(source, total, "EOF", "")
	}
	return errorAt(source, at, "The condition cannot be read from here on", "")
}

func strange(source string, at int) *Error {
	r := []rune(source)[min(at, utf8.RuneCountInString(source)-1)]
	switch {
	case strings.ContainsRune("“”„«»", r):
		return errorAt(source, at, "These quotes are not understood", `write straight quotes: "`)
	case strings.ContainsRune("‘’´", r):
		return errorAt(source, at, "These quotes are not understood", `write straight quotes: "`)
	case strings.ContainsRune("≠≤≥", r):
		sign := map[rune]string{'≠': "!=", '≤': "<=", '≥': ">="}[r]
		return errorAt(source, at, string(r)+" is not understood", "write "+sign)
	case !unicode.IsPrint(r):
		return errorAt(source, at, fmt.Sprintf("There is an invisible character here (%U)", r), "delete it")
	}
	return errorAt(source, at, string(r)+" is not understood", "texts need quotes")
}

// signs are what people write who know other languages, with what to write here.
var signs = map[string]string{
	"=": "== compares", "&": "write and", "|": "write or", ";": "join conditions with and, or", "<>": "write !=", "===": "write ==",
	"&=": "write and", "#": "# stands for a text of a list, within any, all, none, one and count", "!==": "write !=", "=<": "write <=", "=>": "write >=",
}

var wordSigns = map[string]string{
	"AND": "write and in small letters", "OR": "write or in small letters", "NOT": "write not in small letters",
	"And": "write and in small letters", "Or": "write or in small letters", "Not": "write not in small letters",
	"IN": "write in in small letters", "is": "== compares", "IS": "== compares", "equals": "== compares", "then": "a condition has no then",
	"has": `write contains_text(message.text, "part")`, "includes": `write contains_text(message.text, "part")`,
	"mentions": `write mentions(message.text, "word")`, "like": `write contains_text(message.text, "part")`,
}

// unexpected says what stands where it cannot. Kind and word are the parser's.
func unexpected(source string, at int, kind, word string) *Error {
	runes := []rune(source)
	if kind == "EOF" {
		open := strings.Count(source, "(") - strings.Count(source, ")")
		if open > 0 {
			return errorAt(source, len(runes), "The condition ends too early: a bracket is not closed", "add )")
		}
		return errorAt(source, len(runes), "The condition ends too early", "something is missing at the end")
	}
	hint := signs[word]
	for length := 3; length > 1; length-- { // <> and === are two signs to the parser
		for from := max(0, at-2); from <= at && from+length <= len(runes); from++ {
			if h := signs[string(runes[from:from+length])]; h != "" && hint != "write and" {
				return errorAt(source, from, string(runes[from:from+length])+" is not understood", h)
			}
		}
	}
	if wordSigns[word] != "" && kind == "Identifier" {
		hint = wordSigns[word]
	}
	switch {
	case hint == "" && kind == "Identifier":
		hint = "join conditions with and, or; a text needs quotes: " + quoted(word)
	case hint == "" && word == ")":
		hint = "there is one ) too many, or something is missing before it"
	case hint == "" && (kind == "String" || kind == "Number"):
		hint = "compare with ==, or join conditions with and, or"
	}
	return errorAt(source, at, quoted(word)+" cannot stand here", hint)
}
