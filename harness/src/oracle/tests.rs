//! What the oracle accuses, and of what.

use domain::{Name, Timestamp};
use serde_json::{Value, json};
use simulator::{Format, Scenario, ScheduleBuilder};

use super::*;
use crate::anomaly::Kind;
use crate::judge::Verdict;

const EVENT: &str = "md:match:1";

/// What is told of an event: odds, other odds, no more bets, the result.
fn told() -> Vec<(&'static str, Value)> {
    let odds = |home: u32| {
        let outcomes = json!([{"id": "4", "odds": home}, {"id": "5", "odds": 2_000}]);
        json!({"markets": [{"id": 406, "status": "active", "outcomes": outcomes}]})
    };
    let results = json!([{"id": "4", "result": "won"}, {"id": "5", "result": "lost"}]);
    vec![
        ("odds_change", odds(1_850)),
        ("odds_change", odds(1_900)),
        ("bet_stop", json!({"groups": "all"})),
        ("settlement", json!({"certainty": "confirmed", "markets": [{"id": 406, "outcomes": results}]})),
    ]
}

fn schedule() -> Schedule {
    let mut builder = ScheduleBuilder::default();
    for (sequence, (kind, body)) in (1_u64..).zip(told()) {
        let message = json!({
            "schema": "1.0", "message_id": format!("m{sequence}"), "provider": "md", "producer": "live",
            "sport": "hockey", "event_id": EVENT, "epoch": 1, "sequence": sequence, "type": kind,
            "generated_at": 1_767_225_600_000_000_i64, "body": body,
        });
        let message = message.to_string();
        builder.push(&Name::new("md").unwrap(), Format::Json, sequence * 1_000, message.as_bytes()).unwrap();
    }
    builder.build()
}

fn market(status: &str, odds: u32) -> Value {
    json!({"id": 406, "producer": "live", "status": status,
        "outcomes": [{"id": "4", "odds": odds}, {"id": "5", "odds": 2_000}]})
}

/// The update log that these messages lead to.
fn log() -> Vec<Value> {
    let stopped = {
        let mut stopped = market("suspended", 1_900);
        stopped["suspension"] = json!("bet_stop");
        stopped
    };
    let settled = {
        let mut settled = market("settled", 1_900);
        settled["outcomes"][0]["result"] = json!({"result": "won"});
        settled["outcomes"][1]["result"] = json!({"result": "lost"});
        settled
    };
    let values = [market("active", 1_850), market("active", 1_900), stopped, settled];
    let kinds = told().into_iter().map(|(kind, _)| kind);
    (1..)
        .zip(kinds.zip(values))
        .map(|(version, (kind, value))| update(version, kind, Some(version), &[value]))
        .collect()
}

/// An update that a message led to, or nobody.
fn update(version: u64, kind: &str, sequence: Option<u64>, markets: &[Value]) -> Value {
    let mut cause = json!({"type": kind, "provider": "md", "producer": "live"});
    if let Some(sequence) = sequence {
        cause["message_id"] = json!(format!("m{sequence}"));
    }
    let changes: Vec<Value> =
        markets.iter().map(|market| json!({"key": "market:406", "value": market})).collect();
    json!({"event_id": EVENT, "sport": "hockey", "version": version, "previous_version": version - 1,
        "cause": cause, "applied_at": 1_767_225_600_000_000_i64, "changes": changes})
}

/// What is found in such a log.
fn judge(log: &[Value]) -> Verdict {
    judge_heard(log, &Heard { status: &[202; 4], ..Heard::default() })
}

/// The same where this was heard.
fn judge_heard(log: &[Value], heard: &Heard) -> Verdict {
    let schedule = schedule();
    let oracle = Oracle::of(&schedule);
    let entry = |update: &Value| Entry {
        version: update["version"].as_u64().unwrap(),
        payload: update.to_string().into_bytes(),
    };
    let entries: Vec<Entry> = log.iter().map(entry).collect();
    let mut verdict = Verdict::default();
    let trace = walk(&oracle, &schedule, (EVENT, &oracle.events()[EVENT]), &entries, heard, &mut verdict);
    judge_silences(&oracle, &[(EVENT.to_owned(), trace)].into(), heard, &mut verdict);
    verdict
}

