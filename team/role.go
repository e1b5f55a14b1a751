package team

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// RoleDefinition is a role with what it may do. The built-in ones cannot be changed.
type RoleDefinition struct {
	Key         Role         `json:"key"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Permissions []Permission `json:"permissions"` // in a stable order
	BuiltIn     bool         `json:"built_in"`
	CreatedAt   *time.Time   `json:"created_at,omitempty"`
	UpdatedAt   *time.Time   `json:"updated_at,omitempty"`
}

// NewRole is what a role begins with. Its key never changes.
type NewRole struct {
	Key               Role
	Name, Description string
	Permissions       []Permission
}

// RoleChange is what to change of a role; nil leaves as it is.
type RoleChange struct {
	Name, Description *string
	Permissions       *[]Permission
}

type roleRow struct {
	bun.BaseModel `bun:"table:roles,alias:r"`
	Key           Role `bun:",pk"`
	Name          string
	Description   string
	Permissions   []string `bun:",array"`
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

func (r roleRow) definition() RoleDefinition {
	return RoleDefinition{
		Key: r.Key, Name: r.Name, Description: r.Description, Permissions: setOfTexts(r.Permissions).List(),
		CreatedAt: &r.CreatedAt, UpdatedAt: &r.UpdatedAt,
	}
}

// builtIn describes the program's own roles.
var builtIn = []RoleDefinition{
	{Key: RoleAdmin, Name: "Admin", Description: "Connects channels, makes rules, and decides who may do what.", Permissions: ofAdmins},
	{Key: RoleSupervisor, Name: "Supervisor", Description: "Answers customers, and looks after teams and what went wrong.", Permissions: ofSupervisors},
	{Key: RoleAgent, Name: "Agent", Description: "Answers customers.", Permissions: ofAgents},
}

// roleKey is what a role's key may be.
var roleKey = regexp.MustCompile(`^[a-z][a-z0-9_-]{1,39}$`)

// maxDescription is the longest description, in characters.
const maxDescription = 500

// set returns what the role may do: of a built-in one as the program has it, of any other as it is written down. What this
// program does not know is left out.
func (r Role) set(own []string) PermissionSet {
	if set := byRole[r]; set != nil {
		return set
	}
	return setOfTexts(own).With(byRole[RoleAdmin])
}

func setOfTexts(list []string) PermissionSet {
	set := make(PermissionSet, len(list))
	for _, p := range list {
		set[Permission(p)] = true
	}
	return set
}

// Roles returns all roles: the built-in ones, the most powerful first, then the others by name.
func (s *Store) Roles(ctx context.Context) ([]RoleDefinition, error) {
	var rows []roleRow
	if err := s.db.NewSelect().Model(&rows).OrderExpr("lower(name), key").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	list := make([]RoleDefinition, 0, len(builtIn)+len(rows))
	for _, d := range builtIn {
		list = append(list, d.whole())
	}
	for _, r := range rows {
		list = append(list, r.definition())
	}
	return list, nil
}

// Role returns one role.
func (s *Store) Role(ctx context.Context, key Role) (RoleDefinition, error) {
	if i := slices.IndexFunc(builtIn, func(d RoleDefinition) bool { return d.Key == key }); i >= 0 {
		return builtIn[i].whole(), nil
	}
	r, err := readRole(ctx, s.db, key, "")
	if err != nil {
		return RoleDefinition{}, err
	}
	return r.definition(), nil
}

// whole is a built-in role as callers may keep it.
func (d RoleDefinition) whole() RoleDefinition {
	d.BuiltIn, d.Permissions = true, SetOf(d.Permissions).List()
	return d
}

func readRole(ctx context.Context, db bun.IDB, key Role, lock string) (roleRow, error) {
	var r roleRow
	if !roleKey.MatchString(string(key)) {
		return r, conversation.Errorf(conversation.CodeNotFound, "no such role")
	}
	q := db.NewSelect().Model(&r).Where("key = ?", key)
	if lock != "" {
		q = q.For(lock)
	}
	return r, found(q.Scan(ctx), "role", "read role")
}

// roleSet returns what a role may do, and keeps it from changing until the transaction ends. One that does not exist is
// invalid.
func roleSet(ctx context.Context, tx bun.Tx, key Role) (PermissionSet, error) {
	if key.BuiltIn() {
		return byRole[key], nil
	}
	r, err := readRole(ctx, tx, key, "SHARE")
	if conversation.CodeOf(err) == conversation.CodeNotFound {
		return nil, conversation.Invalid("role", "unknown role; allowed are admin, supervisor, agent and the keys of the roles that were made")
	}
	return key.set(r.Permissions), err
}

// CreateRole makes a role. It may do no more than its maker. Its key and its name must be new: conflict.
func (s *Store) CreateRole(ctx context.Context, by Principal, in NewRole) (RoleDefinition, error) {
	at := now()
	r := roleRow{Key: in.Key, Name: in.Name, Description: in.Description, CreatedAt: at, UpdatedAt: at}
	if !roleKey.MatchString(string(in.Key)) {
		return RoleDefinition{}, conversation.Invalid("key", "must have 2 to 40 of the characters a-z, 0-9, _ and -, a letter first")
	}
	if in.Key.BuiltIn() {
		return RoleDefinition{}, &conversation.Error{Code: conversation.CodeConflict, Field: "key", Message: "a built-in role has this key"}
	}
	if err := r.clean(in.Permissions); err != nil {
		return RoleDefinition{}, err
	}
	if err := by.mayGive("permissions", SetOf(in.Permissions)); err != nil {
		return RoleDefinition{}, err
	}
	err := s.changeAccess(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
			return roleError(err, "create role")
		}
		return Audit(ctx, tx, Change{By: by.Actor(), Action: "roles.create", SubjectKind: "role", SubjectID: string(r.Key), After: r.definition()})
	})
	return r.definition(), err
}

// UpdateRole changes a role, and with it what everybody may do who has it. Neither what it could do nor what it can do then
// may go beyond the caller's own permissions.
func (s *Store) UpdateRole(ctx context.Context, by Principal, key Role, c RoleChange) (RoleDefinition, error) {
	if key.BuiltIn() {
		return RoleDefinition{}, errBuiltIn()
	}
	var after RoleDefinition
	err := s.changeAccess(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := readRole(ctx, tx, key, "UPDATE")
		if err != nil {
			return err
		}
		before := r.definition()
		set(&r.Name, c.Name)
		set(&r.Description, c.Description)
		permissions := before.Permissions
		set(&permissions, c.Permissions)
		if err := r.clean(permissions); err != nil {
			return err
		}
		for _, given := range [][]Permission{before.Permissions, permissions} {
			if err := by.mayGive("permissions", SetOf(given)); err != nil {
				return err
			}
		}
		r.UpdatedAt = now()
		if _, err := tx.NewUpdate().Model(&r).WherePK().Exec(ctx); err != nil {
			return roleError(err, "update role")
		}
		after = r.definition()
		return Audit(ctx, tx, Change{By: by.Actor(), Action: "roles.update", SubjectKind: "role", SubjectID: string(key), Before: before, After: after})
	})
	return after, err
}

// DeleteRole deletes a role that nobody has. One that is in use is a conflict, which says by how many.
func (s *Store) DeleteRole(ctx context.Context, by Principal, key Role) error {
	if key.BuiltIn() {
		return errBuiltIn()
	}
	return s.changeAccess(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := readRole(ctx, tx, key, "UPDATE") // giving it to somebody needs it locked, see roleSet
		if err != nil {
			return err
		}
		agents, err := tx.NewSelect().Model((*Agent)(nil)).Where("role = ?", key).Count(ctx)
		if err != nil {
			return fmt.Errorf("count who has a role: %w", err)
		}
		tokens, err := tx.NewSelect().Model((*Token)(nil)).Where("role = ? AND agent_id IS NULL AND revoked_at IS NULL", key).
			Where("expires_at IS NULL OR expires_at > ?", now()).Count(ctx)
		if err != nil {
			return fmt.Errorf("count what has a role: %w", err)
		}
		if agents+tokens > 0 {
			e := conversation.Errorf(conversation.CodeConflict, "%d agents and %d tokens have this role", agents, tokens)
			e.Details = map[string]any{"agents": agents, "tokens": tokens}
			return e
		}
		if err := by.mayGive("permissions", setOfTexts(r.Permissions)); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&r).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete role: %w", err)
		}
		return Audit(ctx, tx, Change{By: by.Actor(), Action: "roles.delete", SubjectKind: "role", SubjectID: string(key), Before: r.definition()})
	})
}

// clean puts the role's fields into their canonical form.
func (r *roleRow) clean(permissions []Permission) (err error) {
	if r.Name, err = cleanName("name", r.Name); err != nil {
		return err
	}
	r.Description = strings.TrimSpace(r.Description)
	if utf8.RuneCountInString(r.Description) > maxDescription || !utf8.ValidString(r.Description) || strings.ContainsRune(r.Description, 0) {
		return conversation.Invalid("description", "must have at most %d characters", maxDescription)
	}
	if err := checkPermissions("permissions", permissions); err != nil {
		return err
	}
	r.Permissions = []string{}
	for _, p := range SetOf(permissions).List() {
		r.Permissions = append(r.Permissions, string(p))
	}
	return nil
}

func checkPermissions(field string, list []Permission) error {
	for _, p := range list {
		if !RoleAdmin.Can(p) {
			return conversation.Invalid(field, "unknown permission; the list of permissions has all that there are")
		}
	}
	return nil
}

func errBuiltIn() error {
	return conversation.Errorf(conversation.CodeConflict, "this is a built-in role, which cannot be changed")
}

func roleError(err error, doing string) error {
	switch {
	case postgres.IsUniqueViolation(err, "roles_name"):
		return &conversation.Error{Code: conversation.CodeConflict, Field: "name", Message: "another role has this name"}
	case postgres.IsUniqueViolation(err, ""):
		return &conversation.Error{Code: conversation.CodeConflict, Field: "key", Message: "another role has this key"}
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}
