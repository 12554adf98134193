-- Events of which nothing is known but that messages of them were refused. They begin, and are seen, with the first one that is
-- right. By sport, too, for what was refused may have been wrong about that.

CREATE TABLE IF NOT EXISTS foreseen_events (
    event_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    sport VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- When a message of it was last refused, by the processor's clock.
    noted_at BIGINT NOT NULL,
    -- JSON, as that of an event.
    state MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (event_id, sport),
    KEY foreseen_by_time (noted_at)
) ENGINE = InnoDB;
