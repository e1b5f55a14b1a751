-- What agents do around a conversation: notes, drafts, blocks, and what is written down about a contact.

-- While set, the contact is blocked on the conversation's account; the same for all conversations of both.
ALTER TABLE conversations ADD COLUMN blocked_at timestamptz;

-- Text of a deleted note is empty. Written only with the conversation locked, like messages.
CREATE TABLE notes (
    id              uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    seq             bigint NOT NULL, -- of its event
    author_kind     text NOT NULL,
    author_id       text NOT NULL DEFAULT '',
    text            text NOT NULL,
    mentions        uuid[] NOT NULL DEFAULT '{}', -- agents, members of mentioned teams included
    team_mentions   uuid[] NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL,
    edited_at       timestamptz,
    deleted_at      timestamptz
);
CREATE INDEX notes_conversation ON notes (conversation_id, created_at, seq);

-- A draft's version is never used again, so that one who knows an older draft cannot replace a newer one unseen.
CREATE SEQUENCE draft_versions;
CREATE TABLE drafts (
    conversation_id uuid NOT NULL,
    agent_id        uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    text            text NOT NULL,
    reply_to        uuid,
    version         bigint NOT NULL DEFAULT nextval('draft_versions'),
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, agent_id)
);

--bun:split

-- What we want of the provider and what came of it; a row stays after unblocking. version grows with each wish, so that
-- the answer to an older one is not taken for that to a newer.
CREATE TABLE blocks (
    account_id     uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    contact_id     uuid NOT NULL REFERENCES contacts,
    blocked        boolean NOT NULL,
    changed_at     timestamptz NOT NULL,
    actor_kind     text NOT NULL,
    actor_id       text NOT NULL DEFAULT '',
    provider_state text NOT NULL CHECK (provider_state IN ('pending', 'done', 'failed', 'unsupported')),
    provider_code  text NOT NULL DEFAULT '',
    version        bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (account_id, contact_id)
);
CREATE INDEX blocks_contact ON blocks (contact_id);

--bun:split

-- name is the one to show: what an agent wrote down, else the profile's.
ALTER TABLE contacts
    ADD COLUMN profile_name text NOT NULL DEFAULT '',
    ADD COLUMN name_given   boolean NOT NULL DEFAULT false,
    ADD COLUMN phones       text[] NOT NULL DEFAULT '{}', -- further ones, E.164 with +
    ADD COLUMN email        text NOT NULL DEFAULT '',
    ADD COLUMN tags         text[] NOT NULL DEFAULT '{}',
    ADD COLUMN note         text NOT NULL DEFAULT '';
UPDATE contacts SET profile_name = name;

-- Who changed what of a contact. It holds personal data, and goes with the contact.
CREATE TABLE contact_changes (
    id         uuid PRIMARY KEY,
    contact_id uuid NOT NULL REFERENCES contacts,
    at         timestamptz NOT NULL,
    actor_kind text NOT NULL,
    actor_id   text NOT NULL DEFAULT '',
    changes    jsonb NOT NULL -- field → {before, after}
);
CREATE INDEX contact_changes_contact ON contact_changes (contact_id, id DESC);

-- A deleted definition keeps its key and the contacts' values, which are not shown.
ALTER TABLE attribute_definitions
    ADD COLUMN options    text[] NOT NULL DEFAULT '{}', -- of a list
    ADD COLUMN deleted_at timestamptz,
    DROP CONSTRAINT attribute_definitions_type_check,
    ADD CONSTRAINT attribute_definitions_type_check CHECK (type IN ('text', 'number', 'boolean', 'date', 'list', 'url'));
