//! A stack that never was: a minute of an evening on which hockey falls behind and tennis goes down.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::{Sport, Topics};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tui::attach::{Logs, Places};
use tui::bundle::{Run, Verifying};
use tui::game::{Game, MatchList, UpdatePage};
use tui::model::Model;
use tui::simulator::RunState;
use tui::source::{
    Finding, LogLevel, LogLine, Part, PartitionOffsets, Producer, Report, RunList, Samples, Scrape,
    SessionList, Source,
};
use tui::text::Text;
use tui::theme::Theme;
use tui::ui::Ui;
use tui::view;

use crate::bundles;

/// How many seconds it has been watched.
const SECONDS: u64 = 60;

/// When the processors of tennis stop to answer.
const TENNIS_DOWN: u64 = 50;

/// The game that can be opened.
pub const OPENED: &str = "md:match:7";

/// Everything of a stack, of which nothing is known yet.
pub fn empty() -> Model {
    let parts = [Part::Simulator, Part::Ingestion, Part::Distribution].into_iter();
    let parts = parts.chain(Sport::ALL.map(Part::Processors)).map(|part| (part, vec![String::new()]));
    let places = Places {
        name: "up (native)".to_owned(),
        record: Some("up".to_owned()),
        parts: parts.collect::<BTreeMap<_, _>>(),
        rest: Some(String::new()),
        kafka: Some(String::new()),
        topics: Topics::default(),
        logs: Some(Logs::Folder("logs".into())),
        runs: Some("runs".into()),
    };
    Model::new(&places, Duration::from_secs(1), Duration::ZERO)
}

/// The evening, with names as feeds have them, or with what somebody would send to harm whoever looks.
pub fn evening(names: [&str; 2]) -> Model {
    evening_until(SECONDS, names)
}

/// Its first seconds.
pub fn evening_until(seconds: u64, names: [&str; 2]) -> Model {
    let mut model = empty();
    for second in 1..=seconds {
        pass(&mut model, second, names, true);
    }
    model
}

/// The same evening, and fifteen seconds more in which distribution alone is gone.
pub fn evening_without_distribution(names: [&str; 2]) -> Model {
    let mut model = evening(names);
    for second in SECONDS + 1..=SECONDS + 15 {
        pass(&mut model, second, names, false);
    }
    model
}

/// A second of it.
fn pass(model: &mut Model, second: u64, names: [&str; 2], has_distribution: bool) {
    let of_distribution =
        [Source::Part(Part::Distribution), Source::Matches, Source::Producers, Source::Sessions];
    let mut tell = |source: Source, found| {
        let is_gone = !has_distribution && of_distribution.contains(&source);
        let found = if is_gone { Err(Text::new("Connection refused (os error 111)")) } else { found };
        model.take(Report { source, at: Duration::from_secs(second), found });
    };
    for part in [Part::Simulator, Part::Ingestion, Part::Distribution] {
        tell(Source::Part(part), Ok(scrape(&metrics(part, second))));
    }
    for sport in Sport::ALL {
        let part = Part::Processors(sport);
        let is_down = sport == Sport::Tennis && second >= TENNIS_DOWN;
        let refused = || Text::new("Connection refused (os error 111)");
        let found = if is_down { Err(refused()) } else { Ok(scrape(&metrics(part, second))) };
        tell(Source::Part(part), found);
    }
    if second.is_multiple_of(2) {
        tell(Source::Kafka, Ok(Finding::Offsets(offsets(second))));
    }
    tell(Source::Matches, Ok(Finding::Matches(matches(second, names))));
    tell(Source::Logs, Ok(Finding::Lines(lines(second))));
    tell(Source::Control, Ok(playing(second, names[0])));
    tell(Source::Producers, Ok(Finding::Producers(producers(second))));
    tell(Source::Sessions, Ok(Finding::Sessions(sockets(second))));
    tell(Source::Runs, Ok(Finding::Runs(finished(names[0]))));
}

