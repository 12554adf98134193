-- The ids of those who play in events that were stored before there was a column for them.

UPDATE events
SET home_id = JSON_UNQUOTE(JSON_EXTRACT(state, '$.fixture.value.home.id')),
    away_id = JSON_UNQUOTE(JSON_EXTRACT(state, '$.fixture.value.away.id'))
WHERE home_name IS NOT NULL;
