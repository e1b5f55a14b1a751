package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/team"
)

// permissionView is a permission with its meaning.
type permissionView struct {
	Key      team.Permission `json:"key"`
	Sentence string          `json:"sentence" doc:"What it lets somebody do"`
	Roles    []team.Role     `json:"roles" nullable:"false" doc:"The built-in roles that have it"`
}

// RolePath names a role in a path.
type RolePath struct {
	Key team.Role `path:"role_key"`
}

type createRole struct {
	Body struct {
		Key         team.Role         `json:"key" minLength:"2" doc:"Names the role from now on: agents have it as their role. It cannot be changed"`
		Name        string            `json:"name" minLength:"1" maxLength:"100"`
		Description string            `json:"description,omitempty" maxLength:"500"`
		Permissions []team.Permission `json:"permissions" nullable:"false" maxItems:"200"`
	}
}

type updateRole struct {
	RolePath
	Body struct {
		Name        *string            `json:"name,omitempty" minLength:"1" maxLength:"100"`
		Description *string            `json:"description,omitempty" maxLength:"500"`
		Permissions *[]team.Permission `json:"permissions,omitempty" maxItems:"200" doc:"All that the role has then"`
	}
}

func (s *Server) registerRoles() {
	register(s, operation{
		id: "list-permissions", method: http.MethodGet, path: "/permissions", permission: team.ReadRoles, tag: "roles",
		summary: "All permissions that there are",
	}, func(context.Context, *struct{}) (*answer[list[permissionView]], error) {
		return replyList(permissionViews(), nil)
	})
	register(s, operation{
		id: "list-roles", method: http.MethodGet, path: "/roles", permission: team.ReadRoles, tag: "roles",
		summary: "All roles: the built-in ones first, then the others by name",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[team.RoleDefinition]], error) {
		return replyList(s.Team.Roles(ctx))
	})
	register(s, operation{
		id: "get-role", method: http.MethodGet, path: "/roles/{role_key}", permission: team.ReadRoles, tag: "roles",
		summary: "One role",
	}, func(ctx context.Context, in *RolePath) (*answer[team.RoleDefinition], error) {
		return reply(s.Team.Role(ctx, in.Key))
	})
	register(s, operation{
		id: "create-role", method: http.MethodPost, path: "/roles", permission: team.WriteRoles, tag: "roles",
		status: http.StatusCreated, summary: "Make a role that may do no more than you",
	}, func(ctx context.Context, in *createRole) (*answer[team.RoleDefinition], error) {
		b := in.Body
		return reply(s.Team.CreateRole(ctx, caller(ctx), team.NewRole{Key: b.Key, Name: b.Name, Description: b.Description, Permissions: b.Permissions}))
	})
	register(s, operation{
		id: "update-role", method: http.MethodPatch, path: "/roles/{role_key}", permission: team.WriteRoles, tag: "roles",
		summary: "Change a role, and what all who have it may do; what is absent stays as it is",
	}, func(ctx context.Context, in *updateRole) (*answer[team.RoleDefinition], error) {
		b := in.Body
		return reply(s.Team.UpdateRole(ctx, caller(ctx), in.Key, team.RoleChange{Name: b.Name, Description: b.Description, Permissions: b.Permissions}))
	})
	register(s, operation{
		id: "delete-role", method: http.MethodDelete, path: "/roles/{role_key}", permission: team.WriteRoles, tag: "roles",
		status: http.StatusNoContent, summary: "Delete a role that nobody has; otherwise a conflict says how many have it",
	}, func(ctx context.Context, in *RolePath) (*struct{}, error) {
		return nil, s.Team.DeleteRole(ctx, caller(ctx), in.Key)
	})
}

func permissionViews() []permissionView {
	var views []permissionView
	for _, p := range team.Permissions() {
		v := permissionView{Key: p, Sentence: p.Sentence()}
		for _, role := range team.Roles() {
			if role.Can(p) {
				v.Roles = append(v.Roles, role)
			}
		}
		views = append(views, v)
	}
	return views
}
