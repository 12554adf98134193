//! Golden bytes, written by hand: what was released once decodes for ever, to the value it meant then.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use domain::codec::{json, xml};
use domain::fixture::{FixtureChange, FixtureChangeKind};
use domain::market::{ResultKind, Void};
use domain::message::{
    Alive, BetStop, Cancel, CancelRollback, CancelledMarket, Certainty, Groups, OddsChange, Offer,
    ProducerBody, SchemaVersion, SettledMarket, Settlement, SettlementRollback, Snapshot, SnapshotComplete,
    StopStatus, Window,
};
use domain::{
    Body, Clock, Content, EventMessage, EventStatus, FeedMessage, Fixture, Incident, IncidentAction,
    IncidentId, IncidentKind, MarketKey, MarketStatus, MatchStatus, MessageId, Name, Outcome, OutcomeResult,
    Position, Score, Side, Source, Sport, Status, Timestamp, Tournament, Update,
};

use crate::build::{
    at, competitor, market, odds, outcome, period, result, settled, share, status, text, urn,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1")
}

/// The names of all golden files in JSON.
fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the golden folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let of_json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    of_json.map(|path| path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned()).collect()
}

/// A golden message in XML, as it stands in its file.
fn in_xml(name: &str) -> String {
    fs::read_to_string(folder().join(format!("{name}.xml"))).expect("a golden file in XML")
}

/// A golden file's one line.
pub fn line(name: &str) -> String {
    let text = fs::read_to_string(folder().join(format!("{name}.json"))).expect("a golden file");
    let line = text.strip_suffix('\n').expect("a file of whole lines");
    assert!(!line.contains('\n'), "{name}.json is one line");
    line.to_owned()
}

#[track_caller]
fn says(name: &str, expected: &FeedMessage) {
    assert_eq!(json::decode(line(name).as_bytes()).as_ref(), Ok(expected));
}

