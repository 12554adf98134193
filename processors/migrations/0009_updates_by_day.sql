-- The update log in partitions by day, so that a day is dropped without its rows being looked at. The days' partitions are
-- made by `processors migrate` and by the processors, ahead of time; `later` takes what has none.
ALTER TABLE updates
    PARTITION BY RANGE COLUMNS (first_seen_day) (PARTITION later VALUES LESS THAN (MAXVALUE));
