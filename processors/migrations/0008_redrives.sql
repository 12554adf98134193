-- What became of messages that were sent in a dead letter's place, written in the transaction of their effect. The provider
-- is the message's, as ingestion has proven it: nobody closes another's letters.
CREATE TABLE redrives (
    provider VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- The letter's place in the topic of dead letters.
    letter_partition INT NOT NULL,
    letter_offset BIGINT NOT NULL,
    -- Drawn by whoever sent the message.
    attempt BIGINT UNSIGNED NOT NULL,
    -- applied, waiting, superseded; or refused, and then the letter may be sent again.
    outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- JSON pointer to what is wrong; may be empty.
    pointer VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- The message's place in the feed.
    sport VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kafka_partition INT NOT NULL,
    feed_offset BIGINT NOT NULL,
    decided_at BIGINT NOT NULL,
    PRIMARY KEY (provider, letter_partition, letter_offset)
) ENGINE = InnoDB;
