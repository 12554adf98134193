//! The worlds over many seeds: legal games, an honest ledger, sensible prices.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::codec::json;
use domain::incident::EMPTY_NET;
use domain::message::Content;
use domain::update::Value as KeyValue;
use domain::{
    Applied, Body, EventState, EventStatus, FeedMessage, Incident, IncidentAction, IncidentKind, Key,
    MarketStatus, MatchStatus, Sport, Timestamp,
};
use onlooker::{counted, is_abandoned};
use simulator::ledger::LedgerEvent;
use simulator::world::{self, Formats, Pace, Plan, Played};

mod book;
mod decided;
mod onlooker;
mod players;
mod settled;
mod stops;
mod tennis;
mod told;

const SEEDS: u64 = 200;
/// Messages of a game in which everything is told that happens.
const WHOLE: u32 = 4_000;

fn plan(sports: &[Sport], seed: u64, games: u32, messages_per_game: u32) -> Plan {
    let start = Timestamp(1_800_000_000_000_000);
    let (sports, formats) = (sports.into(), Formats::Json);
    let pace = Pace::Even { messages_per_game, duration: Duration::from_secs(60) };
    Plan { seed, sports, games, formats, pace, start }
}

fn play(sports: &[Sport], seed: u64, games: u32, messages_per_game: u32) -> Played {
    world::play(&plan(sports, seed, games, messages_per_game)).unwrap()
}

fn messages(played: &Played) -> impl Iterator<Item = (u64, FeedMessage)> {
    (0..played.schedule.len()).map(|index| {
        let message = json::decode(played.schedule.message(index)).unwrap();
        (played.schedule.offset_ns(index), message)
    })
}

fn body(message: &FeedMessage) -> &Body {
    match &message.content {
        Content::Event(event) => &event.body,
        Content::Producer(_) => panic!("the world speaks of events"),
    }
}

fn check_ledger(event: &LedgerEvent, is_whole: bool) {
    if is_whole {
        assert_eq!(counted(event), event.status.score);
    }
    assert_eq!(event.status.status, EventStatus::Closed);
    if let Some(parts) = onlooker::parts(event) {
        assert_eq!(event.status.period_scores.len(), parts);
    }
    let must_have_winner =
        event.sport != Sport::Football || event.status.match_status == MatchStatus::EndedAfterPenalties;
    if must_have_winner && !is_abandoned(event) {
        assert!(onlooker::winner(event).is_some(), "the game has a winner: {:?}", event.status);
    }
    for market in &event.markets {
        assert_eq!(market.suspension, None);
        match market.status {
            MarketStatus::Cancelled => {
                assert!(is_abandoned(event) && market.void_reason.is_some(), "{market:?}");
                assert!(market.outcomes.iter().all(|outcome| outcome.result.is_none()));
            }
            MarketStatus::Settled if is_abandoned(event) => {}
            MarketStatus::Settled => assert!(
                onlooker::is_settled_right(market, event, is_whole),
                "{market:?} after {:?}",
                event.status
            ),
            other => panic!("{} ends as {other:?}", market.key),
        }
    }
}

/// Applies every message and holds what comes of it against the ledger, value by value.
fn check_game(event: &LedgerEvent, messages: &[(u64, FeedMessage)]) {
    let mut state = EventState::new(event.event_id.clone(), event.sport);
    for (sequence, (_, message)) in (1_u64..).zip(messages) {
        match state.apply(message, Timestamp(0)) {
            Ok(Applied::Updated(update)) => assert_eq!(update.version, sequence),
            other => panic!("{other:?}: {message:?}"),
        }
    }
    assert_eq!((state.version(), messages.len() as u64), (event.messages, event.messages));
    let due: Vec<u64> = messages.iter().map(|(offset_ns, _)| *offset_ns).collect();
    assert_eq!(event.due_ns, due);

    let mut expected: BTreeMap<Key, KeyValue> = BTreeMap::new();
    expected.insert(Key::Fixture, KeyValue::Fixture(event.fixture.clone()));
    expected.insert(Key::Status, KeyValue::Status(event.status.clone()));
    for incident in &event.incidents {
        expected.insert(Key::Incident(incident.incident_id.clone()), KeyValue::Incident(incident.clone()));
    }
    for market in &event.markets {
        expected.insert(Key::Market(market.key.clone()), KeyValue::Market(market.clone()));
    }
    let found: BTreeMap<Key, KeyValue> =
        state.entries().filter_map(|(key, _, value)| Some((key, value?))).collect();
    assert_eq!(found, expected);
}

