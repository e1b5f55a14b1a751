-- Automation: business hours, published rules, why something was decided, and wishes that an agent must judge.

CREATE TABLE calendars (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    definition jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX calendars_name ON calendars (lower(name));
ALTER TABLE accounts ADD COLUMN calendar_id uuid REFERENCES calendars;
ALTER TABLE teams ADD COLUMN calendar_id uuid REFERENCES calendars;

--bun:split

CREATE TABLE rule_versions (
    version         integer PRIMARY KEY,
    definition      jsonb NOT NULL,
    comment         text NOT NULL,
    actor_kind      text NOT NULL,
    actor_id        text NOT NULL DEFAULT '',
    published_at    timestamptz NOT NULL,
    moves_deadlines boolean NOT NULL -- deadlines that were armed before count by this version
);

-- What admins are working on. One row; it is there from the first change on.
CREATE TABLE rule_draft (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    definition jsonb NOT NULL,
    based_on   integer NOT NULL, -- the version that was published when it was begun
    revision   bigint NOT NULL,  -- grows with each change, so that two admins do not overwrite each other
    actor_kind text NOT NULL,
    actor_id   text NOT NULL DEFAULT '',
    edited_at  timestamptz NOT NULL
);

-- Limits that were used up: which rule acted for what. One whose message was never sent does not count.
CREATE TABLE rule_marks (
    rule_id         text NOT NULL,
    mark            text NOT NULL, -- for which conversation, contact, day or closed period
    conversation_id uuid NOT NULL,
    message_id      uuid, -- what it said, if it said something
    at              timestamptz NOT NULL,
    PRIMARY KEY (rule_id, mark)
);
CREATE INDEX rule_marks_conversation ON rule_marks (conversation_id);

--bun:split

ALTER TABLE decisions DROP CONSTRAINT decisions_pkey;
ALTER TABLE decisions
    ADD COLUMN id        uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN trigger   text NOT NULL DEFAULT '', -- kind of the event or deadline
    ADD COLUMN event_seq bigint NOT NULL DEFAULT 0, -- the event decided on; 0 for a deadline
    ADD COLUMN depth     integer NOT NULL DEFAULT 0, -- rules that lie behind the event
    ADD COLUMN inputs    jsonb NOT NULL DEFAULT '{}', -- what conditions looked at, without the customer's words
    ADD COLUMN rules     text NOT NULL DEFAULT ''; -- one letter for each rule of the version
ALTER TABLE decisions ADD PRIMARY KEY (id);
CREATE INDEX decisions_conversation ON decisions (conversation_id, at DESC, id DESC);

ALTER TABLE messages ADD COLUMN purpose text NOT NULL DEFAULT ''; -- of an automatic message: opt_out_confirmation, …

ALTER TABLE consent_changes
    ADD COLUMN confidence real NOT NULL DEFAULT 1, -- 0 to 1
    ADD COLUMN evidence   text NOT NULL DEFAULT ''; -- what a wish was understood by

-- Messages that may be a wish to be left alone: an agent says what was meant.
CREATE TABLE consent_questions (
    message_id      uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    contact_id      uuid NOT NULL,
    scope           text NOT NULL CHECK (scope IN ('all', 'marketing')),
    confidence      real NOT NULL,
    evidence        text NOT NULL,
    asked_at        timestamptz NOT NULL,
    answer          text CHECK (answer IN ('all', 'marketing', 'no')),
    answered_at     timestamptz,
    actor_kind      text NOT NULL DEFAULT '',
    actor_id        text NOT NULL DEFAULT ''
);
CREATE INDEX consent_questions_open ON consent_questions (conversation_id) WHERE answered_at IS NULL;
CREATE INDEX consent_questions_contact ON consent_questions (contact_id);
