//! Which events and markets a subscription is of: each part given narrows it, a part left out takes everything.

use std::sync::Arc;

use domain::{EventId, Key, Sport};

use crate::image::RawUpdate;
use crate::protocol::{ErrorCode, Resume, SUBSCRIPTION_ID_BYTES, Subscribe};

/// How much one subscription may name.
#[derive(Debug, Clone, Copy)]
pub struct FilterLimits {
    /// Events named or resumed.
    pub events: usize,
    /// Market ids.
    pub markets: usize,
}

/// Why a filter is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The subscription's own name is empty or too long.
    #[error("`id` must have 1 to {max} bytes", max = SUBSCRIPTION_ID_BYTES.end())]
    Id,
    /// Nothing narrows it: more likely forgotten than meant.
    #[error("`sports`, `events` or `markets` is needed")]
    Everything,
    /// Said twice.
    #[error("`sport` is short for `sports` with one of them: give one of the two")]
    SportTwice,
    /// A list that takes nothing.
    #[error("`{0}` is empty: leave it out to take all")]
    Empty(&'static str),
    /// A list, or what is resumed, is longer than allowed.
    #[error("`{part}` has {actual} entries, {max} are allowed")]
    TooMany {
        /// Which part.
        part: &'static str,
        /// How long it is.
        actual: usize,
        /// How long it may be.
        max: usize,
    },
}

impl FilterError {
    /// What the client is told, beside the words.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TooMany { .. } => ErrorCode::LimitExceeded,
            Self::Id | Self::Everything | Self::SportTwice | Self::Empty(_) => ErrorCode::Invalid,
        }
    }
}

/// What a subscription is of. An event must be of one of `sports` and one of `events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The sports.
    pub sports: Sports,
    /// The events, in the order given, each once; `None` takes all, those to come included.
    pub events: Option<Vec<EventId>>,
    /// The markets of these events.
    pub markets: Markets,
}

impl Filter {
    /// What a client asks for, each list sorted out.
    pub fn new(request: &Subscribe, limits: FilterLimits) -> Result<Self, FilterError> {
        if !SUBSCRIPTION_ID_BYTES.contains(&request.id.len()) {
            return Err(FilterError::Id);
        }
        if request.sport.is_some() && request.sports.is_some() {
            return Err(FilterError::SportTwice);
        }
        let sports = request.sport.map(|sport| vec![sport]).or_else(|| request.sports.clone());
        let (events, markets) = (request.events.clone(), request.markets.clone());
        if sports.is_none() && events.is_none() && markets.is_none() {
            return Err(FilterError::Everything);
        }
        let resumed = request.resume.as_ref().map(|resume| resume.versions.len());
        within("events", events.as_ref().map(Vec::len), limits.events)?;
        within("markets", markets.as_ref().map(Vec::len), limits.markets)?;
        // What is resumed of events that are not asked for costs nothing.
        within("resume.versions", resumed.filter(|_| events.is_none()), limits.events)?;
        Ok(Self {
            sports: Sports(listed("sports", sports)?.map(Arc::from)),
            events: in_order("events", events)?,
            markets: Markets(listed("markets", markets)?.map(Arc::from)),
        })
    }

    /// Whether the client named the events.
    #[must_use]
    pub fn names_events(&self) -> bool {
        self.events.is_some()
    }
}

fn within(part: &'static str, actual: Option<usize>, max: usize) -> Result<(), FilterError> {
    match actual {
        Some(actual) if actual > max => Err(FilterError::TooMany { part, actual, max }),
        _ => Ok(()),
    }
}

/// A list that is not empty, sorted, each entry once.
fn listed<T: Ord>(part: &'static str, list: Option<Vec<T>>) -> Result<Option<Vec<T>>, FilterError> {
    let Some(mut list) = list else { return Ok(None) };
    list.sort_unstable();
    list.dedup();
    if list.is_empty() { Err(FilterError::Empty(part)) } else { Ok(Some(list)) }
}

/// A list that is not empty, in the order given, each entry once.
fn in_order(part: &'static str, list: Option<Vec<EventId>>) -> Result<Option<Vec<EventId>>, FilterError> {
    let Some(mut list) = list else { return Ok(None) };
    let mut seen = std::collections::HashSet::with_capacity(list.len());
    list.retain(|event_id| seen.insert(event_id.clone()));
    if list.is_empty() { Err(FilterError::Empty(part)) } else { Ok(Some(list)) }
}

/// Some sports, or all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sports(Option<Arc<[Sport]>>);

impl Sports {
    /// Whether the sport is among them.
    #[must_use]
    pub fn takes(&self, sport: Sport) -> bool {
        self.0.as_ref().is_none_or(|sports| sports.contains(&sport))
    }

    /// Every one of them.
    pub fn iter(&self) -> impl Iterator<Item = Sport> + '_ {
        Sport::ALL.into_iter().filter(|sport| self.takes(*sport))
    }

    /// Those named; `None` where none was.
    #[must_use]
    pub fn named(&self) -> Option<&[Sport]> {
        self.0.as_deref()
    }
}

/// Some markets by their ids, whatever their specifiers, or all. What is no market is always taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Markets(Option<Arc<[u32]>>);

impl Markets {
    /// Whether this key is sent.
    #[must_use]
    pub fn takes(&self, key: &Key) -> bool {
        match (&self.0, key) {
            (Some(ids), Key::Market(market)) => ids.binary_search(&market.id).is_ok(),
            _ => true,
        }
    }

