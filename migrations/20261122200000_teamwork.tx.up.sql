-- What people of one team share about a conversation, and who may see which account.

-- A restricted account's conversations are seen by its viewers only: agents, and members of teams.
ALTER TABLE accounts ADD COLUMN restricted boolean NOT NULL DEFAULT false;

CREATE TABLE account_viewers (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    agent_id   uuid REFERENCES agents ON DELETE CASCADE,
    team_id    uuid REFERENCES teams ON DELETE CASCADE,
    CHECK (num_nonnulls(agent_id, team_id) = 1)
);
CREATE UNIQUE INDEX account_viewers_agent ON account_viewers (agent_id, account_id) WHERE agent_id IS NOT NULL;
CREATE UNIQUE INDEX account_viewers_team ON account_viewers (team_id, account_id) WHERE team_id IS NOT NULL;
CREATE INDEX account_viewers_account ON account_viewers (account_id);

--bun:split

-- -1 low, 0 normal, 1 high, 2 urgent
ALTER TABLE conversations ADD COLUMN priority integer NOT NULL DEFAULT 0;

-- A deleted label stays on the conversations that have it: history keeps its name.
CREATE TABLE labels (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    colour      text NOT NULL,
    created_at  timestamptz NOT NULL,
    deleted_at  timestamptz
);
CREATE UNIQUE INDEX labels_name ON labels (lower(name)) WHERE deleted_at IS NULL;

CREATE TABLE conversation_labels (
    conversation_id uuid NOT NULL,
    label_id        uuid NOT NULL REFERENCES labels,
    added_at        timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, label_id)
);
CREATE INDEX conversation_labels_label ON conversation_labels (label_id, conversation_id);

-- Up to where each agent has read. Without a row, what came after the agent was created is unread.
CREATE TABLE agent_reads (
    agent_id        uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    conversation_id uuid NOT NULL,
    read_seq        bigint NOT NULL,
    PRIMARY KEY (agent_id, conversation_id)
);
CREATE INDEX agent_reads_conversation ON agent_reads (conversation_id);

CREATE TABLE followers (
    conversation_id uuid NOT NULL,
    agent_id        uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    since           timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, agent_id)
);
CREATE INDEX followers_agent ON followers (agent_id, conversation_id);
