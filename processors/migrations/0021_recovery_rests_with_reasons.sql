-- Why a provider is left alone: rate_limited, unavailable or unauthorised. NULL where it was noted before this was.

ALTER TABLE recovery_rests ADD COLUMN reason VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL;
