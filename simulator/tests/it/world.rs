//! The world over many seeds: legal games, an honest ledger, sensible prices, the same bytes again.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::market::ResultKind;
use domain::message::Content;
use domain::update::Value as KeyValue;
use domain::{
    Applied, Body, EventState, EventStatus, FeedMessage, IncidentKind, Key, Market, MarketStatus,
    MatchStatus, Score, Sport, Timestamp,
};
use simulator::ledger::{Ledger, LedgerEvent};
use simulator::world::{self, Plan, PlanError, Played};

const SEEDS: u64 = 200;

fn plan(seed: u64, games: u32, messages_per_game: u32) -> Plan {
    let start = Timestamp(1_800_000_000_000_000);
    let sports = vec![Sport::Hockey];
    Plan { seed, sports, games, messages_per_game, duration: Duration::from_secs(60), start }
}

fn play(seed: u64, games: u32, messages_per_game: u32) -> Played {
    world::play(&plan(seed, games, messages_per_game)).unwrap()
}

fn messages(played: &Played) -> impl Iterator<Item = (u64, FeedMessage)> {
    (0..played.schedule.len()).map(|index| {
        let message = domain::codec::json::decode(played.schedule.message(index)).unwrap();
        (played.schedule.offset_ns(index), message)
    })
}

fn body(message: &FeedMessage) -> &Body {
    match &message.content {
        Content::Event(event) => &event.body,
        Content::Producer(_) => panic!("the world speaks of events"),
    }
}

/// The score as an onlooker counts it: goals on the ice, and a shoot-out as one.
fn counted(event: &LedgerEvent) -> Score {
    let mut score = Score::default();
    let mut attempts = Score::default();
    for incident in &event.incidents {
        let tally = match incident.kind {
            IncidentKind::Goal => &mut score,
            IncidentKind::ShootoutGoal => &mut attempts,
            _ => continue,
        };
        match incident.side.unwrap() {
            domain::Side::Home => tally.home += 1,
            domain::Side::Away => tally.away += 1,
        }
    }
    score.home += u32::from(attempts.home > attempts.away);
    score.away += u32::from(attempts.away > attempts.home);
    score
}

/// What a market's outcomes must be for a score, by outcome id.
fn results(market: &Market, score: Score) -> BTreeMap<&'static str, bool> {
    let total = score.home + score.away;
    let line = market.key.specifiers.as_str();
    match (market.key.id, line) {
        (406, "") => [("4", score.home > score.away), ("5", score.away > score.home)].into(),
        (412, "total=4.5") => [("12", total > 4), ("13", total <= 4)].into(),
        (412, "total=5.5") => [("12", total > 5), ("13", total <= 5)].into(),
        (412, "total=6.5") => [("12", total > 6), ("13", total <= 6)].into(),
        _ => panic!("no such market is offered: {}", market.key),
    }
}

