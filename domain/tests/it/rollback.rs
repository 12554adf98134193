//! A rollback is an inverse: what was decided and taken back leaves nothing behind, whatever was said in between, in
//! sequence and by time, and there however often recoveries repeat it.

use std::collections::BTreeMap;

use domain::limit::REPEATS_MAX;
use domain::market::ResultKind;
use domain::message::{
    BetStop, Cancel, CancelRollback, CancelledMarket, Certainty, Groups, OddsChange, Offer, SettledMarket,
    Settlement, SettlementRollback, StopStatus,
};
use domain::{Body, Content, FeedMessage, MarketKey, MarketStatus, Name, Position};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::build::{market, odds, outcome, result, settled, text};
use crate::desk::Desk;
use crate::feed::{self, Who};

const MARKETS: [&str; 3] = ["406", "1", "412:total=5.5"];

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Settlement,
    Cancel,
}

/// One thing that is said; its number, which is also its time, tells it from all that say the same.
type Say = fn(i64, &Choice) -> Body;

/// Which of the bodies of one kind.
#[derive(Debug, Clone)]
struct Choice {
    key: MarketKey,
    status: MarketStatus,
    groups: Groups,
    certainty: Certainty,
    since: Option<i64>,
}

#[derive(Debug, Clone)]
enum Step {
    /// Something that is not taken back.
    Stays(Who, Say, Choice),
    /// A decision of `live` that will be.
    Begins(Choice),
    /// The last one that is open is taken back.
    Ends,
    /// A recovery of `live`: all that it decided since then is said again. Of more than are kept none is.
    Repeats(Index),
}

fn offer(at: i64, choice: &Choice) -> Body {
    let price = 1_000 + u32::try_from(at).expect("times are small");
    let outcomes = vec![outcome("4", odds(price)), outcome("5", odds(3_000))];
    Body::OddsChange(OddsChange::of(vec![Offer::new(choice.key.clone(), choice.status, outcomes)]))
}

fn stop(_: i64, choice: &Choice) -> Body {
    Body::BetStop(BetStop { groups: choice.groups.clone(), market_status: StopStatus::Suspended })
}

fn settle(at: i64, choice: &Choice) -> Body {
    let outcomes = vec![settled("4", result(ResultKind::Won)), settled("5", result(ResultKind::Lost))];
    let void_reason = Some(text(&at.to_string()));
    let markets = vec![SettledMarket { key: choice.key.clone(), void_reason, outcomes }];
    Body::Settlement(Settlement { certainty: choice.certainty, markets })
}

fn unsettle(_: i64, choice: &Choice) -> Body {
    Body::SettlementRollback(SettlementRollback { markets: vec![choice.key.clone()] })
}

fn cancel(at: i64, choice: &Choice) -> Body {
    let markets = vec![CancelledMarket { key: choice.key.clone(), void_reason: Some(text(&at.to_string())) }];
    Body::Cancel(Cancel { markets, window: feed::since(choice.since), superseded_by: None })
}

fn uncancel(_: i64, choice: &Choice) -> Body {
    Body::CancelRollback(CancelRollback {
        markets: vec![choice.key.clone()],
        window: feed::since(choice.since),
    })
}

impl Kind {
    fn decide(self) -> (Say, Say) {
        match self {
            Self::Settlement => (settle, unsettle),
            Self::Cancel => (cancel, uncancel),
        }
    }

    /// What `live` may say in between: a decision of the other kind, but none that the rollback would mean.
    fn between(self) -> Vec<Say> {
        let (decide, take_back) = match self {
            Self::Settlement => Self::Cancel.decide(),
            Self::Cancel => Self::Settlement.decide(),
        };
        vec![offer, offer, stop, decide, take_back]
    }
}

/// All that anybody may say.
const ANYTHING: [Say; 7] = [offer, offer, stop, settle, unsettle, cancel, uncancel];

fn choice() -> impl Strategy<Value = Choice> {
    use MarketStatus::{Active, HandedOver, Inactive, Suspended};
    let groups = prop_oneof![
        Just(Groups::All),
        prop::sample::select(vec!["total", "regular_time"])
            .prop_map(|name| Groups::Named(vec![Name::new(name).expect("a name")])),
    ];
    (
        prop::sample::select(MARKETS.map(market).to_vec()),
        prop::sample::select(vec![Active, Active, Suspended, Inactive, HandedOver]),
        groups,
        feed::certainty(),
        feed::window(),
    )
        .prop_map(|(key, status, groups, certainty, since)| Choice {
            key,
            status,
            groups,
            certainty,
            since,
        })
}

