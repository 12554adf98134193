-- Whether messages of an event are missing: those for which a recovery is asked.

ALTER TABLE events
    ADD COLUMN has_gap BOOLEAN NOT NULL DEFAULT FALSE,
    ADD KEY events_by_gap (has_gap, event_id);
