-- Notifications: what an agent is to hear of, see the package notifications. Nothing has been written to the table so far.
-- A row is an entry of the agent's list: the news of one conversation, which go on gathering in it until it is read.
DELETE FROM notifications;
DROP INDEX notifications_agent;
ALTER TABLE notifications DROP COLUMN kind, DROP COLUMN event_seq, ALTER COLUMN conversation_id SET NOT NULL,
    ADD COLUMN account_id uuid NOT NULL,
    ADD COLUMN changed_at timestamptz NOT NULL;
CREATE INDEX notifications_list ON notifications (agent_id, changed_at DESC, id DESC);
CREATE INDEX notifications_age ON notifications (changed_at);
CREATE UNIQUE INDEX notifications_unread ON notifications (agent_id, conversation_id) WHERE read_at IS NULL;

-- What happened, one row for each event. It holds ids and kinds only.
CREATE TABLE notification_facts (
    agent_id        uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    conversation_id uuid NOT NULL,
    event_seq       bigint NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('mention', 'assignment', 'follow')),
    notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
    event           text NOT NULL,
    actor_kind      text NOT NULL,
    actor_id        text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    mail_due_at     timestamptz, -- when a digest is to tell of it, if it is unread then
    PRIMARY KEY (agent_id, conversation_id, event_seq, kind)
);
CREATE INDEX notification_facts_entry ON notification_facts (notification_id);
CREATE INDEX notification_facts_due ON notification_facts (mail_due_at, agent_id) WHERE mail_due_at IS NOT NULL;

-- What each agent wants to hear of, and how. Without a row it is the default.
CREATE TABLE notification_settings (
    agent_id  uuid PRIMARY KEY REFERENCES agents ON DELETE CASCADE,
    kinds     jsonb NOT NULL, -- by kind: in_app, mail
    hour      integer NOT NULL CHECK (hour BETWEEN 0 AND 23), -- of the daily digest
    time_zone text NOT NULL,
    language  text NOT NULL
);
