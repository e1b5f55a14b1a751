package whatsapp

import (
	"encoding/json"

	"guichet.dev/guichet/conversation"
)

// interactive is the customer's answer to an interactive message of ours.
type interactive struct {
	Type        string `json:"type"`
	ButtonReply *struct {
		ID    text   `json:"id"`
		Title string `json:"title"`
	} `json:"button_reply"`
	ListReply *struct {
		ID          text   `json:"id"`
		Title       string `json:"title"`
		Description string `json:"description"`
	} `json:"list_reply"`
	FormReply *struct {
		Name         string          `json:"name"`
		ResponseJSON json.RawMessage `json:"response_json"`
	} `json:"nfm_reply"`
	CallPermissionReply *struct {
		Response            string `json:"response"`
		ExpirationTimestamp text   `json:"expiration_timestamp"`
		IsPermanent         bool   `json:"is_permanent"`
		ResponseSource      string `json:"response_source"`
	} `json:"call_permission_reply"`
}

// button is a tapped quick-reply button of a template.
type button struct {
	Payload text   `json:"payload"`
	Text    string `json:"text"`
}

func (b *button) content() conversation.Content {
	return conversation.Content{Kind: conversation.KindChoice, Text: b.Text, Choice: &conversation.Choice{
		Source: conversation.ChoiceTemplate, ID: string(b.Payload), Title: b.Text,
	}}
}

// content returns the answer; ok is false if its type is not known or its object is missing.
func (in *interactive) content() (content conversation.Content, ok bool) {
	switch {
	case in.Type == "button_reply" && in.ButtonReply != nil:
		r := in.ButtonReply
		return conversation.Content{Kind: conversation.KindChoice, Text: r.Title, Choice: &conversation.Choice{
			Source: conversation.ChoiceButton, ID: string(r.ID), Title: r.Title,
		}}, true
	case in.Type == "list_reply" && in.ListReply != nil:
		r := in.ListReply
		return conversation.Content{Kind: conversation.KindChoice, Text: r.Title, Choice: &conversation.Choice{
			Source: conversation.ChoiceList, ID: string(r.ID), Title: r.Title, Description: r.Description,
		}}, true
	case in.Type == "nfm_reply" && in.FormReply != nil:
		r := in.FormReply
		return conversation.Content{Kind: conversation.KindForm, Form: &conversation.Form{Name: r.Name, Answer: jsonText(r.ResponseJSON)}}, true
	case in.Type == "call_permission_reply" && in.CallPermissionReply != nil:
		r := in.CallPermissionReply
		permission := &conversation.CallPermission{Granted: r.Response == "accept", Permanent: r.IsPermanent, Source: r.ResponseSource}
		if expires, ok := unix(r.ExpirationTimestamp); ok {
			permission.ExpiresAt = expires.Unix()
		}
		return conversation.Content{Kind: conversation.KindCallPermission, CallPermission: permission}, true
	default:
		return conversation.Content{}, false
	}
}

// jsonText returns the JSON text that Meta wraps in a string; a value that is not wrapped is its own text.
func jsonText(raw json.RawMessage) string {
	var wrapped string
	if json.Unmarshal(raw, &wrapped) == nil {
		return wrapped
	}
	return string(raw)
}

// quoted is a message's context: what it answers, or that it was forwarded.
type quoted struct {
	ID                  text `json:"id"`
	Forwarded           bool `json:"forwarded"`
	FrequentlyForwarded bool `json:"frequently_forwarded"`
	ReferredProduct     *struct {
		CatalogID         text `json:"catalog_id"`
		ProductRetailerID text `json:"product_retailer_id"`
	} `json:"referred_product"`
}

// referral is the advertisement or post that brought the customer.
type referral struct {
	SourceURL      string `json:"source_url"`
	SourceID       text   `json:"source_id"`
	SourceType     string `json:"source_type"`
	Body           string `json:"body"`
	Headline       string `json:"headline"`
	MediaType      string `json:"media_type"`
	ImageURL       string `json:"image_url"`
	VideoURL       string `json:"video_url"`
	ThumbnailURL   string `json:"thumbnail_url"`
	ClickID        text   `json:"ctwa_clid"`
	Ref            text   `json:"ref"`
	WelcomeMessage struct {
		Text string `json:"text"`
	} `json:"welcome_message"`
}

// surround adds context and referral, which may accompany any type. The id next to a referred product belongs to a pseudo
// message and not to one of ours.
func (m *message) surround(content *conversation.Content) {
	if q := m.Context; q != nil {
		switch {
		case q.ReferredProduct != nil:
			content.Quote = &conversation.Quote{ProductID: string(q.ReferredProduct.ProductRetailerID), CatalogID: string(q.ReferredProduct.CatalogID)}
		case q.ID != "":
			content.Quote = &conversation.Quote{ProviderID: string(q.ID)}
		}
		switch {
		case q.FrequentlyForwarded:
			content.Forwarded = conversation.ForwardedOften
		case q.Forwarded:
			content.Forwarded = conversation.ForwardedOnce
		}
	}
	if r := m.Referral; r != nil {
		media := r.ImageURL
		if media == "" {
			media = r.VideoURL
		}
		if media == "" {
			media = r.ThumbnailURL
		}
		content.Referral = &conversation.Referral{
			SourceType: r.SourceType, SourceID: string(r.SourceID), SourceURL: r.SourceURL, Headline: r.Headline, Body: r.Body,
			ClickID: string(r.ClickID), Welcome: r.WelcomeMessage.Text, Ref: string(r.Ref), MediaType: r.MediaType, MediaURL: media,
		}
	}
}
