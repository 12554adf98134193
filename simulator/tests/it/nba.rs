//! The NBA importer on games of our own making, and on a real one against its box score, which it never reads.

use std::collections::BTreeMap;
use std::path::Path;

use domain::{
    Body, EventState, EventStatus, FeedMessage, Incident, IncidentAction, IncidentKind, MatchStatus,
    PeriodScore, Score, Side, Status, Timestamp, update::Value as KeyValue,
};
use serde_json::Value;
use simulator::import::{Imported, nba};

use super::imported::{self, body, corpus, final_status, phases, play, statuses, tell};

fn sample(name: &str) -> Vec<u8> {
    imported::sample(&format!("nba_pbp_{name}"))
}

/// Every telling of the incident, in order.
fn tellings<'a>(imported: &'a Imported, id: &str) -> Vec<(&'a FeedMessage, &'a Incident)> {
    let incidents = imported.messages.iter().filter_map(|(_, message)| match body(message) {
        Body::Incident(incident) => Some((message, incident)),
        _ => None,
    });
    incidents.filter(|(_, incident)| incident.incident_id.as_str() == id).collect()
}

fn last_word<'a>(imported: &'a Imported, id: &str) -> &'a Incident {
    tellings(imported, id).last().unwrap().1
}

/// `hh:mm:ss` UTC on the day of the sample games.
fn at(time: &str) -> Timestamp {
    let time: jiff::Timestamp = format!("2032-01-16T{time}Z").parse().unwrap();
    Timestamp(time.as_microsecond())
}

fn incidents(state: &EventState) -> Vec<Incident> {
    let values = state.entries().filter_map(|(_, _, value)| match value {
        Some(KeyValue::Incident(incident)) => Some(incident),
        _ => None,
    });
    values.collect()
}

fn points(kind: IncidentKind) -> u64 {
    match kind {
        IncidentKind::FreeThrowMade => 1,
        IncidentKind::TwoPointsMade => 2,
        IncidentKind::ThreePointsMade => 3,
        _ => 0,
    }
}

fn period_scores<const N: usize>(scores: [(MatchStatus, u32, u32); N]) -> Vec<PeriodScore> {
    scores.map(|(period, home, away)| PeriodScore { period, home, away }).to_vec()
}

const QUARTERS: [MatchStatus; 8] = [
    MatchStatus::NotStarted,
    MatchStatus::Quarter1,
    MatchStatus::Break1,
    MatchStatus::Quarter2,
    MatchStatus::Break2,
    MatchStatus::Quarter3,
    MatchStatus::Break3,
    MatchStatus::Quarter4,
];

#[test]
fn a_game_of_four_quarters() {
    let imported = nba::import(&sample("late_and_edited")).unwrap();
    let status = final_status(&play(&imported));
    assert_eq!((status.status, status.match_status), (EventStatus::Closed, MatchStatus::Ended));
    assert_eq!(status.score, Score { home: 7, away: 6 });
    assert_eq!(
        status.period_scores,
        period_scores([
            (MatchStatus::Quarter1, 2, 6),
            (MatchStatus::Quarter2, 0, 0),
            (MatchStatus::Quarter3, 3, 0),
            (MatchStatus::Quarter4, 2, 0),
        ])
    );
    assert_eq!(phases(&imported), [&QUARTERS[..], &[MatchStatus::Ended]].concat());
    assert_eq!(imported.left_out, BTreeMap::from([("memo".to_owned(), 1)]));

    let first = &imported.messages[0].1;
    assert_eq!(first.message_id.as_str(), "nba:0023100007:1");
    assert_eq!(first.generated_at, at("00:39:00"), "a minute before the first action");
    let Body::Fixture(fixture) = body(first) else { panic!("a fixture comes first") };
    assert_eq!((fixture.home.name.as_str(), fixture.away.name.as_str()), ("HRN", "LNX"));
    assert_eq!(fixture.tournament.as_ref().unwrap().name.as_str(), "NBA 2031/32 regular season");
}

#[test]
fn a_basket_entered_late_comes_late_with_the_time_at_which_it_fell() {
    let imported = nba::import(&sample("late_and_edited")).unwrap();
    let [(message, basket)] = tellings(&imported, "18")[..] else { panic!("it is told once") };
    assert_eq!(message.occurred_at, Some(at("00:48:40")));
    assert_eq!(message.generated_at, at("00:55:10"));
    assert_eq!(basket.action, IncidentAction::New);
    assert_eq!((basket.match_status, basket.elapsed_seconds), (MatchStatus::Quarter1, Some(480)));
    assert_eq!(basket.score, Some(Score { home: 2, away: 6 }));

    // The second quarter has begun; the points are the first one's, and neither part nor clock goes back.
    let after = imported.messages.iter().skip_while(|(_, next)| next.message_id != message.message_id).nth(1);
    let Body::EventStatus(status) = body(&after.unwrap().1) else { panic!("a basket changes the status") };
    assert_eq!(status.match_status, MatchStatus::Quarter2);
    assert_eq!(
        status.period_scores,
        period_scores([(MatchStatus::Quarter1, 2, 6), (MatchStatus::Quarter2, 0, 0)])
    );
    assert_eq!(status.clock.unwrap().elapsed_seconds, 0);
}

