-- The spine: accounts, people, conversations, messages, events and what drives them.
-- Ids are UUIDv7 made by the program, so that rows of one batch can refer to each other before they are written.

-- One row. The epoch is part of workflow ids and feed cursors; it grows when the database is restored from a backup.
CREATE TABLE installation (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch      bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES;

--bun:split

CREATE TABLE teams (
    id         uuid PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

CREATE TABLE agents (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    email      text NOT NULL,
    role       text NOT NULL CHECK (role IN ('admin', 'supervisor', 'agent')),
    state      text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'deactivated')),
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX agents_email ON agents (lower(email));

CREATE TABLE team_members (
    team_id  uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
    agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    PRIMARY KEY (team_id, agent_id)
);
CREATE INDEX team_members_agent ON team_members (agent_id);

-- A token acts as its agent, or, without one, as a program with the role.
CREATE TABLE api_tokens (
    id           uuid PRIMARY KEY,
    name         text NOT NULL,
    hash         bytea NOT NULL UNIQUE, -- SHA-256 of the token
    agent_id     uuid REFERENCES agents ON DELETE CASCADE,
    role         text NOT NULL CHECK (role IN ('admin', 'supervisor', 'agent')),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE TABLE audit_entries (
    id           uuid PRIMARY KEY,
    at           timestamptz NOT NULL,
    actor_kind   text NOT NULL,
    actor_id     text NOT NULL DEFAULT '',
    action       text NOT NULL,
    subject_kind text NOT NULL,
    subject_id   text NOT NULL,
    before       jsonb,
    after        jsonb
);
CREATE INDEX audit_entries_subject ON audit_entries (subject_kind, subject_id, id);

CREATE TABLE notifications (
    id              uuid PRIMARY KEY,
    agent_id        uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    kind            text NOT NULL,
    conversation_id uuid,
    event_seq       bigint,
    created_at      timestamptz NOT NULL,
    read_at         timestamptz
);
CREATE INDEX notifications_agent ON notifications (agent_id, id DESC);

CREATE TABLE attribute_definitions (
    key        text PRIMARY KEY,
    label      text NOT NULL,
    type       text NOT NULL CHECK (type IN ('text', 'number', 'boolean', 'date')),
    created_at timestamptz NOT NULL
);

--bun:split

CREATE TABLE accounts (
    id               uuid PRIMARY KEY,
    channel          text NOT NULL,
    name             text NOT NULL,
    state            text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'error', 'paused')),
    state_code       text NOT NULL DEFAULT '', -- why it is in error: a provider's code
    provider_id      text NOT NULL,
    business_id      text NOT NULL DEFAULT '',
    display_address  text NOT NULL DEFAULT '',
    api_base_url     text NOT NULL,
    api_version      text NOT NULL DEFAULT '',
    secrets          bytea NOT NULL, -- AEAD with the account's id as associated data
    settings         jsonb NOT NULL DEFAULT '{}',
    last_received_at timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    UNIQUE (channel, provider_id)
);

-- Token buckets shared by all processes, as theoretical arrival times (GCRA). key: '' for the whole account, else a recipient.
CREATE TABLE account_limits (
    account_id    uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    key           text NOT NULL,
    arrival       timestamptz NOT NULL,
    blocked_until timestamptz,
    PRIMARY KEY (account_id, key)
);

--bun:split

