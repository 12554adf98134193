//! The StatsBomb importer: goals counted from shots against what the goalkeepers' events say, which it never reads.

use domain::{Body, EventStatus, IncidentKind, MatchStatus, PeriodScore, Score, Side, Timestamp};
use serde_json::Value;
use simulator::import::{Imported, statsbomb};

use super::imported::{body, corpus, final_status, incidents, line_up, phases, play, sample, statuses, tell};

const KICK_OFF: Timestamp = Timestamp(1_900_000_000_000_000);

fn import(json: &[u8]) -> Imported {
    statsbomb::import(json, 900_001, KICK_OFF).unwrap()
}

/// Goals by what the goalkeepers let in and the own goals that were scored, of the team whose line-up comes first and the other.
fn conceded(json: &[u8]) -> Score {
    let events: Vec<Value> = serde_json::from_slice(json).unwrap();
    let home =
        events.iter().find(|event| event["type"]["name"] == "Starting XI").unwrap()["team"]["id"].clone();
    let mut score = Score::default();
    for event in &events {
        let keeper = event["goalkeeper"]["type"]["name"].as_str().unwrap_or_default();
        let is_own_goal = event["type"]["name"] == "Own Goal Against";
        if is_own_goal || (matches!(keeper, "Goal Conceded" | "Penalty Conceded") && event["period"] != 5) {
            if event["team"]["id"] == home { score.away += 1 } else { score.home += 1 }
        }
    }
    score
}

#[test]
fn a_match_with_everything_from_an_own_goal_to_a_shoot_out() {
    let json = sample("statsbomb_900001");
    let imported = import(&json);
    let status = final_status(&play(&imported));
    assert_eq!((status.status, status.match_status), (EventStatus::Closed, MatchStatus::EndedAfterPenalties));
    assert_eq!((status.score, conceded(&json)), (Score { home: 2, away: 2 }, Score { home: 2, away: 2 }));
    let shoot_out = PeriodScore { period: MatchStatus::Penalties, home: 3, away: 1 };
    assert_eq!(status.period_scores.last(), Some(&shoot_out));
    let statistics = status.statistics.unwrap();
    assert_eq!(statistics.yellow_cards, Some(Score { home: 0, away: 1 }));
    assert_eq!(statistics.yellow_red_cards, Some(Score { home: 0, away: 1 }));
    assert_eq!(statistics.corners, Some(Score { home: 0, away: 1 }));
    assert_eq!(
        phases(&imported),
        [
            MatchStatus::NotStarted,
            MatchStatus::Half1,
            MatchStatus::HalfTime,
            MatchStatus::Half2,
            MatchStatus::AwaitingOvertime,
            MatchStatus::ExtraTime1,
            MatchStatus::ExtraTimeBreak,
            MatchStatus::ExtraTime2,
            MatchStatus::AwaitingPenalties,
            MatchStatus::Penalties,
            MatchStatus::EndedAfterPenalties
        ]
    );
    let counts = incidents(&imported);
    for (kind, count) in [
        ("LineUp", 22),
        ("Goal", 3),
        ("OwnGoal", 1),
        ("PenaltyKick", 1),
        ("Foul", 2),
        ("Offside", 1),
        ("Substitution", 1),
        ("ShootoutGoal", 4),
        ("ShootoutMiss", 2),
    ] {
        assert_eq!(counts[kind], count, "{kind}");
    }
    let left_out: Vec<_> = imported.left_out.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(left_out, [("Ball Receipt*", 1), ("Dribble", 2), ("Goal Keeper", 4), ("Pass", 1)]);
    assert_eq!(imported.messages[0].1.message_id.as_str(), "statsbomb:900001:1");
}

