-- Finds the conversations of an archived team. Few conversations change their team, so writing them costs nothing more.
CREATE INDEX conversations_team ON conversations (team_id) WHERE team_id IS NOT NULL AND merged_into IS NULL;
