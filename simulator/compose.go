package simulator

import (
	"cmp"
	"encoding/base64"
	"encoding/json"

	"guichet.dev/guichet/simulator/cloudapi"
)

// compose makes the object under the type's key of an incoming message, or nil
// for a type that has none.
func (s *Server) compose(n *Number, c *Customer, out *Outgoing, file *media) (any, error) {
	if len(out.Content) > 0 {
		return out.Content, nil
	}
	if file != nil {
		return s.mediaContent(out, file), nil
	}
	switch out.Type {
	case "text":
		return map[string]any{"body": out.Text}, required("text", out.Text)
	case "button_reply", "list_reply", "nfm_reply", "call_permission_reply":
		return composeReply(out)
	case "button":
		return map[string]any{"payload": cmp.Or(out.Payload, out.Text), "text": out.Text}, required("text", out.Text)
	case "location":
		return composeLocation(out), nil
	case "contacts":
		return []any{map[string]any{
			"name":   map[string]any{"formatted_name": cmp.Or(out.Name, c.Name, "Card"), "first_name": cmp.Or(out.Name, c.Name, "Card")},
			"phones": []any{map[string]any{"phone": "+" + c.Phone, "wa_id": c.waID(), "type": "CELL"}},
		}}, nil
	case "reaction":
		reaction := map[string]any{"message_id": out.MessageID}
		if out.Emoji != "" {
			reaction["emoji"] = out.Emoji
		}
		return reaction, required("message_id", out.MessageID)
	case "order":
		return composeOrder(out), nil
	case "system":
		return map[string]any{"body": cmp.Or(out.Text, "User changed"), "type": "user_changed_number", "wa_id": c.waID()}, nil
	case "unsupported":
		return map[string]any{"type": "unknown"}, nil
	case "edit":
		edited := map[string]any{"type": "text", "text": map[string]any{"body": out.Text}, "context": map[string]any{"id": out.MessageID}}
		return map[string]any{"original_message_id": out.MessageID, "message": edited}, required("message_id", out.MessageID)
	case "revoke":
		return map[string]any{"original_message_id": out.MessageID}, required("message_id", out.MessageID)
	case "interactive":
		return nil, &ControlError{Field: "content", Message: "is required for interactive; or use a reply type", Allowed: replyTypes}
	}
	return nil, nil
}

func required(field, value string) error {
	if value == "" {
		return &ControlError{Field: field, Message: "is required for this type"}
	}
	return nil
}

func composeReply(out *Outgoing) (any, error) {
	reply := map[string]any{}
	var err error
	switch out.Type {
	case "nfm_reply":
		reply["name"], reply["body"], reply["response_json"] = "flow", "Sent", cmp.Or(out.Payload, "{}")
	case "call_permission_reply":
		reply["response"], reply["response_source"] = cmp.Or(out.Payload, "accept"), "user_action"
	default:
		reply["id"], reply["title"] = out.ReplyID, out.Text
		if out.Description != "" && out.Type == "list_reply" {
			reply["description"] = out.Description
		}
		err = cmp.Or(required("reply_id", out.ReplyID), required("text", out.Text))
	}
	return map[string]any{"type": out.Type, out.Type: reply}, err
}

func composeLocation(out *Outgoing) any {
	location := map[string]any{"latitude": out.Latitude, "longitude": out.Longitude}
	if out.Name != "" {
		location["name"] = out.Name
	}
	if out.Address != "" {
		location["address"] = out.Address
	}
	return location
}

func composeOrder(out *Outgoing) any {
	item := map[string]any{"product_retailer_id": cmp.Or(out.ReplyID, "item-1"), "quantity": 1, "item_price": 10, "currency": "EUR"}
	return map[string]any{"catalog_id": "1000", "text": out.Text, "product_items": []any{item}}
}

func unsupportedError() map[string]any {
	return cloudapi.NewError(cloudapi.CodeUnsupported, "Message type is currently not supported.").Webhook()
}

// sample is a small file of each media type, for customers who do not care which.
func sample(kind string) (contentType string, data []byte) {
	contents := map[string][2]string{
		"image":    {"image/png", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="},
		"sticker":  {"image/webp", "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="},
		"audio":    {"audio/ogg; codecs=opus", "T2dnUwACAAAAAAAAAAAAAAAAAAAAAAAAAAABE09wdXNIZWFkAQE4AYC7AAAAAAA="},
		"video":    {"video/mp4", "AAAAHGZ0eXBpc29tAAACAGlzb21pc28ybXA0MQAAAAhmcmVlAAAAAG1kYXQ="},
		"document": {"application/pdf", "JVBERi0xLjQKJcOkw7zDtsOfCnRyYWlsZXIKPDwvUm9vdCAxIDAgUj4+CiUlRU9GCg=="},
	}
	data, err := base64.StdEncoding.DecodeString(contents[kind][1])
	if err != nil {
		return contents[kind][0], []byte(kind) // the table above is checked by a test
	}
	return contents[kind][0], data
}

// decodeValue reads a raw update's value.
func decodeValue(raw json.RawMessage) (map[string]any, error) {
	var value map[string]any
	if err := json.Unmarshal(raw, &value); err != nil || value == nil {
		return nil, &ControlError{Field: "value", Message: "must be a JSON object"}
	}
	return value, nil
}
