CREATE TABLE saved_views (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    owner_id   uuid NOT NULL REFERENCES agents ON DELETE CASCADE,
    shared     text NOT NULL CHECK (shared IN ('private', 'team', 'everybody')),
    team_id    uuid REFERENCES teams,
    criteria   jsonb NOT NULL,
    position   integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK ((shared = 'team') = (team_id IS NOT NULL))
);
CREATE INDEX saved_views_owner ON saved_views (owner_id);
