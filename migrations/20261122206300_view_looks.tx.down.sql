DROP INDEX saved_views_shared;
ALTER TABLE saved_views DROP COLUMN colour, DROP COLUMN icon;