CREATE TABLE contacts (
    id          uuid PRIMARY KEY,
    name        text NOT NULL DEFAULT '',
    named_at    timestamptz, -- the provider's time of the message that brought the name
    phone       text NOT NULL DEFAULT '', -- E.164 with +, empty if not known
    language    text NOT NULL DEFAULT '',
    attributes  jsonb NOT NULL DEFAULT '{}',
    merged_into uuid REFERENCES contacts,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX contacts_merged ON contacts (merged_into) WHERE merged_into IS NOT NULL;

-- Kinds that match persons are unique by key; a username is kept with the contact that had it last.
CREATE TABLE identities (
    channel        text NOT NULL,
    kind           text NOT NULL,
    key            text NOT NULL,
    address        text NOT NULL,
    contact_id     uuid NOT NULL REFERENCES contacts,
    owned_since    timestamptz NOT NULL, -- the provider's time from which it was seen with this contact
    retired_at     timestamptz, -- the person gave it up; who writes from it later is somebody else
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (channel, kind, key)
);
CREATE INDEX identities_contact ON identities (contact_id);

-- The ledger: every change of consent with its evidence; the standing consent is the newest by the provider's time.
CREATE TABLE consent_changes (
    id              uuid PRIMARY KEY,
    contact_id      uuid NOT NULL REFERENCES contacts,
    channel         text NOT NULL,
    scope           text NOT NULL CHECK (scope IN ('all', 'marketing')),
    state           text NOT NULL CHECK (state IN ('opted_in', 'opted_out', 'unknown')),
    source          text NOT NULL,
    at              timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    actor_kind      text NOT NULL,
    actor_id        text NOT NULL DEFAULT '',
    conversation_id uuid,
    message_id      uuid,
    note            text NOT NULL DEFAULT '',
    effect_key      text UNIQUE -- of automatic changes, so that a repeat writes nothing
);
CREATE INDEX consent_changes_contact ON consent_changes (contact_id, channel, scope, at);

CREATE TABLE consents (
    contact_id uuid NOT NULL REFERENCES contacts,
    channel    text NOT NULL,
    scope      text NOT NULL CHECK (scope IN ('all', 'marketing')),
    state      text NOT NULL CHECK (state IN ('opted_in', 'opted_out', 'unknown')),
    at         timestamptz NOT NULL,
    change_id  uuid NOT NULL,
    PRIMARY KEY (contact_id, channel, scope)
);

--bun:split

CREATE TABLE conversations (
    id                 uuid PRIMARY KEY,
    account_id         uuid NOT NULL REFERENCES accounts,
    channel            text NOT NULL,
    contact_id         uuid NOT NULL REFERENCES contacts,
    thread_key         text NOT NULL,
    status             text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'snoozed', 'done')),
    snoozed_until      timestamptz,
    assignee_id        uuid REFERENCES agents,
    team_id            uuid REFERENCES teams,
    merged_into        uuid REFERENCES conversations,

    last_seq           bigint NOT NULL DEFAULT 0, -- of the newest event
    wake_seq           bigint NOT NULL DEFAULT 0, -- of the newest event that the workflow must see
    inbound_seq        bigint NOT NULL DEFAULT 0, -- of the newest message received: examined for opt-out when applied
    applied_seq        bigint NOT NULL DEFAULT 0, -- up to here Advance has taken everything into account
    agent_seq          bigint NOT NULL DEFAULT 0, -- of the newest message that a person of ours wrote
    read_seq           bigint NOT NULL DEFAULT 0, -- up to here an agent has read

    window_from        timestamptz, -- the provider's time of the customer's newest message or call
    window_refused_at  timestamptz, -- the provider said that the window was closed
    deadlines          jsonb NOT NULL DEFAULT '[]',
    next_deadline_at   timestamptz, -- the earliest; while events are not applied yet at most some minutes ahead, for the sweep
    closing_told       timestamptz,
    closed_told        timestamptz,

    last_activity_at   timestamptz NOT NULL, -- display: the newest message
    last_message_id    uuid,
    last_message_at    timestamptz,
    summary            text NOT NULL DEFAULT '', -- of the newest message
    last_inbound_at    timestamptz,
    waiting_since      timestamptz, -- the customer's oldest unanswered message
    first_reply_at     timestamptz,
    opened_at          timestamptz NOT NULL,
    done_at            timestamptz,

    tries              integer NOT NULL DEFAULT 0, -- failed attempts of Advance in a row; stuck from ten on
    stuck_code         text NOT NULL DEFAULT '',
    failing_since      timestamptz,
    created_at         timestamptz NOT NULL,
    UNIQUE (account_id, thread_key)
) WITH (fillfactor = 80); -- a message that moves no index entry stays on its page
CREATE INDEX conversations_contact ON conversations (contact_id, account_id);
CREATE INDEX conversations_merged ON conversations (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX conversations_list ON conversations (status, last_activity_at DESC, id DESC) WHERE merged_into IS NULL;
CREATE INDEX conversations_assignee ON conversations (assignee_id, status, last_activity_at DESC, id DESC) WHERE merged_into IS NULL AND assignee_id IS NOT NULL;
CREATE INDEX conversations_deadline ON conversations (next_deadline_at) WHERE next_deadline_at IS NOT NULL;
CREATE INDEX conversations_failing ON conversations (tries) WHERE tries > 0;

--bun:split

-- Messages, events and dispatches are written only with their conversation locked; a foreign key would look it up once more
-- for each row of the hottest tables.
CREATE TABLE messages (
    id              uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    account_id      uuid NOT NULL,
    seq             bigint NOT NULL, -- of its event
    direction       text NOT NULL CHECK (direction IN ('in', 'out')),
    kind            text NOT NULL,
    state           text NOT NULL,
    content         jsonb NOT NULL,
    summary         text NOT NULL DEFAULT '',
    author_kind     text NOT NULL,
    author_id       text NOT NULL DEFAULT '',
    provider_id     text,
    at              timestamptz NOT NULL, -- display order: the provider's time, ours for what we wrote
    received_at     timestamptz NOT NULL, -- our clock, when it was stored
    late            boolean NOT NULL DEFAULT false,
    webhook_id      uuid, -- the raw body it came in
    reply_to        uuid, -- the quoted message, if we know it
    client_id       text, -- the caller's id of a message to send
    effect_key      text, -- of automatic messages
    assumed_seq     bigint, -- what an automatic message assumed
    attempt         integer NOT NULL DEFAULT 0,
    not_before      timestamptz, -- of the next attempt
    call_deadline   timestamptz,
    unknown_at      timestamptz,
    sent_at         timestamptz,
    delivered_at    timestamptz,
    read_at         timestamptz,
    played_at       timestamptz,
    failed_at       timestamptz,
    error_code      text NOT NULL DEFAULT '',
    edited_at       timestamptz,
    revoked_at      timestamptz,
    pricing         jsonb,
    raw             jsonb -- the provider's own form of what we do not understand
);
CREATE UNIQUE INDEX messages_provider ON messages (account_id, provider_id) WHERE provider_id IS NOT NULL;
CREATE UNIQUE INDEX messages_client ON messages (conversation_id, client_id) WHERE client_id IS NOT NULL;
CREATE UNIQUE INDEX messages_effect ON messages (conversation_id, effect_key) WHERE effect_key IS NOT NULL;
CREATE INDEX messages_timeline ON messages (conversation_id, at, seq);
CREATE INDEX messages_unsettled ON messages (conversation_id, seq) WHERE state IN ('queued', 'sending', 'unknown');

CREATE TABLE attachments (
    id          uuid PRIMARY KEY,
    message_id  uuid NOT NULL REFERENCES messages,
    position    integer NOT NULL,
    provider_id text NOT NULL DEFAULT '',
    mime_type   text NOT NULL DEFAULT '',
    sha256      text NOT NULL DEFAULT '',
    file_name   text NOT NULL DEFAULT '',
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'stored', 'failed')),
    error_code  text NOT NULL DEFAULT '',
    blob_key    text NOT NULL DEFAULT '',
    size        bigint,
    UNIQUE (message_id, position)
);