/// The kinds of what is found in the log once it has been changed so.
fn accused(change: impl FnOnce(&mut Vec<Value>)) -> Vec<Kind> {
    let mut log = log();
    change(&mut log);
    let verdict = judge(&log);
    Kind::ALL.into_iter().filter(|kind| verdict.anomalies.of(*kind).found > 0).collect()
}

/// Numbers versions anew, as a processor would that did this.
fn renumber(log: &mut [Value]) {
    for (version, update) in (1_u64..).zip(log) {
        (update["version"], update["previous_version"]) = (json!(version), json!(version - 1));
    }
}

#[test]
fn a_silence_must_be_noticed_and_who_is_silent_does_not_come_up() {
    const SECOND: i64 = 1_000_000;
    let told_at = |seconds: i64| 1_767_225_600_000_000 + seconds * SECOND;
    // Its producer says nothing for 20 s, and may for 5.
    let alive = [0, 2, 4, 24, 26].map(told_at).to_vec();
    let alive = [(("md".to_owned(), "live".to_owned()), alive)].into();
    let found_late = |late: i64, turns: &[(&str, i64)], disturbed: &[(i64, i64)]| {
        let shut = {
            let mut shut = market("suspended", 1_900);
            shut["suspension"] = json!("producer_down");
            shut
        };
        let mut log = log();
        log[0]["cause"]["received_at"] = json!(told_at(-late));
        log[2]["applied_at"] = json!(told_at(26));
        log[3]["applied_at"] = json!(told_at(27));
        for (index, (kind, seconds)) in turns.iter().enumerate() {
            let value = if *kind == "producer_down" { shut.clone() } else { market("active", 1_900) };
            let mut turn = update(1, kind, None, &[value]);
            turn["applied_at"] = json!(told_at(*seconds));
            log.insert(2 + index, turn);
        }
        renumber(&mut log);
        let disturbed: Vec<_> = disturbed.iter().map(|(from, to)| told_at(*from)..told_at(*to)).collect();
        let heard = Heard {
            status: &[202; 4],
            alive: Some(&alive),
            silence_micros: 5 * SECOND,
            disturbed: &disturbed,
            ..Heard::default()
        };
        let verdict = judge_heard(&log, &heard);
        Kind::ALL.into_iter().filter(|kind| verdict.anomalies.of(*kind).found > 0).collect::<Vec<_>>()
    };
    let found = |turns: &[(&str, i64)], disturbed: &[(i64, i64)]| found_late(0, turns, disturbed);
    let (down, up) = ("producer_down", "producer_up");
    assert_eq!(found(&[(down, 9), (up, 24)], &[]), []);
    assert_eq!(found(&[(down, 12), (up, 24)], &[]), []);
    assert_eq!(found(&[], &[]), [Kind::MarketOpenWhileUnsafe], "nobody noticed");
    assert_eq!(
        found_late(30, &[], &[]),
        [Kind::MarketOpenWhileUnsafe],
        "processors were late, but long before"
    );
    assert_eq!(
        found(&[(down, 10), (up, 11)], &[]),
        [Kind::FalseGap, Kind::MarketOpenWhileUnsafe],
        "it was shut for a moment only"
    );
    assert_eq!(found(&[], &[(8, 10)]), [], "nobody may have been there to notice");
    assert_eq!(found(&[], &[(-60, -40)]), [Kind::MarketOpenWhileUnsafe], "that was long before");
    assert_eq!(found(&[(down, 9), (up, 15)], &[]), [Kind::FalseGap], "too early");
    assert_eq!(
        found(&[(down, 9), (up, 24), (down, 25), (up, 26)], &[]),
        [Kind::FalseGap],
        "there was one silence"
    );
    assert_eq!(found(&[(down, 9), (up, 24), (up, 25)], &[]), [Kind::FalseGap], "it was up");
    assert_eq!(found(&[(up, 24), (up, 25)], &[]).first(), Some(&Kind::FalseGap), "it was up");
}

