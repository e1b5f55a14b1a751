-- Who may do and see what: roles of one's own, tokens that may do less than their agent, teams that are no more.

-- The built-in roles admin, supervisor and agent are the program's; this table has those that admins make.
CREATE TABLE roles (
    key         text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_-]{1,39}$' AND key NOT IN ('admin', 'supervisor', 'agent')),
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    permissions text[] NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX roles_name ON roles (lower(name));

ALTER TABLE agents DROP CONSTRAINT agents_role_check;
ALTER TABLE agents ADD CONSTRAINT agents_role_check CHECK (role ~ '^[a-z][a-z0-9_-]{1,39}$');
ALTER TABLE api_tokens DROP CONSTRAINT api_tokens_role_check;
ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_role_check CHECK (role ~ '^[a-z][a-z0-9_-]{1,39}$');
CREATE INDEX agents_role ON agents (role);

-- A token may be limited to some permissions and to some accounts; NULL: to none.
ALTER TABLE api_tokens ADD COLUMN scopes text[] CHECK (cardinality(scopes) > 0);
ALTER TABLE api_tokens ADD COLUMN account_ids uuid[] CHECK (cardinality(account_ids) > 0);
CREATE INDEX api_tokens_agent ON api_tokens (agent_id) WHERE agent_id IS NOT NULL;

--bun:split

-- Conversations and the audit go on referring to an archived team; its name is free again.
ALTER TABLE teams ADD COLUMN archived_at timestamptz;
ALTER TABLE teams DROP CONSTRAINT teams_name_key;
CREATE UNIQUE INDEX teams_name ON teams (name) WHERE archived_at IS NULL;

--bun:split

-- Of which account an entry tells, so that whoever may not see the account does not see the entry.
ALTER TABLE audit_entries ADD COLUMN account_id uuid;
UPDATE audit_entries SET account_id = subject_id::uuid WHERE subject_kind = 'account';
CREATE INDEX audit_entries_actor ON audit_entries (actor_id, id);
CREATE INDEX audit_entries_action ON audit_entries (action, id);
CREATE INDEX audit_entries_at ON audit_entries (at);
