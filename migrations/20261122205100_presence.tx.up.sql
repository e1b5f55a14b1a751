-- Which agents are there, and for which of their teams they work now. Times are real ones.

CREATE TABLE agent_presence (
    agent_id uuid PRIMARY KEY REFERENCES agents ON DELETE CASCADE,
    state    text NOT NULL CHECK (state IN ('online', 'away', 'offline')), -- as it is shown
    away     boolean NOT NULL DEFAULT false, -- what the agent chose
    since    timestamptz NOT NULL, -- of the state
    seen_at  timestamptz NOT NULL
) WITH (fillfactor = 50);

ALTER TABLE team_members ADD COLUMN working boolean NOT NULL DEFAULT true;
