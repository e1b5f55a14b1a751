-- One thing that somebody asked to be done with many conversations, and how far it is.
CREATE TABLE bulk_actions (
    id           uuid PRIMARY KEY,
    actor_kind   text NOT NULL,
    actor_id     text NOT NULL,
    token_id     uuid, -- by which it was asked for; its limits count
    action       jsonb NOT NULL,
    state        text NOT NULL CHECK (state IN ('selecting', 'running', 'done', 'cancelled')),
    total        integer NOT NULL,
    created_at   timestamptz NOT NULL, -- real time, as all here
    finished_at  timestamptz,
    leased_until timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX bulk_actions_running ON bulk_actions (leased_until) WHERE state IN ('selecting', 'running');

-- The conversations it was asked for, as they were selected. A target is done in the transaction of its command.
CREATE TABLE bulk_targets (
    bulk_id         uuid NOT NULL REFERENCES bulk_actions ON DELETE CASCADE,
    position        integer NOT NULL,
    conversation_id uuid NOT NULL,
    state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    code            text NOT NULL DEFAULT '',
    PRIMARY KEY (bulk_id, conversation_id)
);
CREATE INDEX bulk_targets_pending ON bulk_targets (bulk_id, position) WHERE state = 'pending';
CREATE INDEX bulk_targets_failed ON bulk_targets (bulk_id, position) WHERE state = 'failed';
