//! Order by time: what sources without sequences say leads to the same state in whatever order and however often it
//! comes.

use std::collections::BTreeSet;

use domain::fixture::{FixtureChange, FixtureChangeKind};
use domain::market::{Cashout, ResultKind};
use domain::message::{
    BetStop, Cancel, CancelRollback, CancelledMarket, Certainty, Groups, OddsChange, Offer, SettledMarket,
    Settlement, SettlementRollback, StopStatus, Window,
};
use domain::update::CauseKind;
use domain::{
    Body, Clock, Content, Effect, EventStatus, FeedMessage, Fixture, Key, MarketKey, MarketStatus,
    MatchStatus, MessageId, MessageType, Name, Position, Refusal, Standing, Timestamp, Update, Value,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::build::{competitor, market, odds, outcome, result, settled, status, text};
use crate::desk::{Desk, PATIENT, refusals};
use crate::feed::{self, Who};
use crate::order_properties::means;
use crate::refused::refused;

/// Few, so that many messages have the same.
const TIMES: std::ops::Range<i64> = 0..6;
/// Recoveries of which some are forgotten once nothing of what they said would be missed.
const MANY_RECOVERIES: u64 = 12;
const MARKETS: [&str; 4] = ["406", "1", "412:total=5.5", "9001:variant=top_scorer"];

fn key() -> impl Strategy<Value = MarketKey> {
    prop::sample::select(MARKETS.map(market).to_vec())
}

fn offer() -> impl Strategy<Value = Offer> {
    use MarketStatus::{Active, Cancelled, HandedOver, Inactive, Settled, Suspended};
    let others = prop::sample::select(vec![Suspended, Inactive, HandedOver, Settled, Cancelled]);
    let status = prop_oneof![1 => Just(Active), 1 => others];
    let outcomes = prop_oneof![
        1 => Just(Vec::new()),
        3 => (1_000..1_004_u32).prop_map(|price| vec![outcome("4", odds(price)), outcome("5", odds(3_000))]),
    ];
    let cashout = prop::option::of(prop::sample::select(vec![Cashout::Available, Cashout::Closed]));
    let name = |name: &str| Name::new(name).expect("a name");
    let groups = prop::collection::btree_set(prop::sample::select(vec![name("total"), name("set")]), 0..3);
    (key(), status, any::<bool>(), cashout, groups, outcomes).prop_map(
        |(key, status, favourite, cashout, groups, outcomes)| Offer {
            key,
            status,
            favourite,
            cashout,
            groups,
            outcomes,
        },
    )
}

fn body() -> impl Strategy<Value = Body> {
    let groups = prop_oneof![
        Just(Groups::All),
        prop::sample::select(vec!["all", "total", "regular_time", "no_such_group"])
            .prop_map(|name| Groups::Named(vec![Name::new(name).expect("a name")])),
    ];
    let stop = (groups, prop::sample::select(vec![StopStatus::Suspended, StopStatus::Inactive]))
        .prop_map(|(groups, market_status)| Body::BetStop(BetStop { groups, market_status }));
    let certainty = || prop::sample::select(vec![Certainty::LiveScouted, Certainty::Confirmed]);
    let kind = || prop::sample::select(vec![ResultKind::Won, ResultKind::Lost]);
    let settlement = (key(), certainty(), kind()).prop_map(|(key, certainty, kind)| {
        let markets =
            vec![SettledMarket { key, void_reason: None, outcomes: vec![settled("4", result(kind))] }];
        Body::Settlement(Settlement { certainty, markets })
    });
    let window = || {
        prop::option::of(0..2_i64)
            .prop_map(|start| Window { start_time: start.map(Timestamp), end_time: None })
    };
    let cancel = (key(), window(), prop::option::of(0..2_u8)).prop_map(|(key, window, reason)| {
        let void_reason = reason.map(|reason| text(&reason.to_string()));
        let markets = vec![CancelledMarket { key, void_reason }];
        Body::Cancel(Cancel { markets, window, superseded_by: None })
    });
    let cancel_rollback = (key(), window())
        .prop_map(|(key, window)| Body::CancelRollback(CancelRollback { markets: vec![key], window }));
    let fixture = (0..3_i64, 0..2_u8).prop_map(|(start, name)| {
        Body::Fixture(Fixture {
            scheduled_start: Timestamp(start),
            tournament: None,
            home: competitor("md:competitor:1", &format!("Name {name}"), None),
            away: competitor("md:competitor:2", "Other", None),
        })
    });
    use FixtureChangeKind::{Cancelled, Coverage, StartTime};
    let kind_of_change = prop::sample::select(vec![StartTime, Cancelled, Coverage]);
    let change = (kind_of_change, prop::option::of(10..13_i64)).prop_map(|(change, start)| {
        Body::FixtureChange(FixtureChange {
            change,
            scheduled_start: start.map(Timestamp),
            next_live_time: None,
        })
    });
    let told = || (0..3_u32).prop_map(|home| status(EventStatus::Live, MatchStatus::Period1, home, 0));
    let part = prop::sample::select(vec![MatchStatus::NotStarted, MatchStatus::Period1, MatchStatus::Ended]);
    let clock = prop::option::of((0..3_u32).prop_map(|seconds| Clock::new(seconds, false)));
    let standing = (part, clock).prop_map(|(match_status, clock)| Standing {
        status: EventStatus::Live,
        match_status,
        clock,
    });
    prop_oneof![
        6 => (prop::option::of(told()), prop::option::of(standing), prop::collection::vec(offer(), 0..3)).prop_map(|(status, standing, markets)| {
            let mut seen = BTreeSet::new();
            let markets = markets.into_iter().filter(|offer| seen.insert(offer.key.clone())).collect();
            Body::OddsChange(OddsChange { status, standing, markets })
        }),
        3 => stop,
        2 => settlement,
        1 => key().prop_map(|key| Body::SettlementRollback(SettlementRollback { markets: vec![key] })),
        1 => cancel,
        1 => cancel_rollback,
        1 => told().prop_map(Body::EventStatus),
        1 => fixture,
        1 => change,
    ]
}

/// A message without a sequence; its id is its number.
fn message(number: usize, who: Who, at: i64, body: Body) -> FeedMessage {
    let mut message = feed::message(who, Position { epoch: 1, sequence: 1 }, at, body);
    message.message_id = MessageId::new(format!("m-{number}")).expect("an id");
    let Content::Event(event) = &mut message.content else { panic!("a message about an event") };
    event.position = None;
    message
}

fn messages() -> impl Strategy<Value = Vec<FeedMessage>> {
    let who = prop::sample::select(Who::BOTH.to_vec());
    let request_id = prop::option::weighted(0.3, 1..4_u64);
    prop::collection::vec((who, TIMES, body(), request_id), 1..30).prop_map(|said| {
        let numbered = said.into_iter().enumerate();
        numbered
            .map(|(number, (who, at, body, request_id))| FeedMessage {
                request_id,
                ..message(number, who, at, body)
            })
            .collect()
    })
}

/// What is decided of one market, a few things again and again, and which of many recoveries each answers.
fn decisions() -> impl Strategy<Value = Vec<FeedMessage>> {
    use MarketStatus::{Active, Cancelled, Settled};
    let window = Window { start_time: None, end_time: None };
    let cancel = || {
        let markets = vec![CancelledMarket { key: market("406"), void_reason: None }];
        Body::Cancel(Cancel { markets, window, superseded_by: None })
    };
    let rollback = Body::SettlementRollback(SettlementRollback { markets: vec![market("406")] });
    let cancel_rollback = Body::CancelRollback(CancelRollback { markets: vec![market("406")], window });
    let said = prop_oneof![
        12 => Just(settlement(Certainty::LiveScouted, ResultKind::Won)),
        3 => Just(settlement(Certainty::LiveScouted, ResultKind::Lost)),
        6 => Just(settlement(Certainty::Confirmed, ResultKind::Won)),
        3 => Just(rollback),
        6 => Just(cancel()),
        2 => Just(cancel_rollback),
        2 => prop::sample::select(vec![Active, Settled, Cancelled]).prop_map(|status| odds_of(2_000, status)),
    ];
    let request_id = prop::option::weighted(0.5, 1..=MANY_RECOVERIES);
    prop::collection::vec((0..40_i64, said, request_id), 1..60).prop_map(|said| {
        let numbered = said.into_iter().enumerate();
        let message = |(number, (at, body, request_id))| FeedMessage {
            request_id,
            ..message(number, Who::Live, at, body)
        };
        numbered.map(message).collect()
    })
}

/// Messages as they were sent, and as they arrive: in any order, some of them twice.
pub fn shuffled() -> impl Strategy<Value = (Vec<FeedMessage>, Vec<FeedMessage>)> {
    (messages(), any::<u64>()).prop_flat_map(|(sent, twice)| {
        let again = sent.iter().enumerate().filter(|(place, _)| twice & (1 << place) != 0);
        let arriving: Vec<_> =
            sent.iter().cloned().chain(again.map(|(_, message)| message.clone())).collect();
        (Just(sent), Just(arriving).prop_shuffle())
    })
}

/// What a client has been told last of how the fixture has changed.
fn last_change(desk: &Desk) -> Option<FixtureChange> {
    desk.updates.iter().filter_map(|update| update.cause.fixture_change.as_deref().copied()).next_back()
}

fn is_taken(desk: &mut Desk, message: &FeedMessage) -> Result<(), TestCaseError> {
    let effects = desk.take(message);
    let refused = refusals(&effects);
    prop_assert!(matches!(refused[..], [] | [Refusal::Duplicate | Refusal::Outdated]), "{effects:?}");
    Ok(())
}

/// Whose a refused message was, where anybody can tell.
fn anyone() -> impl Strategy<Value = Option<Who>> {
    prop::option::weighted(0.7, prop::sample::select(Who::BOTH.to_vec()))
}

proptest! {
    #[test]
    fn any_order_ends_in_the_same_state((sent, arriving) in shuffled()) {
        let mut desk = Desk::new(PATIENT);
        for message in &arriving {
            is_taken(&mut desk, message)?;
        }
        let in_order = Desk::with(&sent);
        prop_assert_eq!(desk.values(), in_order.values());
        prop_assert_eq!(last_change(&desk), last_change(&in_order));
    }

    #[test]
    fn what_is_decided_again_and_again_ends_in_the_same_state_in_any_order(
        (sent, arriving) in decisions().prop_flat_map(|sent| (Just(sent.clone()), Just(sent).prop_shuffle()))
    ) {
        let (mut desk, mut in_order) = (Desk::new(PATIENT), Desk::new(PATIENT));
        let mut by_time = sent;
        by_time.sort_by_key(|message| message.generated_at);
        arriving.iter().try_for_each(|message| is_taken(&mut desk, message))?;
        by_time.iter().try_for_each(|message| is_taken(&mut in_order, message))?;
        prop_assert_eq!(desk.values(), in_order.values());
    }

    #[test]
    fn the_last_change_of_the_fixture_is_the_same_in_any_order_of_however_many(
        (sent, arriving) in prop::collection::vec((0..40_i64, prop::sample::select(KINDS.to_vec())), 1..60)
            .prop_flat_map(|said| {
                let changes = said.into_iter().enumerate().map(|(n, (at, kind))| change_at(n, at, kind));
                let sent: Vec<_> = changes.collect();
                (Just(sent.clone()), Just([&sent[..], &sent].concat()).prop_shuffle())
            })
    ) {
        let (mut desk, mut in_order) = (Desk::new(PATIENT), Desk::new(PATIENT));
        arriving.iter().try_for_each(|message| is_taken(&mut desk, message))?;
        sent.iter().try_for_each(|message| is_taken(&mut in_order, message))?;
        prop_assert_eq!(last_change(&desk), last_change(&in_order));
        let last = sent.iter().map(|message| message.generated_at).max();
        let told = desk.updates.iter().rfind(|update| update.cause.fixture_change.is_some());
        prop_assert_eq!(told.and_then(|update| update.cause.generated_at), last);
        let version = desk.intake.state().version();
        sent.iter().try_for_each(|message| is_taken(&mut desk, message))?;
        prop_assert_eq!(desk.intake.state().version(), version, "all of it is known");
    }

    #[test]
    fn what_was_refused_shuts_the_same_whenever_it_is_heard_of(
        (sent, arriving) in shuffled(),
        lost in prop::collection::vec((anyone(), TIMES, any::<Index>()), 1..4),
    ) {
        let mut last = Desk::with(&sent);
        let mut between = Desk::new(PATIENT);
        for (place, message) in arriving.iter().enumerate() {
            for (who, at, _) in lost.iter().filter(|(.., index)| index.index(arriving.len()) == place) {
                between.hear_of_refused(&refused(*who, None, *at));
            }
            is_taken(&mut between, message)?;
        }
        lost.iter().for_each(|(who, at, _)| drop(last.hear_of_refused(&refused(*who, None, *at))));
        prop_assert_eq!(between.values(), last.values());
        let before = between.intake.clone();
        between.restart();
        prop_assert_eq!(&between.intake, &before);
    }

    #[test]
    fn all_of_it_again_changes_nothing((sent, arriving) in shuffled()) {
        let mut desk = Desk::with(&sent);
        let (before, updates) = (desk.entries(), desk.updates.len());
        for message in &arriving {
            is_taken(&mut desk, message)?;
        }
        prop_assert_eq!(desk.entries(), before);
        prop_assert_eq!(desk.updates.len(), updates);
    }

    #[test]
    fn what_is_stored_and_what_clients_have_is_the_state((_, arriving) in shuffled()) {
        let mut desk = Desk::new(PATIENT);
        for message in &arriving {
            is_taken(&mut desk, message)?;
            let known = desk.entries();
            // A market of which only a rollback is known has no value, and no client has heard of it.
            for (key, (version, value)) in desk.client() {
                prop_assert_eq!(known.get(key), Some(&(*version, value.clone())));
            }
            prop_assert!(known.iter().all(|(key, (_, value))| value.is_none() || desk.client().contains_key(key)));
            let before = desk.intake.clone();
            desk.restart();
            prop_assert_eq!(&desk.intake, &before);
        }
    }

    #[test]
    fn no_market_is_open_that_a_stop_of_its_time_or_later_means((_, arriving) in shuffled()) {
        let mut desk = Desk::new(PATIENT);
        let mut seen = Vec::new();
        for message in &arriving {
            is_taken(&mut desk, message)?;
            seen.push(message.clone());
            for who in Who::BOTH {
                for market in desk.markets(who) {
                    if market.status == MarketStatus::Active {
                        prop_assert!(may_be_open(&seen, who, &market.key), "{market:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_games_producer_says_stands_whatever_pre_match_says((_, arriving) in shuffled()) {
        let is_live = |message: &FeedMessage| message.source == Who::Live.source();
        // What pre-match decides, it decides of whoever offers.
        let follows_game = |message: &&FeedMessage| match &message.content {
            Content::Event(event) => {
                matches!(event.body, Body::OddsChange(_) | Body::BetStop(_) | Body::EventStatus(_))
            }
            Content::Producer(_) => false,
        };
        let tells_status = |message: &FeedMessage| match &message.content {
            Content::Event(event) => match &event.body {
                Body::OddsChange(odds) => odds.status.is_some(),
                body => matches!(body, Body::EventStatus(_)),
            },
            Content::Producer(_) => false,
        };
        let (mut both, mut live) = (Desk::new(PATIENT), Desk::new(PATIENT));
        let mut is_status_told = false;
        for message in arriving.iter().filter(follows_game) {
            is_taken(&mut both, message)?;
            if is_live(message) {
                is_taken(&mut live, message)?;
                is_status_told |= tells_status(message);
            }
            if is_status_told {
                let status = |desk: &Desk| desk.values().remove(&Key::Status);
                prop_assert_eq!(status(&both), status(&live));
            }
            for market in live.markets_of_all() {
                prop_assert_eq!(both.market(&market.key), Some(market));
            }
        }
    }
}

/// Whether the latest offer of a market says that it is open, and no stop since means it.
fn may_be_open(seen: &[FeedMessage], who: Who, key: &MarketKey) -> bool {
    let said = || {
        seen.iter().filter(|message| message.source == who.source()).filter_map(|message| {
            match &message.content {
                Content::Event(event) => Some((message.generated_at, &event.body)),
                Content::Producer(_) => None,
            }
        })
    };
    // That something was decided is no offer, and may be taken back.
    let is_closed = |offer: &Offer| matches!(offer.status, MarketStatus::Settled | MarketStatus::Cancelled);
    let offers = said().flat_map(|(at, body)| match body {
        Body::OddsChange(odds) => {
            let offers = odds.markets.iter().filter(|offer| offer.key == *key && !is_closed(offer));
            offers.map(|offer| (at, offer)).collect()
        }
        _ => Vec::new(),
    });
    let offers: Vec<_> = offers.collect();
    let Some(last) = offers.iter().map(|(at, _)| *at).max() else { return false };
    let all_open =
        offers.iter().filter(|(at, _)| *at == last).all(|(_, offer)| offer.status == MarketStatus::Active);
    // Whatever an offer says of its market's groups holds, also of offers that do not say it.
    let told = said().flat_map(|(_, body)| match body {
        Body::OddsChange(odds) => odds.markets.iter().filter(|offer| offer.key == *key).collect(),
        _ => Vec::new(),
    });
    let told: BTreeSet<&str> = told.flat_map(|offer| offer.groups.iter().map(Name::as_str)).collect();
    let is_meant = |stop: &BetStop| match &stop.groups {
        Groups::Named(names) if !told.is_empty() => {
            names.iter().any(|name| name.as_str() == "all" || told.contains(name.as_str()))
        }
        _ => means(stop, key),
    };
    let stopped =
        said().any(|(at, body)| matches!(body, Body::BetStop(stop) if at >= last && is_meant(stop)));
    all_open && !stopped
}

fn odds_of(price: u32, status: MarketStatus) -> Body {
    Body::OddsChange(OddsChange::of(vec![Offer::new(market("406"), status, vec![outcome("4", odds(price))])]))
}

fn settlement(certainty: Certainty, kind: ResultKind) -> Body {
    let outcomes = vec![settled("4", result(kind))];
    let markets = vec![SettledMarket { key: market("406"), void_reason: None, outcomes }];
    Body::Settlement(Settlement { certainty, markets })
}

fn status_of(said: &[(i64, Body)]) -> MarketStatus {
    let messages: Vec<_> = said
        .iter()
        .enumerate()
        .map(|(number, (at, body))| message(number, Who::Live, *at, body.clone()))
        .collect();
    Desk::with(&messages).market(&market("406")).expect("the market").status
}

#[test]
fn of_two_of_the_same_time_the_more_restrictive_one_stands() {
    use MarketStatus::{Active, Suspended};
    let (open, shut) = ((5, odds_of(2_000, Active)), (5, odds_of(2_100, Suspended)));
    assert_eq!(status_of(&[open.clone(), shut.clone()]), Suspended);
    assert_eq!(status_of(&[shut, open]), Suspended);
}

#[test]
fn a_stop_means_markets_not_seen_yet_and_offers_that_are_not_later() {
    let stop =
        |at| (at, Body::BetStop(BetStop { groups: Groups::All, market_status: StopStatus::Suspended }));
    let open = |at| (at, odds_of(2_000, MarketStatus::Active));
    assert_eq!(status_of(&[stop(5), open(4)]), MarketStatus::Suspended);
    assert_eq!(status_of(&[stop(5), open(5)]), MarketStatus::Suspended);
    assert_eq!(status_of(&[stop(5), open(6)]), MarketStatus::Active);
    assert_eq!(status_of(&[open(6), stop(5)]), MarketStatus::Active);
}

#[test]
fn a_settlement_that_a_recovery_repeats_is_taken_back_at_once() {
    let open = (1, odds_of(2_000, MarketStatus::Active));
    let seen = settlement(Certainty::LiveScouted, ResultKind::Lost);
    let sure = settlement(Certainty::Confirmed, ResultKind::Won);
    let rollback = Body::SettlementRollback(SettlementRollback { markets: vec![market("406")] });
    let twice = [open.clone(), (2, seen.clone()), (3, seen.clone()), (4, rollback.clone())];
    assert_eq!(status_of(&twice), MarketStatus::Active);
    let upgraded = [open, (2, seen), (3, sure.clone()), (4, sure), (5, rollback)];
    assert_eq!(status_of(&upgraded), MarketStatus::Settled, "what was before it stands again");
}

/// A settlement of the outcomes 4 and 5.
fn both_settled(certainty: Certainty, kinds: [ResultKind; 2]) -> Body {
    let outcomes = ["4", "5"].into_iter().zip(kinds).map(|(id, kind)| settled(id, result(kind))).collect();
    let markets = vec![SettledMarket { key: market("406"), void_reason: None, outcomes }];
    Body::Settlement(Settlement { certainty, markets })
}

#[test]
fn a_market_with_an_outcome_that_is_undecided_is_not_settled_and_takes_no_bet_on_what_is_known() {
    use MarketStatus::{Active, Settled, Suspended};
    use ResultKind::{Lost, Undecided, Won};
    let offered = |price: u32, status| {
        let outcomes = vec![outcome("4", odds(price)), outcome("5", odds(1_900))];
        Body::OddsChange(OddsChange::of(vec![Offer::new(market("406"), status, outcomes)]))
    };
    let told = |said: &[(i64, Body)]| {
        let of = |(number, (at, body)): (usize, &(i64, Body))| message(number, Who::Live, *at, body.clone());
        let mut messages: Vec<_> = said.iter().enumerate().map(of).collect();
        let one = Desk::with(&messages).market(&market("406")).expect("the market");
        messages.reverse();
        let other = Desk::with(&messages).market(&market("406")).expect("the market");
        assert_eq!(one, other, "in any order");
        let outcomes = one.outcomes.iter().map(|o| (o.active, o.result.map(|result| result.result)));
        (one.status, outcomes.collect::<Vec<_>>())
    };
    let part = |kinds| both_settled(Certainty::LiveScouted, kinds);
    let open = (1, offered(2_000, Active));
    let partly = (2, part([Won, Undecided]));
    let known = vec![(false, Some(Won)), (true, Some(Undecided))];
    assert_eq!(told(&[open.clone(), partly.clone()]), (Active, known.clone()));
    let later = |status| (3, offered(2_100, status));
    assert_eq!(told(&[open.clone(), partly.clone(), later(Active)]), (Active, known.clone()));
    assert_eq!(told(&[open.clone(), partly.clone(), later(Suspended)]), (Suspended, known.clone()));
    assert_eq!(told(&[open.clone(), partly.clone(), later(Settled)]), (Settled, known), "it says so itself");
    let unknown = vec![(true, Some(Undecided)); 2];
    assert_eq!(told(&[open.clone(), (2, part([Undecided; 2]))]), (Active, unknown));
    let whole = (4, part([Won, Lost]));
    let all = vec![(true, Some(Won)), (true, Some(Lost))];
    assert_eq!(told(&[open.clone(), partly.clone(), whole.clone()]), (Settled, all.clone()));
    let rollback = (5, Body::SettlementRollback(SettlementRollback { markets: vec![market("406")] }));
    let taken_back = told(&[open.clone(), partly.clone(), whole.clone(), rollback.clone()]);
    assert_eq!(taken_back, (Active, vec![(false, Some(Won)), (true, Some(Undecided))]));
    assert_eq!(told(&[open.clone(), partly, rollback]), (Active, vec![(true, None); 2]));
    // Of two of the same time the one that decides is the more restrictive.
    assert_eq!(told(&[open, (4, part([Won, Undecided])), whole]), (Settled, all));
}

#[test]
fn a_settlement_corrected_and_corrected_back_stands_as_it_was_said_last() {
    let told = |said: &[ResultKind], rollbacks: i64| {
        let mut all = vec![(1, odds_of(2_000, MarketStatus::Active))];
        all.extend((2..).zip(said.iter().map(|kind| settlement(Certainty::Confirmed, *kind))));
        let rollback = || Body::SettlementRollback(SettlementRollback { markets: vec![market("406")] });
        all.extend((0..rollbacks).map(|at| (10 + at, rollback())));
        let messages: Vec<_> =
            (0..).zip(all).map(|(n, (at, body))| message(n, Who::Live, at, body)).collect();
        let market = Desk::with(&messages).market(&market("406")).expect("the market").clone();
        let result = market.outcomes[0].result.as_ref().map(|result| result.result);
        (market.status, result)
    };
    use MarketStatus::{Active, Settled};
    let (won, lost) = (ResultKind::Won, ResultKind::Lost);
    assert_eq!(told(&[won, lost, won], 0), (Settled, Some(won)));
    assert_eq!(told(&[won, lost, won], 1), (Settled, Some(lost)));
    assert_eq!(told(&[won, lost, won], 2), (Settled, Some(won)));
    assert_eq!(told(&[won, lost, won], 3), (Active, None));
}

#[test]
fn a_source_counts_its_messages_or_does_not() {
    let open = odds_of(2_000, MarketStatus::Active);
    let counted = feed::message(Who::Live, Position { epoch: 1, sequence: 1 }, 1, open.clone());
    let uncounted = message(1, Who::Live, 2, open);
    for (first, second) in [(&counted, &uncounted), (&uncounted, &counted)] {
        let mut desk = Desk::with(std::slice::from_ref(first));
        let effects = desk.take(second);
        assert!(
            matches!(refusals(&effects)[..], [Refusal::Invalid { pointer, .. }] if pointer == "/sequence")
        );
    }
}

#[test]
fn a_status_without_a_score_keeps_the_score_that_was_told() {
    let whole = |at, home| (at, Body::EventStatus(status(EventStatus::Live, MatchStatus::Period1, home, 1)));
    let standing = |at, status, match_status| {
        let standing = Some(Standing { status, match_status, clock: None });
        (at, Body::OddsChange(OddsChange { standing, ..OddsChange::of(Vec::new()) }))
    };
    let ended = |at| standing(at, EventStatus::Ended, MatchStatus::Ended);
    let waits = |at| standing(at, EventStatus::NotStarted, MatchStatus::NotStarted);
    let shown = |said: &[(i64, Body)]| {
        let numbered = said.iter().cloned().enumerate();
        let messages: Vec<_> = numbered.map(|(n, (at, body))| message(n, Who::Live, at, body)).collect();
        let backwards: Vec<_> = messages.iter().rev().cloned().collect();
        let values = Desk::with(&messages).values();
        assert_eq!(Desk::with(&backwards).values(), values, "in whatever order");
        match values.get(&Key::Status) {
            Some(Value::Status(status)) => Some((status.match_status, status.score.to_string())),
            _ => None,
        }
    };
    let (not_started, ended_at) =
        (MatchStatus::NotStarted, |score: &str| (MatchStatus::Ended, score.to_owned()));
    assert_eq!(shown(&[whole(1, 3), ended(2)]), Some(ended_at("3:1")));
    assert_eq!(shown(&[whole(1, 3), ended(4), whole(2, 4)]), Some(ended_at("4:1")), "a later score below it");
    assert_eq!(shown(&[ended(2), whole(3, 4)]), Some((MatchStatus::Period1, "4:1".to_owned())));
    assert_eq!(shown(&[ended(2)]), None, "nobody has told the score");
    assert_eq!(shown(&[waits(1)]), Some((not_started, "0:0".to_owned())), "a game that has not begun");
    assert_eq!(shown(&[waits(1), ended(2)]), Some((not_started, "0:0".to_owned())));
    assert_eq!(shown(&[waits(1), whole(2, 2), ended(3)]), Some(ended_at("2:1")));
}

#[test]
fn a_change_of_the_fixture_is_told_whatever_changes() {
    use FixtureChangeKind::{Cancelled, Coverage, Format};
    let mut desk = Desk::new(PATIENT);
    for (number, kind) in [Format, Cancelled, Coverage].into_iter().enumerate() {
        let effects = desk.take(&change_at(number, i64::try_from(number).expect("few"), kind));
        let [Effect::Updated(update)] = &effects[..] else { panic!("an update: {effects:?}") };
        let change = update.cause.fixture_change.as_deref().map(|change| change.change);
        assert_eq!((update.version, change), (number as u64 + 1, Some(kind)));
        assert_eq!(update.cause.kind, CauseKind::Message(MessageType::FixtureChange));
        assert_eq!(update.changes, []);
        let read: Update =
            serde_json::from_slice(&serde_json::to_vec(update).expect("JSON")).expect("an update");
        assert_eq!(read, *update);
    }
}

/// All of them, of which one may be the last of several at the same time.
const KINDS: [FixtureChangeKind; 6] = [
    FixtureChangeKind::New,
    FixtureChangeKind::StartTime,
    FixtureChangeKind::Cancelled,
    FixtureChangeKind::Format,
    FixtureChangeKind::Coverage,
    FixtureChangeKind::Pitcher,
];

fn change_at(number: usize, at: i64, change: FixtureChangeKind) -> FeedMessage {
    let change = FixtureChange { change, scheduled_start: None, next_live_time: None };
    message(number, Who::Live, at, Body::FixtureChange(change))
}

#[test]
fn a_change_of_the_fixture_said_again_however_late_is_no_update() {
    let mut desk = Desk::new(PATIENT);
    let first = change_at(0, 5, FixtureChangeKind::StartTime);
    desk.take(&first);
    for number in 1..=2 * domain::limit::RECENT_MAX {
        let at = 5 + i64::try_from(number).expect("few");
        desk.take(&message(number, Who::Live, at, odds_of(2_000, MarketStatus::Active)));
    }
    assert_eq!(refusals(&desk.take(&first)), [&Refusal::Outdated]);
    for (number, at) in (100..200).zip(1_000..) {
        desk.take(&change_at(number, at, FixtureChangeKind::Coverage));
    }
    assert_eq!(
        refusals(&desk.take(&first)),
        [&Refusal::Outdated],
        "also where it is older than all that are kept"
    );
    let before = desk.intake.clone();
    desk.restart();
    assert_eq!(desk.intake, before);
}

#[test]
fn a_change_of_the_fixture_that_comes_late_is_an_update_and_not_the_last_change() {
    use FixtureChangeKind::{Cancelled, StartTime};
    let moved = (0, 5, StartTime);
    let gone = (1, 6, Cancelled);
    let same_time = (2, 6, StartTime);
    for order in [[moved, gone, same_time], [gone, same_time, moved], [same_time, moved, gone]] {
        let messages = order.map(|(number, at, kind)| change_at(number, at, kind));
        let desk = Desk::with(&messages);
        assert_eq!(desk.updates.len(), 3);
        assert_eq!(last_change(&desk).map(|change| change.change), Some(Cancelled), "{order:?}");
    }
}
