DROP TABLE feed_failures, feed_consumers, changes;
ALTER TABLE installation DROP COLUMN feed_floor_xid;
DROP INDEX events_feed;