/// The same evening, played by a simulator that takes no orders.
pub fn evening_without_orders(names: [&str; 2]) -> Model {
    let mut model = evening(names);
    let plays = "matchday_simulator_plays{program=\"all-faults\"} 1\n";
    let found = Ok(scrape(&(metrics(Part::Simulator, SECONDS) + plays)));
    model.take(Report { source: Source::Part(Part::Simulator), at: Duration::from_secs(SECONDS), found });
    model
}

/// The same evening, with a game open.
pub fn evening_with_a_game(names: [&str; 2]) -> Model {
    let mut model = evening(names);
    model.games.open(Some(OPENED.parse().expect("an id")));
    for second in SECONDS + 1..=SECONDS + 2 {
        let (game, updates) = game(second, names);
        let found = Ok(Finding::Game(Box::new(game), updates.updates));
        model.take(Report { source: Source::Game, at: Duration::from_secs(second), found });
    }
    model
}

/// The same evening, with a run that is verified when what was played is over.
pub fn evening_with_a_verification(names: [&str; 2]) -> Model {
    let mut model = evening(names);
    model.control.run.as_mut().expect("a run").state = RunState::Complete;
    let list = RunList { verifying: Some(Verifying::new(&bundles::standing())), ..finished(names[0]) };
    let at = Duration::from_secs(SECONDS);
    model.take(Report { source: Source::Runs, at, found: Ok(Finding::Runs(list)) });
    model
}

/// The same evening, with one run open, or two that are compared.
pub fn evening_with_runs(names: [&str; 2], runs: &[Arc<Run>]) -> Model {
    let mut model = evening(names);
    let folders: Vec<PathBuf> = runs.iter().map(|run| run.verdict.folder.clone()).collect();
    model.runs.open(&folders);
    for (folder, run) in folders.into_iter().zip(runs) {
        let found = Ok(Finding::Bundle(folder, Ok(Arc::clone(run))));
        model.take(Report { source: Source::Bundle, at: Duration::from_secs(SECONDS), found });
    }
    model
}

/// Both runs that never were.
pub fn two_runs(example: &str) -> [Arc<Run>; 2] {
    let run = |name: &str, is_right| Arc::new(bundles::run(name, is_right, example));
    [run("kill-processors-31a", true), run("kill-processors-31b", false)]
}

fn finished(example: &str) -> RunList {
    let verdict = |run: Arc<Run>| Arc::new(run.verdict.clone());
    RunList { verifying: None, finished: two_runs(example).map(verdict).into() }
}

/// What the simulator's control tells.
fn playing(second: u64, name: &str) -> Finding {
    let run = serde_json::json!({
        "number": 3, "program": format!("A cup final of {name}"), "state": "playing", "seed": 7, "speed": 1.0, "rate": 2_000.0,
        "elapsed_seconds": second as f64, "messages": 240_000, "sent": sent(second), "accepted": sent(second) - 9, "refused": 7,
        "sent_again": 2, "faults": 3, "end": null});
    let faults = serde_json::json!({
        "seed": 7, "hold_ms": 2_000,
        "faults": [
            {"kind": "gap", "count": 2, "event_id": "md:match:7", "sequence": 41, "at_ns": 31_000_000_000_u64, "messages": [5, 6], "outcomes": []},
            {"kind": "silence", "provider": "md", "producer": "live", "for_ns": 25_000_000_000_u64, "at_ns": 45_000_000_000_u64, "outcomes": []},
            {"kind": "clock_skew", "count": 9, "ahead_ns": 9, "event_id": "md:match:2", "at_ns": 90_000_000_000_u64, "outcomes": []}],
        "injected": [
            {"kind": "malformed", "how": "truncated", "event_id": "md:match:3", "at_ns": 52_000_000_000_u64, "outcomes": [], "answer": 400, "has_happened": true},
            {"has_happened": false}]});
    let scenarios = serde_json::json!([
        {"name": "all-faults", "description": "Everything that can go wrong in a feed", "seconds": 120, "messages": 48_000},
        {"name": "final", "description": name, "seconds": 300, "messages": 90_000}]);
    Finding::Run {
        run: serde_json::from_value(run).expect("a run"),
        scenarios: serde_json::from_value(scenarios).expect("scenarios"),
        faults: serde_json::from_value(faults).expect("faults"),
    }
}

