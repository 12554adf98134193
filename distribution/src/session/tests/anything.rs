//! Whatever happens in whatever order: clients end with the truth, and miss nothing that is urgent.

use proptest::prelude::*;

use super::*;

/// Clients, which differ in what they ask for.
const LINKS: usize = 4;

#[derive(Debug, Clone)]
enum Act {
    Update { event: usize, urgent: bool, changes: Vec<(usize, u32)> },
    Flush { link: usize, after_ms: u64 },
    Reconnect { link: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let changes = prop::collection::vec((0..KEYS.len(), 0..4_u32), 0..4);
    prop_oneof![
        6 => (0..2_usize, prop::bool::weighted(0.3), changes)
            .prop_map(|(event, urgent, changes)| Act::Update { event, urgent, changes }),
        3 => (0..LINKS, 0..200_u64).prop_map(|(link, after_ms)| Act::Flush { link, after_ms }),
        1 => (0..LINKS).prop_map(|link| Act::Reconnect { link }),
    ]
}

proptest! {
    #[test]
    fn a_client_ends_with_the_image_and_misses_nothing_urgent(acts in prop::collection::vec(act(), 0..80)) {
        let mut events = [Event::new(0), Event::new(1)];
        let conflate = Duration::from_millis(100);
        let mut links: [Link; LINKS] = [
            (Duration::ZERO, everything()),
            (conflate, everything()),
            (Duration::ZERO, of_market(406)),
            (conflate, of_market(412)),
        ]
        .map(|(conflate, filter)| Link::open_filtered(Client::default(), conflate, filter, &events));
        for act in acts {
            match act {
                Act::Update { event, urgent, changes } => events[event].update(urgent, &changes),
                Act::Flush { link, after_ms } => {
                    links[link].now += Duration::from_millis(after_ms);
                    links[link].flush();
                }
                Act::Reconnect { link } => links[link].reconnect(&events),
            }
        }
        for link in &mut links {
            link.now += LATER;
            link.flush();
            for event in &events {
                let id = event.cell.event_id().to_string();
                let Some((version, keys)) = link.client.events.get(&id) else {
                    prop_assert_eq!(event.version, 0);
                    continue;
                };
                let markets = &link.filter.markets;
                prop_assert!(*version == event.version || (*version < event.version && !markets.is_all()));
                prop_assert_eq!(keys, &event.truth_of(markets));
                let taken = |keys: &[Key]| markets.is_all() || keys.iter().any(|key| markets.takes(key));
                for (urgent, keys) in event.urgent.iter().filter(|(_, keys)| taken(keys)) {
                    let reached = link.client.reached(&id);
                    prop_assert!(link.client.was_told(&id, *urgent), "{} {:?} of {:?}", urgent, keys, reached);
                }
                link.client.assert_concerned(&id, markets);
            }
        }
    }
}
