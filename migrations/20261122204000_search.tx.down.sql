-- The extension stays: others may use it.
DROP TABLE search_people;
DROP TABLE search_texts;
DELETE FROM feed_consumers WHERE name = 'search';
