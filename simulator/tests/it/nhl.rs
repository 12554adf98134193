//! The NHL importer on games of our own making and on real ones, against the result fields it never reads.

use domain::incident::EMPTY_NET;
use domain::{
    Body, EventStatus, Incident, IncidentKind, MatchStatus, PeriodScore, Score, Side, Status, Timestamp,
};
use serde_json::Value;
use simulator::import::{Imported, nhl};
use simulator::recording::Reader;

use super::imported::{self, body, corpus, final_status, line_up, phases, play, statuses, tell};

fn sample(name: &str) -> Vec<u8> {
    imported::sample(&format!("nhl_{name}"))
}

/// What the file itself states as its result.
struct Official {
    score: Score,
    last_period: String,
    /// The running score after each goal that counts, in order.
    goals: Vec<Score>,
}

fn official(json: &[u8]) -> Official {
    let file: Value = serde_json::from_slice(json).unwrap();
    let count = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let mut plays: Vec<&Value> = file["plays"].as_array().unwrap().iter().collect();
    plays.sort_by_key(|play| play["sortOrder"].as_u64());
    let goals = plays
        .into_iter()
        .filter(|play| play["typeDescKey"] == "goal" && play["periodDescriptor"]["periodType"] != "SO")
        .map(|goal| Score {
            home: count(&goal["details"]["homeScore"]),
            away: count(&goal["details"]["awayScore"]),
        })
        .collect();
    Official {
        score: Score { home: count(&file["homeTeam"]["score"]), away: count(&file["awayTeam"]["score"]) },
        last_period: file["gameOutcome"]["lastPeriodType"].as_str().unwrap().to_owned(),
        goals,
    }
}

/// Imports a game, plays it through an event's state and holds it against its official result.
fn check(json: &[u8]) -> (Imported, Status) {
    let imported = nhl::import(json).unwrap();
    let official = official(json);
    let state = play(&imported);
    let status = final_status(&state);
    assert_eq!(status.score, official.score);
    assert_eq!(status.status, EventStatus::Closed);
    let ended = match official.last_period.as_str() {
        "REG" => MatchStatus::Ended,
        "OT" => MatchStatus::EndedAfterOvertime,
        _ => MatchStatus::EndedAfterPenalties,
    };
    assert_eq!(status.match_status, ended);

    let running: Vec<Score> = imported
        .messages
        .iter()
        .filter_map(|(_, message)| match body(message) {
            Body::Incident(incident) if incident.kind == IncidentKind::Goal => incident.score,
            _ => None,
        })
        .collect();
    assert_eq!(running, official.goals);
    (imported, status)
}

const REGULAR_TIME: [MatchStatus; 6] = [
    MatchStatus::NotStarted,
    MatchStatus::Period1,
    MatchStatus::Break1,
    MatchStatus::Period2,
    MatchStatus::Break2,
    MatchStatus::Period3,
];

fn minutes(imported: &Imported, kind: IncidentKind) -> Vec<i64> {
    let start = imported.messages[0].1.generated_at;
    imported
        .messages
        .iter()
        .filter(|(_, message)| matches!(body(message), Body::Incident(incident) if incident.kind == kind))
        .map(|(_, message)| message.generated_at.micros_since(start) / 60_000_000)
        .collect()
}

#[test]
fn a_game_of_three_periods() {
    let (imported, status) = check(&sample("regular"));
    assert_eq!(status.score, Score { home: 3, away: 1 });
    assert_eq!(phases(&imported), [&REGULAR_TIME[..], &[MatchStatus::Ended]].concat());
    let by_period =
        [(MatchStatus::Period1, 1, 1), (MatchStatus::Period2, 0, 0), (MatchStatus::Period3, 2, 0)];
    assert_eq!(
        status.period_scores,
        by_period.map(|(period, home, away)| PeriodScore { period, home, away })
    );
    assert_eq!(
        imported.left_out.iter().map(|(kind, count)| (kind.as_str(), *count)).collect::<Vec<_>>(),
        [("coach-challenge", 1)]
    );
    // A minute before the start, then 20 minutes of play and 18 without, twice.
    assert_eq!(minutes(&imported, IncidentKind::PeriodStart), [1, 39, 77]);
    let first = &imported.messages[0].1;
    assert_eq!(first.message_id.as_str(), "nhl:2031020001:1");
    assert_eq!(first.generated_at, Timestamp(1_957_825_740_000_000), "2032-01-16T00:29:00Z");
    let Body::Fixture(fixture) = body(first) else { panic!("a fixture comes first") };
    assert_eq!(fixture.home.name.as_str(), "Harbour Town Herons");
    assert_eq!(fixture.tournament.as_ref().unwrap().name.as_str(), "NHL 2031/32 regular season");
}