-- Who put which emoji on a message: the contact or we. A removed one keeps its row with an empty emoji, so that an older
-- reaction that comes late changes nothing. The target may not be known yet.
CREATE TABLE reactions (
    account_id  uuid NOT NULL,
    target_id   text NOT NULL, -- provider id of the message
    actor_kind  text NOT NULL,
    actor_id    text NOT NULL DEFAULT '',
    emoji       text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (account_id, target_id, actor_kind, actor_id)
);

-- Edits and withdrawals of messages, also of those that have not arrived yet.
CREATE TABLE amendments (
    account_id  uuid NOT NULL,
    target_id   text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('edit', 'revoke')),
    at          timestamptz NOT NULL,
    content     jsonb,
    PRIMARY KEY (account_id, target_id, kind, at)
);

-- Every report of a provider on an outgoing message, also before we know the message.
CREATE TABLE receipts (
    account_id   uuid NOT NULL,
    provider_id  text NOT NULL,
    state        text NOT NULL,
    participant  text NOT NULL DEFAULT '',
    message_id   uuid, -- ours, if the provider gave it back or we found it
    at           timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    error_code   text NOT NULL DEFAULT '',
    detail       jsonb, -- pricing and conversation, as the provider wrote them
    PRIMARY KEY (account_id, provider_id, state, participant)
);

