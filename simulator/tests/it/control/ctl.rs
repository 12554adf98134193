//! The command line does what the calls do.

use super::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_does_the_same() {
    let desk = Desk::new().await;
    let ctl = async |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_simulator"));
        command.args(["ctl", "--at", &desk.url]).args(args);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (_, _, error) = ctl(&["stop"]).await;
    assert_eq!(error, "error: nothing is being played\n");
    let (is_started, _, error) =
        ctl(&["start", "final", "--paused", "--fresh", "--seed", "8", "--speed", "2"]).await;
    assert!(is_started, "{error}");
    desk.until("it stands", |run| run["state"] == "paused" && run["seed"] == 8 && run["speed"] == 2.0).await;
    let (_, faults, _) = ctl(&["faults"]).await;
    assert!(faults.contains("\"faults\": []"), "{faults}");
    assert!(ctl(&["resume"]).await.0 && ctl(&["stop"]).await.0);
    desk.until("it has ended", |run| run["state"] == "stopped").await;
    let (is_started, _, error) =
        ctl(&["games", "--sport", "tennis", "--games", "1", "--formats", "xml", "--paused"]).await;
    assert!(is_started, "{error}");
    desk.until("games stand", |run| {
        run["state"] == "paused" && run["program"].as_str().unwrap().starts_with("1 games of tennis")
    })
    .await;
    let (_, answer, error) = ctl(&["uof", "add", "sr:match:77", "--sport", "hockey"]).await;
    assert!(answer.contains("sr:match:77 is in the playlist"), "{error}");
    assert!(ctl(&["uof", "play", "--speed", "0.5", "--run-parallel", "--node-id", "3"]).await.0);
    desk.until("the replay plays", |run| run["program"] == "a replay of 1 events").await;
    assert!(ctl(&["uof", "reset"]).await.1.contains("the playlist is empty"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("two.toml");
    std::fs::write(
        &file,
        "description = \"d\"\nseed = 1\nseconds = 5\n[sports.hockey]\ngames = 1000\nrate = 5\n",
    )
    .unwrap();
    let file = file.display().to_string();
    let (_, _, error) = ctl(&["start", &file]).await;
    assert_eq!(error, format!("error: {file}:5:9: games: 1000 is outside 1 to 999\n"));
    let (_, _, error) = ctl(&["start", "cup"]).await;
    assert_eq!(error, "error: no scenario is called `cup` (at `/scenario`)\n");
}
