-- The events of a partition of the feed in the order of their ids: those to go through when a producer goes down or up.

ALTER TABLE events ADD KEY events_by_partition (sport, kafka_partition, event_id);
