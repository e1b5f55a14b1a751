-- The orders in which conversations are listed. A list is merged from one short scan per account and status, so that who may
-- see few accounts waits no longer than who sees all. The indexes of the special orders have only the rows that have a
-- place in them.
DROP INDEX conversations_list;
CREATE INDEX conversations_list ON conversations (account_id, status, last_activity_at DESC, id DESC) WHERE merged_into IS NULL;
CREATE INDEX conversations_unassigned ON conversations (account_id, status, last_activity_at DESC, id DESC)
    WHERE merged_into IS NULL AND status = 'open' AND assignee_id IS NULL;
CREATE INDEX conversations_waiting ON conversations (account_id, status, waiting_since, id)
    WHERE merged_into IS NULL AND waiting_since IS NOT NULL;
CREATE INDEX conversations_window ON conversations (account_id, status, window_from, id)
    WHERE merged_into IS NULL AND window_from IS NOT NULL;
CREATE INDEX conversations_priority ON conversations (account_id, status, priority DESC, last_activity_at DESC, id DESC)
    WHERE merged_into IS NULL AND priority <> 0;
CREATE INDEX conversations_team ON conversations (team_id, status, last_activity_at DESC, id DESC)
    WHERE merged_into IS NULL AND team_id IS NOT NULL;

-- A contact without attributes has no entries in it.
CREATE INDEX contacts_attributes ON contacts USING gin (attributes jsonb_path_ops);
