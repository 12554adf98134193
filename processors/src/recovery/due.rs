//! Which request is due.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::{EventId, Name, Source, Timestamp};

/// How long after a first request that came to nothing the second is made; each further one waits twice as long.
const BACKOFF_MICROS_MIN: i64 = 1_000_000;
/// How long a request waits at most, however often it has failed.
const BACKOFF_MICROS_MAX: i64 = 60_000_000;
/// How long one that the provider has taken is waited for at most, unless more is configured: each is waited for twice as long as
/// the one before, as long as none is served.
const SILENCE_MICROS_MAX: i64 = 300_000_000;
/// Requests for one target that may still be answered. With more the oldest are given up: a provider that answers at all does
/// so in the hour that these take.
const OPEN_MAX: usize = 16;
/// How old what is noted of a delivery may become while it goes on.
const NOTED_EVERY_MICROS: i64 = 1_000_000;

/// What is to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// By whom.
    pub source: Source,
    /// Of which event; `None`: of all.
    pub event_id: Option<EventId>,
}

/// Requests by what they are for, of each the earliest first.
pub type Requests = BTreeMap<Target, Vec<Request>>;

/// The requests of this stack's that have not come to their end, by whom was asked and as what they know it. What answers
/// another is no answer to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked(BTreeMap<(Source, u64), (Target, Request)>);

impl Asked {
    /// Whether a producer was asked for everything with it: that one event is complete says nothing of the producer.
    #[must_use]
    pub fn is_of_producer(&self, source: &Source, request_id: u64) -> bool {
        self.0.get(&(source.clone(), request_id)).is_some_and(|(target, _)| target.event_id.is_none())
    }

    /// Which requests these answers, by producer and id, show to deliver: for what each was, and when it was made. Not those of
    /// which as much was noted within the last second.
    #[must_use]
    pub fn delivering(
        &self,
        answers: impl IntoIterator<Item = (Source, u64)>,
        now: Timestamp,
    ) -> BTreeSet<(&Target, Timestamp)> {
        let is_old = |at: Timestamp| now.micros_since(at) >= NOTED_EVERY_MICROS;
        answers
            .into_iter()
            .filter_map(|answer| self.0.get(&answer))
            .filter(|(_, request)| request.recovered_at.is_none_or(is_old))
            .map(|(target, request)| (target, request.asked_at))
            .collect()
    }
}

impl FromIterator<(Target, Request)> for Asked {
    fn from_iter<T: IntoIterator<Item = (Target, Request)>>(requests: T) -> Self {
        let of =
            |(target, request): (Target, Request)| ((target.source.clone(), request.id()), (target, request));
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
    /// Whether it is asked for only until something has come: what is refused of that would only be refused again.
    pub is_once: bool,
    /// Whether it waits for its producer, of which everything is asked for: what came of an earlier request is remembered, and
    /// no other is made.
    pub is_waiting: bool,
}

/// A request for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// When it was made; the provider knows it by this.
    pub asked_at: Timestamp,
    /// Whether the provider has taken it.
    pub is_taken: bool,
    /// How many before it, one after the other, the provider has not taken.
    pub failures: u32,
    /// When something last came that says that it answers this, to the second.
    pub recovered_at: Option<Timestamp>,
}

impl Request {
    /// As what the provider knows it: when it was made, in microseconds. No two to one provider were made at the same time.
    #[must_use]
    pub fn id(self) -> u64 {
        u64::try_from(self.asked_at.0).unwrap_or_default()
    }

