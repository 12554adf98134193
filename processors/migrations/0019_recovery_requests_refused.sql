-- A request that the provider has answered otherwise than with 2xx has not begun: what comes with its id is no answer to it.

ALTER TABLE recovery_requests ADD COLUMN refused BOOLEAN NOT NULL DEFAULT FALSE;
