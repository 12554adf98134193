//! What holds for every legal feed, in whatever order, how late and how often its messages come.

use std::collections::{BTreeMap, BTreeSet};

use domain::intake::HoldLimits;
use domain::market::Suspension;
use domain::message::{BetStop, Groups, OddsChange, Offer};
use domain::update::CauseKind;
use domain::{Body, Content, FeedMessage, MarketKey, MarketStatus, MessageId, Position, Refusal, Update};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::desk::{Desk, PATIENT, refusals};
use crate::feed::{self, Move, Provider, Who};

/// How many places a message may be away from its own.
const WINDOW: usize = 12;

/// A feed and the order in which its messages arrive, some of them twice.
pub fn shuffled() -> impl Strategy<Value = (Vec<FeedMessage>, Vec<FeedMessage>)> {
    feed::feed(60).prop_flat_map(|sent| {
        let delays = prop::collection::vec((0..WINDOW, prop::option::weighted(0.2, 0..WINDOW)), sent.len());
        delays.prop_map(move |delays| {
            let mut arriving: Vec<(usize, &FeedMessage)> = Vec::new();
            for (place, (message, (delay, again))) in sent.iter().zip(&delays).enumerate() {
                arriving.push((place + delay, message));
                arriving.extend(again.map(|again| (place + again, message)));
            }
            arriving.sort_by_key(|(place, _)| *place);
            let arriving = arriving.into_iter().map(|(_, message)| message.clone()).collect();
            (sent.clone(), arriving)
        })
    })
}

/// Waits from "not at all" to "longer than the feed".
fn waits() -> impl Strategy<Value = HoldLimits> {
    prop_oneof![Just(0), 0..20_000_i64, Just(i64::MAX)]
        .prop_map(|wait_micros| HoldLimits { wait_micros, ..PATIENT })
}

/// The same with little room, so that messages are lost for good.
pub fn limits() -> impl Strategy<Value = HoldLimits> {
    let held_max = prop_oneof![0..6_usize, Just(PATIENT.held_max)];
    (waits(), held_max).prop_map(|(waits, held_max)| HoldLimits { held_max, ..waits })
}

