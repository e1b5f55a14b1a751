-- Mails that Guichet itself sends, see the package mailer. Written in the transaction of what they tell of.
CREATE TABLE mails (
    id         uuid PRIMARY KEY,
    recipient  text NOT NULL,
    kind       text NOT NULL,
    language   text NOT NULL,
    data       bytea, -- AEAD with the mail's id as associated data; it may hold links that open something, so it goes with the sending
    state      text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
    tries      integer NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL, -- real time; leased until, or tried again at
    error_code text NOT NULL DEFAULT '', -- of the last try
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CHECK ((state = 'queued') = (data IS NOT NULL)),
    CHECK ((state = 'queued') = (settled_at IS NULL))
);
CREATE INDEX mails_due ON mails (due_at) WHERE state = 'queued';
CREATE INDEX mails_settled ON mails (settled_at) WHERE state <> 'queued';
