//! Which request is due.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::{EventId, Name, Source, Timestamp};

/// How long after a first request that came to nothing the second is made; each further one waits twice as long.
const BACKOFF_MICROS_MIN: i64 = 1_000_000;
/// How long a request waits at most, however often it has failed.
const BACKOFF_MICROS_MAX: i64 = 60_000_000;

/// What is to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// By whom.
    pub source: Source,
    /// Of which event; `None`: of all.
    pub event_id: Option<EventId>,
}

impl Target {
    /// As what the provider knows a request for it. That for one event is in milliseconds, and so far below that of any
    /// request for a whole producer: when one event is complete, no partition can take the producer for complete.
    #[must_use]
    pub fn request_id(&self, asked_at: Timestamp) -> u64 {
        let id = if self.event_id.is_none() { asked_at.0 } else { asked_at.0 / 1_000 };
        u64::try_from(id).unwrap_or_default()
    }
}

/// The requests of this stack's that have not come to their end. What answers another is no answer to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked(BTreeSet<(Source, u64)>);

impl Asked {
    /// Whether a producer was asked for it.
    #[must_use]
    pub fn has(&self, source: &Source, request_id: u64) -> bool {
        // Few are under way at once.
        self.0.iter().any(|(asked, id)| *id == request_id && asked == source)
    }
}

impl<'r> FromIterator<(&'r Target, &'r Request)> for Asked {
    fn from_iter<T: IntoIterator<Item = (&'r Target, &'r Request)>>(requests: T) -> Self {
        let of = |(target, request): (&Target, &Request)| {
            (target.source.clone(), target.request_id(request.asked_at))
        };
        Self(requests.into_iter().map(of).collect())
    }
}

/// Something that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// What it is.
    pub target: Target,
    /// A request made before this cannot bring all of it.
    pub since: Timestamp,
    /// Nothing from before this, by the provider's clock, is missing; 0 where that is not known.
    pub trusted_until: Timestamp,
    /// When something that was asked for last came from the producer.
    pub recovered_at: Option<Timestamp>,
}

/// A request for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// When it was made; the provider knows it by this.
    pub asked_at: Timestamp,
    /// Whether the provider has taken it.
    pub is_taken: bool,
    /// How many before it came to nothing.
    pub failures: u32,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.event_id {
            None => write!(f, "{}", self.source),
            Some(event_id) => write!(f, "{event_id} of {}", self.source),
        }
    }
}

/// The requests to be made now, one per provider that is free at most: whole producers first, then what has waited longest.
pub fn next<'w>(
    wants: &'w [Want],
    requests: &BTreeMap<Target, Request>,
    is_free: impl Fn(&Name) -> bool,
    now: Timestamp,
    silence_micros: i64,
) -> Vec<(&'w Want, Request)> {
    let mut due: Vec<(&Want, Request)> = wants
        .iter()
        .filter(|want| is_free(&want.target.source.provider))
        .filter_map(|want| Some((want, following(want, requests.get(&want.target), now, silence_micros)?)))
        .collect();
    due.sort_by_key(|(want, _)| {
        let asked_at = requests.get(&want.target).map(|request| request.asked_at);
        (want.target.event_id.is_some(), asked_at)
    });
    let mut asked: BTreeSet<&Name> = BTreeSet::new();
    due.retain(|(want, _)| asked.insert(&want.target.source.provider));
    due
}

