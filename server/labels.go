package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/labels"
	"guichet.dev/guichet/team"
)

// LabelPath names a label in a path.
type LabelPath struct {
	ID string `path:"label_id" format:"uuid"`
}

type listLabels struct {
	Deleted bool `query:"deleted" doc:"With those that are not offered any more"`
}

type createLabel struct {
	Body struct {
		Name        string `json:"name" minLength:"1" maxLength:"50"`
		Description string `json:"description,omitempty" maxLength:"500"`
		Colour      string `json:"colour,omitempty" maxLength:"7" doc:"grey, red, orange, amber, green, teal, blue, indigo, purple, pink, or #rrggbb; left out, the name chooses"`
	}
}

type updateLabel struct {
	LabelPath
	Body struct {
		Name        *string `json:"name,omitempty" minLength:"1" maxLength:"50"`
		Description *string `json:"description,omitempty" maxLength:"500"`
		Colour      *string `json:"colour,omitempty" maxLength:"7"`
	}
}

func (s *Server) registerLabels() {
	register(s, operation{
		id: "list-labels", method: http.MethodGet, path: "/labels", permission: team.ReadLabels, tag: "labels",
		summary: "The labels that are offered, by name",
	}, func(ctx context.Context, in *listLabels) (*answer[list[labels.Label]], error) {
		return replyList(s.Labels.List(ctx, in.Deleted))
	})
	register(s, operation{
		id: "create-label", method: http.MethodPost, path: "/labels", permission: team.WriteLabels, tag: "labels",
		status: http.StatusCreated, summary: "Define a label; a conflict if one has the name in whatever case",
	}, func(ctx context.Context, in *createLabel) (*answer[labels.Label], error) {
		return reply(s.Labels.Create(ctx, actor(ctx), labels.New{Name: in.Body.Name, Description: in.Body.Description, Colour: in.Body.Colour}))
	})
	register(s, operation{
		id: "get-label", method: http.MethodGet, path: "/labels/{label_id}", permission: team.ReadLabels, tag: "labels",
		summary: "One label, also a deleted one",
	}, func(ctx context.Context, in *LabelPath) (*answer[labels.Label], error) {
		return reply(s.Labels.Get(ctx, in.ID))
	})
	register(s, operation{
		id: "update-label", method: http.MethodPatch, path: "/labels/{label_id}", permission: team.WriteLabels, tag: "labels",
		summary: "Change a label wherever it is",
	}, func(ctx context.Context, in *updateLabel) (*answer[labels.Label], error) {
		return reply(s.Labels.Update(ctx, actor(ctx), in.ID, labels.Change{Name: in.Body.Name, Description: in.Body.Description, Colour: in.Body.Colour}))
	})
	register(s, operation{
		id: "delete-label", method: http.MethodDelete, path: "/labels/{label_id}", permission: team.WriteLabels, tag: "labels",
		status: http.StatusNoContent, summary: "Offer a label no more; conversations that have it keep it",
	}, func(ctx context.Context, in *LabelPath) (*struct{}, error) {
		return nil, s.Labels.Delete(ctx, actor(ctx), in.ID)
	})
}
