DROP TABLE notification_settings;
DROP TABLE notification_facts;
DELETE FROM notifications;
DROP INDEX notifications_unread;
DROP INDEX notifications_age;
DROP INDEX notifications_list;
ALTER TABLE notifications DROP COLUMN changed_at, DROP COLUMN account_id, ALTER COLUMN conversation_id DROP NOT NULL,
    ADD COLUMN event_seq bigint, ADD COLUMN kind text NOT NULL;
CREATE INDEX notifications_agent ON notifications (agent_id, id DESC);
