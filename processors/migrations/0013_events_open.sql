-- Which events of a partition have to hear of a producer that goes down, and which of one that comes up: those with a market
-- that is open, and those with one that is shut because its producer is down. Events of the past are neither.

ALTER TABLE events
    ADD COLUMN is_open BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN is_distrusted BOOLEAN NOT NULL DEFAULT FALSE,
    ADD KEY events_open (sport, kafka_partition, is_open, event_id),
    ADD KEY events_distrusted (sport, kafka_partition, is_distrusted, event_id);
