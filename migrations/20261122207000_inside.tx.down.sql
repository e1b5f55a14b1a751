DELETE FROM attribute_definitions WHERE type IN ('list', 'url') OR deleted_at IS NOT NULL;
ALTER TABLE attribute_definitions
    DROP CONSTRAINT attribute_definitions_type_check,
    ADD CONSTRAINT attribute_definitions_type_check CHECK (type IN ('text', 'number', 'boolean', 'date')),
    DROP COLUMN deleted_at,
    DROP COLUMN options;
DROP TABLE contact_changes;
UPDATE contacts SET name = profile_name WHERE name_given;
ALTER TABLE contacts
    DROP COLUMN note,
    DROP COLUMN tags,
    DROP COLUMN email,
    DROP COLUMN phones,
    DROP COLUMN name_given,
    DROP COLUMN profile_name;
DROP TABLE blocks;
DROP TABLE drafts;
DROP SEQUENCE draft_versions;
DROP TABLE notes;
ALTER TABLE conversations DROP COLUMN blocked_at;
