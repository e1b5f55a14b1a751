DROP INDEX contacts_attributes;
DROP INDEX conversations_team, conversations_priority, conversations_window, conversations_waiting, conversations_unassigned, conversations_list;
CREATE INDEX conversations_list ON conversations (status, last_activity_at DESC, id DESC) WHERE merged_into IS NULL;
