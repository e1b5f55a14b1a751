-- The orders of conversations for those who may see all accounts, one short scan for each status. With the indexes that begin
-- with the account, such a list was merged from one scan per account: twenty times as many rows for twenty accounts.
CREATE INDEX conversations_everywhere ON conversations (status, last_activity_at DESC, id DESC) WHERE merged_into IS NULL;
CREATE INDEX conversations_everywhere_unassigned ON conversations (status, last_activity_at DESC, id DESC)
    WHERE merged_into IS NULL AND status = 'open' AND assignee_id IS NULL;
CREATE INDEX conversations_everywhere_waiting ON conversations (status, waiting_since, id)
    WHERE merged_into IS NULL AND waiting_since IS NOT NULL;
CREATE INDEX conversations_everywhere_window ON conversations (status, window_from, id)
    WHERE merged_into IS NULL AND window_from IS NOT NULL;
CREATE INDEX conversations_everywhere_priority ON conversations (status, priority DESC, last_activity_at DESC, id DESC)
    WHERE merged_into IS NULL AND priority <> 0;