/// Names of a side's players in the file, in its order.
fn roster(json: &[u8], side: &str) -> Vec<String> {
    let file: Value = serde_json::from_slice(json).unwrap();
    let spots = file["rosterSpots"].as_array().unwrap().iter();
    let name = |spot: &Value, field: &str| spot[field]["default"].as_str().unwrap().to_owned();
    spots
        .filter(|spot| spot["teamId"] == file[side]["id"])
        .map(|spot| format!("{} {}", name(spot, "firstName"), name(spot, "lastName")))
        .collect()
}

/// Everybody who dresses is named before the game, and the file does not say who begins.
fn check_line_ups(imported: &Imported, json: &[u8]) -> [usize; 2] {
    [(Side::Home, "homeTeam"), (Side::Away, "awayTeam")].map(|(side, team)| {
        let named = line_up(imported, side);
        assert!(named.iter().all(|(_, detail)| detail.is_none()));
        assert_eq!(named.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), roster(json, team));
        named.len()
    })
}

#[test]
fn line_ups_are_told_before_the_game() {
    let json = sample("regular");
    let imported = nhl::import(&json).unwrap();
    assert_eq!(check_line_ups(&imported, &json), [6, 6]);
    assert_eq!(line_up(&imported, Side::Away)[4].0, "Kit Aalto");
    let is_line_up = |(_, message): &(u64, domain::FeedMessage)| matches!(body(message), Body::Incident(it) if it.kind == IncidentKind::LineUp);
    assert!(imported.messages[2..14].iter().all(is_line_up), "after the fixture and the status");
    let mut file: Value = serde_json::from_slice(&json).unwrap();
    file["rosterSpots"][0]["teamId"] = 999.into();
    let imported = nhl::import(file.to_string().as_bytes()).unwrap();
    assert_eq!((line_up(&imported, Side::Home).len(), imported.left_out["player of another team"]), (5, 1));
}

#[test]
fn a_shot_that_was_blocked_is_the_shooters() {
    let imported = nhl::import(&sample("regular")).unwrap();
    let blocked = imported.messages.iter().find_map(|(_, message)| match body(message) {
        Body::Incident(incident) if incident.kind == IncidentKind::BlockedShot => Some(incident),
        _ => None,
    });
    let blocked = blocked.unwrap();
    assert_eq!(blocked.side, Some(Side::Away));
    assert_eq!(blocked.player.as_ref().unwrap().as_str(), "Kit Aalto");
}

/// What is told of goalkeepers, by minute and second of the part: whose net is empty, whose is not any more.
fn goalkeepers(imported: &Imported) -> Vec<(MatchStatus, u32, IncidentKind, Side)> {
    let told = imported.messages.iter().filter_map(|(_, message)| match body(message) {
        Body::Incident(incident) => Some(incident),
        _ => None,
    });
    let of_them = told
        .filter(|it| matches!(it.kind, IncidentKind::GoalkeeperPulled | IncidentKind::GoalkeeperReturned));
    of_them.map(|it| (it.match_status, it.elapsed_seconds.unwrap(), it.kind, it.side.unwrap())).collect()
}

