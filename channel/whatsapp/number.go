package whatsapp

import (
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// number returns the canonical key of a WhatsApp id, by which a person is recognised, and its phone number in E.164 (with
// +), empty if the id does not look like one. Three countries have more than one spelling of the same mobile number, and
// WhatsApp ids come in any of them (Cloud API, "Phone numbers": the id may differ from the number that was dialled):
//
//   - Brazil: mobile numbers got a ninth digit, a leading 9, between 2012 and 2016; ids of accounts from before lack it.
//     55, area code, eight digits that begin with 6 to 9 → 55, area code, 9, the eight digits. Eight digits that begin
//     with 2 to 5 are a landline and stay.
//   - Mexico: until 2019 a 1 stood between the country code and a mobile number. 52, 1, ten digits → 52, ten digits.
//   - Argentina: from abroad a 9 stands before a mobile number; at home a 15 stands between area code and number.
//     54, ten digits → 54, 9, ten digits; 54, area code, 15, number → 54, 9, area code, number. A landline and a mobile
//     never share their ten digits. The phone number of an id without the 9 is left as it is: it may be a landline.
func number(waID string) (key, phone string) {
	key, phone = waID, waID
	switch {
	case strings.HasPrefix(waID, "55") && len(waID) == 12 && waID[2] != '0' && waID[3] != '0' && waID[4] >= '6':
		key = waID[:4] + "9" + waID[4:]
		phone = key
	case strings.HasPrefix(waID, "521") && len(waID) == 13:
		key = "52" + waID[3:]
		phone = key
	case strings.HasPrefix(waID, "54") && len(waID) == 12 && waID[2] != '9':
		key = "549" + waID[2:]
	case strings.HasPrefix(waID, "54") && len(waID) == 14 && waID[2] != '9':
		key = withoutFifteen(waID)
		phone = key
	}
	if len(phone) < 7 || len(phone) > 15 || phone[0] == '0' {
		return key, ""
	}
	return key, "+" + phone
}

// withoutFifteen returns 54, area code, 15, number in the form 54, 9, area code, number. Area codes have two to four
// digits, so the table of the numbering plan decides where the 15 stands.
func withoutFifteen(waID string) string {
	parsed, err := phonenumbers.Parse("+"+waID, "")
	if err != nil {
		return waID // no number of the plan has this form: it stays what it is
	}
	national := strconv.FormatUint(parsed.GetNationalNumber(), 10)
	if len(national) != 11 || national[0] != '9' {
		return waID
	}
	return "54" + national
}

// isNumber reports whether s is a WhatsApp id in digits. User ids have been seen in the places of numbers.
func isNumber(s string) bool {
	if len(s) < 5 || len(s) > 20 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isUserID reports whether s is a business-scoped user id: the code of a country, a dot and up to 128 letters or digits,
// with ENT. before them for a parent (Cloud API, "Business-scoped user IDs").
func isUserID(s string) bool {
	if len(s) < 4 || s[2] != '.' || !isUpper(s[0]) || !isUpper(s[1]) {
		return false
	}
	rest := strings.TrimPrefix(s[3:], "ENT.")
	if rest == "" || len(rest) > 128 {
		return false
	}
	for i := range len(rest) {
		c := rest[i]
		if !isUpper(c) && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func isParentUserID(s string) bool { return isUserID(s) && strings.HasPrefix(s[3:], "ENT.") }

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
