-- What requests for recovery go by: what a producer said last before it was no longer trusted, and when a message of a
-- recovery last came from it, to the second.

ALTER TABLE producers
    ADD COLUMN trusted_until BIGINT NULL,
    ADD COLUMN recovered_at BIGINT NULL;