proptest! {
    #[test]
    fn a_legal_feed_in_order_is_applied_whole(sent in feed::feed(60)) {
        let mut desk = Desk::new(PATIENT);
        for message in &sent {
            let effects = desk.take(message);
            prop_assert!(refusals(&effects).is_empty(), "{effects:?}");
        }
        prop_assert_eq!(desk.intake.state().version(), sent.len() as u64);
    }

    #[test]
    fn a_feed_applied_twice_changes_nothing(sent in feed::feed(60)) {
        let mut desk = Desk::with(&sent);
        let before = desk.intake.clone();
        for message in &sent {
            let effects = desk.take(message);
            prop_assert_eq!(effects.len(), 1);
            let refusals = refusals(&effects);
            prop_assert!(matches!(refusals[..], [Refusal::Duplicate | Refusal::Stale { .. }]), "{effects:?}");
        }
        prop_assert_eq!(desk.intake, before);
    }

    #[test]
    fn a_feed_in_any_order_ends_as_in_its_own((sent, arriving) in shuffled(), limits in waits()) {
        let in_order = Desk::with(&sent);
        let mut desk = Desk::new(limits);
        for message in &arriving {
            desk.take(message);
            desk.wait(500);
        }
        prop_assert_eq!(desk.intake.held(), 0);
        prop_assert_eq!(desk.values(), in_order.values());
    }

    #[test]
    fn letters_in_a_feed_in_any_order_shut_it_and_end_as_without_them(
        (sent, arriving) in shuffled(),
        limits in waits(),
        letters in prop::collection::vec((any::<Index>(), any::<Index>()), 1..8),
        restart in any::<Index>(),
    ) {
        let in_order = Desk::with(&sent);
        let mut desk = Desk::new(limits);
        let restart = restart.index(arriving.len().max(1));
        let mut open: BTreeSet<(Who, Position)> = BTreeSet::new();
        for (index, message) in arriving.iter().enumerate() {
            // Told where it would have stood, or earlier, or later, and more than once.
            for (which, _) in letters.iter().filter(|(_, when)| when.index(arriving.len()) == index) {
                let refused = which.get(&sent);
                let place = (who(refused), position(refused));
                let is_here = arriving[..index].iter().any(|came| (who(came), position(came)) == place);
                desk.hear_of_refused(&crate::refused::refused(Some(place.0), Some(place.1), refused.generated_at.0));
                if !is_here && desk.intake.state().version() > 0 {
                    open.insert(place);
                }
            }
            if index == restart {
                desk.restart();
            }
            desk.take(message);
            desk.wait(500);
            open.remove(&(who(message), position(message)));
            // Of another epoch than the one that is applied nobody knows yet whether it is.
            let is_next = |(who, place): &&(Who, Position)| {
                desk.applied(*who).is_some_and(|applied| applied.epoch == place.epoch && applied < *place)
            };
            for (who, place) in open.iter().filter(is_next) {
                for market in desk.markets(*who) {
                    prop_assert_ne!(market.status, MarketStatus::Active, "{:?} {}", who, place);
                    let is_gap = market.suspension == Some(Suspension::Gap);
                    prop_assert!(!is_gap, "it says why: {who:?} {place}");
                }
            }
            prop_assert_eq!(&desk.entries(), desk.client());
        }
        prop_assert_eq!(desk.intake.held(), 0);
        prop_assert_eq!(desk.values(), in_order.values());
    }

    #[test]
    fn updates_are_numbered_without_a_hole_and_make_up_the_state((_, arriving) in shuffled(), limits in limits()) {
        let mut desk = Desk::new(limits);
        for message in &arriving {
            desk.take(message);
            desk.wait(500);
            prop_assert_eq!(&desk.entries(), desk.client());
        }
        for (version, update) in (1..).zip(&desk.updates) {
            prop_assert_eq!((update.version, update.previous_version), (version, version - 1));
            prop_assert!(names_each_key_once(update), "{update:?}");
        }
        prop_assert_eq!(desk.intake.state().version(), desk.updates.len() as u64);
    }

    #[test]
    fn nothing_below_a_bet_stop_is_open((_, arriving) in shuffled(), limits in limits()) {
        let mut desk = Desk::new(limits);
        let mut stops = Vec::new();
        for message in &arriving {
            desk.take(message);
            if let Some(stop) = as_stop(message) {
                stops.push((who(message), position(message), stop.clone()));
            }
            no_stopped_market_is_open(&desk, &stops)?;
            desk.wait(500);
        }
    }

    #[test]
    fn after_a_gap_nothing_is_open_until_all_that_came_is_applied((_, arriving) in shuffled(), limits in limits()) {
        let mut desk = Desk::new(limits);
        let mut last = BTreeMap::new();
        let mut gaps = BTreeSet::new();
        for message in &arriving {
            let known = desk.updates.len();
            desk.take(message);
            desk.wait(500);
            let came = last.entry(who(message)).or_insert(position(message));
            *came = position(message).max(*came);
            gaps.extend(desk.updates[known..].iter().filter_map(declared_gap));
            gaps.retain(|who| desk.applied(*who).is_none_or(|applied| applied < last[who]));
            for who in &gaps {
                prop_assert!(desk.markets(*who).iter().all(|market| market.status != MarketStatus::Active));
            }
        }
    }

    #[test]
    fn what_is_stored_is_the_whole_state((_, arriving) in shuffled(), limits in limits(), restart in any::<Index>()) {
        let mut uninterrupted = Desk::new(limits);
        let mut desk = Desk::new(limits);
        let restart = restart.index(arriving.len());
        for (place, message) in arriving.iter().enumerate() {
            if place == restart {
                desk.restart();
            }
            prop_assert_eq!(desk.take(message), uninterrupted.take(message));
            prop_assert_eq!(desk.wait(500), uninterrupted.wait(500));
            prop_assert_eq!(&desk.restored(), &desk.intake);
        }
        prop_assert_eq!(desk.intake, uninterrupted.intake);
    }

    #[test]
    fn a_refused_message_changes_nothing_but_what_may_be_open(sent in feed::feed(40), at in any::<Index>()) {
        let at = at.index(sent.len());
        let mut desk = Desk::with(&sent[..at]);
        let before = desk.entries();
        let refused = refusable(&sent[at]);
        let effects = desk.take(&refused);
        prop_assert!(matches!(refusals(&effects)[..], [Refusal::Invalid { .. }]), "{effects:?}");
        prop_assert!(desk.has_gap(who(&refused)));
        only_suspended(&desk, &before, who(&refused))?;

        for message in &sent[at + 1..] {
            desk.take(message);
        }
        desk.take(&sent[at]);
        prop_assert_eq!(desk.intake.held(), 0);
        prop_assert!(!desk.has_gap(who(&refused)));
        prop_assert_eq!(desk.values(), Desk::with(&sent).values());
    }

    #[test]
    fn a_gap_suspends_until_the_missing_message_comes(sent in feed::feed(40), at in any::<Index>()) {
        let at = at.index(sent.len());
        let limits = HoldLimits { wait_micros: 1_000_000, ..PATIENT };
        let mut desk = Desk::with(&sent[..at]);
        desk.limits = limits;
        for message in &sent[at + 1..] {
            desk.take(message);
        }
        let waits = desk.intake.held() > 0;
        prop_assert_eq!(desk.wait(1_000_000).is_empty(), !waits);
        prop_assert_eq!(desk.has_gap(who(&sent[at])), waits);
        desk.take(&sent[at]);
        prop_assert!(!desk.has_gap(who(&sent[at])));
        prop_assert_eq!(desk.values(), Desk::with(&sent).values());
    }

    #[test]
    fn a_rollback_restores_exactly(before in history(), between in prop::collection::vec(bracket_or_move(), 0..40)) {
        let (with, without) = bracketed(&before, &between);
        prop_assert_eq!(Desk::with(&with).values(), Desk::with(&without).values());
    }
}

