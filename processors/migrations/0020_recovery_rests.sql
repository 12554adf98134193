-- For how long a provider wants to be asked for nothing, as its last answer said: whichever process asks.

CREATE TABLE IF NOT EXISTS recovery_rests (
    provider VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- Microseconds since the epoch, by the clock of the database.
    until BIGINT NOT NULL,
    PRIMARY KEY (provider)
) ENGINE = InnoDB;
