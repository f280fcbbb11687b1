-- +goose Up
-- Readings by month, so that retention drops a table instead of deleting rows,
-- and so that the index that takes writes stays small. Text compares by bytes:
-- faster, and in the order in which Go compares it.
ALTER TABLE readings RENAME TO readings_flat;
ALTER TABLE readings_flat RENAME CONSTRAINT readings_pkey TO readings_flat_pkey;

CREATE TABLE readings (
    sensor_id varchar(128) COLLATE "C" NOT NULL,
    ts        timestamptz              NOT NULL,
    metric    varchar(64)  COLLATE "C" NOT NULL,
    value     double precision         NOT NULL,
    PRIMARY KEY (sensor_id, ts, metric)
) PARTITION BY RANGE (ts);

-- What is measured where, so that a list of sensors need not read their
-- readings. A series is never taken away; one without readings is not shown.
CREATE TABLE series (
    sensor_id varchar(128) COLLATE "C" NOT NULL,
    metric    varchar(64)  COLLATE "C" NOT NULL,
    PRIMARY KEY (sensor_id, metric)
);

-- Answers to requests with an Idempotency-Key, written with the readings they
-- are about. They come in order of time, which makes a block range index of a
-- few pages enough to find the old ones.
CREATE TABLE idempotency_keys (
    key        varchar(255) COLLATE "C" PRIMARY KEY,
    request    bytea        NOT NULL,
    answer     bytea,
    created_at timestamptz  NOT NULL DEFAULT now()
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);

-- +goose StatementBegin
DO $$
DECLARE
    month timestamptz;
BEGIN
    SET LOCAL timezone = 'UTC';
    FOR month IN SELECT DISTINCT date_trunc('month', ts) FROM readings_flat LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF readings FOR VALUES FROM (%L) TO (%L)',
            to_char(month, '"readings_"YYYY"_"MM'), month, month + interval '1 month');
    END LOOP;
    INSERT INTO readings SELECT sensor_id, ts, metric, value FROM readings_flat;
    INSERT INTO series SELECT DISTINCT sensor_id, metric FROM readings_flat;
END $$;
-- +goose StatementEnd
DROP TABLE readings_flat;

-- +goose Down
CREATE TABLE readings_flat (
    sensor_id varchar(128)     NOT NULL,
    ts        timestamptz      NOT NULL,
    metric    varchar(64)      NOT NULL,
    value     double precision NOT NULL,
    PRIMARY KEY (sensor_id, ts, metric)
);
INSERT INTO readings_flat SELECT sensor_id, ts, metric, value FROM readings;
DROP TABLE readings, series, idempotency_keys;
ALTER TABLE readings_flat RENAME TO readings;
ALTER TABLE readings RENAME CONSTRAINT readings_flat_pkey TO readings_pkey;