#[test]
fn an_edited_action_is_told_when_it_was_entered_and_amended_when_it_was_edited() {
    let imported = nba::import(&sample("late_and_edited")).unwrap();
    let [(told, first), (amended, last)] = tellings(&imported, "9")[..] else { panic!("it is told twice") };
    // The free throw that follows from it was there at 00:41:28, so the foul was, too.
    assert_eq!((told.generated_at, amended.generated_at), (at("00:41:28"), at("02:05:30")));
    assert_eq!(told.occurred_at, Some(at("00:41:10")));
    assert_eq!(amended.occurred_at, told.occurred_at);
    assert_eq!((first.action, last.action), (IncidentAction::New, IncidentAction::Amended));
    assert_eq!(first.detail.as_ref().unwrap().as_str(), "personal");
    assert_eq!(last.detail.as_ref().unwrap().as_str(), "shooting personal");

    let [(_, first), (_, last)] = tellings(&imported, "8")[..] else { panic!("it is told twice") };
    assert_eq!(first.detail.as_ref().unwrap().as_str(), "DUNK");
    assert_eq!(last.detail.as_ref().unwrap().as_str(), "putback DUNK, assisted by I. Moor");
    assert_eq!((first.score, last.score), (Some(Score { home: 2, away: 2 }), first.score));

    // The edit came after the end of the game, and so does the confirmed result.
    let (_, closed) = imported.messages.last().unwrap();
    assert_eq!(closed.generated_at, at("02:06:30"));
}

#[test]
fn incidents_say_whose_they_are_and_when_in_the_quarter() {
    let imported = nba::import(&sample("late_and_edited")).unwrap();
    let said = |id: &str| {
        let incident = last_word(&imported, id);
        (incident.kind, incident.side, incident.player.as_ref().map(|player| player.as_str().to_owned()))
    };
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(said("4"), (IncidentKind::JumpBall, Some(Side::Away), name("R. Sorrel")));
    assert_eq!(said("11"), (IncidentKind::FreeThrowMissed, Some(Side::Away), name("R. Sorrel")));
    assert_eq!(said("12"), (IncidentKind::Rebound, Some(Side::Home), None), "the team's");
    assert_eq!(said("13"), (IncidentKind::VideoReview, None, None));
    assert_eq!(said("15"), (IncidentKind::Substitution, Some(Side::Home), name("T. Vale")));
    assert_eq!(said("19"), (IncidentKind::Turnover, Some(Side::Home), name("B. Crane")));
    assert_eq!(said("20"), (IncidentKind::Steal, Some(Side::Away), name("A. Pike")));
    assert_eq!(said("21"), (IncidentKind::Timeout, Some(Side::Away), None));
    assert_eq!(said("25"), (IncidentKind::Stoppage, None, None));
    assert_eq!(said("27"), (IncidentKind::Block, Some(Side::Home), name("B. Crane")), "the defender's");
    assert_eq!(said("31"), (IncidentKind::Violation, Some(Side::Away), None));
    assert_eq!(said("33"), (IncidentKind::Ejection, Some(Side::Away), name("A. Pike")));
    let late = last_word(&imported, "32");
    assert_eq!(late.elapsed_seconds, Some(660), "59.3 s are left of twelve minutes");
    let in_break = last_word(&imported, "15");
    assert_eq!(in_break.elapsed_seconds, Some(0), "in the break before the second quarter");
}

#[test]
fn a_game_decided_in_the_second_overtime() {
    let imported = nba::import(&sample("overtimes")).unwrap();
    let status = final_status(&play(&imported));
    assert_eq!(status.match_status, MatchStatus::EndedAfterOvertime);
    assert_eq!(status.score, Score { home: 6, away: 3 });
    let overtime = PeriodScore { period: MatchStatus::Overtime, home: 4, away: 1 };
    assert_eq!(status.period_scores.last(), Some(&overtime), "both overtimes");
    let late = [MatchStatus::AwaitingOvertime, MatchStatus::Overtime, MatchStatus::EndedAfterOvertime];
    assert_eq!(phases(&imported), [&QUARTERS[..], &late].concat());
    let clocks: Vec<u32> = statuses(&imported)
        .filter(|status| status.match_status == MatchStatus::Overtime)
        .map(|status| status.clock.unwrap().elapsed_seconds)
        .collect();
    assert_eq!(clocks, [0, 150, 210, 300, 0, 300, 300], "the second overtime begins at 0 again");
    let Body::Fixture(fixture) = body(&imported.messages[0].1) else { panic!("a fixture comes first") };
    assert_eq!(fixture.tournament.as_ref().unwrap().name.as_str(), "NBA 2031/32 play-offs");
}

