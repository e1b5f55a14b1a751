DROP TABLE consent_questions;
ALTER TABLE consent_changes DROP COLUMN confidence, DROP COLUMN evidence;
ALTER TABLE messages DROP COLUMN purpose;
DROP INDEX decisions_conversation;
ALTER TABLE decisions DROP CONSTRAINT decisions_pkey;
ALTER TABLE decisions DROP COLUMN id, DROP COLUMN trigger, DROP COLUMN event_seq, DROP COLUMN depth, DROP COLUMN inputs, DROP COLUMN rules;
-- Several decisions of one moment had one key before: the newest stays.
DELETE FROM decisions a USING decisions b WHERE a.conversation_id = b.conversation_id AND a.seq = b.seq AND a.at = b.at AND a.ctid < b.ctid;
ALTER TABLE decisions ADD PRIMARY KEY (conversation_id, seq, at);

--bun:split

DROP TABLE rule_marks, rule_draft, rule_versions;

--bun:split

ALTER TABLE teams DROP COLUMN calendar_id;
ALTER TABLE accounts DROP COLUMN calendar_id;
DROP TABLE calendars;