fn producers(second: u64) -> Vec<Producer> {
    let state = if second > 50 { "down" } else { "up" };
    let producers = serde_json::json!([
        {"provider": "md", "producer": "live", "state": state, "reason": "alive_interval", "since": 1, "subscribed": true,
            "last_alive": null, "last_message_at": 1},
        {"provider": "uof", "producer": "1", "state": "up", "reason": "first_alive", "since": 1, "subscribed": true,
            "last_alive": null, "last_message_at": 1}]);
    serde_json::from_value(producers).expect("producers")
}

/// Two that read too slowly in the end, and more than any screen shows that do not.
fn sockets(second: u64) -> SessionList {
    let socket = |number: u64| {
        let behind = second > 55 && number < 2;
        serde_json::json!({
            "session": 400 + number, "peer": format!("10.0.{number}.7:{}", 50_000 + number), "opened_at": 1_800_000_000_000_000_u64,
            "subscriptions": 1 + number % 2, "queue": if behind { 9 * (second - 50) } else { 0 }, "behind": behind,
            "frames": 250 * second, "bytes": 103_000 * second, "conflated": if behind { second * 40 } else { 0 }})
    };
    let list = serde_json::json!({"open": 120, "sessions": (0..60).map(socket).collect::<Vec<_>>()});
    serde_json::from_value(list).expect("sockets")
}

/// A screen of this size, as text: one line a row.
pub fn screen(model: &Model, ui: &Ui, theme: &Theme, (width, height): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| view::draw(frame, model, ui, theme)).expect("drawn");
    terminal
}

/// What a process tells that has these metrics and lacks nothing.
pub fn scrape(metrics: &str) -> Finding {
    let ready = r#"{"ready":true,"checks":[{"name":"kafka","ready":true,"reason":""}]}"#;
    let scrape = Scrape {
        samples: Samples::parse(metrics),
        readiness: serde_json::from_str(ready).expect("a readiness"),
        taken_at: Duration::from_secs(1_800_000_000),
    };
    Finding::Scrapes(vec![(String::new(), Ok(scrape))])
}

/// What processors tell that have applied so many messages since they started, and have so many before them.
pub fn processors(applied: u64, lag: u64) -> Finding {
    scrape(&format!(
        "matchday_processor_messages_total{{outcome=\"applied\"}} {applied}\n\
         matchday_processor_lag{{partition=\"0\"}} {lag}\n"
    ))
}

/// Messages a second of everything, in waves.
fn sent(second: u64) -> u64 {
    (0..second).map(|second| 1_800 + 400 * (second % 10) / 9).sum()
}

