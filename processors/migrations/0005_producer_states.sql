-- Whether a producer is trusted in a partition of the feed; all NULL before its first `alive` there.

ALTER TABLE producers
    ADD COLUMN state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
    ADD COLUMN reason VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    -- Since when it is trusted, or not.
    ADD COLUMN since BIGINT NULL,
    -- When the last `alive` came: what the deadline counts from.
    ADD COLUMN alive_at BIGINT NULL,
    -- Since when it has been alive without a break: a recovery that was asked for before that is not enough.
    ADD COLUMN alive_since BIGINT NULL,
    -- The events of the partition up to this one, in the order of their ids, know of the state; NULL: all of them do.
    ADD COLUMN swept_to VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NULL;
