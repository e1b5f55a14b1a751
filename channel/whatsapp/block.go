package whatsapp

import (
	"context"
	"net/http"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

var _ channel.Blocker = (*Adapter)(nil)

// blockUsers is the body of POST and DELETE /{phone number id}/block_users (Cloud API, "Block users").
type blockUsers struct {
	Product string      `json:"messaging_product"`
	Users   []blockUser `json:"block_users"`
}

type blockUser struct {
	User string `json:"user"` // a number with its +, or a business-scoped user id
}

// Block keeps a person from writing to the number. Meta takes only those who wrote within the last 24 hours.
func (a *Adapter) Block(ctx context.Context, account channel.Account, person []conversation.Identity) error {
	return a.setBlocked(ctx, account, http.MethodPost, person)
}

// Unblock lets a person write to the number again.
func (a *Adapter) Unblock(ctx context.Context, account channel.Account, person []conversation.Identity) error {
	return a.setBlocked(ctx, account, http.MethodDelete, person)
}

func (a *Adapter) setBlocked(ctx context.Context, account channel.Account, method string, person []conversation.Identity) error {
	var to outgoing
	if !to.addressTo(person) {
		return refusal(conversation.CodeNoAddress)
	}
	user := to.To
	if user == "" {
		user = to.Recipient
	}
	type changed struct {
		Input text `json:"input"`
	}
	var answer struct {
		Result struct {
			Added   []changed `json:"added_users"`
			Removed []changed `json:"removed_users"`
			Failed  []struct {
				Errors []struct {
					Code text `json:"code"`
				} `json:"errors"`
			} `json:"failed_users"`
		} `json:"block_users"`
	}
	body := blockUsers{Product: "whatsapp", Users: []blockUser{{User: user}}}
	if err := a.call(ctx, account, method, "/block_users", nil, body, &answer); err != nil {
		return err
	}
	switch r := answer.Result; {
	case len(r.Failed) > 0 && len(r.Failed[0].Errors) > 0 && r.Failed[0].Errors[0].Code != "":
		code := string(r.Failed[0].Errors[0].Code)
		return &channel.SendError{Behaviour: Classify(code), Code: code, HTTP: http.StatusOK}
	case len(r.Failed) > 0 || len(r.Added)+len(r.Removed) == 0:
		return &channel.SendError{Behaviour: channel.Unknown, Code: codeAnswer, HTTP: http.StatusOK}
	default:
		return nil
	}
}