fn metrics(part: Part, second: u64) -> String {
    let quantiles = |name: &str, p50: f64, p99: f64| {
        format!("{name}{{quantile=\"0.5\"}} {p50}\n{name}{{quantile=\"0.99\"}} {p99}\n")
    };
    let sent = sent(second);
    match part {
        Part::Simulator => {
            format!(
                "matchday_simulator_sent_messages_total {sent}\n\
                 matchday_simulator_messages_total{{outcome=\"refused\"}} 0\n"
            ) + &quantiles("matchday_simulator_lateness_seconds", 0.0011, 0.029)
        }
        Part::Ingestion => {
            let refused = if second > 30 { 7 } else { 0 };
            format!(
                "matchday_ingestion_messages_total{{outcome=\"accepted\",provider=\"md\"}} {sent}\n\
                 matchday_ingestion_messages_total{{outcome=\"refused\",provider=\"md\"}} {refused}\n\
                 matchday_ingestion_requests_in_flight {}\n",
                second % 4
            ) + &quantiles("matchday_ingestion_request_seconds", 0.0022, 0.0418)
                + &quantiles("matchday_kafka_produce_seconds", 0.0016, 0.0307)
        }
        Part::Processors(sport) => {
            let lag = if sport == Sport::Hockey { 120 * second.saturating_sub(40) } else { second % 3 };
            let p99 =
                if sport == Sport::Hockey { 0.05 + 0.06 * second.saturating_sub(40) as f64 } else { 0.08 };
            format!(
                "matchday_processor_messages_total{{outcome=\"applied\"}} {}\n\
                 matchday_processor_messages_total{{outcome=\"dead_letter\"}} 0\n\
                 matchday_processor_messages_total{{outcome=\"duplicate\"}} {}\n\
                 matchday_processor_gaps_total {}\n\
                 matchday_processor_partitions_owned 2\nmatchday_processor_redis_up 1\nmatchday_processor_odds_age_seconds 4\n\
                 matchday_processor_lag{{partition=\"0\"}} {lag}\n\
                 matchday_processor_lag{{partition=\"1\"}} 0\n",
                sent / 4 - lag,
                second / 5,
                u64::from(second > 33 && sport == Sport::Football)
            ) + &quantiles("matchday_processor_generated_to_commit_seconds", 0.0055, p99)
        }
        Part::Distribution => {
            let behind = u64::from(second > 55) * 2;
            format!(
                "matchday_distribution_updates_total{{outcome=\"applied\"}} {sent}\n\
                 matchday_distribution_sessions 120\nmatchday_distribution_sessions_behind {behind}\n\
                 matchday_distribution_lag{{sport=\"football\",partition=\"0\"}} {}\n\
                 matchday_distribution_lag{{sport=\"hockey\",partition=\"1\"}} 3\n\
                 matchday_distribution_queue {}\nmatchday_distribution_subscriptions 180\nmatchday_distribution_frames_total {}\n\
                 matchday_distribution_frames_bytes_total {}\nmatchday_distribution_writes_total {}\n\
                 matchday_distribution_conflated_total {}\n\
                 matchday_distribution_closed_total{{reason=\"closed\"}} 31\n\
                 matchday_distribution_closed_total{{reason=\"the client does not read\"}} 2\n\
                 matchday_distribution_refused_total{{reason=\"sessions\"}} 1\n\
                 matchday_distribution_rest_requests_total{{route=\"/matches/live\",status=\"200\"}} {second}\n\
                 matchday_distribution_rest_seconds{{route=\"/matches/live\",quantile=\"0.99\"}} 0.0009\n",
                second % 2 * 11,
                behind * 9 * second.saturating_sub(50),
                sent * 30,
                sent * 30 * 412,
                sent * 3,
                behind * second
            ) + &quantiles("matchday_distribution_generated_to_hub_seconds", 0.0064, 0.057)
                + &quantiles("matchday_distribution_generated_to_socket_seconds", 0.0071, 0.064)
        }
    }
}

fn offsets(second: u64) -> Vec<PartitionOffsets> {
    let mut offsets = Vec::new();
    for sport in Sport::ALL {
        let written = i64::try_from(sent(second) / 4).expect("few");
        let lag = match sport {
            Sport::Hockey => 120 * second.saturating_sub(40),
            Sport::Tennis => 450 * second.saturating_sub(TENNIS_DOWN),
            Sport::Football | Sport::Basketball => 40,
        };
        for partition in 0..2 {
            let end = if partition == 0 { written * 3 / 4 } else { written / 4 };
            let waits = if partition == 0 { i64::try_from(lag).expect("few") } else { 0 };
            offsets.push(PartitionOffsets {
                topic: Topics::default().feed(sport),
                partition,
                end,
                committed: Some(end - waits),
            });
            let topic = Topics::default().updates(sport);
            offsets.push(PartitionOffsets { topic, partition, end: end - waits, committed: None });
        }
    }
    offsets.push(PartitionOffsets {
        topic: Topics::default().dead_letters(),
        partition: 0,
        end: 7,
        committed: None,
    });
    offsets
}

