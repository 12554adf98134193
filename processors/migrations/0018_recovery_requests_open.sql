-- Every request that a provider has taken may still be answered, also after it was asked again for the same; and each has its own
-- silence. What a producer's row says of that, `recovered_at`, nobody reads any more.

ALTER TABLE recovery_requests
    -- When a message last came that answers it, by the clock of who took it, to the second.
    ADD COLUMN recovered_at BIGINT NULL,
    DROP PRIMARY KEY,
    ADD PRIMARY KEY (provider, producer, event_id, asked_at);
