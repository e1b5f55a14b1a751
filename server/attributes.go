package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/contacts"
	"guichet.dev/guichet/team"
)

// AttributePath names an attribute in a path.
type AttributePath struct {
	Key string `path:"key" pattern:"^[a-z][a-z0-9_]*$" maxLength:"50"`
}

type listAttributes struct {
	Deleted bool `query:"deleted" doc:"With those that are not in use any more"`
}

type createAttribute struct {
	Body struct {
		Key     string                 `json:"key" pattern:"^[a-z][a-z0-9_]*$" maxLength:"50" doc:"For programs and rules; never changes"`
		Label   string                 `json:"label" minLength:"1" maxLength:"100"`
		Type    contacts.AttributeType `json:"type"`
		Options []string               `json:"options,omitempty" maxItems:"100" doc:"Of a list: what may be chosen"`
	}
}

type updateAttribute struct {
	AttributePath
	Body struct {
		Label   *string   `json:"label,omitempty" minLength:"1" maxLength:"100"`
		Options *[]string `json:"options,omitempty" maxItems:"100"`
	}
}

func (s *Server) registerAttributes() {
	register(s, operation{
		id: "list-attributes", method: http.MethodGet, path: "/attribute-definitions", permission: team.ReadAttributes, tag: "contacts",
		summary: "The attributes that contacts can have, by label",
	}, func(ctx context.Context, in *listAttributes) (*answer[list[contacts.Definition]], error) {
		return replyList(s.Contacts.Definitions(ctx, in.Deleted))
	})
	register(s, operation{
		id: "create-attribute", method: http.MethodPost, path: "/attribute-definitions", permission: team.WriteAttributes, tag: "contacts",
		status: http.StatusCreated, summary: "Define an attribute; a deleted one of the same key and type comes back with its values",
	}, func(ctx context.Context, in *createAttribute) (*answer[contacts.Definition], error) {
		b := in.Body
		return reply(s.Contacts.Define(ctx, actor(ctx), contacts.Definition{Key: b.Key, Label: b.Label, Type: b.Type, Options: b.Options}))
	})
	register(s, operation{
		id: "update-attribute", method: http.MethodPatch, path: "/attribute-definitions/{key}", permission: team.WriteAttributes, tag: "contacts",
		summary: "Change the label or the options of an attribute",
	}, func(ctx context.Context, in *updateAttribute) (*answer[contacts.Definition], error) {
		return reply(s.Contacts.Redefine(ctx, actor(ctx), in.Key, contacts.DefinitionChange{Label: in.Body.Label, Options: in.Body.Options}))
	})
	register(s, operation{
		id: "delete-attribute", method: http.MethodDelete, path: "/attribute-definitions/{key}", permission: team.WriteAttributes, tag: "contacts",
		status: http.StatusNoContent, summary: "Use an attribute no more; the contacts' values stay and are not shown",
	}, func(ctx context.Context, in *AttributePath) (*struct{}, error) {
		return nil, s.Contacts.Undefine(ctx, actor(ctx), in.Key)
	})
}