#[test]
fn a_silence_is_declared_while_it_lasts() {
    const SECOND: i64 = 1_000_000;
    let told_at = |seconds: i64| 1_767_225_600_000_000 + seconds * SECOND;
    // Nothing was open in its silence, which lasts until it is heard 3 s before the first message.
    let source = ("md".to_owned(), "live".to_owned());
    let alive = [-40, -3, -1, 1, 3, 5, 7, 9, 11, 13].map(told_at).to_vec();
    let alive = [(source, alive)].into();
    let accused = |at: i64, late: i64, disturbed: &[(i64, i64)]| {
        let disturbed: Vec<_> = disturbed.iter().map(|(from, to)| told_at(*from)..told_at(*to)).collect();
        let mut log = log();
        for update in &mut log[..2] {
            update["cause"]["received_at"] = json!(told_at(0));
            update["applied_at"] = json!(told_at(late));
        }
        for update in &mut log[2..] {
            update["applied_at"] = json!(told_at(20));
        }
        let mut shut = market("suspended", 1_900);
        shut["suspension"] = json!("producer_down");
        for (kind, value) in [("producer_down", shut), ("producer_up", market("active", 1_900))] {
            let mut turn = update(1, kind, None, &[value]);
            turn["applied_at"] = json!(told_at(at));
            log.insert(log.len() - 2, turn);
        }
        renumber(&mut log);
        let heard = Heard {
            status: &[202; 4],
            alive: Some(&alive),
            silence_micros: 5 * SECOND,
            disturbed: &disturbed,
            ..Heard::default()
        };
        judge_heard(&log, &heard).anomalies.of(Kind::FalseGap).found
    };
    assert_eq!(accused(-1, 0, &[]), 0, "the last `alive` had just come");
    assert_eq!(accused(12, 0, &[]), 1, "it was heard all the time");
    assert_eq!(accused(12, 13, &[]), 0, "all was as late");
    assert_eq!(accused(12, 0, &[(4, 6)]), 0, "what was heard may not have come everywhere");
    assert_eq!(accused(12, 0, &[(-60, -50)]), 1);
}

#[test]
fn whether_a_gap_must_be_declared_is_what_the_plan_says() {
    let text = "description = \"d\"\nseed = 4\nseconds = 60\n[sports.hockey]\ngames = 4\nrate = 60\n\
                [faults]\nhold_ms = 500\ngap_filled = 1\nreorder_beyond = 1\ngap = 1\n";
    let scene = Scenario::parse(text).unwrap().play(Timestamp(1_767_225_600_000_000)).unwrap();
    let must = |ledger: &RunLedger| {
        let oracle = Oracle::of_scenario(&scene.schedule, ledger);
        oracle.events().values().filter(|told| told.must_have_gap).count()
    };
    assert_eq!(must(&scene.ledger), 3);
    let mut lenient = scene.ledger.clone();
    for fault in &mut lenient.faults.faults {
        fault.outcomes.push(Outcome { answers: vec![202], effects: Vec::new() });
    }
    assert_eq!(must(&lenient), 0);
}

#[test]
fn a_log_that_is_right_is_accused_of_nothing() {
    let verdict = judge(&log());
    let examples: Vec<String> =
        verdict.anomalies.examples().map(|(_, example)| example.to_string()).collect();
    assert_eq!(examples, [""; 0]);
    for kind in [Kind::Lost, Kind::WrongValueAtVersion] {
        assert!(verdict.anomalies.of(kind).checked > 0, "{kind}");
    }
    // One stop, one settlement, one event of which nothing is missing.
    for kind in [Kind::MarketOpenWhileUnsafe, Kind::SettlementWrong, Kind::FalseGap] {
        assert_eq!(verdict.anomalies.of(kind).checked, 1, "{kind}");
    }
}

#[test]
fn what_could_not_be_found_was_not_looked_for() {
    // Odds alone: no market had to be shut, nothing was settled.
    let verdict = judge(&log()[..2]);
    for kind in [Kind::MarketOpenWhileUnsafe, Kind::SettlementWrong] {
        assert_eq!(verdict.anomalies.of(kind).checked, 0, "{kind}");
    }
}

#[test]
fn a_message_without_a_version_is_lost() {
    assert_eq!(accused(|log| drop(log.pop())), [Kind::Lost]);
}

#[test]
fn a_message_with_two_versions_had_its_effect_twice() {
    let twice = |log: &mut Vec<Value>| {
        log.insert(2, log[1].clone());
        renumber(log);
    };
    assert_eq!(accused(twice), [Kind::DuplicateEffect]);
}

#[test]
fn a_message_that_nobody_sent_is_a_phantom() {
    assert!(accused(|log| log.push(update(5, "odds_change", Some(77), &[]))).contains(&Kind::Phantom));
}

