DROP INDEX conversations_team;
