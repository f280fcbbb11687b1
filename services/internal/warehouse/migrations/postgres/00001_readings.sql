-- +goose Up
-- One index serves both questions asked of it: a sensor's readings in time
-- order, with and without a metric, and whether a reading is already there.
CREATE TABLE readings (
    sensor_id varchar(128)     NOT NULL,
    ts        timestamptz      NOT NULL,
    metric    varchar(64)      NOT NULL,
    value     double precision NOT NULL,
    PRIMARY KEY (sensor_id, ts, metric)
);

-- +goose Down
DROP TABLE readings;