/// Goals that fell into an empty net: when in their part.
fn into_empty_nets(imported: &Imported) -> Vec<u32> {
    let goals = imported.messages.iter().filter_map(|(_, message)| match body(message) {
        Body::Incident(incident) if incident.kind == IncidentKind::Goal => Some(incident),
        _ => None,
    });
    let is_empty = |goal: &&Incident| goal.detail.as_ref().is_some_and(|it| it.as_str() == EMPTY_NET);
    goals.filter(is_empty).map(|goal| goal.elapsed_seconds.unwrap()).collect()
}

#[test]
fn who_is_on_the_ice_says_when_a_net_is_empty_and_which_goal_fell_into_it() {
    let (imported, _) = check(&sample("regular"));
    let (pulled, returned) = (IncidentKind::GoalkeeperPulled, IncidentKind::GoalkeeperReturned);
    assert_eq!(
        goalkeepers(&imported),
        [
            (MatchStatus::Period3, 19 * 60 + 2, pulled, Side::Away),
            (MatchStatus::Period3, 19 * 60 + 26, returned, Side::Away)
        ]
    );
    assert_eq!(into_empty_nets(&imported), [19 * 60 + 26]);
    let shoot_out = nhl::import(&sample("shoot_out")).unwrap();
    assert_eq!(goalkeepers(&shoot_out), [], "who shoots alone has not left a net empty");
}

#[test]
fn a_game_decided_in_overtime() {
    let (imported, status) = check(&sample("overtime"));
    assert_eq!(status.score, Score { home: 1, away: 2 });
    let late = [MatchStatus::AwaitingOvertime, MatchStatus::Overtime, MatchStatus::EndedAfterOvertime];
    assert_eq!(phases(&imported), [&REGULAR_TIME[..], &late].concat());
    assert_eq!(
        minutes(&imported, IncidentKind::PeriodStart),
        [1, 39, 77, 98],
        "a minute after the third period"
    );
}

#[test]
fn a_play_off_game_decided_in_the_third_overtime() {
    let (imported, status) = check(&sample("playoff_overtimes"));
    assert_eq!(status.score, Score { home: 2, away: 1 });
    let late = [MatchStatus::AwaitingOvertime, MatchStatus::Overtime, MatchStatus::EndedAfterOvertime];
    assert_eq!(phases(&imported), [&REGULAR_TIME[..], &late].concat());
    assert_eq!(minutes(&imported, IncidentKind::PeriodStart), [1, 39, 77, 115, 153, 191]);
    let overtime = PeriodScore { period: MatchStatus::Overtime, home: 1, away: 0 };
    assert_eq!(status.period_scores.last(), Some(&overtime));
}

#[test]
fn a_game_decided_by_a_shoot_out() {
    let (imported, status) = check(&sample("shoot_out"));
    assert_eq!(status.score, Score { home: 1, away: 2 }, "two goals of the shoot-out count as one");
    let late = [
        MatchStatus::AwaitingOvertime,
        MatchStatus::Overtime,
        MatchStatus::AwaitingPenalties,
        MatchStatus::Penalties,
        MatchStatus::EndedAfterPenalties,
    ];
    assert_eq!(phases(&imported), [&REGULAR_TIME[..], &late].concat());
    let shoot_out = PeriodScore { period: MatchStatus::Penalties, home: 1, away: 2 };
    assert_eq!(status.period_scores.last(), Some(&shoot_out));
    let during = statuses(&imported).filter(|status| status.match_status == MatchStatus::Penalties);
    assert!(during.into_iter().all(|status| status.score == Score { home: 1, away: 1 }));
}

#[test]
fn the_same_file_makes_the_same_recording_and_it_can_be_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let paths = ["one.rec", "two.rec"].map(|name| directory.path().join(name));
    for path in &paths {
        let imported = nhl::import(&sample("shoot_out")).unwrap();
        let header = imported.write(std::fs::File::create(path).unwrap()).unwrap();
        assert_eq!(header.messages, Some(imported.messages.len() as u64));
    }
    let bytes = paths.each_ref().map(|path| std::fs::read(path).unwrap());
    assert_eq!(bytes[0], bytes[1]);
    let messages: Vec<_> =
        Reader::new(bytes[0].as_slice()).unwrap().map(|message| message.unwrap()).collect();
    let schedule = simulator::playlist::Playlist::of(&paths[..1]).load().unwrap();
    assert_eq!(schedule.len(), messages.len());
    assert!(messages.iter().enumerate().all(|(index, message)| schedule.message(index) == message.bytes));
}

