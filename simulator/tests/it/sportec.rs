//! The Sportec importer: goals counted against the results that stand beside them, which it never reads.

use domain::{Body, EventStatus, IncidentKind, MatchStatus, PeriodScore, Score, Side};
use simulator::import::{Imported, sportec};

use super::imported::{body, corpus, final_status, incidents, phases, play, sample_file, statuses, tell};

/// What the attribute says, wherever it stands, in order.
fn results(xml: &str, attribute: &str) -> Vec<Score> {
    let mut results = Vec::new();
    for part in xml.split(&format!("{attribute}=\"")).skip(1) {
        let (home, away) = part.split('"').next().unwrap().split_once(':').unwrap();
        results.push(Score { home: home.parse().unwrap(), away: away.parse().unwrap() });
    }
    results
}

fn running(imported: &Imported) -> Vec<Score> {
    let score = |(_, message): &(u64, domain::FeedMessage)| match body(message) {
        Body::Incident(incident) => incident.score,
        _ => None,
    };
    imported.messages.iter().filter_map(score).collect()
}

fn sample() -> String {
    String::from_utf8(sample_file("sportec.xml")).unwrap()
}

#[test]
fn a_match_ends_with_the_result_that_stands_in_it() {
    let xml = sample();
    let imported = sportec::import(xml.as_bytes(), Some("XYZ-CLU-0000AA")).unwrap();
    let status = final_status(&play(&imported));
    assert_eq!(results(&xml, "FinalResult").last(), Some(&status.score));
    assert_eq!(running(&imported), results(&xml, "CurrentResult"));
    assert_eq!((status.status, status.match_status), (EventStatus::Closed, MatchStatus::Ended));
    let halves = [
        MatchStatus::NotStarted,
        MatchStatus::Half1,
        MatchStatus::HalfTime,
        MatchStatus::Half2,
        MatchStatus::Ended,
    ];
    assert_eq!(phases(&imported), halves);
    let counts = incidents(&imported);
    for (kind, count) in [
        ("Goal", 2),
        ("OwnGoal", 1),
        ("PenaltyKick", 1),
        ("YellowCard", 1),
        ("Foul", 1),
        ("CornerKick", 1),
        ("MissedShot", 1),
    ] {
        assert_eq!(counts[kind], count, "{kind}");
    }
    let left_out: Vec<_> = imported.left_out.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(left_out, [("KickOff", 1), ("TacklingGame", 1)]);
}

#[test]
fn a_shot_from_a_set_piece_of_which_nobody_knows_what_became_is_counted() {
    let xml = sample();
    let cross = "<Play Team=\"XYZ-CLU-0000AA\" Player=\"XYZ-OBJ-02\"><Cross Side=\"left\"/></Play>";
    let shot = "<ShotAtGoal Team=\"XYZ-CLU-0000AA\" Player=\"XYZ-OBJ-02\"><OtherShot/></ShotAtGoal>";
    let changed = xml.replacen(cross, shot, 1);
    assert_ne!(changed, xml, "the change has found its place");
    let imported = sportec::import(changed.as_bytes(), None).unwrap();
    assert_eq!((incidents(&imported)["CornerKick"], imported.left_out["ShotAtGoal"]), (1, 1));
}

#[test]
fn a_player_may_be_replaced_at_half_time_and_a_goal_falls_in_play() {
    let xml = sample();
    let at = |from: &str, to: &str| sportec::import(xml.replacen(from, to, 1).as_bytes(), None);
    let imported = at("2031-05-10T16:55:00.000", "2031-05-10T16:31:40.000").unwrap();
    play(&imported);
    let replaced = imported.messages.iter().find_map(|(_, message)| match body(message) {
        Body::Incident(incident) if incident.kind == IncidentKind::Substitution => Some(incident),
        _ => None,
    });
    let replaced = replaced.unwrap();
    assert_eq!((replaced.match_status, replaced.elapsed_seconds), (MatchStatus::HalfTime, None));
    assert_eq!(
        at("2031-05-10T17:05:00.000", "2031-05-10T16:31:40.000").unwrap_err().to_string(),
        "event 1012: EventTime: nothing is on then: it stands before a kick-off or after a whistle"
    );
}