#[test]
fn an_error_says_where_in_the_file() {
    let text = String::from_utf8(sample("late_and_edited")).unwrap();
    let error = |changed: String| {
        assert_ne!(changed, text, "the change has found its place");
        nba::import(changed.as_bytes()).unwrap_err()
    };
    let replace = |from: &str, to: &str| error(text.replacen(from, to, 1));
    assert_eq!(replace("PT11M57.00S", "11:57").path, "game.actions[1].clock");
    assert_eq!(replace("PT11M57.00S", "PT12M01.00S").path, "game.actions[1].clock");
    assert_eq!(replace("2032-01-16T00:40:04.2Z", "then").path, "game.actions[1].timeActual");
    assert_eq!(replace("2032-01-16T00:40:04Z", "2034-01-16T00:40:04Z").path, "game.actions[1].edited");
    assert_eq!(replace("\"period\": 1", "\"period\": 0").path, "game.actions[0].period");
    assert_eq!(replace("\"shotResult\": \"Made\", ", "").path, "game.actions[2].shotResult");
    assert_eq!(replace("\"Missed\"", "\"Blocked\"").path, "game.actions[3].shotResult");
    assert_eq!(replace("\"actionNumber\": 5", "\"actionNumber\": 4").path, "game.actions[2].actionNumber");
    assert_eq!(replace("1610990001", "1610990003").path, "game.actions[4].teamId");
    assert_eq!(replace("\"scoreAway\": \"0\"", "\"scoreAway\": \"\"").path, "game.actions[0].scoreAway");
    assert_eq!(replace("0023100007", "1023100007").path, "game.gameId");
    assert_eq!(
        replace("\"actionType\": \"game\"", "\"actionType\": \"memo\"").to_string(),
        "game.actions: there is no end of the game: it has not ended"
    );
    assert_eq!(error(format!("{text}x")).path, ".");

    let overtimes = String::from_utf8(sample("overtimes")).unwrap();
    let level = overtimes.replacen("\"actionType\": \"3pt\"", "\"actionType\": \"rebound\"", 1);
    let error = nba::import(level.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "game.actions: the game ends 3:3 after overtime");
}