fn matches(second: u64, [home, away]: [&str; 2]) -> Vec<tui::game::Match> {
    let clocks = [
        ("football", "half_2", 1),
        ("basketball", "quarter_3", 219),
        ("tennis", "set_2", 186),
        ("hockey", "period_3", 406),
    ];
    let one = |index: usize| {
        let (sport, part, market) = clocks[index % clocks.len()];
        let (home, away) =
            if index == 6 { (home, away) } else { ("Bechtelarbury Harriers", "Boside Voyagers") };
        let status = if index == 5 { "suspended" } else { "active" };
        let odds = 1_500 + 35 * index as u64 + 5 * (second % 2) * (index as u64 % 3);
        let clock = serde_json::json!({"elapsed_seconds": 61 * index, "stopped": index == 4});
        serde_json::json!({
            "event_id": format!("md:match:{}", index + 1), "sport": sport, "version": 40 * index as u64 + second,
            "home": home, "away": away, "status": "live", "match_status": part,
            "score": {"home": index, "away": 1}, "clock": if sport == "tennis" { serde_json::Value::Null } else { clock },
            "main_market": {"id": market, "status": status, "outcomes": [
                {"id": "1", "odds": odds}, {"id": "2", "odds": 3_550}, {"id": "3", "odds": 5_055 - second % 2}]}
        })
    };
    let list = serde_json::json!({ "matches": (0..9).map(one).collect::<Vec<_>>() });
    serde_json::from_value::<MatchList>(list).expect("a list").matches
}

fn game(second: u64, [home, away]: [&str; 2]) -> (Game, UpdatePage) {
    let market = |id: u64, total: Option<&str>, status: &str| {
        serde_json::json!({"id": id, "specifiers": total, "status": status, "suspension": (status == "suspended").then_some("bet_stop"),
            "outcomes": [{"id": "12", "odds": 1_850 + 10 * (second % 2)}, {"id": "13", "odds": 1_950}]})
    };
    let settled = serde_json::json!({"id": 186, "status": "settled", "outcomes": [
        {"id": "4", "result": {"result": "won"}}, {"id": "5", "result": {"result": "lost", "void": "half"}}]});
    let incident = |number: u64| {
        serde_json::json!({"incident_id": number.to_string(), "kind": if number.is_multiple_of(4) { "set_won" } else { "ace" }, "match_status": "set_2",
            "elapsed_seconds": null, "side": "home", "player": home, "detail": null,
            "score": number.is_multiple_of(4).then(|| serde_json::json!({"home": number, "away": 0}))})
    };
    let game = serde_json::json!({"event_id": OPENED, "sport": "tennis", "version": 240 + second,
        "fixture": {"tournament": {"name": "Matchday Open"}, "home": {"name": home}, "away": {"name": away}},
        "status": {"status": "live", "match_status": "set_2", "score": {"home": 1, "away": 0}, "clock": null,
            "game_score": {"home": 40, "away": 15}},
        "markets": [market(186, None, "active"), market(188, Some("total=22.5"), "suspended"), settled],
        "incidents": (1..30).rev().map(incident).collect::<Vec<_>>()});
    let kinds = ["odds_change", "incident", "bet_stop", "event_status", "gap", "settlement"];
    let update = |number: u64| {
        serde_json::json!({"version": number, "applied_at": 1_800_000_000_004_210_u64,
            "cause": {"type": kinds[(number % 6) as usize], "sequence": number, "generated_at": 1_800_000_000_000_000_u64},
            "changes": [{"key": "market:186"}, {"key": "status"}]})
    };
    let updates =
        serde_json::json!({ "updates": (200 + second..240 + second).map(update).collect::<Vec<_>>() });
    (serde_json::from_value(game).expect("a game"), serde_json::from_value(updates).expect("updates"))
}

fn lines(second: u64) -> Vec<LogLine> {
    let line =
        |part: &str, level, text: String| LogLine { part: Text::new(part), level, text: Text::new(&text) };
    let mut lines = vec![line(
        "kafka",
        LogLevel::Plain,
        format!("20:15:{:02},117 INFO Rolled new log segment", second % 60),
    )];
    if second == 41 {
        let text = "20:15:41.002  WARN processors::run: the lag grows partition=0 and this is told in so many words that no line of a small screen has room for it";
        lines.push(line("processors-hockey", LogLevel::Warning, text.to_owned()));
    }
    if second == TENNIS_DOWN {
        let text = "20:15:50.113 ERROR chassis::lifecycle: a task has ended: publishing";
        lines.push(line("processors-tennis", LogLevel::Error, text.to_owned()));
    }
    lines
}
