-- Who waited in vain may have been sent in a dead letter's place: looked for by his place in the feed.

ALTER TABLE redrives ADD KEY redrives_by_place (sport, kafka_partition, feed_offset);
