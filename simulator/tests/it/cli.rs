//! The binary itself: what it prints, what it writes, and how it exits.

use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;
use simulator::run_ledger::RunLedger;

use super::drive::{Receiver, accept, problem};

pub(crate) async fn simulator(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.current_dir(directory).args(args).env("MATCHDAY_ALIVE_SECONDS", "0");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Whether all was sent and taken; how fast depends on what else the machine does.
pub(crate) fn was_taken(status: ExitStatus) -> bool {
    matches!(status.code(), Some(0 | 13))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_played_and_recorded_can_be_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let play = ["play", "--games", "2", "--rate", "1000", "--seconds", "1", "--seed", "7", "--to", &target];
    let played = simulator(
        directory.path(),
        &[&play[..], &["--ledger", "ledger.json", "--record", "game.rec"]].concat(),
    )
    .await;
    assert!(was_taken(played.status), "{}", stderr(&played));
    assert!(stdout(&played).contains("1,000 of 1,000 messages accepted in "), "{}", stdout(&played));
    assert!(stdout(&played).contains("\nlateness p50 "), "{}", stdout(&played));
    let ledger = RunLedger::load(&directory.path().join("ledger.json")).unwrap();
    assert_eq!(ledger.producers[0].messages(), 1_000);
    assert_eq!((ledger.cut_short, ledger.deliveries.unwrap().status.len()), (None, 1_000));
    let sent = receiver.lines().len();

    let info = simulator(directory.path(), &["info", "game.rec"]).await;
    assert!(stdout(&info).contains("messages   1,000,"), "{}", stdout(&info));
    assert!(stdout(&info).contains("seed       7"), "{}", stdout(&info));

    let replay = ["replay", "game.rec", "--speed", "max", "--raw", "--to", &target];
    let replayed = simulator(directory.path(), &replay).await;
    assert!(replayed.status.success(), "{}", stderr(&replayed));
    assert_eq!(receiver.lines().len(), sent + 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_what_was_sent_it_can_be_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let recorded = simulator(directory.path(), &["run", "all-faults", "--record", "sent", "--check"]).await;
    assert!(recorded.status.success(), "{}", stderr(&recorded));
    let replay = ["replay", "sent", "--sink", "null", "--speed", "max"];
    let replayed = simulator(directory.path(), &replay).await;
    assert!(replayed.status.success(), "{}", stderr(&replayed));
    let fast = simulator(directory.path(), &["run", "all-faults", "--speed", "max", "--check"]).await;
    assert!(stderr(&fast).contains("play it without `reorder_beyond`"), "{}", stderr(&fast));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sent_is_the_same_byte_for_byte_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut recordings = Vec::new();
    for folder in ["first", "second"] {
        let run = ["run", "many-providers", "--check", "--start", "2026-01-01T12:00:00Z", "--record", folder];
        let ran = simulator(directory.path(), &run).await;
        assert!(ran.status.success(), "{}", stderr(&ran));
        let game = format!("{folder}/game.rec");
        let play = ["play", "--games", "4", "--pace", "own", "--speed", "max", "--sink", "null"];
        let start = ["--start", "2026-01-01T12:00:00Z", "--record", &game];
        let played = simulator(directory.path(), &[&play[..], &start].concat()).await;
        assert!(played.status.success(), "{}", stderr(&played));
        let read = |name: &str| std::fs::read(directory.path().join(folder).join(name)).unwrap();
        recordings.push(["md-json.rec", "second-xml.rec", "uof-uof.rec", "game.rec"].map(read));
    }
    assert!(recordings[0] == recordings[1], "the same seed and start make the same bytes");
    let run = ["run", "many-providers", "--check", "--start", "noon"];
    let refused = simulator(directory.path(), &run).await;
    assert!(stderr(&refused).contains("not a time such as"), "{}", stderr(&refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_memory_that_is_set_aside_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let play = ["play", "--rate", "10000", "--seconds", "10", "--sink", "null", "--memory-mib", "2"];
    let played = simulator(directory.path(), &play).await;
    let error = "error: the messages take over 2 MiB, the most that is allowed (`--memory-mib`): ask for fewer, or for a shorter time\n";
    assert_eq!((played.status.success(), stderr(&played)), (false, error));
    let nowhere = ["play", "--seconds", "600", "--sink", "null", "--record", "none/game.rec"];
    let refused = simulator(directory.path(), &nowhere).await;
    assert!(stderr(&refused).starts_with("error: cannot write none/game.rec: "), "said before it plays");
    let patient = simulator(directory.path(), &["play", "--give-up-after", "18446744073709551615"]).await;
    assert!(stderr(&patient).contains("is not in 0..=86400"), "{}", stderr(&patient));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_is_imported_and_a_refusal_is_told_and_fails() {
    let directory = tempfile::tempdir().unwrap();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/nhl_shoot_out.json");
    let imported = simulator(directory.path(), &["import", "nhl", sample]).await;
    assert!(stdout(&imported).starts_with("nhl_shoot_out.rec: "), "{}", stdout(&imported));
    let text = std::fs::read_to_string(sample).unwrap();
    let (before, time) = text.split_once("\"startTimeUTC\"").unwrap();
    let (colon, rest) = time.split_once("\"2").unwrap();
    let of_old = format!("{before}\"startTimeUTC\"{colon}\"1{rest}");
    std::fs::write(directory.path().join("old.json"), of_old).unwrap();
    let old = simulator(directory.path(), &["import", "nhl", "old.json"]).await;
    assert_eq!(old.status.code(), Some(1), "{}", stdout(&old));
    assert!(stderr(&old).contains("within the years 2000 to 2099"), "{}", stderr(&old));
    assert!(!directory.path().join("old.rec").exists());

    let receiver = Receiver::new(|_, lines| {
        let answer = json!({"accepted": lines - 1, "problems": [problem(0, 422)]});
        Some((StatusCode::MULTI_STATUS, answer.to_string()).into_response())
    });
    let target = receiver.listen("127.0.0.1:0").await;
    let replay = ["replay", "nhl_shoot_out.rec", "--speed", "max", "--to", &target];
    let replayed = simulator(directory.path(), &replay).await;
    assert_eq!(replayed.status.code(), Some(1));
    assert_eq!(stderr(&replayed), "message 1: 422 no so it is (at `/body`)\n");
    assert!(stdout(&replayed).contains("1 refused, 0 not delivered"), "{}", stdout(&replayed));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_is_told_what_was_sent_and_whether_it_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    // Busy at first, then there.
    let receiver = Receiver::new(|request, lines| {
        Some(if request > 8 { accept(lines) } else { StatusCode::SERVICE_UNAVAILABLE.into_response() })
    });
    let target = receiver.listen("127.0.0.1:0").await;
    let address = free_address();
    let url = format!("http://{address}");
    let play = ["play", "--games", "2", "--rate", "100", "--seconds", "600", "--to", &target];
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.current_dir(directory.path()).args(play).env("MATCHDAY_LISTEN", &address);
    let mut running = command.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();

    let mut statuses = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while statuses.last() != Some(&200) && Instant::now() < deadline {
        if let Ok(answer) = reqwest::get(format!("{url}/readyz")).await {
            statuses.push(answer.status().as_u16());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let metrics = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    let livez = reqwest::get(format!("{url}/livez")).await.unwrap().status();
    running.kill().await.unwrap();
    assert_eq!((statuses.first(), statuses.last()), (Some(&503), Some(&200)));
    assert!(livez.is_success());
    for line in [
        "matchday_simulator_requests_total{status=\"503\"} ",
        "matchday_simulator_requests_total{status=\"202\"} ",
        "matchday_simulator_messages_total{outcome=\"accepted\"} ",
        "matchday_simulator_sent_messages_total ",
        "matchday_simulator_messages_sent_again_total ",
        "matchday_simulator_lateness_seconds{quantile=\"0.5\"} ",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

/// Where nobody listens.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("game.json"), "{\"id\": \"seven\"}").unwrap();
    for (args, message) in [
        (&["import", "nhl", "game.json"][..], "error: cannot import game.json: id: invalid type"),
        (&["import", "nba", "game.json"], "error: cannot import game.json: .: missing field `game`"),
        (&["replay", "game.json"], "error: cannot replay game.json: not a recording"),
        (&["info", "none.rec"], "error: cannot read none.rec: No such file"),
        (&["replay", "game.json", "--speed", "0"], "error: invalid value '0'"),
    ] {
        let output = simulator(directory.path(), args).await;
        assert!(!output.status.success());
        assert!(stderr(&output).starts_with(message), "{}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_of_which_nobody_would_take_messages_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for start in ["9999-12-30T21:59:59Z", "2099-12-30T00:00:00Z", "1970-01-01T00:00:00Z"] {
        for command in [&["run", "unified-odds-feed", "--check"][..], &["play", "--sink", "null"]] {
            let refused = simulator(directory.path(), &[command, &["--start", start]].concat()).await;
            assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
            let why = format!(
                "error: invalid value '{start}' for '--start <TIME>': not from 2000-01-03T00:00:00Z on and before \
                 2099-12-30T00:00:00Z: nobody takes messages of other times"
            );
            assert!(stderr(&refused).starts_with(&why), "{}", stderr(&refused));
        }
    }
    let last = ["run", "unified-odds-feed", "--check", "--start", "2099-12-29T23:59:59Z"];
    let checked = simulator(directory.path(), &last).await;
    assert!(checked.status.success(), "{}", stderr(&checked));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_could_not_send_in_time_says_so_first_and_exits_so() {
    let directory = tempfile::tempdir().unwrap();
    let slow = Receiver::new(|_, lines| {
        std::thread::sleep(Duration::from_millis(400));
        Some(accept(lines))
    });
    let target = slow.listen("127.0.0.1:0").await;
    let text = "description = \"d\"\nseed = 3\nseconds = 1\n[sports.hockey]\ngames = 1\nrate = 400\n";
    std::fs::write(directory.path().join("one.toml"), text).unwrap();
    let play = ["play", "--games", "1", "--rate", "400", "--seconds", "1"];
    // What was sent too late is recorded as late, and would be replayed in time.
    let planned = ["--sink", "null", "--record", "game.rec"];
    assert!(was_taken(simulator(directory.path(), &[&play[..], &planned].concat()).await.status));
    let to = ["--lanes", "1", "--to", &target];
    let late = "LATE: messages could not be sent in time: ";
    for command in [&play[..], &["run", "one.toml"], &["replay", "game.rec", "--loops", "2"]] {
        let sent = simulator(directory.path(), &[command, &to].concat()).await;
        assert_eq!(sent.status.code(), Some(13), "{}", stderr(&sent));
        let reports: Vec<&str> = stdout(&sent).split(" messages accepted in ").collect();
        let before = reports[0].lines().rev().nth(1).unwrap();
        assert!(before.starts_with(late), "{}", stdout(&sent));
        assert_eq!(
            reports.len(),
            if command[0] == "replay" { 3 } else { 2 },
            "the second round is sent, too"
        );
    }
    let fast = simulator(directory.path(), &[&play[..], &to, &["--speed", "max"]].concat()).await;
    assert_eq!(fast.status.code(), Some(0), "{}", stderr(&fast));
    assert!(!stdout(&fast).contains(late), "{}", stdout(&fast));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_is_run_and_what_came_of_it_is_written_down() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let text = "description = \"Two games\"\nseed = 3\nseconds = 2\n[sports.hockey]\ngames = 2\nrate = 300\n\
                [faults]\nduplicate = 2\n";
    std::fs::write(directory.path().join("two.toml"), text).unwrap();
    let run =
        ["run", "two.toml", "--speed", "max", "--ledger", "run.json", "--record", "sent", "--to", &target];
    let ran = simulator(directory.path(), &run).await;
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert!(stdout(&ran).starts_with("Two games (seed 3)\n"), "{}", stdout(&ran));
    assert!(stdout(&ran).contains("0 answers are not as they may be"), "{}", stdout(&ran));
    let ledger = RunLedger::load(&directory.path().join("run.json")).unwrap();
    let deliveries = ledger.deliveries.unwrap();
    assert_eq!(deliveries.status.len(), receiver.lines().len());
    assert!(directory.path().join("run.json.faults.json").is_file());
    let recorded = std::fs::File::open(directory.path().join("sent/md-json.rec")).unwrap();
    let recorded = simulator::recording::Reader::new(std::io::BufReader::new(recorded)).unwrap();
    assert_eq!(recorded.header().seed, Some(3));
    let recorded: Vec<_> = recorded.collect::<Result<_, _>>().unwrap();
    assert_eq!(recorded.len(), deliveries.status.len());
    let (mut written, mut sent): (Vec<_>, Vec<_>) = (
        recorded.iter().map(|it| it.bytes.clone()).collect(),
        receiver.lines().into_iter().map(String::into_bytes).collect(),
    );
    written.sort();
    sent.sort();
    assert!(written == sent, "every byte as it was sent, its times too");
    assert!(
        recorded
            .iter()
            .all(|it| it.offset_ns / 1_000 <= deliveries.sent_micros.iter().copied().max().unwrap() as u64)
    );

    // What is to be sent is a recorded day for other games.
    let check = ["run", "two.toml", "--check", "--record", "planned"];
    assert!(simulator(directory.path(), &check).await.status.success());
    let busy = text.replace(
        "rate = 300",
        "rate = 50\nprofile.recorded = { recording = \"planned/md-json.rec\", per = \"second\" }",
    );
    std::fs::write(directory.path().join("busy.toml"), busy).unwrap();
    let checked = simulator(directory.path(), &["run", "busy.toml", "--check"]).await;
    assert!(checked.status.success(), "{}", stderr(&checked));

    std::fs::write(directory.path().join("two.toml"), text.replace("games = 2", "games = two")).unwrap();
    let refused = simulator(directory.path(), &run).await;
    assert!(stderr(&refused).starts_with("error: two.toml:5:9: "), "{}", stderr(&refused));
    let unknown = simulator(directory.path(), &["run", "three"]).await;
    assert!(
        stderr(&unknown).starts_with("error: there is no file `three`, and no ready-made scenario"),
        "{}",
        stderr(&unknown)
    );
    let listed = simulator(directory.path(), &["scenarios"]).await;
    assert!(stdout(&listed).contains("\ngoal-rush "), "{}", stdout(&listed));
}

/// How it exits that is sent this signal once fifty of its messages have come to a receiver.
async fn exit_after(signal: &str, directory: &Path, args: &[&str], receiver: &Receiver) -> ExitStatus {
    let target = receiver.listen("127.0.0.1:0").await;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.current_dir(directory).env("MATCHDAY_ALIVE_SECONDS", "0");
    command.args(args).args(["--to", &target]).stdout(Stdio::null()).kill_on_drop(true);
    let mut running = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while receiver.lines().len() < 50 {
        assert!(Instant::now() < deadline, "it plays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = running.id().unwrap().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    tokio::time::timeout(Duration::from_secs(20), running.wait()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_told_to_end_says_so_of_the_games_that_are_on() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let play = ["play", "--endless", "--games", "4", "--rate", "200", "--seconds", "600"];
    let ended = exit_after("-TERM", directory.path(), &play, &receiver).await;
    assert!(ended.success(), "{ended}");
    let abandoned = receiver.lines().iter().filter(|line| line.contains(":abandoned\"")).count();
    assert_eq!(abandoned, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_games_that_are_ended_says_which_are_abandoned_and_what_was_taken() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let play = ["play", "--games", "4", "--rate", "200", "--seconds", "600", "--ledger", "run.json"];
    let ended = exit_after("-TERM", directory.path(), &play, &receiver).await;
    assert_eq!(ended.code(), Some(130), "{ended}");
    let ledger = RunLedger::load(&directory.path().join("run.json")).unwrap();
    assert_eq!(ledger.producers[0].events.len(), 4);
    assert_eq!(ledger.cut_short.unwrap().abandoned.len(), 4);
    let taken = ledger.deliveries.unwrap().status.iter().filter(|status| **status == 202).count();
    assert!((50..120_000).contains(&taken), "{taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_interrupted_fails_and_its_ledger_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let run = ["run", "steady-tennis", "--fresh", "--ledger", "run.json"];
    let ended = exit_after("-INT", directory.path(), &run, &receiver).await;
    assert_eq!(ended.code(), Some(130), "{ended}");
    let ledger = RunLedger::load(&directory.path().join("run.json")).unwrap();
    let told: usize = receiver.lines().iter().filter(|line| line.contains(":abandoned\"")).count();
    let cut_short = ledger.cut_short.unwrap();
    assert_eq!((cut_short.why, cut_short.abandoned.len()), (None, told));
    assert!(told > 0);
    let plain =
        simulator::Scenario::load("steady-tennis").unwrap().play(ledger.deliveries.unwrap().started_at);
    let plain = plain.unwrap().ledger.producers[0].events[0].event_id.to_string();
    let fresh = ledger.producers[0].events[0].event_id.to_string();
    assert!(fresh.starts_with(&format!("{plain}-")), "{fresh}");
    assert!(receiver.lines().iter().any(|line| line.contains(&fresh)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_play_for_ever_and_cannot_ends() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, _| Some(StatusCode::SERVICE_UNAVAILABLE.into_response()));
    let target = receiver.listen("127.0.0.1:0").await;
    let games = ["--play", "--endless", "--games", "2", "--rate", "50", "--seconds", "600"];
    let listen = ["--give-up-after", "1", "--listen", "127.0.0.1:0", "--to", &target];
    let served = simulator(directory.path(), &[&["serve"], &games[..], &listen[..]].concat()).await;
    assert_eq!(served.status.code(), Some(1), "{}", stderr(&served));
    assert!(
        stdout(&served).contains("\nplaying 2 games of football, basketball, tennis, hockey for 600 s"),
        "{}",
        stdout(&served)
    );
}