#[test]
fn an_error_says_where_in_the_file() {
    let text = String::from_utf8(sample("regular")).unwrap();
    let error = |changed: String| {
        assert_ne!(changed, text, "the change has found its place");
        nhl::import(changed.as_bytes()).unwrap_err()
    };
    let replace = |from: &str, to: &str| error(text.replacen(from, to, 1));
    assert_eq!(replace("\"03:05\"", "\"3.05\"").path, "plays[8].timeInPeriod");
    assert_eq!(replace("\"18:09\"", "\"20:01\"").path, "plays[11].timeInPeriod");
    assert_eq!(replace("\"REG\", \"maxReg", "\"XT\", \"maxReg").path, "plays[0].periodDescriptor.periodType");
    assert_eq!(replace("2032-01-16T00:30:00Z", "tonight").path, "startTimeUTC");
    assert_eq!(
        replace("\"homeTeam\"", "\"hostTeam\"").to_string(),
        ".: missing field `homeTeam` at line 83 column 1"
    );
    assert_eq!(
        replace("\"eventOwnerTeamId\": 902", "\"eventOwnerTeamId\": 903").path,
        "plays[3].details.eventOwnerTeamId"
    );
    assert_eq!(replace("\"1551\"", "\"155\"").path, "plays[0].situationCode");
    assert_eq!(
        replace("\"game-end\"", "\"the-end\"").to_string(),
        "plays: there is no `game-end`: the game has not ended"
    );
    assert_eq!(
        replace("\"playerId\": 5002, \"first", "\"playerId\": 5001, \"first").to_string(),
        "rosterSpots[1]: player 5001 is listed twice"
    );
    assert_eq!(replace("\"eventId\": 103", "\"eventId\": 102").path, "plays[2].eventId");
    assert!(error(text[..500].to_owned()).path.starts_with("homeTeam.placeName"));
    assert_eq!(error(format!("{text}x")).path, ".");
}

#[test]
fn a_shoot_out_has_a_winner() {
    let mut file: Value = serde_json::from_slice(&sample("shoot_out")).unwrap();
    let goals =
        |play: &&mut Value| play["typeDescKey"] == "goal" && play["periodDescriptor"]["periodType"] == "SO";
    let last = file["plays"].as_array_mut().unwrap().iter_mut().rfind(goals).unwrap();
    last["typeDescKey"] = "missed-shot".into();
    let error = nhl::import(file.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "plays: the shoot-out ends 1:1");
}

#[test]
fn the_goalkeeper_of_a_real_game_goes_off_for_a_delayed_penalty() {
    for path in corpus("hockey", "nhl_2024030121") {
        let (imported, _) = check(&std::fs::read(&path).unwrap());
        let (pulled, returned) = (IncidentKind::GoalkeeperPulled, IncidentKind::GoalkeeperReturned);
        assert_eq!(
            goalkeepers(&imported),
            [
                (MatchStatus::Period1, 10 * 60 + 21, pulled, Side::Home),
                (MatchStatus::Period1, 10 * 60 + 25, returned, Side::Home)
            ]
        );
        assert_eq!(into_empty_nets(&imported), [0; 0]);
    }
}

#[test]
fn every_real_game_ends_with_its_official_score() {
    for path in corpus("hockey", "nhl_") {
        let json = std::fs::read(&path).unwrap();
        let (imported, status) = check(&json);
        assert_eq!(check_line_ups(&imported, &json), [20, 20]);
        assert!(imported.left_out.is_empty(), "{}: {:?}", path.display(), imported.left_out);
        tell(&format!("{}: {} messages, {}", path.display(), imported.messages.len(), status.score));
    }
}
