package server

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/blocks"
	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/inbox"
	"guichet.dev/guichet/team"
)

// ContactPath names a contact in a path.
type ContactPath struct {
	ID string `path:"contact_id" format:"uuid"`
}

type editContact struct {
	ContactPath
	Body struct {
		Name       *string        `json:"name,omitempty" maxLength:"200" doc:"Wins over the profile's; empty goes back to that"`
		Phones     *[]string      `json:"phones,omitempty" maxItems:"20" doc:"Further numbers, with + and country code; replaces the list"`
		Email      *string        `json:"email,omitempty" maxLength:"254"`
		Language   *string        `json:"language,omitempty" maxLength:"35" doc:"BCP 47, such as pt-BR"`
		Tags       *[]string      `json:"tags,omitempty" maxItems:"50" doc:"Replaces the list"`
		Note       *string        `json:"note,omitempty" maxLength:"10000"`
		Attributes map[string]any `json:"attributes,omitempty" doc:"By key, as defined; null takes one away, those left out stay"`
	}
}

type contactPage struct {
	ContactPath
	Paging
}

func (s *Server) registerContacts() {
	contact := func(id, method, path string, permission team.Permission, summary string) operation {
		return operation{id: id, method: method, path: "/contacts/{contact_id}" + path, permission: permission, summary: summary, tag: "contacts"}
	}
	register(s, contact("get-contact", http.MethodGet, "", team.ReadContacts, "All that is known of a contact of whom the caller sees a conversation"),
		func(ctx context.Context, in *ContactPath) (*answer[contacts.Panel], error) {
			return reply(s.Contacts.Get(ctx, viewer(ctx), in.ID))
		})
	register(s, contact("edit-contact", http.MethodPatch, "", team.WriteContacts, "Write down something of a contact"),
		func(ctx context.Context, in *editContact) (*answer[contacts.Panel], error) {
			b := in.Body
			return reply(s.Contacts.Edit(ctx, viewer(ctx), in.ID, contacts.Edit{
				Name: b.Name, Phones: b.Phones, Email: b.Email, Language: b.Language, Tags: b.Tags, Note: b.Note, Attributes: b.Attributes,
			}))
		})
	register(s, contact("list-contact-conversations", http.MethodGet, "/conversations", team.ReadContacts, "A contact's conversations, newest activity first"),
		func(ctx context.Context, in *contactPage) (*answer[page[inbox.Conversation]], error) {
			after, err := decodeCursor(in.Cursor)
			if err != nil {
				return nil, err
			}
			return replyPage(s.Beside.OfContact(ctx, viewer(ctx), in.ID, after, in.Limit))
		})
	register(s, contact("list-contact-consents", http.MethodGet, "/consents", team.ReadContacts, "Every change of what a contact wants, with its evidence, newest first"),
		func(ctx context.Context, in *contactPage) (*answer[page[contacts.ConsentEntry]], error) {
			return replyByID(in, func(before string, limit int) ([]contacts.ConsentEntry, error) {
				return s.Contacts.ConsentEntries(ctx, viewer(ctx), in.ID, before, limit)
			}, func(e contacts.ConsentEntry) string { return e.ID })
		})
	s.registerConsentExport(contact("export-contact-consents", http.MethodGet, "/consents/export", team.ExportConversations,
		"Every change of what a contact wants as CSV, oldest first, with the words that say so; who exported it is in the audit"))
	register(s, contact("list-contact-changes", http.MethodGet, "/changes", team.ReadContacts, "Who changed what of a contact, newest first"),
		func(ctx context.Context, in *contactPage) (*answer[page[contacts.ChangeEntry]], error) {
			return replyByID(in, func(before string, limit int) ([]contacts.ChangeEntry, error) {
				return s.Contacts.Changes(ctx, viewer(ctx), in.ID, before, limit)
			}, func(e contacts.ChangeEntry) string { return e.ID })
		})
	register(s, contact("list-contact-blocks", http.MethodGet, "/blocks", team.ReadContacts, "On which accounts a contact is or was blocked"),
		func(ctx context.Context, in *ContactPath) (*answer[list[blocks.Block]], error) {
			return replyList(s.Blocks.Of(ctx, viewer(ctx), in.ID))
		})
}

// replyByID answers with a page that is ordered by id. One more than asked for tells whether there is a next one.
func replyByID[T any](in *contactPage, read func(before string, limit int) ([]T, error), id func(T) string) (*answer[page[T]], error) {
	before, err := decodeCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := read(before.ID, in.Limit+1)
	var next inbox.Cursor
	if len(found) > in.Limit {
		found = found[:in.Limit]
		next.ID = id(found[in.Limit-1])
	}
	return replyPage(found, next, err)
}

// registerConsentExport serves the ledger as a file.
func (s *Server) registerConsentExport(op operation) {
	register(s, op, func(ctx context.Context, in *ContactPath) (*huma.StreamResponse, error) {
		var file bytes.Buffer
		if err := s.Contacts.ExportConsents(ctx, viewer(ctx), in.ID, &file); err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			c.SetHeader("Content-Type", "text/csv; charset=utf-8")
			c.SetHeader("Content-Disposition", `attachment; filename="consents-`+in.ID+`.csv"`)
			if _, err := c.BodyWriter().Write(file.Bytes()); err != nil {
				s.Logger.WarnContext(c.Context(), "export broken off", "request_id", requestID(c.Context()), errorAttr(err))
			}
		}}, nil
	})
	s.described(op).Responses["200"].Content = map[string]*huma.MediaType{
		"text/csv": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}
}
