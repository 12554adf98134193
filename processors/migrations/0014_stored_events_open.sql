-- The same of events that were stored before there were columns for it. A gap of an event that is over and confirmed is none
-- that anybody is asked for.

UPDATE events
SET is_open = EXISTS (
        SELECT 1 FROM markets WHERE markets.event_id = events.event_id AND markets.status = 'active'
    ),
    is_distrusted = EXISTS (
        SELECT 1 FROM markets
        WHERE markets.event_id = events.event_id AND markets.status = 'suspended'
            AND markets.value LIKE '%"suspension":"producer_down"%'
    ),
    has_gap = has_gap AND COALESCE(status, '') NOT IN ('closed', 'cancelled');