fn check_ledger(event: &LedgerEvent) {
    let score = event.status.score;
    assert_eq!(counted(event), score);
    assert_ne!(score.home, score.away, "a game has a winner");
    assert_eq!(event.status.status, EventStatus::Closed);
    let late: u32 = event.status.period_scores.iter().skip(3).map(|period| period.home + period.away).sum();
    match event.status.match_status {
        MatchStatus::Ended => assert_eq!(event.status.period_scores.len(), 3),
        MatchStatus::EndedAfterOvertime => assert_eq!((event.status.period_scores.len(), late), (4, 1)),
        MatchStatus::EndedAfterPenalties => assert_eq!(event.status.period_scores.len(), 5),
        other => panic!("a game does not end as {other}"),
    }
    assert_eq!(event.markets.len(), 4);
    for market in &event.markets {
        assert_eq!((market.status, market.suspension), (MarketStatus::Settled, None));
        let won: BTreeMap<&str, bool> = market
            .outcomes
            .iter()
            .map(|outcome| (outcome.id.as_str(), outcome.result.unwrap().result == ResultKind::Won))
            .collect();
        assert_eq!(won, results(market, score), "{} at {score}", market.key);
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

/// Bets are open only where nobody knows better: never between a stop and the offer that follows it, and the
/// score changes only while they are stopped.
fn check_stops(messages: &[(u64, FeedMessage)]) {
    let mut stopped = true;
    let mut score = Score::default();
    for (_, message) in messages {
        match body(message) {
            Body::BetStop(_) => stopped = true,
            Body::OddsChange(odds) => {
                let open = odds.markets.iter().filter(|market| market.status == MarketStatus::Active).count();
                if open > 0 && odds.markets.len() > 1 {
                    stopped = false;
                }
                assert!(open == 0 || !stopped, "{message:?}");
            }
            Body::EventStatus(status) => {
                assert!(status.score == score || stopped, "a goal while bets are open: {message:?}");
                score = status.score;
            }
            _ => {}
        }
    }
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
        assert!((1.0..1.08).contains(&book), "{offer:?} makes a book of {book}");
        let probabilities: u32 =
            offer.outcomes.iter().map(|outcome| outcome.probability.unwrap().get()).sum();
        assert_eq!(probabilities, 1_000_000);
    }
}

#[test]
fn every_game_is_legal_and_ends_as_its_ledger_says() {
    for seed in 0..SEEDS {
        let played = play(seed, 2, 600);
        let mut by_event: BTreeMap<String, Vec<(u64, FeedMessage)>> = BTreeMap::new();
        for (offset_ns, message) in messages(&played) {
            let Content::Event(event) = &message.content else { panic!("the world speaks of events") };
            by_event.entry(event.event_id.to_string()).or_default().push((offset_ns, message));
        }
        assert_eq!(by_event.len(), played.ledger.events.len());
        for event in &played.ledger.events {
            let messages = &by_event[event.event_id.as_str()];
            check_ledger(event);
            check_game(event, messages);
            check_stops(messages);
            check_prices(messages);
        }
    }
}

#[test]
fn games_are_like_hockey() {
    let events: Vec<LedgerEvent> = (0..SEEDS).flat_map(|seed| play(seed, 10, 0).ledger.events).collect();
    let games = events.len() as f64;
    let share =
        |is: &dyn Fn(&LedgerEvent) -> bool| events.iter().filter(|event| is(event)).count() as f64 / games;
    let total = |event: &LedgerEvent| f64::from(event.status.score.home + event.status.score.away);
    let goals = events.iter().map(total).sum::<f64>() / games;
    assert!((5.9..6.4).contains(&goals), "{goals} goals a game");
    let home = share(&|event| event.status.score.home > event.status.score.away);
    assert!((0.50..0.58).contains(&home), "home wins {home}");
    // Two independent Poisson processes tie less often than real teams do.
    let late = share(&|event| event.status.match_status != MatchStatus::Ended);
    assert!((0.135..0.19).contains(&late), "{late} go to overtime");
    let shoot_outs = share(&|event| event.status.match_status == MatchStatus::EndedAfterPenalties);
    assert!((0.075..0.125).contains(&shoot_outs), "{shoot_outs} go to a shoot-out");
}

#[test]
fn what_is_held_likely_happens_as_often() {
    // By market and tenths of probability: how many offers, the sum of their probabilities, how many came true.
    let mut bins: BTreeMap<(u32, u32), (f64, f64, f64)> = BTreeMap::new();
    for seed in 0..SEEDS {
        let played = play(seed, 10, 0);
        let finals: BTreeMap<&str, &LedgerEvent> =
            played.ledger.events.iter().map(|event| (event.event_id.as_str(), event)).collect();
        for (_, message) in messages(&played) {
            let (Content::Event(event), Body::OddsChange(odds)) = (&message.content, body(&message)) else {
                continue;
            };
            let score = finals[event.event_id.as_str()].status.score;
            for offer in odds.markets.iter().filter(|offer| !offer.outcomes.is_empty()) {
                let probability = f64::from(offer.outcomes[0].probability.unwrap().get()) / 1e6;
                let market =
                    played.ledger.events[0].markets.iter().find(|market| market.key == offer.key).unwrap();
                let came_true = results(market, score)[offer.outcomes[0].id.as_str()];
                let bin = bins.entry((offer.key.id, (probability * 10.0) as u32)).or_default();
                *bin = (bin.0 + 1.0, bin.1 + probability, bin.2 + f64::from(u8::from(came_true)));
            }
        }
    }
    let full = bins.iter().filter(|(_, (offers, ..))| *offers >= 300.0);
    for (bin, (offers, likely, true_ones)) in full {
        let (likely, observed) = (likely / offers, true_ones / offers);
        assert!((likely - observed).abs() < 0.05, "{bin:?}: held {likely}, was {observed} of {offers}");
    }
}

#[test]
fn a_game_has_the_messages_asked_for_at_a_constant_rate() {
    let played = play(7, 8, 3_000);
    assert_eq!(played.schedule.len(), 8 * 3_000);
    assert!(played.ledger.events.iter().all(|event| event.messages == 3_000));
    let offsets: Vec<u64> =
        (0..played.schedule.len()).map(|index| played.schedule.offset_ns(index)).collect();
    assert!(
        offsets.windows(2).all(|two| (2_499_999..=2_500_001).contains(&(two[1] - two[0]))),
        "400 a second"
    );
    let odds = messages(&played).filter(|(_, message)| matches!(body(message), Body::OddsChange(_))).count();
    assert!(odds > 8 * 3_000 * 3 / 4, "most of them are odds: {odds}");
}

#[test]
fn more_messages_do_not_change_the_game() {
    let facts = |messages| -> Vec<_> {
        let ledger = play(11, 3, messages).ledger;
        ledger
            .events
            .into_iter()
            .map(|event| (event.status, counted_goals(&event.incidents), event.fixture.home))
            .collect()
    };
    assert_eq!(facts(2_000), facts(0));
}

fn counted_goals(incidents: &[domain::Incident]) -> Vec<domain::Incident> {
    incidents.iter().filter(|incident| incident.kind == IncidentKind::Goal).cloned().collect()
}

#[test]
fn times_are_those_of_the_schedule() {
    let played = play(3, 2, 500);
    let start = plan(3, 2, 500).start;
    for (offset_ns, message) in messages(&played) {
        assert_eq!(message.generated_at.micros_since(start), i64::try_from(offset_ns / 1_000).unwrap());
        assert!(message.occurred_at.is_none_or(|at| at <= message.generated_at && at >= start));
    }
}

/// FNV-1a over all messages and the times at which they are due.
fn fingerprint(played: &Played) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for index in 0..played.schedule.len() {
        let due = played.schedule.offset_ns(index).to_le_bytes();
        for byte in due.iter().chain(played.schedule.message(index)) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[test]
fn the_same_seed_makes_the_same_bytes_on_every_machine() {
    let played = play(7, 4, 1_500);
    assert_eq!(played, play(7, 4, 1_500));
    assert_eq!(
        fingerprint(&played),
        3_040_053_062_176_285_439,
        "the stream of seed 7 is another than it was"
    );
    assert_ne!(fingerprint(&played), fingerprint(&play(8, 4, 1_500)));
}

#[test]
fn a_ledger_reads_back_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.json");
    let ledger = play(5, 2, 400).ledger;
    ledger.save(&path).unwrap();
    assert_eq!(Ledger::load(&path).unwrap(), ledger);
    assert_eq!(ledger.messages(), 800);
}

#[test]
fn a_plan_beyond_what_can_be_played_is_refused() {
    assert_eq!(world::play(&plan(1, 0, 10)), Err(PlanError::Games(0)));
    assert_eq!(world::play(&plan(1, 1_000, 10)), Err(PlanError::Games(1_000)));
    assert_eq!(world::play(&plan(1, 100, u32::MAX)), Err(PlanError::Messages(429_496_729_500)));
    assert_eq!(world::play(&Plan { duration: Duration::ZERO, ..plan(1, 1, 10) }), Err(PlanError::Duration));
}