#[test]
fn every_golden_file_decodes_and_encodes_to_the_same_bytes() {
    let mut types = BTreeSet::new();
    let mut updates = 0;
    for name in names() {
        let line = line(&name);
        if name.starts_with("update_") {
            let update: Update = serde_json::from_str(&line).expect("an update");
            assert_eq!(serde_json::to_string(&update).expect("JSON"), line, "{name}");
            updates += 1;
        } else {
            let message = json::decode(line.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(String::from_utf8(json::encode(&message)).expect("UTF-8"), line, "{name}");
            types.insert(message.message_type());
        }
    }
    assert_eq!(types.len(), 13, "every message type has a golden file: {types:?}");
    assert!(updates >= 5, "updates have golden files too");
}

#[test]
fn every_golden_message_says_the_same_in_xml() {
    let messages: Vec<String> = names().into_iter().filter(|name| !name.starts_with("update_")).collect();
    for name in &messages {
        let of_json = json::decode(line(name).as_bytes()).expect("a golden message");
        let of_xml = xml::decode(in_xml(name).as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(of_xml, of_json, "{name}");
        assert_eq!(xml::decode(&xml::encode(&of_json)), Ok(of_json), "{name}");
    }
    assert!(messages.len() >= 39, "{}", messages.len());
}

#[test]
fn the_protocol_page_shows_golden_bytes() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let page = fs::read_to_string(page).expect("the page");
    let examples_of = |format: &str| -> Vec<&str> {
        let blocks = page.split(&format!("```{format}\n")).skip(1).collect::<Vec<_>>();
        blocks.into_iter().filter_map(|rest| Some(rest.split_once("\n```")?.0)).collect()
    };
    let goldens: Vec<String> = names().iter().map(|name| line(name)).collect();
    let examples = examples_of("json");
    assert!(examples.len() >= 13, "an example of every type");
    for example in examples {
        let body = format!("\"body\":{example}}}");
        let is_golden = |golden: &String| golden == example || golden.ends_with(&body);
        assert!(goldens.iter().any(is_golden), "no golden file has these bytes: {example}");
    }
    let messages = names().into_iter().filter(|name| !name.starts_with("update_"));
    let goldens: Vec<String> = messages.map(|name| in_xml(&name)).collect();
    let examples = examples_of("xml");
    assert!(examples.len() >= 5, "an example of every main type in XML");
    for example in examples {
        assert!(goldens.iter().any(|golden| golden.trim_end() == example), "no golden file is: {example}");
    }
}

pub fn source() -> Source {
    Source { provider: Name::new("md").expect("a name"), producer: Name::new("live").expect("a name") }
}

fn message(id: &str, generated_at: i64, received_at: Option<i64>, content: Content) -> FeedMessage {
    FeedMessage {
        schema: SchemaVersion { major: 1, minor: 0 },
        message_id: MessageId::new(id).expect("an id"),
        source: source(),
        request_id: None,
        occurred_at: None,
        generated_at: at(generated_at),
        received_at: received_at.map(Timestamp),
        content,
    }
}

/// A message about the golden game, whose id is made of its epoch and sequence.
fn of_game(
    epoch: u64,
    sequence: u64,
    generated_at: i64,
    received_at: Option<i64>,
    body: Body,
) -> FeedMessage {
    let position = Some(Position { epoch, sequence });
    let event = EventMessage { sport: Sport::Hockey, event_id: urn("md:match:1001"), position, body };
    message(&format!("1001-{epoch}-{sequence}"), generated_at, received_at, Content::Event(event))
}

#[test]
fn a_fixture_says_who_plays_and_when() {
    let fixture = Fixture {
        scheduled_start: at(1_767_200_400_000_000),
        tournament: Some(Tournament { id: urn("md:tournament:7"), name: text("Fjord League") }),
        home: competitor("md:competitor:31", "Nordvik Bears", Some("NOR")),
        away: competitor("md:competitor:48", "Hämeen Karhut", Some("HÄM")),
    };
    says(
        "fixture",
        &of_game(1, 1, 1_767_193_200_000_000, Some(1_767_193_200_004_200), Body::Fixture(fixture)),
    );
}

#[test]
fn a_fixture_change_says_what_is_new() {
    let change = FixtureChange {
        change: FixtureChangeKind::StartTime,
        scheduled_start: Some(at(1_767_201_300_000_000)),
        next_live_time: Some(at(1_767_201_000_000_000)),
    };
    let body = Body::FixtureChange(change);
    says("fixture_change", &of_game(1, 2, 1_767_196_800_000_000, Some(1_767_196_800_003_900), body));
}

#[test]
fn an_event_status_is_the_whole_state_of_play() {
    let live = Status {
        period_scores: vec![period(MatchStatus::Period1, 1, 1), period(MatchStatus::Period2, 1, 0)],
        clock: Some(Clock::new(754, true)),
        penalty_box: Some(Score { home: 0, away: 1 }),
        ..status(EventStatus::Live, MatchStatus::Period2, 2, 1)
    };
    let message = of_game(1, 57, 1_767_204_912_850_000, Some(1_767_204_912_861_377), Body::EventStatus(live));
    says("event_status", &FeedMessage { occurred_at: Some(at(1_767_204_912_000_000)), ..message });

    let corrected = Status {
        clock: Some(Clock::new(754, false)),
        correction: true,
        ..status(EventStatus::Live, MatchStatus::Period2, 1, 1)
    };
    let message = of_game(1, 59, 1_767_204_990_000_000, None, Body::EventStatus(corrected));
    says("event_status_correction", &FeedMessage { occurred_at: Some(at(1_767_204_912_000_000)), ..message });

    let ended = Status {
        period_scores: vec![
            period(MatchStatus::Period1, 1, 1),
            period(MatchStatus::Period2, 0, 1),
            period(MatchStatus::Period3, 1, 0),
            period(MatchStatus::Overtime, 0, 0),
            period(MatchStatus::Penalties, 2, 1),
        ],
        ..status(EventStatus::Ended, MatchStatus::EndedAfterPenalties, 3, 2)
    };
    assert_eq!(Sport::Hockey.rules().check_status(None, &ended), Ok(()));
    let message =
        of_game(1, 203, 1_767_209_941_000_000, Some(1_767_209_941_007_000), Body::EventStatus(ended));
    says("event_status_ended", &FeedMessage { occurred_at: Some(at(1_767_209_940_000_000)), ..message });
}

#[test]
fn an_incident_happens_and_may_be_taken_back() {
    let goal = Incident {
        incident_id: IncidentId::new("g-3").expect("an id"),
        action: IncidentAction::New,
        kind: IncidentKind::Goal,
        match_status: MatchStatus::Period2,
        elapsed_seconds: Some(754),
        side: Some(Side::Home),
        player: Some(text("Eira Solheim")),
        detail: Some(text("wrist shot, power play")),
        score: Some(Score { home: 2, away: 1 }),
    };
    let message =
        of_game(1, 56, 1_767_204_912_800_000, Some(1_767_204_912_809_000), Body::Incident(goal.clone()));
    says("incident", &FeedMessage { occurred_at: Some(at(1_767_204_912_000_000)), ..message });

    let deleted = Incident {
        action: IncidentAction::Deleted,
        elapsed_seconds: None,
        side: None,
        player: None,
        detail: None,
        score: None,
        ..goal
    };
    says("incident_deleted", &of_game(1, 58, 1_767_204_988_000_000, None, Body::Incident(deleted)));
}

#[test]
fn an_incident_says_that_a_net_is_empty_and_a_goal_that_it_fell_into_one() {
    let later = SchemaVersion { major: 1, minor: 1 };
    let pulled = Incident {
        incident_id: IncidentId::new("k-1").expect("an id"),
        action: IncidentAction::New,
        kind: IncidentKind::GoalkeeperPulled,
        match_status: MatchStatus::Period3,
        elapsed_seconds: Some(1_101),
        side: Some(Side::Away),
        player: Some(text("Otso Laine")),
        detail: None,
        score: None,
    };
    let goal = Incident {
        incident_id: IncidentId::new("g-6").expect("an id"),
        kind: IncidentKind::Goal,
        elapsed_seconds: Some(1_152),
        side: Some(Side::Home),
        player: None,
        detail: Some(text(domain::incident::EMPTY_NET)),
        score: Some(Score { home: 4, away: 2 }),
        ..pulled.clone()
    };
    let message = of_game(1, 68, 1_767_205_071_000_000, None, Body::Incident(pulled));
    says("incident_goalkeeper_pulled", &FeedMessage { schema: later, ..message });
    let message = of_game(1, 70, 1_767_205_122_000_000, None, Body::Incident(goal));
    says("incident_empty_net", &FeedMessage { schema: later, ..message });
}

#[test]
fn an_odds_change_names_markets_statuses_and_integer_odds() {
    let winner = vec![
        Outcome { probability: share(512_000), ..outcome("4", odds(1_850)) },
        Outcome { probability: share(488_000), ..outcome("5", odds(1_980)) },
    ];
    let total = vec![outcome("12", odds(2_240)), Outcome { active: false, ..outcome("13", odds(1_640)) }];
    let markets = vec![
        Offer::new(MarketKey::plain(406), MarketStatus::Active, winner),
        Offer::new(market("412:total=5.5"), MarketStatus::Active, total),
        Offer::new(MarketKey::plain(1), MarketStatus::HandedOver, Vec::new()),
        Offer::new(
            market("202:gamenr=2|setnr=3"),
            MarketStatus::Suspended,
            vec![outcome("pre:outcometext:9", None)],
        ),
    ];
    let body = Body::OddsChange(OddsChange::of(markets));
    says("odds_change", &of_game(1, 60, 1_767_204_993_000_000, Some(1_767_204_993_002_500), body));
}

#[test]
fn a_bet_stop_names_groups_and_what_becomes_of_them() {
    let stop = BetStop { groups: Groups::All, market_status: StopStatus::Suspended };
    let message = of_game(1, 55, 1_767_204_912_010_000, Some(1_767_204_912_013_000), Body::BetStop(stop));
    says("bet_stop", &FeedMessage { occurred_at: Some(at(1_767_204_911_900_000)), ..message });

    let named =
        Groups::Named(["total", "regular_time"].map(|name| Name::new(name).expect("a name")).to_vec());
    let stop = BetStop { groups: named, market_status: StopStatus::Inactive };
    says("bet_stop_groups", &of_game(1, 61, 1_767_204_999_000_000, None, Body::BetStop(stop)));
}

#[test]
fn a_settlement_says_how_every_outcome_ended() {
    let won = result(ResultKind::Won);
    let lost = result(ResultKind::Lost);
    let tied = OutcomeResult { dead_heat: share(500_000), ..won };
    let markets = vec![
        SettledMarket {
            key: MarketKey::plain(406),
            void_reason: None,
            outcomes: vec![settled("4", won), settled("5", lost)],
        },
        SettledMarket {
            key: market("412:total=5"),
            void_reason: Some(text("stakes returned on an exact total")),
            outcomes: ["12", "13"]
                .map(|id| settled(id, OutcomeResult { void: Some(Void::Full), ..lost }))
                .to_vec(),
        },
        SettledMarket {
            key: market("412:total=5.25"),
            void_reason: None,
            outcomes: vec![
                settled("12", lost),
                settled("13", OutcomeResult { void: Some(Void::Half), ..won }),
            ],
        },
        SettledMarket {
            key: market("9001:variant=top_scorer"),
            void_reason: None,
            outcomes: vec![
                settled("md:player:88", tied),
                settled("md:player:91", tied),
                settled("md:player:95", result(ResultKind::Undecided)),
            ],
        },
    ];
    let body = Body::Settlement(Settlement { certainty: Certainty::LiveScouted, markets });
    says("settlement", &of_game(1, 204, 1_767_209_960_000_000, Some(1_767_209_960_002_000), body));
}

#[test]
fn rollbacks_and_cancels_name_markets_and_windows() {
    let markets = vec![MarketKey::plain(406), market("412:total=5.25")];
    let body = Body::SettlementRollback(SettlementRollback { markets });
    says("settlement_rollback", &of_game(1, 205, 1_767_210_000_000_000, Some(1_767_210_000_002_000), body));

    let window =
        Window { start_time: Some(at(1_767_204_905_000_000)), end_time: Some(at(1_767_204_912_010_000)) };
    let late = CancelledMarket {
        key: market("412:total=5.5"),
        void_reason: Some(text("wrong odds after a late bet stop")),
    };
    let plain = CancelledMarket { key: MarketKey::plain(1), void_reason: None };
    let body = Body::Cancel(Cancel { markets: vec![late, plain], window, superseded_by: None });
    says("cancel", &of_game(1, 206, 1_767_210_060_000_000, Some(1_767_210_060_002_000), body));

    let markets =
        vec![CancelledMarket { key: MarketKey::plain(406), void_reason: Some(text("match to be replayed")) }];
    let superseded_by = Some(urn("md:match:1002"));
    let body = Body::Cancel(Cancel { markets, window: Window::default(), superseded_by });
    says("cancel_whole", &of_game(1, 207, 1_767_210_070_000_000, None, body));

    let body = Body::CancelRollback(CancelRollback { markets: vec![market("412:total=5.5")], window });
    says("cancel_rollback", &of_game(1, 208, 1_767_210_120_000_000, Some(1_767_210_120_002_000), body));
}

#[test]
fn a_snapshot_is_the_whole_event() {
    let outcomes = vec![
        Outcome { result: Some(result(ResultKind::Won)), ..outcome("4", odds(1_850)) },
        Outcome { result: Some(result(ResultKind::Lost)), active: false, ..outcome("5", odds(1_980)) },
    ];
    let goal = Incident {
        incident_id: IncidentId::new("g-4").expect("an id"),
        action: IncidentAction::Amended,
        kind: IncidentKind::Goal,
        match_status: MatchStatus::Period2,
        elapsed_seconds: Some(1_101),
        side: Some(Side::Away),
        player: Some(text("Otso Laine")),
        detail: None,
        score: Some(Score { home: 1, away: 2 }),
    };
    let last = Incident {
        incident_id: IncidentId::new("so-5").expect("an id"),
        action: IncidentAction::New,
        kind: IncidentKind::ShootoutGoal,
        match_status: MatchStatus::Penalties,
        elapsed_seconds: None,
        side: Some(Side::Home),
        player: None,
        score: None,
        ..goal.clone()
    };
    let snapshot = Snapshot {
        fixture: Some(Fixture {
            scheduled_start: at(1_767_201_300_000_000),
            tournament: None,
            home: competitor("md:competitor:31", "Nordvik Bears", None),
            away: competitor("md:competitor:48", "Hämeen Karhut", None),
        }),
        status: Some(status(EventStatus::Closed, MatchStatus::EndedAfterPenalties, 3, 2)),
        markets: vec![
            Offer::new(MarketKey::plain(406), MarketStatus::Settled, outcomes),
            Offer::new(market("412:total=5.5"), MarketStatus::Cancelled, Vec::new()),
        ],
        incidents: Some(vec![goal, last]),
    };
    let body = Body::Snapshot(snapshot);
    let message = of_game(2, 1, 1_767_210_200_000_000, Some(1_767_210_200_009_000), body);
    says("snapshot", &FeedMessage { request_id: Some(77), ..message });
}

#[test]
fn a_producer_speaks_of_itself_as_a_whole() {
    let alive = Content::Producer(ProducerBody::Alive(Alive { subscribed: true }));
    says("alive", &message("alive-176720500", 1_767_205_000_000_000, Some(1_767_205_000_001_000), alive));

    let complete = Content::Producer(ProducerBody::SnapshotComplete(SnapshotComplete { request_id: 77 }));
    let complete = message("complete-77", 1_767_210_205_000_000, Some(1_767_210_205_001_000), complete);
    says("snapshot_complete", &FeedMessage { request_id: Some(77), ..complete });
}
