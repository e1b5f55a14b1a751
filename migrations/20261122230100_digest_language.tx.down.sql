ALTER TABLE notification_settings ADD COLUMN language text NOT NULL DEFAULT 'en';
ALTER TABLE notification_settings ALTER COLUMN language DROP DEFAULT;
