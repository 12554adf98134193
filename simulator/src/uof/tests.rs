//! What is written here says, read as ingestion reads it, what was meant.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::codec::json;
use domain::fixture::FixtureChange;
use domain::market::Void;
use domain::message::{OddsChange, Offer};
use domain::{EventMessage, EventStatus, MatchStatus, Source, Status};

use super::*;
use crate::world::{self, Formats, Pace, Plan};

/// What this feed can say of a message; `None` where that is nothing.
fn sayable(message: FeedMessage) -> Option<FeedMessage> {
    let millis = |time: Timestamp| Timestamp(time.0.div_euclid(1_000) * 1_000);
    let Content::Event(EventMessage { sport, event_id, body, .. }) = message.content else {
        return Some(message);
    };
    let (mut source, mut generated_at) = (message.source, millis(message.generated_at));
    let body = match body {
        Body::Incident(_) | Body::Snapshot(_) => return None,
        Body::EventStatus(status) => {
            Body::OddsChange(OddsChange { status: Some(told(status)), ..OddsChange::of(Vec::new()) })
        }
        Body::OddsChange(odds) => Body::OddsChange(OddsChange { status: odds.status.map(told), ..odds }),
        Body::Fixture(fixture) => {
            source.producer = Name::new(FIXTURES).unwrap();
            generated_at = message.generated_at;
            Body::Fixture(fixture)
        }
        Body::FixtureChange(change) => Body::FixtureChange(FixtureChange {
            scheduled_start: change.scheduled_start.map(millis),
            next_live_time: change.next_live_time.map(millis),
            ..change
        }),
        Body::Cancel(mut cancel) => {
            cancel.markets.iter_mut().for_each(|market| numbered(&mut market.void_reason));
            Body::Cancel(cancel)
        }
        Body::Settlement(mut settlement) => {
            settlement.markets.iter_mut().for_each(|market| numbered(&mut market.void_reason));
            Body::Settlement(settlement)
        }
        body => body,
    };
    let content = Content::Event(EventMessage { sport, event_id, position: None, body });
    Some(FeedMessage { source, generated_at, occurred_at: None, content, ..message })
}

/// Reasons are numbers.
fn numbered(reason: &mut Option<domain::id::Text>) {
    if let Some(reason) = reason {
        *reason = domain::id::Text::new(codes::void_reason(reason).to_string()).unwrap();
    }
}

#[test]
fn a_date_beyond_the_calendar_is_its_first_or_last() {
    let dates = [i64::MIN, 0, i64::MAX].map(|micros| date(Timestamp(micros)));
    let expected =
        ["-009999-01-02T01:59:59+00:00", "1970-01-01T00:00:00+00:00", "9999-12-30T22:00:00.999999999+00:00"];
    assert_eq!(dates, expected);
}

#[test]
fn why_a_market_is_void_is_a_number_of_the_feeds_table() {
    let code = |reason: &str| codes::void_reason(&domain::id::Text::new(reason).unwrap());
    assert_eq!(
        ["abandoned", "retirement", "nobody came to it", "the line was hit", "12"].map(code),
        [10, 9, 14, 0, 12]
    );
}

#[test]
fn odds_before_the_match_are_routed_as_such() {
    let stop = |producer| {
        let golden = include_bytes!("../../../domain/golden/v1/bet_stop.json");
        let mut message = json::decode(golden).unwrap();
        message.source.producer = Name::new(producer).unwrap();
        String::from_utf8(encode(&message).unwrap()).unwrap()
    };
    assert!(stop("1").starts_with("hi.-.live.bet_stop."), "{}", stop("1"));
    assert!(stop("3").starts_with("hi.pre.-.bet_stop."), "{}", stop("3"));
}

/// Nothing says that a status corrects another.
fn told(status: Status) -> Status {
    Status { correction: false, ..status }
}

/// Without what the reader adds to what was written: an id of its own, a second clock.
fn comparable(mut message: FeedMessage) -> FeedMessage {
    message.message_id = domain::MessageId::new("-").unwrap();
    if let Content::Event(EventMessage { body: Body::OddsChange(odds), .. }) = &mut message.content
        && let Some(clock) = odds.status.as_mut().and_then(|status| status.clock.as_mut())
    {
        (clock.match_seconds, clock.remaining_seconds) = (None, None);
    }
    message
}