fn step(kind: Kind) -> impl Strategy<Value = Step> {
    let of = |who, say: Vec<Say>| {
        (prop::sample::select(say), choice()).prop_map(move |(say, choice)| Step::Stays(who, say, choice))
    };
    prop_oneof![
        3 => of(Who::Live, kind.between()),
        1 => of(Who::Pre, ANYTHING.to_vec()),
        2 => choice().prop_map(Step::Begins),
        2 => Just(Step::Ends),
        1 => any::<Index>().prop_map(Step::Repeats),
    ]
}

/// Who says what, at which time, and which recovery it answers.
type Said = (Who, i64, Body, Option<u64>);

/// What is said with all that is taken back, and without.
fn told() -> impl Strategy<Value = (Vec<Said>, Vec<Said>)> {
    let kind = prop::sample::select(vec![Kind::Settlement, Kind::Cancel]);
    kind.prop_flat_map(|kind| {
        let before =
            (prop::sample::select(Who::BOTH.to_vec()), prop::sample::select(ANYTHING.to_vec()), choice());
        let before = prop::collection::vec(before, 0..15);
        (Just(kind), before, prop::collection::vec(step(kind), 0..30))
    })
    .prop_map(|(kind, before, steps)| {
        let before = before.into_iter().map(|(who, say, choice)| Step::Stays(who, say, choice));
        bracketed(kind, before.chain(steps))
    })
}

fn bracketed(kind: Kind, steps: impl Iterator<Item = Step>) -> (Vec<Said>, Vec<Said>) {
    let (decide, take_back) = kind.decide();
    let (mut with, mut without, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let (mut now, mut recoveries) = (0, 0);
    let mut next = || {
        now += 1;
        now
    };
    for step in steps {
        let at = next();
        match step {
            Step::Stays(who, say, choice) => {
                with.push((who, at, say(at, &choice), None));
                without.push((who, at, say(at, &choice), None));
            }
            Step::Begins(choice) => {
                with.push((Who::Live, at, decide(at, &choice), None));
                open.push(choice);
            }
            Step::Ends => with.extend(open.pop().map(|choice| (Who::Live, at, take_back(at, &choice), None))),
            Step::Repeats(_) if recoveries == REPEATS_MAX => {}
            Step::Repeats(since) => {
                recoveries += 1;
                let said: Vec<Body> =
                    with.iter().filter(|said| is_repeated(said)).map(|said| said.2.clone()).collect();
                let since = since.index(said.len() + 1);
                let request_id = u64::try_from(at).expect("times are small");
                with.extend(
                    said.into_iter().skip(since).map(|body| (Who::Live, next(), body, Some(request_id))),
                );
            }
        }
    }
    with.extend(open.into_iter().rev().map(|choice| {
        let at = next();
        (Who::Live, at, take_back(at, &choice), None)
    }));
    (with, without)
}

/// What a recovery of `live` repeats: what it decided, as it said it first.
fn is_repeated((who, _, body, request_id): &Said) -> bool {
    let decides = matches!(
        body,
        Body::Settlement(_) | Body::SettlementRollback(_) | Body::Cancel(_) | Body::CancelRollback(_)
    );
    *who == Who::Live && decides && request_id.is_none()
}

fn in_sequence(said: &[Said]) -> Vec<FeedMessage> {
    let mut sequences = BTreeMap::new();
    let message = |(who, at, body, request_id): &Said| {
        let sequence: &mut u64 = sequences.entry(*who).or_default();
        *sequence += 1;
        let mut message = feed::message(*who, Position { epoch: 1, sequence: *sequence }, *at, body.clone());
        message.request_id = *request_id;
        message
    };
    said.iter().map(message).collect()
}

fn by_time(said: &[Said]) -> Vec<FeedMessage> {
    let mut messages = in_sequence(said);
    for message in &mut messages {
        let Content::Event(event) = &mut message.content else { panic!("a message about an event") };
        event.position = None;
    }
    messages
}

proptest! {
    #[test]
    fn in_sequence_a_rollback_is_an_inverse((mut with, without) in told()) {
        // Who counts repeats nothing: its recovery is a snapshot.
        with.retain(|(.., request_id)| request_id.is_none());
        prop_assert_eq!(Desk::with(&in_sequence(&with)).values(), Desk::with(&in_sequence(&without)).values());
    }

    #[test]
    fn by_time_a_rollback_is_an_inverse_whatever_comes_first(
        (arriving, without) in told().prop_flat_map(|(with, without)| (Just(by_time(&with)).prop_shuffle(), Just(without)))
    ) {
        prop_assert_eq!(Desk::with(&arriving).values(), Desk::with(&by_time(&without)).values());
    }
}
