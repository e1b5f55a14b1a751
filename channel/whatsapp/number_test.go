package whatsapp_test

import (
	"testing"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/channel/whatsapp"
	"guichet.dev/guichet/conversation"
)

// TestKeys tells the canonical keys through Parse: variants of one number must be one person, other numbers must not.
func TestKeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ waID, key, phone string }{
		{"33639980142", "33639980142", "+33639980142"},
		{"5511987654321", "5511987654321", "+5511987654321"},
		{"551187654321", "5511987654321", "+5511987654321"}, // without the ninth digit
		{"553161234567", "5531961234567", "+5531961234567"},
		{"551132654321", "551132654321", "+551132654321"},    // landline
		{"551152654321", "551152654321", "+551152654321"},    // landline
		{"550187654321", "550187654321", "+550187654321"},    // no such area
		{"5215512345678", "525512345678", "+525512345678"},   // Mexico with the old 1
		{"525512345678", "525512345678", "+525512345678"},    //
		{"5491123456789", "5491123456789", "+5491123456789"}, // Argentina
		{"541123456789", "5491123456789", "+541123456789"},
		{"54111523456789", "5491123456789", "+5491123456789"}, // area 11, 15
		{"54341155123456", "5493415123456", "+5493415123456"}, // area 341, 15
		{"54296615412345", "5492966412345", "+5492966412345"}, // area 2966, 15
		{"54999999999999", "54999999999999", "+54999999999999"},
		{"16505551234", "16505551234", "+16505551234"},
		{"12345", "12345", ""},                               // no phone number
		{"01234567890", "01234567890", ""},                   // E.164 has no leading zero
		{"12345678901234567890", "12345678901234567890", ""}, // longer than E.164
	} {
		p := sender(t, test.waID)
		id, _ := p.Identity(conversation.WhatsAppID)
		if id.Address != test.waID || id.Key != test.key || p.Phone != test.phone {
			t.Errorf("%s: key %s, phone %s; want %s, %s", test.waID, id.Key, p.Phone, test.key, test.phone)
		}
		if again, _ := sender(t, test.key).Identity(conversation.WhatsAppID); again.Key != test.key {
			t.Errorf("the key of key %s is %s", test.key, again.Key)
		}
	}
}

func TestAddressesByForm(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]conversation.IdentityKind{
		"33639980142": conversation.WhatsAppID, "12345": conversation.WhatsAppID,
		"FR.13491208655302741918": conversation.UserID, "US.a1B2": conversation.UserID, "FR.ENT.118": conversation.ParentUserID,
	} {
		if p := sender(t, from); len(p.Identities) != 1 || p.Identities[0].Kind != want || p.Identities[0].Address != from {
			t.Errorf("%s: %+v", from, p.Identities)
		}
	}
	for _, from := range []string{"1234", "123456789012345678901", "+33639980142", "fr.123", "F.123", "FRA.123", "FR.", "FR.12-3", "FR.ENT.", "FR.é", "x"} {
		updates, err := whatsapp.New(whatsapp.Options{}).Parse(from1(from))
		if err != nil || len(updates) != 1 || updates[0].Err == nil {
			t.Errorf("%s is an address: %+v, %v", from, updates, err)
		}
	}
}

func from1(from string) []byte {
	return envelope(`"messages":[{"from":"` + from + `","id":"w","timestamp":"1","type":"text","text":{"body":"x"}}]`)
}

func sender(t *testing.T, from string) conversation.Person {
	t.Helper()
	updates, err := whatsapp.New(whatsapp.Options{}).Parse(from1(from))
	if err != nil || len(updates) != 1 {
		t.Fatalf("%s: %v", from, err)
	}
	m, ok := updates[0].Body.(channel.Message)
	if !ok {
		t.Fatalf("%s: %v", from, updates[0].Err)
	}
	return m.Person
}