/// What is seldom in a game, of all that a message says.
fn seldom(message: &FeedMessage) -> Vec<&'static str> {
    let Content::Event(EventMessage { body, .. }) = &message.content else { return Vec::new() };
    match body {
        Body::FixtureChange(_) => vec!["another beginning"],
        Body::Cancel(_) => vec!["cancelled"],
        Body::EventStatus(of) => {
            let correction = of.correction.then_some("correction");
            let status = match of.status {
                EventStatus::Delayed => Some("delayed"),
                EventStatus::Interrupted => Some("interrupted"),
                EventStatus::Abandoned => Some("abandoned"),
                _ => None,
            };
            let is_given_up = matches!(of.match_status, MatchStatus::HomeRetired | MatchStatus::AwayRetired);
            correction.into_iter().chain(status).chain(is_given_up.then_some("given up")).collect()
        }
        Body::OddsChange(odds) => {
            let players =
                |offer: &&Offer| offer.outcomes.iter().any(|outcome| outcome.id.as_str().contains("player"));
            odds.markets.iter().find(players).map(|_| "odds of players").into_iter().collect()
        }
        Body::Settlement(settlement) => {
            let results = settlement.markets.iter().flat_map(|market| &market.outcomes);
            let ends = results.filter_map(|outcome| match (outcome.result.void, outcome.result.dead_heat) {
                (Some(Void::Full), _) => Some("void"),
                (Some(Void::Half), _) => Some("half"),
                (None, Some(_)) => Some("dead heat"),
                (None, None) => None,
            });
            ends.collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_game_reads_back_as_what_this_feed_can_say_of_it() {
    let md = Name::new("uof").unwrap();
    let source = Source { provider: md.clone(), producer: Name::new("1").unwrap() };
    let plan = Plan {
        seed: 7,
        sports: Sport::ALL.into(),
        games: 400,
        formats: Formats::Json,
        pace: Pace::Even { messages_per_game: 0, duration: Duration::from_secs(600) },
        start: Timestamp(1_767_225_600_000_000),
    };
    let played = world::play_as(&plan, &source, &world::Ids::default()).unwrap();
    let (mut said, mut clocks, mut seen) = (0, 0, BTreeMap::<&str, u32>::new());
    for index in 0..played.schedule.len() {
        let message = json::decode(played.schedule.message(index)).unwrap();
        let line = encode(&message);
        seldom(&message).into_iter().for_each(|what| *seen.entry(what).or_default() += 1);
        let Some(sayable) = sayable(message) else {
            assert_eq!(line, None);
            continue;
        };
        let line = line.unwrap();
        let text = String::from_utf8_lossy(&line).into_owned();
        let (key, document) = split(&line).unwrap();
        let key: RoutingKey = key.parse().unwrap();
        let origin = Origin { provider: &md, routing_key: Some(&key), sport_of: &|_| None };
        let read = uof::decode(document, &origin).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read.unknown, 0, "{text}");
        let (mut read, mut meant) = (comparable(read.message), comparable(sayable));
        // Overtime is told without a clock: several of them would each begin where the first one did.
        let overtime = |message: &mut FeedMessage| {
            if let Content::Event(EventMessage { body: Body::OddsChange(odds), .. }) = &mut message.content
                && let Some(status) = &mut odds.status
            {
                clocks += u32::from(status.clock.is_some());
                if status::has_no_clock(status.match_status) {
                    status.clock = None;
                }
            }
        };
        [&mut read, &mut meant].into_iter().for_each(overtime);
        assert_eq!(read, meant, "{text}");
        said += 1;
    }
    let must = [
        "another beginning",
        "delayed",
        "interrupted",
        "abandoned",
        "cancelled",
        "given up",
        "correction",
        "odds of players",
        "void",
        "half",
        "dead heat",
    ];
    for what in must {
        assert!(seen.contains_key(what), "no {what} in {} games of seed {}: {seen:?}", plan.games, plan.seed);
    }
    assert!(said > 10_000 && clocks > 100, "{said} messages, {clocks} clocks");
}

#[test]
fn a_producer_says_that_it_lives_and_that_a_recovery_is_over() {
    use domain::message::{Alive, SCHEMA, SnapshotComplete};
    let provider = Name::new("uof").unwrap();
    let message = |body| FeedMessage {
        schema: SCHEMA,
        message_id: domain::MessageId::new("-").unwrap(),
        source: Source { provider: provider.clone(), producer: Name::new("1").unwrap() },
        request_id: None,
        occurred_at: None,
        generated_at: Timestamp(1_767_225_600_000_000),
        received_at: None,
        content: Content::Producer(body),
    };
    let alive = encode(&message(ProducerBody::Alive(Alive { subscribed: true }))).unwrap();
    let expected = r#"-.-.-.alive.-.-.-.- <alive product="1" timestamp="1767225600000" subscribed="1"/>"#;
    assert_eq!(String::from_utf8(alive).unwrap(), expected);
    let complete = message(ProducerBody::SnapshotComplete(SnapshotComplete { request_id: 77 }));
    let read = decode(&encode(&complete).unwrap(), &provider).unwrap();
    assert_eq!(read.content, complete.content);
}