fn names_each_key_once(update: &Update) -> bool {
    let keys: BTreeSet<_> = update.changes.iter().map(|change| &change.key).collect();
    keys.len() == update.changes.len()
}

fn who(message: &FeedMessage) -> Who {
    let mut both = Who::BOTH.into_iter();
    both.find(|who| who.source() == message.source).expect("one of the two")
}

fn position(message: &FeedMessage) -> Position {
    message.position().expect("a message about an event")
}

fn declared_gap(update: &Update) -> Option<Who> {
    let mut both = Who::BOTH.into_iter();
    let is_gap = matches!(update.cause.kind, CauseKind::Gap | CauseKind::DeadLetter);
    both.find(|who| is_gap && who.source() == update.cause.source)
}

fn as_stop(message: &FeedMessage) -> Option<&BetStop> {
    match &message.content {
        Content::Event(event) => match &event.body {
            Body::BetStop(stop) => Some(stop),
            _ => None,
        },
        Content::Producer(_) => None,
    }
}

/// Whether a bet stop means a market. Written down again here: the judge shares no logic with the judged.
pub fn means(stop: &BetStop, key: &MarketKey) -> bool {
    let own: &[&str] = match key.id {
        1 => &["regular_time"],
        18 => &["regular_time", "total"],
        406 => &["whole_game"],
        412 => &["whole_game", "total"],
        _ => return true,
    };
    // Nobody knows which markets are in another group: any may be.
    let known = ["regular_time", "whole_game", "total"];
    let includes = |name: &str| own.contains(&name) || !known.contains(&name);
    match &stop.groups {
        Groups::All => true,
        Groups::Named(names) => names.iter().any(|name| includes(name.as_str())),
    }
}

