ALTER TABLE team_members DROP COLUMN working;
DROP TABLE agent_presence;
