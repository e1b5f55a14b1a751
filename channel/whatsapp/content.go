package whatsapp

import (
	"encoding/json"
	"strings"

	"guichet.dev/guichet/conversation"
)

type textBody struct {
	Body string `json:"body"`
}

// file is the object of every kind of media message.
type file struct {
	ID       text   `json:"id"`
	Caption  string `json:"caption"`
	FileName string `json:"filename"`
	MIMEType string `json:"mime_type"`
	SHA256   string `json:"sha256"`
	Voice    bool   `json:"voice"`
	Animated bool   `json:"animated"`
}

type location struct {
	Latitude  decimal `json:"latitude"`
	Longitude decimal `json:"longitude"`
	Name      string  `json:"name"`
	Address   string  `json:"address"`
	URL       string  `json:"url"`
}

type unsupported struct {
	Type string `json:"type"`
}

type order struct {
	CatalogID    text   `json:"catalog_id"`
	Text         string `json:"text"`
	ProductItems []struct {
		ProductRetailerID text    `json:"product_retailer_id"`
		Quantity          decimal `json:"quantity"`
		ItemPrice         decimal `json:"item_price"`
		Currency          string  `json:"currency"`
	} `json:"product_items"`
}

// content returns what a message says with everything around it. A type that we do not know, and a known one without its
// object, is unsupported: shown as such and never lost. channelCode is the code of an error of the whole value, with which
// Meta explains a missing object.
func (m *message) content(channelCode string) conversation.Content {
	content, ok := m.words()
	if !ok {
		content = m.media()
	}
	if content.Kind == "" {
		content = m.other(channelCode)
	}
	m.surround(&content)
	return content
}

// words returns the content of the types that are text in the widest sense.
func (m *message) words() (content conversation.Content, ok bool) {
	switch {
	case m.Type == "text" && m.Text != nil:
		return conversation.Content{Kind: conversation.KindText, Text: m.Text.Body}, true
	case m.Type == "location" && m.Location != nil:
		l := m.Location
		return conversation.Content{Kind: conversation.KindLocation, Location: &conversation.Location{
			Latitude: float64(l.Latitude), Longitude: float64(l.Longitude), Name: l.Name, Address: l.Address, URL: l.URL,
		}}, true
	case m.Type == "contacts" && m.Contacts != nil:
		return conversation.Content{Kind: conversation.KindContacts, Contacts: cards(m.Contacts)}, true
	case m.Type == "interactive" && m.Interactive != nil:
		return m.Interactive.content()
	case m.Type == "button" && m.Button != nil:
		return m.Button.content(), true
	case m.Type == "order" && m.Order != nil:
		return m.Order.content(), true
	case m.Type == "system" && m.System != nil:
		return conversation.Content{Kind: conversation.KindSystem, Text: m.System.Body, System: &conversation.SystemNotice{Type: shortCode(m.System.Type)}}, true
	default:
		return conversation.Content{}, false
	}
}

// media returns the content of a file; its kind is empty if the message is none. Meta tells with error 131052 that it could
// not fetch the file, and may then leave out its object.
func (m *message) media() conversation.Content {
	var kind conversation.MessageKind
	var f *file
	switch m.Type {
	case "image":
		kind, f = conversation.KindImage, m.Image
	case "video":
		kind, f = conversation.KindVideo, m.Video
	case "audio":
		kind, f = conversation.KindAudio, m.Audio
	case "voice": // the On-Premises API's type of a voice note, still seen
		kind, f = conversation.KindAudio, m.Voice
	case "document":
		kind, f = conversation.KindDocument, m.Document
	case "sticker":
		kind, f = conversation.KindSticker, m.Sticker
	default:
		return conversation.Content{}
	}
	code := firstCode(m.Errors)
	if f == nil && code == "" {
		return conversation.Content{}
	}
	if f == nil {
		f = &file{}
	}
	return conversation.Content{Kind: kind, Text: f.Caption, Media: []conversation.Media{{
		ProviderID: string(f.ID), MIMEType: f.MIMEType, SHA256: hexDigest(f.SHA256), FileName: f.FileName,
		Voice: f.Voice || m.Type == "voice", Animated: f.Animated, ErrorCode: code,
	}}}
}

func (m *message) other(channelCode string) conversation.Content {
	kind := m.Type
	switch {
	case m.Type == "unsupported" && m.Unsupported != nil:
		kind = m.Unsupported.Type
	case m.Type == "unsupported":
		kind = ""
	case m.Type == "interactive" && m.Interactive != nil:
		kind = m.Interactive.Type
	}
	if kind != "" {
		kind = shortCode(kind)
	}
	code := firstCode(m.Errors)
	if code == "" && m.Type == "interactive" {
		code = channelCode
	}
	content := conversation.Content{Kind: conversation.KindUnsupported, Unsupported: &conversation.Unsupported{Type: kind, ErrorCode: code}}
	if m.Text != nil { // seen next to type unsupported
		content.Text = m.Text.Body
	}
	return content
}

func (o *order) content() conversation.Content {
	items := make([]conversation.OrderItem, 0, len(o.ProductItems))
	for _, item := range o.ProductItems {
		items = append(items, conversation.OrderItem{
			ProductID: string(item.ProductRetailerID), Quantity: float64(item.Quantity), Price: float64(item.ItemPrice), Currency: item.Currency,
		})
	}
	return conversation.Content{Kind: conversation.KindOrder, Text: o.Text, Order: &conversation.Order{CatalogID: string(o.CatalogID), Items: items}}
}

// card is an element of a contacts message.
type card struct {
	Name struct {
		FormattedName string `json:"formatted_name"`
		FirstName     string `json:"first_name"`
		LastName      string `json:"last_name"`
	} `json:"name"`
	Phones []struct {
		Phone text `json:"phone"`
		WaID  text `json:"wa_id"`
	} `json:"phones"`
	Emails []struct {
		Email string `json:"email"`
	} `json:"emails"`
	Org struct {
		Company string `json:"company"`
	} `json:"org"`
}

// cards returns the cards as far as they can be read; each keeps its raw form, so nothing of an odd one is lost.
func cards(raws []json.RawMessage) []conversation.ContactCard {
	all := make([]conversation.ContactCard, 0, len(raws))
	for _, raw := range raws {
		one := conversation.ContactCard{Raw: raw}
		var c card
		if decode(raw, &c) == nil {
			one.Name = c.Name.FormattedName
			if one.Name == "" {
				one.Name = strings.TrimSpace(c.Name.FirstName + " " + c.Name.LastName)
			}
			one.Organisation = c.Org.Company
			for _, p := range c.Phones {
				if p.Phone == "" && p.WaID != "" {
					p.Phone = "+" + p.WaID
				}
				if p.Phone != "" {
					one.Phones = append(one.Phones, string(p.Phone))
				}
			}
			for _, e := range c.Emails {
				if e.Email != "" {
					one.Emails = append(one.Emails, e.Email)
				}
			}
		}
		all = append(all, one)
	}
	return all
}