/// The request that is to be made now after the last one, if any.
fn following(want: &Want, last: Option<&Request>, now: Timestamp, silence_micros: i64) -> Option<Request> {
    let asked_at = now.max(want.since);
    let Some(last) = last.filter(|last| last.asked_at >= want.since) else {
        // What was asked for before something more was lost is of no use, and did not fail either.
        let asked_at = last.map_or(asked_at, |last| asked_at.max(last.asked_at.plus_micros(1)));
        return Some(Request { asked_at, is_taken: false, failures: 0 });
    };
    // One that has not begun cannot be waited for, and one that still delivers is not over.
    let (heard_at, silence) = match last.is_taken {
        true => (want.recovered_at.unwrap_or(last.asked_at).max(last.asked_at), silence_micros),
        false => (last.asked_at, 0),
    };
    let backoff = BACKOFF_MICROS_MIN.saturating_mul(1 << last.failures.min(16)).min(BACKOFF_MICROS_MAX);
    (heard_at.plus_micros(silence.max(backoff)) <= now).then(|| Request {
        asked_at: asked_at.max(last.asked_at.plus_micros(1)),
        is_taken: false,
        failures: last.failures.saturating_add(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: i64 = 30_000_000;

    fn want(provider: &str, event_id: Option<&str>, since: i64, recovered_at: Option<i64>) -> Want {
        let name = |text| Name::new(text).unwrap();
        let source = Source { provider: name(provider), producer: name("live") };
        let target = Target { source, event_id: event_id.map(|id| EventId::new(id).unwrap()) };
        Want {
            target,
            since: Timestamp(since),
            trusted_until: Timestamp(0),
            recovered_at: recovered_at.map(Timestamp),
        }
    }

    fn asked(asked_at: i64, is_taken: bool, failures: u32) -> Request {
        Request { asked_at: Timestamp(asked_at), is_taken, failures }
    }

    fn after(want: &Want, last: Option<Request>, now: i64) -> Option<Request> {
        following(want, last.as_ref(), Timestamp(now), SILENCE)
    }

    #[test]
    fn what_is_lost_is_asked_for_at_once_and_not_before_it_was_lost() {
        let lost = want("md", None, 5_000, None);
        assert_eq!(after(&lost, None, 7_000), Some(asked(7_000, false, 0)));
        assert_eq!(
            after(&lost, None, 4_000),
            Some(asked(5_000, false, 0)),
            "another machine's clock is ahead"
        );
        let earlier = asked(4_999, true, 3);
        assert_eq!(after(&lost, Some(earlier), 7_000), Some(asked(7_000, false, 0)), "more was lost since");
        assert_eq!(after(&lost, Some(earlier), 4_000), Some(asked(5_000, false, 0)));
    }

    #[test]
    fn a_request_that_failed_has_not_begun_and_is_made_again_later_and_later() {
        let lost = want("md", None, 0, None);
        for (failures, wait) in
            [(0, 1_000_000), (1, 2_000_000), (5, 32_000_000), (6, 60_000_000), (90, 60_000_000)]
        {
            let last = Some(asked(1_000, false, failures));
            assert_eq!(after(&lost, last, 1_000 + wait - 1), None);
            let again = asked(1_000 + wait, false, failures + 1);
            assert_eq!(after(&lost, last, 1_000 + wait), Some(again));
        }
    }

    #[test]
    fn one_that_still_delivers_has_not_timed_out() {
        let last = Some(asked(1_000, true, 0));
        assert_eq!(after(&want("md", None, 0, None), last, 1_000 + SILENCE - 1), None);
        assert!(after(&want("md", None, 0, None), last, 1_000 + SILENCE).is_some());
        let delivers = want("md", None, 0, Some(20_000_000));
        assert_eq!(after(&delivers, last, 20_000_000 + SILENCE - 1), None);
        let again = after(&delivers, last, 20_000_000 + SILENCE);
        assert_eq!(again, Some(asked(20_000_000 + SILENCE, false, 1)));
        // What came from an earlier recovery says nothing of this one.
        let stale = want("md", None, 0, Some(500));
        assert!(after(&stale, last, 1_000 + SILENCE).is_some());
    }

    #[test]
    fn each_provider_is_asked_once_a_round_for_what_matters_most() {
        let wants = [
            want("md", Some("md:match:1"), 0, None),
            want("md", Some("md:match:2"), 0, None),
            want("md", Some("md:match:3"), 0, None),
            want("sr", Some("sr:match:1"), 0, None),
        ];
        let now = Timestamp(1_000_000_000);
        let mut requests = BTreeMap::from([
            (wants[0].target.clone(), asked(500, false, 1)),
            (wants[1].target.clone(), asked(400, false, 1)),
        ]);
        let targets = |requests: &BTreeMap<Target, Request>, wants: &[Want]| {
            let next = next(wants, requests, |_| true, now, SILENCE);
            next.iter().map(|(want, _)| want.target.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(targets(&requests, &wants), ["md:match:3 of md/live", "sr:match:1 of sr/live"]);
        requests.insert(wants[2].target.clone(), asked(now.0, true, 0));
        assert_eq!(targets(&requests, &wants), ["sr:match:1 of sr/live", "md:match:2 of md/live"]);
        let mut all = wants.to_vec();
        all.push(want("md", None, 0, None));
        assert_eq!(targets(&requests, &all), ["md/live", "sr:match:1 of sr/live"]);
        let only_sr = |provider: &Name| provider.as_str() == "sr";
        let free = next(&all, &requests, only_sr, now, SILENCE);
        assert_eq!(free.len(), 1, "the other has yet to answer");
        assert_eq!(free[0].0.target.source.provider.as_str(), "sr");
    }
}
