DROP TABLE password_links, login_attempts, sessions, passwords;
ALTER TABLE agents DROP COLUMN language;
