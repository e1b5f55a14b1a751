-- Whose event it is stands with it, so that whoever reads the feed need not look up the conversation of each. Events of before
-- have none; the feed looks those up.
ALTER TABLE events ADD COLUMN account_id uuid;
