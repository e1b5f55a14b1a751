package condition

import "github.com/nyaruka/phonenumbers"

// longestPhone is in bytes: 15 digits (E.164) and how people space them. What is longer takes the parser of numbers long.
const longestPhone = 40

// PhoneCountry returns the country of a phone number in international form, as two capital letters; empty for what is no
// number, and for numbers of no country, such as those of satellites.
func PhoneCountry(number string) string {
	if len(number) > longestPhone {
		return ""
	}
	phone, err := phonenumbers.Parse(number, "")
	if err != nil {
		return ""
	}
	country := phonenumbers.GetRegionCodeForNumber(phone)
	if len(country) != 2 || country == "ZZ" {
		return ""
	}
	return country
}