#[test]
fn line_ups_are_told_before_the_kick_off() {
    let imported = import(&sample("statsbomb_900001"));
    let home = line_up(&imported, Side::Home);
    let away = line_up(&imported, Side::Away);
    assert_eq!((home.len(), away.len()), (11, 11));
    assert_eq!((home[0].0.as_str(), away[10].0.as_str()), ("Pat Quill", "Wes Dunmore"));
    assert!(home.iter().chain(&away).all(|(_, detail)| detail.as_deref() == Some("starts")));
    let place = |wanted| {
        imported.messages.iter().position(
            |(_, message)| matches!(body(message), Body::Incident(incident) if incident.kind == wanted),
        )
    };
    assert!(place(IncidentKind::LineUp) < place(IncidentKind::PeriodStart));
}

#[test]
fn a_line_up_without_names_is_left_out_and_counted() {
    let mut file: Vec<Value> = serde_json::from_slice(&sample("statsbomb_900001")).unwrap();
    file[1].as_object_mut().unwrap().remove("tactics").unwrap();
    let imported = import(Value::from(file).to_string().as_bytes());
    assert_eq!((line_up(&imported, Side::Home).len(), line_up(&imported, Side::Away).len()), (11, 0));
    assert_eq!(imported.left_out["Starting XI"], 1);
}

#[test]
fn periods_begin_when_they_did_by_the_clock_on_the_wall() {
    let imported = import(&sample("statsbomb_900001"));
    let starts: Vec<i64> = imported
        .messages
        .iter()
        .filter(|(_, message)| matches!(body(message), Body::Incident(it) if it.kind == IncidentKind::PeriodStart))
        .map(|(_, message)| message.generated_at.micros_since(KICK_OFF) / 1_000_000)
        .collect();
    assert_eq!(
        starts,
        [0, 2_800 + 900, 3_700 + 2_900 + 300, 6_900 + 900 + 60, 7_860 + 906 + 300],
        "milliseconds add up"
    );
    assert!(
        statuses(&imported)
            .filter(|status| status.match_status == MatchStatus::HalfTime)
            .all(|status| status.clock.is_none())
    );
}

#[test]
fn an_error_says_where_in_the_file() {
    let text = String::from_utf8(sample("statsbomb_900001")).unwrap();
    let error = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "the change has found its place");
        statsbomb::import(changed.as_bytes(), 1, KICK_OFF).unwrap_err().to_string()
    };
    assert_eq!(
        error("00:05:00.", "five."),
        "[6].timestamp: `five.042` is no time such as 00:17:21.250 at line 8 column 64"
    );
    assert_eq!(
        error("Gil Tranter", ""),
        "[0].tactics.lineup[10].player.name: must have 1 to 256 bytes, has 0"
    );
    assert_eq!(error("Starting XI", "Line-up"), ".: there are no two line-ups (`Starting XI`)");
    assert_eq!(error("\"period\": 5", "\"period\": 6"), "[39].period: 6 is no period of football");
}

#[test]
fn every_real_match_ends_with_the_goals_that_were_let_in() {
    for path in corpus("football", "statsbomb_15986_event") {
        let json = std::fs::read(&path).unwrap();
        let imported = import(&json);
        let status = final_status(&play(&imported));
        assert_eq!(status.score, conceded(&json));
        assert_eq!(status.score, Score { home: 2, away: 2 }, "Barcelona and Girona on 23 September 2018");
        assert_eq!((status.status, status.match_status), (EventStatus::Closed, MatchStatus::Ended));
        let listed: Value = serde_json::from_slice(
            &std::fs::read(path.with_file_name("statsbomb_15986_lineup.json")).unwrap(),
        )
        .unwrap();
        for (place, side) in [Side::Home, Side::Away].into_iter().enumerate() {
            let squad = listed[place]["lineup"].as_array().unwrap();
            let is_listed = |name: &str| squad.iter().any(|player| player["player_name"] == name);
            let named = line_up(&imported, side);
            assert_eq!(named.len(), 11);
            assert!(named.iter().all(|(name, _)| is_listed(name)), "{named:?}");
        }
        tell(&format!("{}: {} messages, {}", path.display(), imported.messages.len(), status.score));
    }
}
