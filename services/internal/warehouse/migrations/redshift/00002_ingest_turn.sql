-- +goose Up
-- Who writes locks this table first, so that no two look for the same readings
-- at a time. It holds nothing.
CREATE TABLE ingest_turn (nothing integer);

-- +goose Down
DROP TABLE ingest_turn;
