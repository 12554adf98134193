//! When a client was shown markets open, and of whom: whatever became of them, and whether or not they were ever shut.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

/// For how long something was open, in microseconds since the epoch; without an end: to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From then on.
    pub from: i64,
    /// Until then.
    pub to: Option<i64>,
}

/// The markets of one producer in one event.
#[derive(Debug, Clone, Default)]
struct Offered {
    /// Those that are open.
    open: BTreeSet<Arc<str>>,
    /// When any of them was.
    spans: Vec<Span>,
}

/// What a client was shown open, by event and producer.
#[derive(Debug, Clone, Default)]
pub struct Offers(HashMap<String, BTreeMap<String, Offered>>);

impl Offers {
    /// Takes a frame's keys with their values; an image says all there is.
    pub fn note(&mut self, event_id: &str, is_image: bool, changes: &[(Arc<str>, bool, String)], at: i64) {
        let event = self.0.entry(event_id.to_owned()).or_default();
        if is_image {
            event.values_mut().for_each(|offered| offered.open.clear());
        }
        for (key, is_open, producer) in changes {
            for (_, offered) in event.iter_mut().filter(|(known, _)| !is_open || *known != producer) {
                offered.open.remove(key);
            }
            if *is_open {
                event.entry(producer.clone()).or_default().open.insert(Arc::clone(key));
            }
        }
        for Offered { open, spans } in event.values_mut() {
            match (open.is_empty(), spans.last_mut().filter(|last| last.to.is_none())) {
                (false, None) => spans.push(Span { from: at, to: None }),
                (true, Some(last)) => last.to = Some(at),
                (false, Some(_)) | (true, None) => {}
            }
        }
    }

    /// When any market of the event was open: of one producer, or of all.
    pub fn spans(&self, event_id: &str, producer: Option<&str>) -> impl Iterator<Item = Span> {
        let all = self.0.get(event_id).into_iter().flatten();
        let meant = all.filter(move |(name, _)| producer.is_none_or(|producer| *name == producer));
        meant.flat_map(|(_, offered)| offered.spans.iter().copied())
    }

    /// Both together: each of events of its own.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// Of a frame's change what [`Offers::note`] takes: whether the key is a market that is open, and whose.
#[must_use]
pub fn told(key: &Arc<str>, value: &Value) -> Option<(Arc<str>, bool, String)> {
    if !key.starts_with("market:") {
        return None;
    }
    let producer = value["producer"].as_str().unwrap_or_default().to_owned();
    Some((Arc::clone(key), value["status"] == "active", producer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(key: &str, status: &str, producer: &str) -> (Arc<str>, bool, String) {
        told(&Arc::from(key), &json!({"status": status, "producer": producer})).unwrap()
    }

    fn spans(offers: &Offers, producer: Option<&str>) -> Vec<(i64, Option<i64>)> {
        offers.spans("e", producer).map(|span| (span.from, span.to)).collect()
    }

    #[test]
    fn an_event_is_open_while_any_market_of_a_producer_is() {
        let mut offers = Offers::default();
        offers.note(
            "e",
            true,
            &[change("market:1", "active", "live"), change("market:2", "active", "live")],
            1,
        );
        offers.note("e", false, &[change("market:1", "suspended", "live")], 2);
        assert_eq!(spans(&offers, Some("live")), [(1, None)]);
        offers.note("e", false, &[change("market:2", "active", "pre")], 3);
        assert_eq!(spans(&offers, Some("live")), [(1, Some(3))], "it is the other's now");
        offers.note("e", false, &[change("market:1", "active", "live")], 4);
        offers.note("e", true, &[], 5);
        assert_eq!(spans(&offers, Some("live")), [(1, Some(3)), (4, Some(5))]);
        assert_eq!(spans(&offers, None).len(), 3);
        assert_eq!(
            told(&Arc::from("status"), &json!({"status": "active"})),
            None,
            "a state of play is no market"
        );
    }
}
