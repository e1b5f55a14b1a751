package conversation

import (
	"strings"
	"unicode/utf8"
)

// summaryLength is the longest summary, in characters.
const summaryLength = 160

// Summary returns one line that says what a message is: for lists, quotes and notifications. It holds the customer's words.
func (c Content) Summary() string {
	return oneLine(c.gist())
}

func (c Content) gist() string {
	switch c.Kind {
	case KindText, KindTemplate, KindInteractive:
		return c.Text
	case KindImage, KindVideo, KindAudio, KindDocument, KindSticker:
		return c.mediaGist()
	case KindLocation:
		return c.locationGist()
	case KindContacts:
		names := make([]string, 0, len(c.Contacts))
		for _, card := range c.Contacts {
			names = append(names, card.Name)
		}
		return "👤 " + strings.Join(names, ", ")
	case KindChoice:
		if c.Choice != nil && c.Choice.Title != "" {
			return c.Choice.Title
		}
		return c.Text
	case KindForm:
		return "📋"
	case KindCallPermission:
		if c.CallPermission != nil && c.CallPermission.Granted {
			return "📞 ✓"
		}
		return "📞 ✗"
	case KindOrder:
		return strings.TrimSpace("🛒 " + c.Text)
	case KindReaction:
		if c.Reaction != nil {
			return c.Reaction.Emoji
		}
		return ""
	case KindSystem:
		return c.Text
	default:
		return strings.TrimSpace("⚠ " + c.Text)
	}
}

func (c Content) mediaGist() string {
	sign := map[MessageKind]string{KindImage: "📷", KindVideo: "🎬", KindAudio: "🎵", KindDocument: "📄", KindSticker: "🏷"}[c.Kind]
	words := c.Text
	if len(c.Media) > 0 {
		if c.Media[0].Voice {
			sign = "🎤"
		}
		if words == "" {
			words = c.Media[0].FileName
		}
	}
	return strings.TrimSpace(sign + " " + words)
}

func (c Content) locationGist() string {
	place := ""
	if c.Location != nil {
		place = c.Location.Name
		if place == "" {
			place = c.Location.Address
		}
	}
	return strings.TrimSpace("📍 " + place)
}

// oneLine folds white space and cuts at summaryLength characters.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= summaryLength {
		return s
	}
	return string([]rune(s)[:summaryLength-1]) + "…"
}
