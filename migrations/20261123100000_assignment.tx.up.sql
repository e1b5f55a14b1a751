-- Who gets a conversation: each account's plan, what agents can have at a time, offers that must be taken up, and the queue.

-- weight is what a conversation of the account weighs in an agent's load.
CREATE TABLE assignment_plans (
    account_id uuid PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    plan       jsonb NOT NULL,
    weight     integer NOT NULL GENERATED ALWAYS AS ((plan->>'weight')::integer) STORED,
    updated_at timestamptz NOT NULL
);

-- Without a row an agent has the default. turn grows with each automatic assignment: the agent with the lowest waits longest.
CREATE SEQUENCE assignment_turns;
CREATE TABLE agent_capacities (
    agent_id uuid PRIMARY KEY REFERENCES agents ON DELETE CASCADE,
    capacity integer NOT NULL DEFAULT 20 CHECK (capacity BETWEEN 0 AND 500),
    turn     bigint NOT NULL DEFAULT 0
);

--bun:split

-- Both are written only with their conversation locked, like messages. Their presence stands on the conversation's row too, so
-- that what has neither costs nothing.
CREATE TABLE assignment_offers (
    conversation_id uuid PRIMARY KEY,
    account_id      uuid NOT NULL,
    agent_id        uuid NOT NULL,
    step            text NOT NULL, -- policy, team, supervisors or queue
    policy          integer NOT NULL, -- the place in the plan of the policy that was tried last
    chain           integer NOT NULL, -- how far in the chain it came
    passed          uuid[] NOT NULL DEFAULT '{}', -- to whom it was offered before
    declined        uuid[] NOT NULL DEFAULT '{}', -- of those, who declined
    told            boolean NOT NULL, -- the customer was told
    offered_at      timestamptz NOT NULL,
    until           timestamptz NOT NULL
);
CREATE INDEX assignment_offers_agent ON assignment_offers (agent_id);

CREATE TABLE assignment_queue (
    conversation_id uuid PRIMARY KEY,
    account_id      uuid NOT NULL,
    team_id         uuid, -- NULL: whoever sees the account
    priority        integer NOT NULL, -- of the conversation
    number          bigint GENERATED ALWAYS AS IDENTITY, -- the order of arrival
    queued_at       timestamptz NOT NULL,
    declined        uuid[] NOT NULL DEFAULT '{}',
    told            boolean NOT NULL
);
CREATE INDEX assignment_queue_order ON assignment_queue (account_id, team_id, priority DESC, number);

-- Agents who may have become able to take something from the queue, for whom somebody must look after the commit.
CREATE TABLE assignment_calls (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id uuid NOT NULL
);
CREATE INDEX assignment_calls_agent ON assignment_calls (agent_id);

ALTER TABLE conversations
    ADD COLUMN offer_until timestamptz, -- the assignee must take it up before
    ADD COLUMN queued_at   timestamptz;

-- What agents have is counted for each assignment, whatever else they had.
CREATE INDEX conversations_load ON conversations (assignee_id, account_id, id) WHERE assignee_id IS NOT NULL AND status = 'open' AND merged_into IS NULL;
