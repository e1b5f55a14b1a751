-- The extension stays: others may use it. The feed may be gone already.
DROP TABLE search_people;
DROP TABLE search_texts;
DO $$
BEGIN
    IF to_regclass('feed_consumers') IS NOT NULL THEN
        DELETE FROM feed_consumers WHERE name = 'search';
    END IF;
END
$$;