    /// Whether the provider has taken it, or shows that by what it sends.
    fn has_begun(self) -> bool {
        self.is_taken || self.recovered_at.is_some()
    }
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
    requests: &Requests,
    is_free: impl Fn(&Name) -> bool,
    now: Timestamp,
    silence_micros: i64,
) -> Vec<(&'w Want, Request)> {
    let known: BTreeSet<Timestamp> = requests.values().flatten().map(|request| request.asked_at).collect();
    let mut due: Vec<(&Want, Request)> = wants
        .iter()
        .filter(|want| !want.is_waiting && is_free(&want.target.source.provider))
        .filter_map(|want| Some((want, following(want, of(requests, &want.target), now, silence_micros)?)))
        .map(|(want, mut request)| {
            // One that was made for something else may have been made by a machine whose clock was ahead.
            while known.contains(&request.asked_at) {
                request.asked_at = request.asked_at.plus_micros(1);
            }
            (want, request)
        })
        .collect();
    due.sort_by_key(|(want, _)| {
        let asked_at = of(requests, &want.target).last().map(|request| request.asked_at);
        (want.target.event_id.is_some(), asked_at)
    });
    let mut asked: BTreeSet<&Name> = BTreeSet::new();
    due.retain(|(want, _)| asked.insert(&want.target.source.provider));
    due
}

/// Those for a target.
fn of<'r>(requests: &'r Requests, target: &Target) -> &'r [Request] {
    requests.get(target).map(Vec::as_slice).unwrap_or_default()
}

/// The request that is to be made now after those that were, if any.
fn following(want: &Want, asked: &[Request], now: Timestamp, silence_micros: i64) -> Option<Request> {
    let made_at = |last: &Request| now.max(want.since).max(last.asked_at.plus_micros(1));
    let new = |asked_at, failures| Request { asked_at, is_taken: false, failures, recovered_at: None };
    let is_useful = |request: &&Request| request.asked_at >= want.since;
    let mut answered = asked.iter().filter(is_useful).filter(|request| request.recovered_at.is_some());
    if want.is_once && (now < want.since || answered.next().is_some()) {
        return None;
    }
    let Some(last) = asked.last() else { return Some(new(now.max(want.since), 0)) };
    if last.asked_at < want.since {
        // What was asked for before something more was lost is of no use, and did not fail either.
        return Some(new(made_at(last), 0));
    }
    let delivered_at = asked.iter().filter(is_useful).filter_map(|request| request.recovered_at).max();
    // Those that were taken and not served, one after the other.
    let is_unserved = |request: &&Request| request.is_taken && Some(request.asked_at) > delivered_at;
    let unserved = asked.iter().filter(is_useful).filter(is_unserved).count();
    // One that has not begun cannot be waited for, and one that still delivers is not over, however many were made since.
    let waits_until = last.asked_at.plus_micros(if last.is_taken {
        let times = 1 << unserved.saturating_sub(1).min(16);
        silence_micros.saturating_mul(times).min(SILENCE_MICROS_MAX.max(silence_micros))
    } else {
        BACKOFF_MICROS_MIN.saturating_mul(1 << last.failures.min(16)).min(BACKOFF_MICROS_MAX)
    });
    let due_at = delivered_at.map_or(waits_until, |at| waits_until.max(at.plus_micros(silence_micros)));
    // One that was taken has not failed: a refusal after it is the first one.
    let failures = if last.is_taken { 0 } else { last.failures.saturating_add(1) };
    (due_at <= now).then(|| new(made_at(last), failures))
}

