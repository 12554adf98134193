//! The Sportec importer: goals counted against the results that stand beside them, which it never reads.

use domain::{Body, EventStatus, IncidentKind, MatchStatus, Score, Side};
use simulator::import::{Imported, sportec};

use super::imported::{body, corpus, final_status, incidents, phases, play, sample_file, tell};

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