#[test]
fn other_files_of_the_league_are_named() {
    let error = |json: &str| nba::import(json.as_bytes()).unwrap_err().to_string();
    let taken = "the live play-by-play of cdn.nba.com (`game.actions`) is taken";
    assert_eq!(error(r#"{"game": {"homeTeam": {}}}"#), format!(".: this is a box score; {taken}"));
    let old = error(r#"{"resource": "playbyplay", "resultSets": []}"#);
    assert!(old.starts_with(".: this is the play-by-play of stats.nba.com (`resultSets`)"), "{old}");
    assert!(old.ends_with(taken), "{old}");
    assert!(error(r#"{"id": 7}"#).starts_with(".: missing field `game`"));
}

/// What the box score says of one team: its score, that of each quarter and of all overtimes, and its players' points.
fn team(box_score: &Value, side: &str) -> (u32, Vec<u32>, BTreeMap<String, u64>) {
    let count = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let team = &box_score["game"][side];
    let mut periods: Vec<u32> =
        team["periods"].as_array().unwrap().iter().map(|period| count(&period["score"])).collect();
    if periods.len() > 4 {
        let overtimes = periods.split_off(4);
        periods.push(overtimes.iter().sum());
    }
    let players = team["players"].as_array().unwrap().iter();
    let points = players.filter_map(|player| {
        let points = player["statistics"]["points"].as_u64().filter(|&points| points > 0)?;
        Some((player["nameI"].as_str().unwrap().to_owned(), points))
    });
    (count(&team["score"]), periods, points.collect())
}

fn points_of_players(incidents: &[Incident], side: Side) -> BTreeMap<String, u64> {
    let mut points_of_players = BTreeMap::new();
    for incident in incidents.iter().filter(|incident| incident.side == Some(side)) {
        if points(incident.kind) > 0 {
            let player = incident.player.as_ref().unwrap().to_string();
            *points_of_players.entry(player).or_default() += points(incident.kind);
        }
    }
    points_of_players
}

/// How late the messages of a recording are, for whoever reads a test's output.
fn lateness(imported: &Imported) -> String {
    let mut late_seconds = Vec::new();
    let (mut overtaken, mut amended) = (0, 0);
    let mut latest = Timestamp(0);
    for (_, message) in &imported.messages {
        let Body::Incident(incident) = body(message) else { continue };
        if incident.action == IncidentAction::Amended {
            amended += 1;
            continue;
        }
        let occurred_at = message.occurred_at.unwrap();
        late_seconds.push(message.generated_at.micros_since(occurred_at) / 1_000_000);
        overtaken += u32::from(occurred_at < latest);
        latest = latest.max(occurred_at);
    }
    late_seconds.sort_unstable();
    let quantile = |percent: usize| late_seconds[(late_seconds.len() - 1) * percent / 100];
    format!(
        "{} messages; {} incidents told {} s late (p50), {} s (p90), {} s (p99), {} s (most); {overtaken} after later \
         ones, {amended} amended",
        imported.messages.len(),
        late_seconds.len(),
        quantile(50),
        quantile(90),
        quantile(99),
        quantile(100),
    )
}

/// Imports a game, plays it through an event's state and holds it against the box score beside it.
fn check(path: &Path) -> (Imported, Status) {
    let imported = nba::import(&std::fs::read(path).unwrap()).unwrap();
    let box_score = path.to_str().unwrap().replace("nba_pbp_", "nba_box_");
    let box_score: Value = serde_json::from_slice(&std::fs::read(box_score).unwrap()).unwrap();
    let status = holds_its_box_score(&imported, &box_score);
    (imported, status)
}

fn holds_its_box_score(imported: &Imported, box_score: &Value) -> Status {
    let state = play(imported);
    let (status, incidents) = (final_status(&state), incidents(&state));
    let (home, away) = (team(box_score, "homeTeam"), team(box_score, "awayTeam"));
    assert_eq!(status.score, Score { home: home.0, away: away.0 });
    let periods = |side: fn(&PeriodScore) -> u32| status.period_scores.iter().map(side).collect::<Vec<_>>();
    assert_eq!(periods(|score| score.home), home.1);
    assert_eq!(periods(|score| score.away), away.1);
    assert_eq!(points_of_players(&incidents, Side::Home), home.2);
    assert_eq!(points_of_players(&incidents, Side::Away), away.2);
    assert!(statuses(imported).all(|status| !status.correction));
    status
}

#[test]
fn our_own_games_agree_with_their_box_scores() {
    for name in ["late_and_edited", "overtimes"] {
        check(&imported::sample_path(&format!("nba_pbp_{name}")));
    }
}

#[test]
fn every_real_game_agrees_with_its_box_score() {
    for path in corpus("basketball", "nba_pbp_live_") {
        let (imported, status) = check(&path);
        assert!(imported.left_out.is_empty(), "{:?}", imported.left_out);
        if path.ends_with("nba_pbp_live_0022000001.json") {
            // Known beforehand, so that this test cannot agree with itself alone.
            assert_eq!(status.score, Score { home: 125, away: 99 }, "Brooklyn 125, Golden State 99");
            the_first_game_of_2020_is_as_late_as_it_was(&imported);
        }
        tell(&format!("{}: {}, {}", path.display(), status.score, lateness(&imported)));
    }
}

/// A foul of the first quarter was edited over an hour later; a miss was put in after the quarter's end.
fn the_first_game_of_2020_is_as_late_as_it_was(imported: &Imported) {
    let micros = |message: &FeedMessage| message.generated_at.micros_since(message.occurred_at.unwrap());
    let [(told, _), (amended, foul)] = tellings(imported, "54")[..] else { panic!("it is told twice") };
    assert_eq!((foul.action, foul.kind), (IncidentAction::Amended, IncidentKind::Foul));
    assert_eq!((micros(told), micros(amended) / 1_000_000), (0, 4_068));
    let [(told, miss), _] = tellings(imported, "196")[..] else { panic!("it is told twice") };
    assert_eq!((miss.action, miss.match_status), (IncidentAction::New, MatchStatus::Quarter1));
    assert_eq!(micros(told) / 1_000_000, 520);
}

#[test]
fn the_leagues_other_real_files_are_refused_by_name() {
    for (prefix, name) in [("nba_box_live_", "a box score"), ("nba_pbp_stats_", "stats.nba.com")] {
        for path in corpus("basketball", prefix) {
            let error = nba::import(&std::fs::read(&path).unwrap()).unwrap_err().to_string();
            assert!(error.contains(name), "{}: {error}", path.display());
        }
    }
}
