-- Mails to agents are in the agent's language; there was a second one for digests only.
ALTER TABLE notification_settings DROP COLUMN language;