/// Of what was asked for a target that which nothing is expected of any more once it is asked for anew: what was not taken and
/// has brought nothing either, and the oldest where too much is open.
pub fn given_up(asked: &[Request]) -> Vec<Timestamp> {
    let open = asked.iter().filter(|request| request.has_begun()).count();
    let mut surplus = (open + 1).saturating_sub(OPEN_MAX);
    let is_given_up = |request: &&Request| {
        let is_surplus = request.has_begun() && surplus > 0;
        surplus -= usize::from(is_surplus);
        !request.has_begun() || is_surplus
    };
    asked.iter().filter(is_given_up).map(|request| request.asked_at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: i64 = 30_000_000;

    fn want(provider: &str, event_id: Option<&str>, since: i64) -> Want {
        let name = |text| Name::new(text).unwrap();
        let source = Source { provider: name(provider), producer: name("live") };
        let target = Target { source, event_id: event_id.map(|id| EventId::new(id).unwrap()) };
        let trusted_until = Timestamp(0);
        Want { target, since: Timestamp(since), trusted_until, is_once: false, is_waiting: false }
    }

    fn asked(asked_at: i64, is_taken: bool, failures: u32) -> Request {
        Request { asked_at: Timestamp(asked_at), is_taken, failures, recovered_at: None }
    }

    fn delivering(asked_at: i64, recovered_at: i64) -> Request {
        Request { recovered_at: Some(Timestamp(recovered_at)), ..asked(asked_at, true, 0) }
    }

    fn after(want: &Want, before: &[Request], now: i64) -> Option<Request> {
        following(want, before, Timestamp(now), SILENCE)
    }

    #[test]
    fn what_is_lost_is_asked_for_at_once_and_not_before_it_was_lost() {
        let lost = want("md", None, 5_000);
        assert_eq!(after(&lost, &[], 7_000), Some(asked(7_000, false, 0)));
        assert_eq!(
            after(&lost, &[], 4_000),
            Some(asked(5_000, false, 0)),
            "another machine's clock is ahead"
        );
        let earlier = asked(4_999, true, 3);
        assert_eq!(after(&lost, &[earlier], 7_000), Some(asked(7_000, false, 0)), "more was lost since");
        assert_eq!(after(&lost, &[earlier], 4_000), Some(asked(5_000, false, 0)));
    }

    #[test]
    fn a_request_that_failed_has_not_begun_and_is_made_again_later_and_later() {
        let lost = want("md", None, 0);
        for (failures, wait) in
            [(0, 1_000_000), (1, 2_000_000), (5, 32_000_000), (6, 60_000_000), (90, 60_000_000)]
        {
            let last = [asked(1_000, false, failures)];
            assert_eq!(after(&lost, &last, 1_000 + wait - 1), None);
            let again = asked(1_000 + wait, false, failures + 1);
            assert_eq!(after(&lost, &last, 1_000 + wait), Some(again));
        }
    }

    #[test]
    fn one_that_still_delivers_has_not_timed_out() {
        let lost = want("md", None, 0);
        let silent = [asked(1_000, true, 0)];
        assert_eq!(after(&lost, &silent, 1_000 + SILENCE - 1), None);
        assert!(after(&lost, &silent, 1_000 + SILENCE).is_some());
        for lost in [lost, want("md", Some("md:match:1"), 0)] {
            let delivers = [delivering(1_000, 20_000_000)];
            assert_eq!(after(&lost, &delivers, 20_000_000 + SILENCE - 1), None);
            let again = after(&lost, &delivers, 20_000_000 + SILENCE);
            assert_eq!(again, Some(asked(20_000_000 + SILENCE, false, 0)));
        }
    }

    #[test]
    fn one_that_is_taken_and_never_served_is_made_again_later_and_later_until_one_is() {
        for lost in [want("md", None, 0), want("md", Some("md:match:1"), 0)] {
            let (mut made, mut waits) = (vec![asked(0, true, 0)], Vec::new());
            while made.len() < OPEN_MAX {
                let last = made[made.len() - 1];
                let due = (1..=20).map(|times| last.asked_at.0 + times * SILENCE / 2);
                let next = due.filter_map(|now| after(&lost, &made, now)).next().expect("it is made again");
                waits.push(next.asked_at.micros_since(last.asked_at) / 1_000_000);
                made.push(Request { is_taken: true, ..next });
            }
            assert_eq!((&waits[..5], waits.last()), (&[30, 60, 120, 240, 300][..], Some(&300)));
            let last = made[made.len() - 1].asked_at.0;
            made[3].recovered_at = Some(Timestamp(last + 1));
            let again = after(&lost, &made, last + 1 + SILENCE).expect("it was served, and broke off");
            made.push(Request { is_taken: true, ..again });
            assert_eq!(after(&lost, &made, again.asked_at.0 + SILENCE - 1), None);
            assert!(after(&lost, &made, again.asked_at.0 + SILENCE).is_some(), "it begins anew");
        }
        // What was refused before says nothing of how long to wait for the one that is taken.
        let refused: Vec<Request> =
            (0..8).map(|failures| asked(i64::from(failures), false, failures)).collect();
        let taken = [refused, vec![asked(1_000, true, 8)]].concat();
        assert!(after(&want("md", None, 0), &taken, 1_000 + SILENCE).is_some());
    }

    #[test]
    fn one_that_fails_after_others_were_taken_and_never_served_is_the_first_that_failed() {
        let lost = want("md", None, 0);
        let mut made = vec![asked(0, true, 0)];
        for _ in 0..5 {
            let due = made[made.len() - 1].asked_at.0 + SILENCE_MICROS_MAX;
            let next = after(&lost, &made, due).expect("it is made again");
            assert_eq!(next.failures, 0);
            made.push(Request { is_taken: true, ..next });
        }
        let refused_at = made[made.len() - 1].asked_at.0 + SILENCE_MICROS_MAX;
        made.push(after(&lost, &made, refused_at).expect("the one that is refused"));
        for wait in [BACKOFF_MICROS_MIN, 2 * BACKOFF_MICROS_MIN] {
            let last = made[made.len() - 1].asked_at.0;
            assert_eq!(after(&lost, &made, last + wait - 1), None);
            made.push(after(&lost, &made, last + wait).expect("it is made again soon"));
        }
    }

    #[test]
    fn one_that_was_made_again_and_delivers_after_all_has_not_timed_out_either() {
        let lost = want("md", Some("md:match:1"), 1_000);
        let late = delivering(1_000, 40_000_000);
        for (is_taken, failures, next) in [(true, 1, 0), (false, 1, 2), (false, 4, 5)] {
            let both = [late, asked(30_000_000, is_taken, failures)];
            let again_at = 40_000_000 + SILENCE;
            assert_eq!(after(&lost, &both, again_at - 1), None);
            assert_eq!(after(&lost, &both, again_at), Some(asked(again_at, false, next)));
        }
        // What came from a recovery of before it was lost says nothing of this one.
        let stale = [delivering(999, 40_000_000), asked(30_000_000, true, 1)];
        assert!(after(&lost, &stale, 30_000_000 + SILENCE).is_some());
    }

    #[test]
    fn what_a_dead_letter_shut_is_asked_for_until_something_has_come_and_once_more_after_the_next_letter() {
        let lost = |since| Want { is_once: true, ..want("uof", Some("sr:match:1"), since) };
        assert_eq!(after(&lost(5_000), &[], 4_999), None, "what came now would be no later than the letter");
        assert_eq!(after(&lost(5_000), &[], 5_000), Some(asked(5_000, false, 0)));
        let failed = [asked(5_000, false, 0)];
        assert_eq!(after(&lost(5_000), &failed, 5_000 + 1_000_000), Some(asked(1_005_000, false, 1)));
        let silent = [asked(5_000, true, 0)];
        assert_eq!(after(&lost(5_000), &silent, 5_000 + SILENCE), Some(asked(5_000 + SILENCE, false, 0)));
        let answered = [delivering(5_000, 6_000)];
        assert_eq!(after(&lost(5_000), &answered, i64::MAX / 2), None);
        assert_eq!(after(&lost(5_001), &answered, 7_000), Some(asked(7_000, false, 0)), "another letter");
    }

    #[test]
    fn what_was_taken_stays_open_when_it_is_asked_for_again() {
        let at = |requests: &[Request]| given_up(requests).iter().map(|at| at.0).collect::<Vec<_>>();
        assert_eq!(at(&[asked(1, true, 0), asked(2, false, 1), asked(3, true, 2)]), [2]);
        let answered_late = Request { is_taken: false, ..delivering(1, 6) };
        assert!(at(&[answered_late]).is_empty(), "it has begun");
        let many: Vec<Request> = (1..).take(OPEN_MAX).map(|at| asked(at, true, 0)).collect();
        assert!(at(&many[1..]).is_empty(), "one more has room");
        assert_eq!(at(&many), [1]);
    }

    #[test]
    fn whatever_was_taken_may_deliver_and_that_is_noted_once_a_second_of_the_request_that_does() {
        let (first, again) = (delivering(1_000_000, 90_000_000), asked(31_000_000, true, 1));
        let whole = want("md", None, 0).target;
        let event = want("md", Some("md:match:1"), 0).target;
        let of_event = asked(31_000_001, true, 1);
        let all = [(whole.clone(), first), (whole.clone(), again), (event.clone(), of_event)];
        let known: Asked = all.into_iter().collect();
        let source = || whole.source.clone();
        let noted = |ids: &[u64], now| {
            let noted = known.delivering(ids.iter().map(|id| (source(), *id)), Timestamp(now));
            noted.into_iter().map(|(target, at)| (target.clone(), at.0)).collect::<Vec<_>>()
        };
        let completes = |id| known.is_of_producer(&whole.source, id);
        assert!(completes(1_000_000) && completes(31_000_000));
        assert!(!completes(31_000_001), "that was asked for one event");
        assert_eq!(noted(&[1_000_000, 1_000_000], 91_000_000), [(whole.clone(), 1_000_000)]);
        assert!(noted(&[1_000_000], 90_999_999).is_empty(), "that is known");
        assert_eq!(noted(&[31_000_001, 7], 91_000_000), [(event, 31_000_001)], "of the event alone");
    }

    #[test]
    fn each_provider_is_asked_once_a_round_for_what_matters_most() {
        let wants = [
            want("md", Some("md:match:1"), 0),
            want("md", Some("md:match:2"), 0),
            want("md", Some("md:match:3"), 0),
            want("sr", Some("sr:match:1"), 0),
        ];
        let now = Timestamp(1_000_000_000);
        let mut requests = Requests::from([
            (wants[0].target.clone(), vec![asked(500, false, 1)]),
            (wants[1].target.clone(), vec![asked(400, false, 1)]),
        ]);
        let targets = |requests: &Requests, wants: &[Want]| {
            let next = next(wants, requests, |_| true, now, SILENCE);
            next.iter().map(|(want, _)| want.target.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(targets(&requests, &wants), ["md:match:3 of md/live", "sr:match:1 of sr/live"]);
        requests.insert(wants[2].target.clone(), vec![asked(now.0, true, 0)]);
        assert_eq!(targets(&requests, &wants), ["sr:match:1 of sr/live", "md:match:2 of md/live"]);
        let mut all = wants.to_vec();
        all.push(want("md", None, 0));
        assert_eq!(targets(&requests, &all), ["md/live", "sr:match:1 of sr/live"]);
        let only_sr = |provider: &Name| provider.as_str() == "sr";
        let free = next(&all, &requests, only_sr, now, SILENCE);
        assert_eq!(free.len(), 1, "the other has yet to answer");
        assert_eq!(free[0].0.target.source.provider.as_str(), "sr");
    }
    #[test]
    fn no_two_requests_to_a_provider_are_known_by_one_id() {
        let (event, other) = (want("md", Some("md:match:1"), 0), want("md", Some("md:match:2"), 0));
        let whole = want("md", None, 0);
        // Two were asked for by a machine whose clock was ahead.
        let requests = Requests::from([
            (event.target.clone(), vec![asked(900_000, true, 0)]),
            (other.target.clone(), vec![asked(900_001, true, 0)]),
        ]);
        let next = next(std::slice::from_ref(&whole), &requests, |_| true, Timestamp(900_000), SILENCE);
        assert_eq!(next[0].1.id(), 900_002);
    }

    #[test]
    fn what_waits_for_its_producer_is_not_asked_for() {
        let waiting = [Want { is_waiting: true, ..want("uof", Some("sr:match:1"), 0) }];
        assert!(next(&waiting, &Requests::new(), |_| true, Timestamp(1), SILENCE).is_empty());
    }
}
