ALTER TABLE saved_views ADD COLUMN icon text NOT NULL DEFAULT '', ADD COLUMN colour text NOT NULL DEFAULT '';
CREATE INDEX saved_views_shared ON saved_views (shared, team_id) WHERE shared <> 'private';
