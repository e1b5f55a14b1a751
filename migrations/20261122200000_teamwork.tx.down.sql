DROP TABLE followers, agent_reads, conversation_labels, labels, account_viewers;
ALTER TABLE conversations DROP COLUMN priority;
ALTER TABLE accounts DROP COLUMN restricted;
