-- Whether an event has an open or a suspended market, without reading its markets.

ALTER TABLE markets ADD KEY markets_by_status (event_id, status);
