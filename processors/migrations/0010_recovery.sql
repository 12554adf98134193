-- What is asked of providers that can send again what was lost.

-- One row: the process that asks, and until when it may, by the database's clock in microseconds.
CREATE TABLE IF NOT EXISTS recovery_lease (
    singleton TINYINT NOT NULL PRIMARY KEY DEFAULT 1,
    holder CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    held_until BIGINT NOT NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO recovery_lease (singleton, holder, held_until) VALUES (1, '', 0);

-- Requests whose purpose has not been reached.
CREATE TABLE IF NOT EXISTS recovery_requests (
    provider VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    producer VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- Empty: for everything of the producer.
    event_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- When it was made, which is what the provider is told as its id.
    asked_at BIGINT NOT NULL,
    -- Whether the provider has taken it; one that it has not has not begun.
    taken BOOLEAN NOT NULL,
    -- Requests for this that came to nothing, one after the other.
    failures INT UNSIGNED NOT NULL,
    PRIMARY KEY (provider, producer, event_id)
) ENGINE = InnoDB;
