package server

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"guichet.dev/guichet/blueprint"
	"guichet.dev/guichet/team"
)

// yamlType is the media type of automation files (RFC 9512).
const yamlType = "application/yaml"

type automationFile struct {
	RawBody []byte `contentType:"application/yaml" doc:"The file, of at most 1 MB"`
}

type applyFile struct {
	DryRun        bool   `query:"dry_run" doc:"Only tell what would change"`
	Prune         bool   `query:"prune" doc:"Delete the calendars that the file does not have; only if it has the section calendars"`
	MoveDeadlines bool   `query:"move_deadlines" doc:"Whether deadlines that are armed count by the new version; otherwise they keep the one under which they were armed"`
	Comment       string `query:"comment" default:"Applied from a file" minLength:"1" maxLength:"500" doc:"What changes, and why; of the version that is published, if one is"`
	RawBody       []byte `contentType:"application/yaml" doc:"The file, of at most 1 MB"`
}

// fileProblem is something wrong with a file; a problem of the API is something else.
type fileProblem struct{ blueprint.Problem }

// fileResult is what came of applying a file.
type fileResult struct{ blueprint.Result }

func (s *Server) registerAutomationFile() {
	export := operation{
		id: "export-automation", method: http.MethodGet, path: "/automation", permission: team.ReadAutomation, tag: "automation file",
		summary: "The whole automation as one YAML file, with names instead of ids; what the caller may not read is left out",
	}
	register(s, export, s.exportAutomation)
	s.described(export).Responses["200"].Content = map[string]*huma.MediaType{yamlType: {Schema: &huma.Schema{Type: huma.TypeString}}}
	check := operation{
		id: "check-automation", method: http.MethodPost, path: "/automation/check", permission: team.ReadAutomation, tag: "automation file",
		summary: "Everything that is wrong with an automation file for this office, in its order; nothing changes",
	}
	register(s, check, func(ctx context.Context, in *automationFile) (*answer[list[fileProblem]], error) {
		// What is only looked at needs no permission to change it.
		found, err := s.Blueprint.Check(ctx, fileCaller(ctx, true, true), in.RawBody)
		problems := make([]fileProblem, len(found))
		for i, p := range found {
			problems[i] = fileProblem{p}
		}
		return replyList(problems, err)
	})
	apply := operation{
		id: "apply-automation", method: http.MethodPut, path: "/automation", permission: team.WriteAutomation, tag: "automation file",
		summary: "Make the automation what a file says, all of it or nothing; what the file does not say is left alone",
	}
	register(s, apply, func(ctx context.Context, in *applyFile) (*answer[fileResult], error) {
		if err := everywhere(ctx); err != nil {
			return nil, err
		}
		who := caller(ctx)
		r, err := s.Blueprint.Apply(ctx, fileCaller(ctx, who.Can(team.WriteAccounts), who.Can(team.WriteCapacity)), in.RawBody, blueprint.Application{
			Comment: in.Comment, MoveDeadlines: in.MoveDeadlines, Prune: in.Prune, DryRun: in.DryRun,
		})
		return reply(fileResult{r}, s.fileRefused(ctx, err))
	})
	for _, op := range []operation{check, apply} { // it is text, which huma cannot know of a raw body
		s.described(op).RequestBody.Content[yamlType].Schema = &huma.Schema{Type: huma.TypeString}
	}
}

func (s *Server) exportAutomation(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	who := caller(ctx)
	file, err := s.Blueprint.Export(ctx, fileCaller(ctx, who.Can(team.WriteAccounts), who.Can(team.ReadAssignment)))
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", yamlType)
		c.SetHeader("Content-Disposition", `attachment; filename="automation.yaml"`)
		if _, err := c.BodyWriter().Write(file); err != nil {
			s.Logger.WarnContext(c.Context(), "export broken off", "request_id", requestID(c.Context()), errorAttr(err))
		}
	}}, nil
}

// fileCaller is who asks for a file, and what they may do with plans of assignment and capacities.
func fileCaller(ctx context.Context, plans, capacities bool) blueprint.Caller {
	return blueprint.Caller{
		Actor: actor(ctx), Knows: func(accountID string) bool { return known(ctx, accountID) }, Plans: plans, Capacities: capacities,
	}
}

// fileRefused names each problem of a file that was refused, with its line and column.
func (s *Server) fileRefused(ctx context.Context, err error) error {
	problems := blueprint.Problems(err)
	if len(problems) == 0 {
		return err
	}
	refused := s.problem(ctx, err)
	refused.Detail, refused.Fields = fmt.Sprintf("the file is not valid: %d of its fields are wrong", len(problems)), nil
	for _, p := range problems {
		detail := fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Message)
		if p.Hint != "" {
			detail += " (" + p.Hint + ")"
		}
		refused.Fields = append(refused.Fields, FieldProblem{In: "body", Field: p.Field, Detail: detail})
	}
	return refused
}