fn check_prices(messages: &[(u64, FeedMessage)]) {
    let offers = messages.iter().flat_map(|(_, message)| match body(message) {
        Body::OddsChange(odds) => odds.markets.as_slice(),
        _ => &[],
    });
    for offer in offers.filter(|offer| !offer.outcomes.is_empty()) {
        let odds: Vec<f64> = offer
            .outcomes
            .iter()
            .map(|outcome| f64::from(outcome.odds.unwrap().thousandths()) / 1_000.0)
            .collect();
        assert!(odds.iter().all(|odds| (1.01..=50.0).contains(odds)), "{offer:?}");
        let book: f64 = odds.iter().map(|odds| 1.0 / odds).sum();
        let bound = [1.08, 1.10, 1.25][odds.len().min(4) - 2];
        assert!((1.0..bound).contains(&book), "{offer:?} makes a book of {book}");
        let probabilities: u32 =
            offer.outcomes.iter().map(|outcome| outcome.probability.unwrap().get()).sum();
        assert_eq!(probabilities, 1_000_000);
    }
}

/// Plays one seed and checks everything of it; what is of no consequence is left out where there is no room.
fn check_seed(sport: Sport, seed: u64) {
    let messages_per_game = [0, 300, WHOLE][usize::try_from(seed % 3).unwrap()];
    let played = play(&[sport], seed, 2, messages_per_game);
    let mut by_event: BTreeMap<String, Vec<(u64, FeedMessage)>> = BTreeMap::new();
    for (offset_ns, message) in messages(&played) {
        let Content::Event(event) = &message.content else { panic!("the world speaks of events") };
        assert_eq!(event.sport, sport);
        by_event.entry(event.event_id.to_string()).or_default().push((offset_ns, message));
    }
    assert_eq!(by_event.len(), played.ledger.events.len());
    for event in &played.ledger.events {
        let messages = &by_event[event.event_id.as_str()];
        assert!(messages_per_game < WHOLE || messages.len() == WHOLE as usize);
        check_ledger(event, messages_per_game == WHOLE);
        check_game(event, messages);
        stops::check(sport, messages);
        check_prices(messages);
    }
}

#[test]
fn every_game_is_legal_and_ends_as_its_ledger_says() {
    for sport in Sport::ALL {
        for seed in 0..SEEDS {
            let checked = std::panic::catch_unwind(|| check_seed(sport, seed));
            assert!(checked.is_ok(), "this was {sport} of seed {seed}");
        }
    }
}

