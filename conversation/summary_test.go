package conversation_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"guichet.dev/guichet/conversation"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	file := func(kind conversation.MessageKind, text string, m ...conversation.Media) conversation.Content {
		return conversation.Content{Kind: kind, Text: text, Media: m}
	}
	for _, test := range []struct {
		content conversation.Content
		want    string
	}{
		{conversation.Content{Kind: conversation.KindText, Text: " a\n\tb  c "}, "a b c"},
		{conversation.Content{Kind: conversation.KindTemplate, Text: "Your order ships"}, "Your order ships"},
		{conversation.Content{Kind: conversation.KindInteractive, Text: "Choose"}, "Choose"},
		{file(conversation.KindImage, "broken box"), "📷 broken box"},
		{file(conversation.KindImage, ""), "📷"},
		{file(conversation.KindVideo, "", conversation.Media{}), "🎬"},
		{file(conversation.KindAudio, "", conversation.Media{}), "🎵"},
		{file(conversation.KindAudio, "", conversation.Media{Voice: true}), "🎤"},
		{file(conversation.KindDocument, "", conversation.Media{FileName: "bill.pdf"}), "📄 bill.pdf"},
		{file(conversation.KindDocument, "my bill", conversation.Media{FileName: "bill.pdf"}), "📄 my bill"},
		{file(conversation.KindSticker, "", conversation.Media{}), "🏷"},
		{conversation.Content{Kind: conversation.KindLocation}, "📍"},
		{conversation.Content{Kind: conversation.KindLocation, Location: &conversation.Location{Name: "Atelier", Address: "Paris"}}, "📍 Atelier"},
		{conversation.Content{Kind: conversation.KindLocation, Location: &conversation.Location{Address: "Paris"}}, "📍 Paris"},
		{conversation.Content{Kind: conversation.KindContacts}, "👤"},
		{conversation.Content{Kind: conversation.KindContacts, Contacts: []conversation.ContactCard{{Name: "A"}, {Name: "B"}}}, "👤 A, B"},
		{conversation.Content{Kind: conversation.KindChoice, Text: "x", Choice: &conversation.Choice{Title: "Yes"}}, "Yes"},
		{conversation.Content{Kind: conversation.KindChoice, Text: "Yes"}, "Yes"},
		{conversation.Content{Kind: conversation.KindForm, Form: &conversation.Form{Answer: `{"a":1}`}}, "📋"},
		{conversation.Content{Kind: conversation.KindCallPermission, CallPermission: &conversation.CallPermission{Granted: true}}, "📞 ✓"},
		{conversation.Content{Kind: conversation.KindCallPermission}, "📞 ✗"},
		{conversation.Content{Kind: conversation.KindOrder, Text: "for Saturday"}, "🛒 for Saturday"},
		{conversation.Content{Kind: conversation.KindOrder}, "🛒"},
		{conversation.Content{Kind: conversation.KindReaction, Reaction: &conversation.Reaction{Emoji: "👍"}}, "👍"},
		{conversation.Content{Kind: conversation.KindReaction}, ""},
		{conversation.Content{Kind: conversation.KindSystem, Text: "number changed"}, "number changed"},
		{conversation.Content{Kind: conversation.KindUnsupported}, "⚠"},
		{conversation.Content{Kind: conversation.KindUnsupported, Text: "words beside it"}, "⚠ words beside it"},
		{conversation.Content{Kind: "of tomorrow"}, "⚠"},
		{conversation.Content{}, "⚠"},
		{conversation.Content{Kind: conversation.KindText, Text: strings.Repeat("é", 160)}, strings.Repeat("é", 160)},
		{conversation.Content{Kind: conversation.KindText, Text: strings.Repeat("é", 161)}, strings.Repeat("é", 159) + "…"},
	} {
		got := test.content.Summary()
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.content.Kind, got, test.want)
		}
		if strings.ContainsAny(got, "\n\t") || utf8.RuneCountInString(got) > 160 {
			t.Errorf("%s: no short line: %q", test.content.Kind, got)
		}
	}
}