    /// Whether there is anything in an update that is sent. Without a filter every update is news, one without changes
    /// too.
    #[must_use]
    pub fn concern(&self, update: &RawUpdate) -> bool {
        self.is_all() || update.changes.iter().any(|(key, _)| self.takes(key))
    }

    /// Whether every market is sent.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// The ids named, in order; `None` where none was.
    #[must_use]
    pub fn named(&self) -> Option<&[u32]> {
        self.0.as_deref()
    }

    /// What versions told under this filter belong to, as `subscribed` says it and `resume` hands it back: the store,
    /// and the markets where they were named. `9f0c…/18,406`.
    #[must_use]
    pub fn token(&self, store_id: &str) -> String {
        let Some(ids) = &self.0 else { return store_id.to_owned() };
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        format!("{store_id}/{}", ids.join(","))
    }

    /// Whether what a client has can be gone on from: it is of this store, and of every market that is sent now.
    #[must_use]
    pub fn can_resume(&self, resume: &Resume, store_id: &str) -> bool {
        let (store, had) = match resume.store.split_once('/') {
            None => (resume.store.as_str(), None),
            Some((store, ids)) => (store, Some(ids)),
        };
        let has_all = match (had, &self.0) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(had), Some(wanted)) => {
                let had: Vec<Option<u32>> = had.split(',').map(|id| id.parse().ok()).collect();
                wanted.iter().all(|id| had.contains(&Some(*id)))
            }
        };
        store == store_id && has_all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ClientMessage;

    const LIMITS: FilterLimits = FilterLimits { events: 2, markets: 3 };

    fn filter(parts: &str) -> Result<Filter, FilterError> {
        let text = format!(r#"{{"type":"subscribe","id":"a"{parts}}}"#);
        match serde_json::from_str(&text).expect(&text) {
            ClientMessage::Subscribe(subscribe) => Filter::new(&subscribe, LIMITS),
            ClientMessage::Unsubscribe(_) => unreachable!("it is a subscribe"),
        }
    }

    fn markets(ids: &str) -> Markets {
        filter(&format!(r#","markets":{ids}"#)).expect("a filter").markets
    }

    #[test]
    fn lists_are_sorted_out() {
        let filter =
            filter(r#","events":["md:match:2","md:match:1"],"markets":[406,18,406]"#).expect("a filter");
        assert_eq!(filter.markets.named(), Some(&[18, 406][..]));
        let events: Vec<_> = filter.events.iter().flatten().map(EventId::to_string).collect();
        assert_eq!(events, ["md:match:2", "md:match:1"]);
        assert_eq!(filter.sports, Sports::default());
    }

    #[test]
    fn sports_can_be_one_some_or_all() {
        for sport in Sport::ALL {
            for parts in [format!(r#","sport":"{sport}""#), format!(r#","sports":["{sport}","{sport}"]"#)] {
                let sports = filter(&parts).expect("a filter").sports;
                assert_eq!(sports.named(), Some(&[sport][..]));
                assert!(sports.iter().eq([sport]));
                assert!(Sport::ALL.into_iter().all(|other| sports.takes(other) == (other == sport)));
            }
        }
        let all = filter(r#","markets":[1]"#).expect("a filter").sports;
        assert_eq!((all.iter().count(), all.named()), (Sport::ALL.len(), None));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (parts, error) in [
            ("", FilterError::Everything),
            (r#","sports":[]"#, FilterError::Empty("sports")),
            (r#","events":[]"#, FilterError::Empty("events")),
            (r#","markets":[]"#, FilterError::Empty("markets")),
            (r#","sport":"hockey","sports":["hockey"]"#, FilterError::SportTwice),
            (r#","markets":[1,2,3,4]"#, FilterError::TooMany { part: "markets", actual: 4, max: 3 }),
            (
                r#","events":["a:b:1","a:b:2","a:b:3"]"#,
                FilterError::TooMany { part: "events", actual: 3, max: 2 },
            ),
            (
                r#","sport":"hockey","resume":{"store":"s","versions":{"a:b:1":1,"a:b:2":1,"a:b:3":1}}"#,
                FilterError::TooMany { part: "resume.versions", actual: 3, max: 2 },
            ),
        ] {
            assert_eq!(filter(parts), Err(error), "{parts}");
        }
    }

    #[test]
    fn a_market_is_taken_by_its_id_and_the_rest_always() {
        let markets = markets("[18]");
        for (key, taken) in [
            ("fixture", true),
            ("status", true),
            ("incident:9", true),
            ("market:18", true),
            ("market:18:total=5.5", true),
            ("market:1", false),
            ("market:180", false),
        ] {
            assert_eq!(markets.takes(&key.parse().expect("a key")), taken, "{key}");
        }
    }

    #[test]
    fn what_was_told_of_fewer_markets_cannot_be_gone_on_from() {
        let resume = |store: &str| Resume { store: store.to_owned(), versions: Default::default() };
        let (all, one, two) = (Markets::default(), markets("[18]"), markets("[406,18]"));
        assert_eq!((all.token("s").as_str(), two.token("s").as_str()), ("s", "s/18,406"));
        for (had, wanted, can) in [
            (&all, &all, true),
            (&all, &one, true),
            (&two, &one, true),
            (&two, &two, true),
            (&one, &two, false),
            (&one, &all, false),
        ] {
            assert_eq!(wanted.can_resume(&resume(&had.token("s")), "s"), can, "{had:?} then {wanted:?}");
            assert!(!wanted.can_resume(&resume(&had.token("other")), "s"));
        }
        assert!(!one.can_resume(&resume("s/"), "s"));
    }
}
