package team

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/postgres"
)

// AgentState is whether an agent may work.
type AgentState string

// The states of an agent.
const (
	AgentActive      AgentState = "active"
	AgentDeactivated AgentState = "deactivated"
)

// Agent is somebody of ours who answers customers.
type Agent struct {
	bun.BaseModel `bun:"table:agents" json:"-"`
	ID            string     `bun:",pk" json:"id"`
	Name          string     `json:"name"`
	Email         string     `json:"email"`
	Role          Role       `json:"role"`
	State         AgentState `json:"state"`
	Language      Language   `json:"language"` // of mails to them
	CreatedAt     time.Time  `json:"created_at"`
}

// NewAgent is what an agent begins with.
type NewAgent struct {
	Name, Email string
	Role        Role
}

// AgentChange is what to change of an agent; nil leaves as it is.
type AgentChange struct {
	Name, Email *string
	Role        *Role
	State       *AgentState
	Language    *Language
}

// Language is one in which we write to agents.
type Language string

// Languages lists those that we know, the one that everybody begins with first.
func Languages() []Language { return []Language{"en", "fr", "ro"} }

// Agents returns all agents by name, also the deactivated ones.
func (s *Store) Agents(ctx context.Context) ([]Agent, error) {
	agents := []Agent{}
	if err := s.db.NewSelect().Model(&agents).OrderExpr("lower(name), id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list agents: %w", err)
	}
	return agents, nil
}

// Agent returns one agent.
func (s *Store) Agent(ctx context.Context, id string) (Agent, error) {
	return readAgent(ctx, s.db, id, "")
}

func readAgent(ctx context.Context, db bun.IDB, id, lock string) (Agent, error) {
	if err := checkID(id, "agent"); err != nil {
		return Agent{}, err
	}
	var a Agent
	q := db.NewSelect().Model(&a).Where("id = ?", id)
	if lock != "" {
		q = q.For(lock)
	}
	return a, found(q.Scan(ctx), "agent", "read agent")
}

// CreateAgent adds an agent, who may do no more than the caller. The e-mail address must be new: conflict.
func (s *Store) CreateAgent(ctx context.Context, by Principal, in NewAgent) (Agent, error) {
	a := Agent{ID: postgres.NewID(), Name: in.Name, Email: in.Email, Role: in.Role, State: AgentActive, Language: Languages()[0], CreatedAt: now()}
	if err := a.clean(); err != nil {
		return Agent{}, err
	}
	if err := by.unlimited(); err != nil {
		return Agent{}, err
	}
	err := s.changeAccess(ctx, func(ctx context.Context, tx bun.Tx) error {
		may, err := roleSet(ctx, tx, a.Role)
		if err != nil {
			return err
		}
		if err := by.mayGive("role", may); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&a).Exec(ctx); err != nil {
			return agentError(err, "create agent")
		}
		return Audit(ctx, tx, Change{By: by.Actor(), Action: "agents.create", SubjectKind: "agent", SubjectID: a.ID, After: a})
	})
	return a, err
}

// UpdateAgent changes an agent who may do no more than the caller, neither before nor after. A deactivated agent's tokens
// stop working, and the conversations go back, see inbox.HandBack. The last active admin stays one: conflict.
func (s *Store) UpdateAgent(ctx context.Context, by Principal, id string, c AgentChange) (Agent, error) {
	var a Agent
	if err := by.unlimited(); err != nil {
		return Agent{}, err
	}
	err := s.changeAccess(ctx, func(ctx context.Context, tx bun.Tx) error {
		admins, err := lockAdmins(ctx, tx)
		if err != nil {
			return err
		}
		before, err := readAgent(ctx, tx, id, "UPDATE")
		if err != nil {
			return err
		}
		a = before
		c.apply(&a)
		if err := a.clean(); err != nil {
			return err
		}
		if err := by.mayChange(ctx, tx, before, a); err != nil {
			return err
		}
		if before.admin() && !a.admin() && admins == 1 {
			return conversation.Errorf(conversation.CodeConflict, "this is the last active admin")
		}
		if _, err := tx.NewUpdate().Model(&a).WherePK().Exec(ctx); err != nil {
			return agentError(err, "update agent")
		}
		return Audit(ctx, tx, Change{By: by.Actor(), Action: "agents.update", SubjectKind: "agent", SubjectID: id, Before: before, After: a})
	})
	return a, err
}

