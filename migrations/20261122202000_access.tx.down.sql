DROP INDEX audit_entries_at;
DROP INDEX audit_entries_action;
DROP INDEX audit_entries_actor;
ALTER TABLE audit_entries DROP COLUMN account_id;

--bun:split

-- An archived team of a name that another team has is told apart by its id.
DROP INDEX teams_name;
UPDATE teams SET name = name || ' (' || id || ')' WHERE archived_at IS NOT NULL;
ALTER TABLE teams ADD CONSTRAINT teams_name_key UNIQUE (name);
ALTER TABLE teams DROP COLUMN archived_at;

--bun:split

DROP INDEX api_tokens_agent;
-- What was limited by its scopes or accounts would be able to do more.
DELETE FROM api_tokens WHERE scopes IS NOT NULL OR account_ids IS NOT NULL OR role NOT IN ('admin', 'supervisor', 'agent');
ALTER TABLE api_tokens DROP COLUMN account_ids;
ALTER TABLE api_tokens DROP COLUMN scopes;
ALTER TABLE api_tokens DROP CONSTRAINT api_tokens_role_check;
ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_role_check CHECK (role IN ('admin', 'supervisor', 'agent'));

DROP INDEX agents_role;
UPDATE agents SET role = 'agent' WHERE role NOT IN ('admin', 'supervisor', 'agent');
ALTER TABLE agents DROP CONSTRAINT agents_role_check;
ALTER TABLE agents ADD CONSTRAINT agents_role_check CHECK (role IN ('admin', 'supervisor', 'agent'));
DROP TABLE roles;