#[test]
fn events_are_told_in_the_order_in_which_they_happened() {
    let imported = sportec::import(sample().as_bytes(), None).unwrap();
    let kinds: Vec<IncidentKind> = imported
        .messages
        .iter()
        .filter_map(|(_, message)| match body(message) {
            Body::Incident(incident) => Some(incident.kind),
            _ => None,
        })
        .collect();
    let place = |kind| kinds.iter().position(|found| *found == kind).unwrap();
    assert!(place(IncidentKind::Foul) < place(IncidentKind::YellowCard), "although it stands behind it");
    let own_goal = imported.messages.iter().find_map(|(_, message)| match body(message) {
        Body::Incident(incident) if incident.kind == IncidentKind::OwnGoal => Some(incident),
        _ => None,
    });
    let own_goal = own_goal.unwrap();
    assert_eq!(
        own_goal.side,
        Some(Side::Home),
        "whoever is on the left is named first, and it counts for them"
    );
    assert_eq!(own_goal.elapsed_seconds, Some(33 * 60));
}

/// The cup match that is decided by a shoot-out, with one place in it changed.
fn shoot_out(from: &str, to: &str) -> Result<Imported, String> {
    let xml = String::from_utf8(sample_file("sportec_shoot_out.xml")).unwrap();
    let changed = xml.replacen(from, to, 1);
    assert!(from == to || changed != xml, "the change has found its place");
    sportec::import(changed.as_bytes(), None).map_err(|error| error.to_string())
}

#[test]
fn a_match_decided_by_a_shoot_out() {
    let imported = shoot_out("", "").unwrap();
    let status = final_status(&play(&imported));
    assert_eq!((status.status, status.match_status), (EventStatus::Closed, MatchStatus::EndedAfterPenalties));
    assert_eq!(status.score, Score { home: 2, away: 2 }, "the shoot-out does not count");
    let shoot_out = PeriodScore { period: MatchStatus::Penalties, home: 2, away: 1 };
    assert_eq!(status.period_scores.last(), Some(&shoot_out));
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
            MatchStatus::EndedAfterPenalties,
        ]
    );
    let counts = incidents(&imported);
    for (kind, count) in
        [("Goal", 4), ("PenaltyKick", 1), ("ShootoutGoal", 3), ("ShootoutMiss", 4), ("YellowCard", 1)]
    {
        assert_eq!(counts[kind], count, "{kind}");
    }
    assert!(imported.left_out.is_empty(), "{:?}", imported.left_out);
    let told = imported.messages.iter().filter_map(|(_, message)| match body(message) {
        Body::Incident(incident) => Some(incident),
        _ => None,
    });
    let told: Vec<_> = told.filter(|incident| incident.match_status == MatchStatus::Penalties).collect();
    assert_eq!(told.len(), 1 + 7 + 1 + 1, "it begins, seven shoot, one is cautioned, it ends");
    assert!(told.iter().all(|incident| incident.elapsed_seconds.is_none() && incident.score.is_none()));
    let during = statuses(&imported).filter(|status| status.match_status == MatchStatus::Penalties);
    assert!(during.into_iter().all(|status| status.clock.is_none()));
}

#[test]
fn a_shoot_out_is_known_by_any_of_its_names() {
    let plain = shoot_out("", "").unwrap();
    for (from, to) in [
        ("<StartPenaltyShootOut/>", "<KickOff GameSection=\"penaltyShootOut\"/>"),
        ("GameSection=\"penalty\"", "GameSection=\"penaltyShootout\""),
        ("GameSection=\"penalty\" ", ""),
    ] {
        assert_eq!(shoot_out(from, to).unwrap().messages, plain.messages, "{to}");
    }
    assert_eq!(
        shoot_out("<SuccessfulShot GoalZone=\"9\"/>", "<ShotWide/>").unwrap_err(),
        ".: the shoot-out ends 1:1"
    );
    assert_eq!(
        shoot_out("<FinalWhistle GameSection=\"penalty\" BreakingOff=\"false\"/>", "<Run/>").unwrap_err(),
        ".: there is no final whistle: the match has not ended"
    );
}

