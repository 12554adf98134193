-- The whole state of every event, the update log that is also the outbox, and how far each feed partition has been
-- processed. Runs on MySQL 8 and on MariaDB 10.11,
-- and once more where it was interrupted: what makes a table cannot be taken back. All times are microseconds since the Unix epoch, UTC.

-- One row: which store this is. Redis keys and resume tokens carry the id, so a fresh database never meets an old cache.
CREATE TABLE IF NOT EXISTS store (
    singleton TINYINT NOT NULL PRIMARY KEY DEFAULT 1,
    store_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO store (store_id) VALUES (LOWER(HEX(RANDOM_BYTES(16))));

-- One row per feed partition. `generation` is the fence: whoever takes the partition adds 1, and no transaction of a
-- former owner finds its row again.
CREATE TABLE IF NOT EXISTS feed_offsets (
    sport VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kafka_partition INT NOT NULL,
    kafka_cluster_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    generation BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    -- The next outbox number of this partition, and the highest one that Redis and Kafka have both acknowledged.
    next_number BIGINT NOT NULL,
    published BIGINT NOT NULL,
    PRIMARY KEY (sport, kafka_partition)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS events (
    event_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    sport VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kafka_partition INT NOT NULL,
    first_seen_day DATE NOT NULL,
    version BIGINT NOT NULL,
    status VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NULL,
    match_status VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    home_score INT NULL,
    away_score INT NULL,
    home_name VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    away_name VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    scheduled_start BIGINT NULL,
    -- JSON: fixture and status with the version at which each last changed, and how far each source has come.
    state MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    KEY events_by_status (sport, status, event_id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS markets (
    event_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    market_key VARCHAR(176) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- The event version at which the public value last changed.
    version BIGINT NOT NULL,
    status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
    -- JSON: the market as clients see it; NULL where it went away.
    value MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    -- JSON: the offer and every settlement, cancel and rollback, from which the value is derived.
    book MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (event_id, market_key)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS incidents (
    event_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    incident_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    version BIGINT NOT NULL,
    -- JSON; NULL where it was deleted.
    value MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (event_id, incident_id)
) ENGINE = InnoDB;

-- The update log and outbox. The day is that on which the event was first seen, so that whole days can be dropped.
CREATE TABLE IF NOT EXISTS updates (
    sport VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kafka_partition INT NOT NULL,
    number BIGINT NOT NULL,
    first_seen_day DATE NOT NULL,
    event_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    version BIGINT NOT NULL,
    -- JSON, exactly as published.
    payload MEDIUMBLOB NOT NULL,
    PRIMARY KEY (sport, kafka_partition, number, first_seen_day),
    UNIQUE KEY updates_by_event (event_id, version, first_seen_day)
) ENGINE = InnoDB;

-- Messages that wait for those before them.
CREATE TABLE IF NOT EXISTS held_messages (
    sport VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kafka_partition INT NOT NULL,
    feed_offset BIGINT NOT NULL,
    event_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    deadline BIGINT NOT NULL,
    payload MEDIUMBLOB NOT NULL,
    PRIMARY KEY (sport, kafka_partition, feed_offset),
    KEY held_by_event (event_id)
) ENGINE = InnoDB;

-- Refused messages, numbered with the updates in one outbox.
CREATE TABLE IF NOT EXISTS dead_letters (
    sport VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kafka_partition INT NOT NULL,
    number BIGINT NOT NULL,
    feed_offset BIGINT NOT NULL,
    record_key VARBINARY(1024) NULL,
    reason VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    pointer VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    refused_at BIGINT NOT NULL,
    payload MEDIUMBLOB NOT NULL,
    PRIMARY KEY (sport, kafka_partition, number),
    UNIQUE KEY dead_letters_once (sport, kafka_partition, feed_offset)
) ENGINE = InnoDB;
