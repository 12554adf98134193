-- Who plays, by id, so that a competitor's events can be found; events by when they begin and by how they stand. Runs on
-- MySQL 8 and on MariaDB 10.11. One statement a migration: what changes a table cannot be taken back when the next fails.

ALTER TABLE events
    ADD COLUMN home_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NULL AFTER away_score,
    ADD COLUMN away_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NULL AFTER home_id,
    ADD KEY events_by_home (home_id, event_id),
    ADD KEY events_by_away (away_id, event_id),
    ADD KEY events_by_start (scheduled_start, event_id),
    ADD KEY events_in_status (status, event_id),
    -- All of it is read to count the events.
    ADD KEY events_counted (sport, status, version);
