package search

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// leastDigits is how many digits make a phone number, or a part of one, that can be looked for within numbers.
const leastDigits = 3

// isPhone tells whether a text can be nothing but a phone number: digits and what people put between them.
func isPhone(text string) bool {
	if len(digits(text)) < 2 {
		return false
	}
	for i, r := range text {
		switch {
		case r >= '0' && r <= '9', strings.ContainsRune(" ()./-\u00a0\u2011\u202f", r):
		case r == '+' && i == 0:
		default:
			return false
		}
	}
	return true
}

// callingCodes returns the countries' codes of the numbers of the accounts that the caller may see: in their countries,
// people dial without one.
func (s *Store) callingCodes(ctx context.Context, by conversation.Caller) (codes []string, err error) {
	visible, all := by.Accounts()
	err = postgres.Rows(ctx, s.db, func(row *sql.Rows) error {
		var number string
		if err := row.Scan(&number); err != nil {
			return err
		}
		if !strings.HasPrefix(number, "+") {
			number = "+" + number
		}
		if parsed, err := phonenumbers.Parse(number, ""); err == nil { // else it is no number, and says nothing
			if code := strconv.Itoa(int(parsed.GetCountryCode())); !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
		return nil
	}, "SELECT DISTINCT display_address FROM accounts WHERE display_address <> '' AND ($1 OR id = ANY($2::uuid[])) ORDER BY 1", all, visible)
	if err != nil {
		return nil, fmt.Errorf("find calling codes: %w", err)
	}
	return codes, nil
}

// number is what a phone number is looked for as: the digits with which it may begin, and those that may stand anywhere.
type number struct{ begins, anywhere []string }

// parseNumber reads a number, or a part of one, in any notation: international with + or 00, national in the countries of
// the codes, or just some digits.
func parseNumber(text string, codes []string) number {
	text = strings.ReplaceAll(text, "(0)", "") // +33 (0)6 …
	d := digits(text)
	if strings.HasPrefix(text, "+") {
		return number{begins: []string{d}}
	}
	n := number{begins: []string{d}}
	if international, ok := strings.CutPrefix(d, "00"); ok && international != "" {
		n.begins = append(n.begins, international)
	} else if national, ok := strings.CutPrefix(d, "0"); ok && national != "" {
		for _, code := range codes {
			n.begins = append(n.begins, code+national)
		}
		if len(codes) == 0 && len(national) >= leastDigits {
			n.anywhere = append(n.anywhere, national)
		}
	} else {
		for _, code := range codes {
			n.begins = append(n.begins, regional(d, code))
		}
	}
	if len(d) >= leastDigits {
		n.anywhere = append(n.anywhere, d)
	}
	slices.Sort(n.begins)
	n.begins = slices.Compact(n.begins)
	return n
}

// regional returns a national number as it is dialled from abroad: some countries write a prefix that falls away. A part of
// a number is taken as it is.
func regional(d, code string) string {
	country, err := strconv.Atoi(code)
	if err != nil {
		return code + d
	}
	parsed, err := phonenumbers.Parse(d, phonenumbers.GetRegionCodeForCountryCode(country))
	if err != nil || !phonenumbers.IsValidNumber(parsed) {
		return code + d
	}
	return strings.TrimPrefix(phonenumbers.Format(parsed, phonenumbers.E164), "+")
}
