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