#[test]
fn a_cup_match_may_go_to_penalties_without_extra_time() {
    let xml = String::from_utf8(sample_file("sportec_shoot_out.xml")).unwrap();
    let (before, rest) = xml.split_once("  <!-- extra time -->\n").unwrap();
    let (_, after) = rest.split_once("  <!-- shoot-out -->\n").unwrap();
    let imported = sportec::import(format!("{before}{after}").as_bytes(), None).unwrap();
    let status = final_status(&play(&imported));
    assert_eq!(
        (status.match_status, status.score),
        (MatchStatus::EndedAfterPenalties, Score { home: 1, away: 1 })
    );
    assert_eq!(
        phases(&imported)[3..],
        [
            MatchStatus::Half2,
            MatchStatus::AwaitingPenalties,
            MatchStatus::Penalties,
            MatchStatus::EndedAfterPenalties
        ]
    );
}

#[test]
fn an_error_says_where_in_the_file() {
    let xml = sample();
    let error = |from: &str, to: &str| {
        let changed = xml.replacen(from, to, 1);
        assert_ne!(changed, xml, "the change has found its place");
        sportec::import(changed.as_bytes(), None).unwrap_err().to_string()
    };
    assert_eq!(
        error("PutDataRequest R", "PutData R"),
        "byte 39: the root element is `PutData`, not `PutDataRequest`"
    );
    assert_eq!(
        error("EventId=\"1003\"", "EventId=\"1002\""),
        "event 1002: EventId: another event has it, too"
    );
    assert_eq!(
        error("Team=\"XYZ-CLU-0000AA\" PlayerOut", "Team=\"CC\" PlayerOut"),
        "event 1011: Team: `CC` does not play"
    );
    assert_eq!(error("secondHalf", "thirdHalf"), "event 1009: GameSection: `thirdHalf` is not known here");
    assert!(error("<PutDataRequest", "<!DOCTYPE a><PutDataRequest").ends_with("a document type is not read"));
    assert_eq!(
        error("GameSection=\"secondHalf\" FinalResult", "GameSection=\"firstHalf\" FinalResult"),
        "event 1014: GameSection: `half_1` is not on"
    );
    let unknown = sportec::import(xml.as_bytes(), Some("DD")).unwrap_err().to_string();
    assert_eq!(unknown, "event 1001: TeamLeft: `DD` does not play; `XYZ-CLU-0000BB` and `XYZ-CLU-0000AA` do");
}

/// The file is an excerpt into which an own goal was put by hand: beside it stands 3:3, while the whistle that follows
/// says 1:0. So the result holds for what is left without it.
#[test]
fn every_real_match_ends_with_its_official_result() {
    for path in corpus("football", "sportec_events") {
        let xml = std::fs::read_to_string(&path).unwrap();
        let own_goal = xml.find("<OwnGoal").unwrap();
        let start = xml[..own_goal].rfind("<Event ").unwrap();
        let end = own_goal + xml[own_goal..].find("</Event>").unwrap() + "</Event>".len();
        let without = format!("{}{}", &xml[..start], &xml[end..]);
        let imported = sportec::import(without.as_bytes(), None).unwrap();
        let status = final_status(&play(&imported));
        assert_eq!(results(&without, "FinalResult").last(), Some(&status.score));
        assert_eq!(running(&imported), results(&without, "CurrentResult"));
        assert_eq!((status.status, status.match_status), (EventStatus::Closed, MatchStatus::Ended));
        let with = final_status(&play(&sportec::import(xml.as_bytes(), None).unwrap()));
        assert_eq!(with.score, Score { home: status.score.home + 1, ..status.score });
        tell(&format!("{}: {} messages, {}", path.display(), imported.messages.len(), status.score));
    }
}
