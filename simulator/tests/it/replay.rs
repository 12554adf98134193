//! Replays from the command line: how fast, from where, how often, and with a hand on the keys.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cli::{simulator, stderr, stdout, was_taken};
use super::drive::{Receiver, accept};

/// Two games of hockey in a folder, and somebody who takes everything.
async fn ready(games: &[&str]) -> (tempfile::TempDir, Receiver, String) {
    let folder = tempfile::tempdir().unwrap();
    for game in games {
        let sample = format!("{}/samples/nhl_{game}.json", env!("CARGO_MANIFEST_DIR"));
        let imported =
            simulator(folder.path(), &["import", "nhl", &sample, "-o", &format!("{game}.rec")]).await;
        assert!(imported.status.success(), "{}", stderr(&imported));
    }
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    (folder, receiver, target)
}

fn ids(receiver: &Receiver, field: &str) -> Vec<String> {
    let id = |line: String| {
        let message: Value = serde_json::from_str(&line).unwrap();
        message[field].as_str().unwrap().to_owned()
    };
    receiver.lines().into_iter().map(id).collect()
}

fn lines_of(folder: &Path, args: &[&str]) -> Vec<String> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_simulator"))
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_loop_is_another_game() {
    let (folder, receiver, target) = ready(&["regular"]).await;
    let replay = ["replay", "regular.rec", "--speed", "max", "--loops", "3", "--to", &target];
    let replayed = simulator(folder.path(), &replay).await;
    assert!(replayed.status.success(), "{}", stderr(&replayed));
    assert!(stdout(&replayed).contains("round 3 of 3: ids end in `-"), "{}", stdout(&replayed));
    let events: BTreeSet<String> = ids(&receiver, "event_id").into_iter().collect();
    let endings: Vec<String> = events.iter().map(|id| id.rsplit('r').next().unwrap().to_owned()).collect();
    assert_eq!(endings, ["1", "2", "3"], "{events:?}");
    let messages = ids(&receiver, "message_id");
    let distinct: BTreeSet<&String> = messages.iter().collect();
    assert_eq!(distinct.len(), messages.len());
    let generated =
        |line: &String| serde_json::from_str::<Value>(line).unwrap()["generated_at"].as_i64().unwrap();
    let times: Vec<i64> = receiver.lines().iter().map(generated).collect();
    assert!(times.is_sorted(), "and later than the one before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept_whatever_was_recorded() {
    let (folder, receiver, target) = ready(&["regular"]).await;
    let replay = ["replay", "regular.rec", "--rate", "1000", "--to", &target];
    let replayed = simulator(folder.path(), &replay).await;
    assert!(was_taken(replayed.status), "{}", stderr(&replayed));
    let generated =
        |line: &String| serde_json::from_str::<Value>(line).unwrap()["generated_at"].as_i64().unwrap();
    let times: Vec<i64> = receiver.lines().iter().map(generated).collect();
    let apart: BTreeSet<i64> = times.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(apart, BTreeSet::from([1_000]), "a millisecond between each, in microseconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_rate_a_minute_is_sought_at_once_and_counted_from() {
    let (folder, receiver, target) = ready(&["regular"]).await;
    let replay = ["replay", "regular.rec", "--from", "59", "--rate", "1000", "--to", &target];
    let replayed = simulator(folder.path(), &replay).await;
    assert!(was_taken(replayed.status), "{}", stderr(&replayed));
    let generated =
        |line: &String| serde_json::from_str::<Value>(line).unwrap()["generated_at"].as_i64().unwrap();
    let times: Vec<i64> = receiver.lines().iter().map(generated).collect();
    let sought = times.iter().filter(|time| **time == times[0]).count();
    assert!(sought > times.len() / 2 && sought < times.len(), "{sought} of {} at once", times.len());
    let apart: BTreeSet<i64> = times[sought - 1..].windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(apart, BTreeSet::from([1_000]), "a millisecond between each, in microseconds");
    for later in [["--offset", "10s"], ["--stagger", "10s"]] {
        let replay = [&["replay", "regular.rec", "--rate", "5", "--to", &target][..], &later].concat();
        let refused = simulator(folder.path(), &replay).await;
        assert!(stderr(&refused).contains("cannot be used with"), "{}", stderr(&refused));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_minute_on_with_short_gaps_a_match_takes_less_time_and_is_whole() {
    let (folder, receiver, target) = ready(&["regular"]).await;
    let replay = ["replay", "regular.rec", "--from", "60", "--max-gap", "100ms", "--to", &target];
    let replayed = simulator(folder.path(), &replay).await;
    assert!(was_taken(replayed.status), "{}", stderr(&replayed));
    let info = lines_of(folder.path(), &["info", "regular.rec"]);
    let messages = format!("messages   {}, ", receiver.lines().len());
    assert!(info.iter().any(|line| line.starts_with(&messages)), "{messages} {info:?}");
    let error = simulator(folder.path(), &["replay", "regular.rec", "--from", "61", "--to", &target]).await;
    assert_eq!(stderr(&error), "error: cannot replay regular.rec: its game comes to minute 60, not to 61\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_a_replay_would_be() {
    let (folder, receiver, _) = ready(&["regular", "overtime"]).await;
    let lines = lines_of(folder.path(), &["dry-run", ".", "--speed", "60", "--stagger", "10m"]);
    assert!(lines[0].starts_with("messages     ") && lines[0].ends_with(" about 2 events"), "{lines:?}");
    assert!(lines[1].starts_with("duration     1 h ") && lines[1].ends_with(" at speed 60"), "{lines:?}");
    assert!(
        lines[2].starts_with("rate         ") && lines[2].contains(" a second in the mean, at most "),
        "{lines:?}"
    );
    assert_eq!(
        lines[3..],
        ["order        0 out of order, 0 repeated, 0 missing", "schema       0 would be refused"]
    );
    assert!(receiver.lines().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_from_a_minute_says_the_rate_of_what_comes_after_it() {
    let (folder, ..) = ready(&["regular"]).await;
    let at_most = |from: &[&str]| {
        let lines = lines_of(folder.path(), &[&["dry-run", "regular.rec"], from].concat());
        let (_, most) = lines[2].split_once(" a second in the mean, at most ").unwrap();
        most.split_once(',').unwrap().0.parse::<u64>().unwrap()
    };
    let (whole, from) = (at_most(&[]), at_most(&["--from", "41"]));
    assert!((1..=whole).contains(&from), "{whole} {from}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_refused_is_said_with_its_place_and_fails() {
    let (folder, ..) = ready(&["regular"]).await;
    let path = folder.path().join("regular.rec");
    let text = std::fs::read(&path).unwrap();
    let at = text.windows(7).rposition(|window| window == b"\"closed").unwrap();
    let mut changed = text.clone();
    changed[at + 1] = b'k';
    let end = changed.iter().position(|byte| *byte == b'\n').unwrap();
    // Without its checksum, as if somebody had written it so.
    let head = String::from_utf8(changed[..end].to_vec()).unwrap();
    let (before, rest) = head.split_once(",\"checksum\":\"").unwrap();
    let after = rest.split_once('"').unwrap().1;
    std::fs::write(&path, [format!("{before}{after}").as_bytes(), &changed[end..]].concat()).unwrap();
    let run = simulator(folder.path(), &["dry-run", "regular.rec"]).await;
    assert_eq!(run.status.code(), Some(1));
    assert!(stdout(&run).ends_with("schema       1 would be refused\n"), "{}", stdout(&run));
    let said = stderr(&run);
    assert!(
        said.starts_with("regular.rec: message ") && said.contains(" at byte ") && said.contains("`klosed`"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_cut_by_the_minute_and_merged_again() {
    let (folder, ..) = ready(&["regular", "overtime"]).await;
    let cut = ["cut", "overtime.rec", "-o", "late.rec", "--from-minute", "40", "--to-minute", "59"];
    let said = lines_of(folder.path(), &cut);
    assert!(
        said[0].starts_with("late.rec: ") && said[0].ends_with(", 1 of them say how games stood"),
        "{said:?}"
    );
    let merged = lines_of(
        folder.path(),
        &["merge", "late.rec", "regular.rec", "-o", "both.rec", "--offset", "0s,30s"],
    );
    assert!(merged[0].ends_with(", 1 of them say how games stood"), "{merged:?}");
    let info = lines_of(folder.path(), &["info", "both.rec"]);
    assert!(info.contains(&"images     1 messages: how games stood".to_owned()), "{info:?}");
    assert!(
        info.iter()
            .any(|line| line.starts_with("checksum   sha256:") && line.ends_with(", as it was written")),
        "{info:?}"
    );
    for (args, error) in [
        (
            &["cut", "both.rec", "-o", "x.rec", "--from-minute", "5"][..],
            "error: cannot cut both.rec: it holds ",
        ),
        (&["cut", "both.rec", "-o", "both.rec"], "error: both.rec is read, so it cannot be written"),
        (
            &["cut", "both.rec", "-o", "x.rec", "--from", "30h"],
            "error: cannot write x.rec: cannot cut both.rec: there is nothing",
        ),
        (&["replay", "both.rec", "--paused"], "error: nobody could let it go: `--paused` needs a terminal"),
    ] {
        let output = simulator(folder.path(), args).await;
        assert!(!output.status.success());
        assert!(stderr(&output).starts_with(error), "{}", stderr(&output));
    }
    assert!(!folder.path().join("x.rec").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_terminal_step_and_let_go() {
    let (folder, receiver, target) = ready(&["regular"]).await;
    let terminal = nix::pty::openpty(None, None).unwrap();
    let input = || Stdio::from(terminal.slave.try_clone().unwrap());
    let replay =
        ["replay", "regular.rec", "--speed", "10000", "--paused", "--alive-seconds", "0", "--to", &target];
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.current_dir(folder.path()).args(replay).stdin(input()).stderr(input()).stdout(Stdio::null());
    let mut running = command.kill_on_drop(true).spawn().unwrap();
    let mut keyboard = std::fs::File::from(terminal.master.try_clone().unwrap());
    // What it shows has to be taken, or it would wait.
    let mut screen = std::fs::File::from(terminal.master);
    std::thread::spawn(move || std::io::copy(&mut screen, &mut std::io::sink()));
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut presses = 0;
    // Keys pressed before it listens go nowhere.
    while receiver.lines().is_empty() && Instant::now() < deadline {
        keyboard.write_all(b"n").unwrap();
        presses += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let stepped = receiver.lines().len();
    assert!(stepped > 0 && stepped < 100, "{stepped} messages by {presses} steps");
    keyboard.write_all(b" ").unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), running.wait()).await.unwrap().unwrap();
    assert!(was_taken(ended), "{ended}");
    let info = lines_of(folder.path(), &["info", "regular.rec"]);
    let messages = format!("messages   {}, ", receiver.lines().len());
    assert!(info.iter().any(|line| line.starts_with(&messages)), "{messages} {info:?}");
}