--bun:split

CREATE TABLE events (
    conversation_id uuid NOT NULL,
    seq             bigint NOT NULL,
    kind            text NOT NULL,
    actor_kind      text NOT NULL,
    actor_id        text NOT NULL DEFAULT '',
    cause           jsonb,
    data            jsonb NOT NULL DEFAULT '{}',
    at              timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY, -- with xid the cursor of the event feed
    xid             xid8 NOT NULL DEFAULT pg_current_xact_id(),
    effect_key      text, -- of automatic events, so that a repeat writes nothing
    PRIMARY KEY (conversation_id, seq)
);
CREATE UNIQUE INDEX events_effect ON events (conversation_id, effect_key) WHERE effect_key IS NOT NULL;

CREATE TABLE decisions (
    conversation_id uuid NOT NULL,
    seq             bigint NOT NULL, -- up to which events were taken into account
    at              timestamptz NOT NULL,
    version         integer NOT NULL, -- rule set version
    outcomes        jsonb NOT NULL,
    effects         jsonb NOT NULL,
    next            jsonb NOT NULL, -- the deadlines armed
    PRIMARY KEY (conversation_id, seq, at)
);

-- One row per conversation whose workflow must hear of something. version grows with each change, so that the dispatcher
-- deletes only what it has told.
CREATE TABLE dispatches (
    conversation_id uuid PRIMARY KEY,
    up_to_seq       bigint NOT NULL,
    version         bigint NOT NULL DEFAULT 1,
    since           timestamptz NOT NULL, -- real time; age of the oldest = dispatch lag
    due_at          timestamptz NOT NULL, -- real time; leased until, or tried again at
    tries           integer NOT NULL DEFAULT 0,
    error_code      text NOT NULL DEFAULT ''
) WITH (fillfactor = 70);
CREATE INDEX dispatches_due ON dispatches (due_at);

--bun:split

CREATE TABLE webhooks (
    id          uuid PRIMARY KEY,
    account_id  uuid NOT NULL,
    received_at timestamptz NOT NULL,
    body        bytea NOT NULL
);

-- Provider facts that concern no conversation: template states, quality, limits, …
CREATE TABLE notices (
    id          uuid PRIMARY KEY,
    account_id  uuid NOT NULL,
    webhook_id  uuid NOT NULL,
    path        text NOT NULL,
    field       text NOT NULL,
    at          timestamptz NOT NULL,
    raw         jsonb NOT NULL
);
CREATE INDEX notices_account ON notices (account_id, field, id);

-- What was signed but could not be applied. A body that cannot be parsed at all is parked whole, with an empty path.
CREATE TABLE parked_updates (
    id          uuid PRIMARY KEY,
    account_id  uuid NOT NULL,
    webhook_id  uuid NOT NULL,
    path        text NOT NULL,
    kind        text NOT NULL,
    reason      text NOT NULL, -- a code: unparsable, not_understood, unknown_account, failed
    detail      text NOT NULL DEFAULT '', -- names fields, never values
    state       text NOT NULL DEFAULT 'parked' CHECK (state IN ('parked', 'applied', 'dismissed')),
    tries       integer NOT NULL DEFAULT 1,
    parked_at   timestamptz NOT NULL,
    settled_at  timestamptz,
    UNIQUE (webhook_id, path)
);
CREATE INDEX parked_updates_account ON parked_updates (account_id, state, id);