#[test]
fn a_version_that_is_left_out_is_skipped() {
    let skip = |log: &mut Vec<Value>| {
        log[3]["version"] = json!(5);
        log[3]["previous_version"] = json!(4);
    };
    assert_eq!(accused(skip), [Kind::Skipped]);
}

#[test]
fn a_message_out_of_its_turn_goes_back() {
    let swap = |log: &mut Vec<Value>| {
        log.swap(0, 1);
        renumber(log);
    };
    let found = accused(swap);
    assert!(found.contains(&Kind::NonMonotonic) && found.contains(&Kind::Skipped), "{found:?}");
}

#[test]
fn other_odds_than_were_told_are_a_wrong_value() {
    let wrong = |log: &mut Vec<Value>| log[0]["changes"][0]["value"]["outcomes"][0]["odds"] = json!(1_851);
    assert_eq!(accused(wrong), [Kind::WrongValueAtVersion]);
}

#[test]
fn a_change_that_is_not_told_is_a_wrong_value() {
    assert_eq!(accused(|log| log[1]["changes"] = json!([])), [Kind::WrongValueAtVersion]);
}

#[test]
fn a_market_that_a_stop_left_open_is_open_while_unsafe() {
    let open = |log: &mut Vec<Value>| {
        log[2]["changes"][0]["value"]["status"] = json!("active");
    };
    assert_eq!(accused(open), [Kind::MarketOpenWhileUnsafe]);
}

#[test]
fn another_winner_is_a_wrong_settlement() {
    let other = |log: &mut Vec<Value>| {
        log[3]["changes"][0]["value"]["outcomes"][0]["result"] = json!({"result": "lost"});
    };
    assert_eq!(accused(other), [Kind::SettlementWrong]);
}

#[test]
fn a_settlement_that_changes_nothing_is_a_wrong_one() {
    assert_eq!(accused(|log| log[3]["changes"] = json!([])), [Kind::SettlementWrong]);
}

#[test]
fn a_gap_where_nothing_is_missing_is_false() {
    let gap = |log: &mut Vec<Value>| {
        let mut shut = market("suspended", 1_900);
        shut["suspension"] = json!("gap");
        log.insert(2, update(3, "gap", None, &[shut]));
        renumber(log);
    };
    assert!(accused(gap).contains(&Kind::FalseGap));
}

#[test]
fn who_needs_a_recovery_opens_nothing_before_that_is_complete() {
    const SECOND: i64 = 1_000_000;
    let told_at = |seconds: i64| 1_767_225_600_000_000 + seconds * SECOND;
    let source = ("md".to_owned(), "live".to_owned());
    let alive = [(source.clone(), (0..30).map(told_at).collect())].into();
    let complete = [(source, vec![told_at(3)])].into();
    let providers = ["md".to_owned()];
    let schedule = schedule();
    let oracle = Oracle::of(&schedule);
    // Without sequences.
    let told = Told { is_counted: false, ..oracle.events()[EVENT].clone() };
    let accused = |opened: i64, recovering: &[String]| {
        let mut log = log();
        for (place, update) in log.iter_mut().enumerate() {
            let at = told_at(opened + i64::try_from(place).unwrap());
            (update["applied_at"], update["cause"]["received_at"]) = (json!(at), json!(at));
        }
        let payload = |update: &Value| update.to_string().into_bytes();
        let entries: Vec<Entry> =
            (1..).zip(&log).map(|(version, update)| Entry { version, payload: payload(update) }).collect();
        let heard = Heard {
            status: &[202; 4],
            alive: Some(&alive),
            complete: Some(&complete),
            recovering,
            silence_micros: 5 * SECOND,
            ..Heard::default()
        };
        let mut verdict = Verdict::default();
        let _ = walk(&oracle, &schedule, (EVENT, &told), &entries, &heard, &mut verdict);
        Kind::ALL.into_iter().filter(|kind| verdict.anomalies.of(*kind).found > 0).collect::<Vec<_>>()
    };
    assert_eq!(accused(3, &providers), []);
    assert_eq!(accused(1, &providers), [Kind::MarketOpenWhileUnsafe], "it was only alive");
    assert_eq!(accused(1, &[]), [], "that is enough");
}