#[test]
fn what_is_held_likely_happens_as_often() {
    let mut wrong = Vec::new();
    for sport in Sport::ALL {
        let mut bins: BTreeMap<(u32, usize, u32), Bin> = BTreeMap::new();
        for seed in 0..SEEDS {
            let played = play(&[sport], seed, 10, 0);
            let finals: BTreeMap<&str, &LedgerEvent> =
                played.ledger.events.iter().map(|event| (event.event_id.as_str(), event)).collect();
            for (_, message) in messages(&played) {
                let (Content::Event(event), Body::OddsChange(odds)) = (&message.content, body(&message))
                else {
                    continue;
                };
                for offer in odds.markets.iter().filter(|offer| !offer.outcomes.is_empty()) {
                    weigh(&mut bins, finals[event.event_id.as_str()], offer);
                }
            }
        }
        for (bin, Bin { offers, likely, true_ones }) in bins {
            let (likely, observed) = (likely / offers, true_ones / offers);
            if offers >= 800.0 && (likely - observed).abs() >= 0.05 {
                wrong.push(format!("{sport} {bin:?}: held {likely:.3}, was {observed:.3} of {offers}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Offers of one market and outcome that were held equally likely, to a tenth.
#[derive(Default)]
struct Bin {
    offers: f64,
    likely: f64,
    true_ones: f64,
}

fn weigh(bins: &mut BTreeMap<(u32, usize, u32), Bin>, event: &LedgerEvent, offer: &domain::message::Offer) {
    let market = event.markets.iter().find(|market| market.key == offer.key).unwrap();
    for (outcome, ended) in offer.outcomes.iter().zip(&market.outcomes) {
        // What goes back, all or half of it, was left out of the price.
        let Some(result) = ended.result.filter(|result| result.void.is_none()) else { return };
        let probability = f64::from(outcome.probability.unwrap().get()) / 1e6;
        let place = offer.outcomes.iter().position(|other| other.id == outcome.id).unwrap();
        let bin = bins.entry((offer.key.id, place, (probability * 10.0) as u32)).or_default();
        bin.offers += 1.0;
        bin.likely += probability;
        let share = result.dead_heat.map_or(1.0, |share| f64::from(share.get()) / 1e6);
        bin.true_ones += if result.result == domain::market::ResultKind::Won { share } else { 0.0 };
    }
}

#[test]
fn games_are_dealt_to_the_sports_and_have_the_messages_asked_for_at_a_constant_rate() {
    let played = play(&Sport::ALL, 7, 12, 3_000);
    let sports: Vec<Sport> = played.ledger.events.iter().map(|event| event.sport).collect();
    assert_eq!(sports, [Sport::ALL; 3].concat());
    let ids: BTreeMap<&str, Sport> =
        played.ledger.events.iter().map(|event| (event.event_id.as_str(), event.sport)).collect();
    assert_eq!(ids.len(), 12);
    assert_eq!(played.schedule.len(), 12 * 3_000);
    assert!(played.ledger.events.iter().all(|event| event.messages == 3_000));
    let offsets: Vec<u64> =
        (0..played.schedule.len()).map(|index| played.schedule.offset_ns(index)).collect();
    assert!(
        offsets.windows(2).all(|two| (1_666_665..=1_666_668).contains(&(two[1] - two[0]))),
        "600 a second"
    );
    let odds = messages(&played).filter(|(_, message)| matches!(body(message), Body::OddsChange(_))).count();
    assert!(odds > 12 * 3_000 * 2 / 3, "most of them are odds: {odds}");
}

#[test]
fn more_messages_do_not_change_the_game() {
    let facts = |messages| -> Vec<_> {
        let events = play(&Sport::ALL, 11, 12, messages).ledger.events;
        let results = |event: &LedgerEvent| -> BTreeMap<_, _> {
            let results = |market: &domain::Market| -> Vec<_> {
                market.outcomes.iter().map(|outcome| outcome.result).collect()
            };
            event
                .markets
                .iter()
                .map(|market| (market.key.clone(), (market.status, results(market))))
                .collect()
        };
        events
            .iter()
            .map(|event| (event.status.clone(), event.fixture.home.clone(), results(event)))
            .collect()
    };
    for (few, many) in facts(0).into_iter().zip(facts(2_000)) {
        assert_eq!((&few.0, &few.1), (&many.0, &many.1));
        // More prices open more markets; those of the few messages have ended alike.
        for (key, ended) in &few.2 {
            assert_eq!(many.2.get(key), Some(ended), "{key}");
        }
    }
}

/// Something that a client can be shown of a game.
fn told_of(sport: Sport, body: &Body) -> Vec<String> {
    match body {
        Body::Incident(incident) => {
            let kind = format!("{:?}", incident.kind);
            let detail = incident.detail.as_ref().map(|detail| format!("{kind} {detail}"));
            [kind].into_iter().chain(detail).collect()
        }
        Body::EventStatus(status) => {
            let mut told = vec![format!("{:?}", status.match_status)];
            let is_short = status.penalty_box.is_some_and(|it| it.home != it.away);
            told.extend((sport == Sport::Hockey && is_short).then(|| "power play".to_owned()));
            told.extend(status.tie_break.then(|| "tie-break".to_owned()));
            told
        }
        _ => Vec::new(),
    }
}

/// Each kind of incident that a sport knows is told sooner or later, and so is what is shown otherwise: in the part of the
/// game, the penalty box, a detail.
#[test]
fn whatever_can_happen_is_told() {
    let besides: [(Sport, &[&str]); 4] = [
        (Sport::Football, &["ExtraTime1", "Penalties", "Goal penalty"]),
        (Sport::Basketball, &["Overtime"]),
        (Sport::Tennis, &["GameWon break", "tie-break", "HomeRetired", "AwayRetired"]),
        (Sport::Hockey, &["Overtime", "Penalties", "power play", "Goal empty-net"]),
    ];
    for (sport, besides) in besides {
        let kinds = sport.rules().incidents.iter().map(|kind| format!("{kind:?}"));
        let others = besides.iter().map(|what| (*what).to_owned());
        let mut missing: BTreeSet<String> = kinds.chain(others).collect();
        let mut seed = 0;
        while !missing.is_empty() {
            assert!(seed < 1_000, "{sport}: in the first games of {seed} seeds nobody told {missing:?}");
            world::watch(sport, seed, 0, &mut |_, body| {
                for told in told_of(sport, &body) {
                    missing.remove(&told);
                }
            });
            seed += 1;
        }
        println!("{sport}: everything was told in the first games of {seed} seeds");
    }
}

/// A goal falls into an empty net where the goalkeeper was told to be off, nowhere else, and whoever went off is back before the next
/// one.
#[test]
fn a_goal_into_an_empty_net_is_one_while_the_goalkeeper_is_told_to_be_off() {
    let (mut into_empty, mut back) = (0, 0);
    for seed in 0..SEEDS {
        // All that must be said and little else.
        for (event_id, incidents) in incidents_of(&play(&[Sport::Hockey], seed, 2, 0)) {
            let mut is_empty = [false; 2];
            for incident in incidents.iter().filter(|it| it.action == IncidentAction::New) {
                let Some(side) = incident.side.map(|side| side as usize) else { continue };
                match incident.kind {
                    IncidentKind::GoalkeeperPulled => {
                        assert!(!std::mem::replace(&mut is_empty[side], true), "{event_id} of seed {seed}");
                    }
                    IncidentKind::GoalkeeperReturned => {
                        assert!(std::mem::replace(&mut is_empty[side], false), "{event_id} of seed {seed}");
                        back += 1;
                    }
                    IncidentKind::Goal => {
                        let is_told = incident.detail.as_ref().is_some_and(|it| it.as_str() == EMPTY_NET);
                        assert_eq!(is_told, is_empty[1 - side], "{event_id} of seed {seed}: {incident:?}");
                        into_empty += u32::from(is_told);
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(into_empty > 0 && back > 0, "{into_empty} goals, {back} back");
}

fn incidents_of(played: &Played) -> BTreeMap<String, Vec<Incident>> {
    let mut incidents: BTreeMap<String, Vec<Incident>> = BTreeMap::new();
    for (_, message) in messages(played) {
        let Content::Event(event) = &message.content else { continue };
        if let Body::Incident(incident) = &event.body {
            incidents.entry(event.event_id.to_string()).or_default().push(incident.clone());
        }
    }
    incidents
}

/// Everything that now and then happens beside play does, and the first markets of its kind end in every way.
#[test]
fn games_begin_late_are_corrected_broken_off_and_abandoned() {
    for sport in Sport::ALL {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for seed in 0..SEEDS {
            let played = play(&[sport], seed, 4, 0);
            for (_, message) in messages(&played) {
                let what = match body(&message) {
                    Body::FixtureChange(_) => "delay",
                    Body::Cancel(_) => "cancel",
                    Body::Incident(incident) => match incident.action {
                        IncidentAction::Amended | IncidentAction::Deleted => "taken back or amended",
                        IncidentAction::New if incident.kind == IncidentKind::VideoReview => "review",
                        IncidentAction::New => continue,
                    },
                    Body::EventStatus(status) if status.correction => "correction",
                    Body::EventStatus(status) if status.status == EventStatus::Interrupted => "interruption",
                    Body::EventStatus(status) if status.status == EventStatus::Abandoned => "abandonment",
                    _ => continue,
                };
                *seen.entry(what).or_default() += 1;
            }
            for market in played.ledger.events.iter().flat_map(|event| &event.markets) {
                for result in market.outcomes.iter().filter_map(|outcome| outcome.result) {
                    match (result.void, result.dead_heat) {
                        (Some(domain::market::Void::Half), _) => *seen.entry("half").or_default() += 1,
                        (Some(domain::market::Void::Full), _) => *seen.entry("void").or_default() += 1,
                        (None, Some(_)) => *seen.entry("dead heat").or_default() += 1,
                        (None, None) => {}
                    }
                }
            }
        }
        println!("{sport}: {seen:?}");
        let mut must = vec![
            "delay",
            "cancel",
            "taken back or amended",
            "review",
            "correction",
            "interruption",
            "abandonment",
            "void",
        ];
        match sport {
            Sport::Football => must.push("half"),
            Sport::Basketball => must.push("dead heat"),
            Sport::Tennis | Sport::Hockey => {}
        }
        for what in must {
            assert!(seen.contains_key(what), "no {what} in {} games of {sport}: {seen:?}", 4 * SEEDS);
        }
    }
}
