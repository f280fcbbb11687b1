-- +goose Up
-- Redshift declares a primary key but does not enforce it; the insert does.
CREATE TABLE readings (
    sensor_id varchar(128)     NOT NULL,
    ts        timestamptz      NOT NULL,
    metric    varchar(64)      NOT NULL,
    value     double precision NOT NULL,
    PRIMARY KEY (sensor_id, ts, metric)
)
DISTKEY (sensor_id)
COMPOUND SORTKEY (sensor_id, ts);

-- +goose Down
DROP TABLE readings;