fn no_stopped_market_is_open(desk: &Desk, stops: &[(Who, Position, BetStop)]) -> Result<(), TestCaseError> {
    for (who, position, stop) in stops {
        if desk.applied(*who).is_none_or(|applied| applied < *position) {
            for market in desk.markets(*who) {
                let is_open = market.status == MarketStatus::Active;
                prop_assert!(
                    !(is_open && means(stop, &market.key)),
                    "{market:?} is open below {position}: {stop:?}"
                );
            }
        }
    }
    Ok(())
}

/// The same message with a body that no event takes: it names a market twice.
fn refusable(message: &FeedMessage) -> FeedMessage {
    let offer = Offer::new(MarketKey::plain(1), MarketStatus::Active, Vec::new());
    let body = Body::OddsChange(OddsChange::of(vec![offer.clone(), offer]));
    let Content::Event(event) = message.content.clone() else { panic!("a message about an event") };
    FeedMessage {
        message_id: MessageId::new(format!("wrong-{}", message.message_id)).expect("an id"),
        content: Content::Event(domain::EventMessage { body, ..event }),
        ..message.clone()
    }
}

/// Nothing is another than before but markets of `who` that were open, which are suspended now, and those that a bet stop or
/// the producer's odds had shut, of which the reason is another.
fn only_suspended(
    desk: &Desk,
    before: &BTreeMap<domain::Key, (u64, Option<domain::Value>)>,
    who: Who,
) -> Result<(), TestCaseError> {
    for (key, (version, value)) in desk.entries() {
        let (version_before, value_before) = before.get(&key).expect("no new key").clone();
        if version == version_before {
            prop_assert_eq!(value, value_before);
            continue;
        }
        let (Some(domain::Value::Market(now)), Some(domain::Value::Market(market))) = (value, value_before)
        else {
            return Err(TestCaseError::fail(format!("{key} has changed")));
        };
        prop_assert_eq!(&market.producer, &who.source().producer);
        let status = match (market.status, market.suspension) {
            (MarketStatus::Active | MarketStatus::Suspended, None) => MarketStatus::Suspended,
            (stopped, Some(Suspension::BetStop)) => stopped,
            other => return Err(TestCaseError::fail(format!("{key} was {other:?}"))),
        };
        let suspension = Some(Suspension::DeadLetter);
        prop_assert_eq!(now, domain::Market { status, suspension, ..market });
    }
    Ok(())
}

/// What came before: anything.
fn history() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec(feed::a_move(), 0..20)
}

/// Something that is taken back later, in reverse order; or a move that stays.
#[derive(Debug, Clone)]
enum Step {
    Stays(Move),
    Begins(Move, Move),
    Ends,
}

fn bracket_or_move() -> impl Strategy<Value = Step> {
    let settled = (0..3_u8, feed::certainty(), any::<bool>()).prop_map(|(market, certainty, home)| {
        Step::Begins(Move::Settle { market, certainty, home }, Move::RollBackSettlement(market))
    });
    let cancelled = (0..3_u8, feed::window()).prop_map(|(market, window)| {
        Step::Begins(Move::Cancel(market, window), Move::RollBackCancel(market, window))
    });
    prop_oneof![2 => feed::an_offer_or_stop().prop_map(Step::Stays), 2 => settled, 1 => cancelled, 3 => Just(Step::Ends)]
}

/// A feed with all that is taken back, and the feed without.
fn bracketed(before: &[Move], between: &[Step]) -> (Vec<FeedMessage>, Vec<FeedMessage>) {
    let mut with: Vec<&Move> = before.iter().collect();
    let mut without = with.clone();
    let mut open = Vec::new();
    for step in between {
        match step {
            Step::Stays(stays) => {
                with.push(stays);
                without.push(stays);
            }
            Step::Begins(begin, end) => {
                with.push(begin);
                open.push(end);
            }
            Step::Ends => with.extend(open.pop()),
        }
    }
    with.extend(open.into_iter().rev());
    (written(&with), written(&without))
}

fn written(moves: &[&Move]) -> Vec<FeedMessage> {
    let mut provider = Provider::default();
    moves.iter().filter_map(|next| provider.say(Who::Live, next)).collect()
}
