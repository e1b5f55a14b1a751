-- The feed: events and other changes in the order in which their transactions may be shown, see the package feed.

-- Every insert goes to its right end or close to it.
CREATE INDEX events_feed ON events (xid, id);

-- Below this transaction, retention may have deleted events or changes: a cursor below it must begin anew.
ALTER TABLE installation ADD COLUMN feed_floor_xid xid8 NOT NULL DEFAULT '0';

--bun:split

-- What clients must hear of that is no event of a conversation. It holds ids and kinds only. The ids come from the events'
-- sequence, so that both have one order within a transaction.
CREATE TABLE changes (
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id         bigint NOT NULL DEFAULT nextval('events_id_seq'),
    kind       text NOT NULL,
    subject_id text NOT NULL,
    agent_id   uuid, -- for this agent only
    account_id uuid, -- for those who may see this account only
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (xid, id)
);

-- How far each durable reader of the feed has come.
CREATE TABLE feed_consumers (
    name     text PRIMARY KEY,
    epoch    bigint NOT NULL,
    xid      xid8 NOT NULL,
    id       bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- What a reader could not apply and left behind.
CREATE TABLE feed_failures (
    consumer        text NOT NULL,
    xid             xid8 NOT NULL,
    id              bigint NOT NULL,
    kind            text NOT NULL,
    conversation_id uuid,
    subject_id      text NOT NULL DEFAULT '',
    error_code      text NOT NULL,
    failed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, xid, id)
);
