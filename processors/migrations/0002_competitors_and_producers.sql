-- Who plays, by id, so that a competitor's events can be found; events by when they begin; and what each producer last
-- said of itself. Runs on MySQL 8 and on MariaDB 10.11.

ALTER TABLE events
    ADD COLUMN home_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NULL AFTER away_score,
    ADD COLUMN away_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NULL AFTER home_id,
    ADD KEY events_by_home (home_id, event_id),
    ADD KEY events_by_away (away_id, event_id),
    ADD KEY events_by_start (scheduled_start, event_id);

UPDATE events
SET home_id = JSON_UNQUOTE(JSON_EXTRACT(state, '$.fixture.value.home.id')),
    away_id = JSON_UNQUOTE(JSON_EXTRACT(state, '$.fixture.value.away.id'))
WHERE home_name IS NOT NULL;

-- One row per producer and feed partition that has heard of it: each partition knows only what has reached it.
CREATE TABLE producers (
    sport VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kafka_partition INT NOT NULL,
    provider VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    producer VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- What the last `alive` in this partition said; NULL before the first.
    subscribed BOOLEAN NULL,
    alive_generated_at BIGINT NULL,
    alive_received_at BIGINT NULL,
    -- The processor's clock when it took a message of the producer, of whatever type. Kept to the second: see the
    -- processor.
    last_message_at BIGINT NOT NULL,
    PRIMARY KEY (sport, kafka_partition, provider, producer)
) ENGINE = InnoDB;