// MayManage refuses to change how an agent logs in who may do more than the caller.
func (p Principal) MayManage(ctx context.Context, tx bun.Tx, agentID string) error {
	if err := p.unlimited(); err != nil {
		return err
	}
	a, err := readAgent(ctx, tx, agentID, "")
	if err != nil {
		return err
	}
	has, err := roleSet(ctx, tx, a.Role)
	if err != nil {
		return err
	}
	return p.mayGive("", has)
}

// MayGive refuses to give a role, to whomever it will be, that may do more than the caller.
func (p Principal) MayGive(ctx context.Context, tx bun.Tx, field string, role Role) error {
	if err := p.unlimited(); err != nil {
		return err
	}
	may, err := roleSet(ctx, tx, role)
	if err != nil {
		return err
	}
	return p.mayGive(field, may)
}

// mayChange refuses to change agents who may do more than the caller, or to make them so. Whoever has an agent's address
// can get in as the agent, so changing that needs the agent's sight too.
func (p Principal) mayChange(ctx context.Context, tx bun.Tx, before, after Agent) error {
	had, err := roleSet(ctx, tx, before.Role)
	if err != nil {
		return err
	}
	gets, err := roleSet(ctx, tx, after.Role)
	if err != nil {
		return err
	}
	if err := p.mayGive("", had); err != nil {
		return err
	}
	if err := p.mayGive("role", gets); err != nil || after.Email == before.Email {
		return err
	}
	sight, err := agentSight(ctx, tx, before.ID, had)
	if err != nil {
		return err
	}
	return p.mayShow("email", sight)
}

// lockAdmins counts the active admins and keeps others from changing them meanwhile.
func lockAdmins(ctx context.Context, tx bun.Tx) (int, error) {
	var ids []string
	err := tx.NewSelect().Model((*Agent)(nil)).Column("id").Where("role = ? AND state = ?", RoleAdmin, AgentActive).
		OrderExpr("id").For("UPDATE").Scan(ctx, &ids)
	if err != nil {
		return 0, fmt.Errorf("count admins: %w", err)
	}
	return len(ids), nil
}

func (a Agent) admin() bool { return a.Role == RoleAdmin && a.State == AgentActive }

func (c AgentChange) apply(a *Agent) {
	set(&a.Name, c.Name)
	set(&a.Email, c.Email)
	set(&a.Role, c.Role)
	set(&a.State, c.State)
	set(&a.Language, c.Language)
}

// clean puts the agent's fields into their canonical form.
func (a *Agent) clean() (err error) {
	if a.Name, err = cleanName("name", a.Name); err != nil {
		return err
	}
	a.Email = strings.TrimSpace(a.Email)
	address, err := mail.ParseAddress(a.Email)
	if err != nil || address.Address != a.Email || len(a.Email) > 254 {
		return conversation.Invalid("email", "must be an e-mail address such as ana@example.com")
	}
	if a.State != AgentActive && a.State != AgentDeactivated {
		return conversation.Invalid("state", "must be active or deactivated")
	}
	if !slices.Contains(Languages(), a.Language) {
		return conversation.Invalid("language", "must be one of %v", Languages())
	}
	return nil
}

func agentError(err error, doing string) error {
	if postgres.IsUniqueViolation(err, "") {
		return &conversation.Error{Code: conversation.CodeConflict, Field: "email", Message: "another agent has this e-mail address"}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
