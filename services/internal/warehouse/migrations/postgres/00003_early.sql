-- +goose Up
-- Old readings share one table, so that no batch can make a table for each month
-- of the past. It is a range rather than a default: with a default, the tables
-- have no order, and the newest reading would be looked for in all of them.
-- +goose StatementBegin
DO $$
DECLARE
    cutoff timestamptz;
    part   regclass;
BEGIN
    SET LOCAL timezone = 'UTC';
    cutoff := date_trunc('month', now()) - interval '24 months';
    CREATE TABLE readings_early (LIKE readings INCLUDING ALL);
    CREATE INDEX readings_early_ts ON readings_early USING brin (ts);
    FOR part IN SELECT inhrelid FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
        WHERE inhparent = 'readings'::regclass AND c.relname ~ '^readings_\d{4}_\d{2}$'
            AND to_timestamp(right(c.relname, 7), 'YYYY_MM') < cutoff LOOP
        EXECUTE format('ALTER TABLE readings DETACH PARTITION %s', part);
        EXECUTE format('INSERT INTO readings_early SELECT sensor_id, ts, metric, value FROM %s', part);
        EXECUTE format('DROP TABLE %s', part);
    END LOOP;
    EXECUTE format('ALTER TABLE readings ATTACH PARTITION readings_early FOR VALUES FROM (MINVALUE) TO (%L)', cutoff);
END $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    month timestamptz;
BEGIN
    SET LOCAL timezone = 'UTC';
    ALTER TABLE readings DETACH PARTITION readings_early;
    FOR month IN SELECT DISTINCT date_trunc('month', ts) FROM readings_early LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF readings FOR VALUES FROM (%L) TO (%L)',
            to_char(month, '"readings_"YYYY"_"MM'), month, month + interval '1 month');
    END LOOP;
    INSERT INTO readings SELECT sensor_id, ts, metric, value FROM readings_early;
    DROP TABLE readings_early;
END $$;
-- +goose StatementEnd
