//! Real games, as their league recorded them, walk from push to socket.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use harness::feed::Feed;
use harness::judge::Expected;
use harness::run::run;
use serde_json::Value;
use simulator::import::nhl;
use simulator::pacer::Speed;
use simulator::{DriveOptions, Schedule};

use crate::support::up;

/// Our own small games in the league's format, and the real ones beside the project where they are there.
fn games() -> Vec<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut games =
        files(&project.join("simulator/samples"), "nhl_").expect("the project's samples are there");
    match files(&project.join("../shared/corpus/hockey"), "nhl_") {
        Some(real) => {
            assert!(!real.is_empty(), "the corpus has no hockey game");
            games.extend(real);
        }
        // Past the capture of a test's output: whoever reads the log must see what was not proven.
        None => drop(
            std::io::stderr().write_all(b"SKIPPED: there are no real games in ../shared/corpus/hockey\n"),
        ),
    }
    games
}

fn files(folder: &Path, prefix: &str) -> Option<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
    });
    files.sort();
    Some(files)
}

/// What the league says came of a game. The importer reads none of these fields.
fn official(game: &Value, messages: u64) -> (String, Expected) {
    let score =
        |team: &str| u32::try_from(game[team]["score"].as_u64().expect("a score")).expect("a small score");
    let match_status = match game["gameOutcome"]["lastPeriodType"].as_str().expect("how it ended") {
        "REG" => "ended",
        "OT" => "ended_after_overtime",
        "SO" => "ended_after_penalties",
        other => panic!("a game does not end in {other}"),
    };
    let expected = Expected {
        sport: "hockey".to_owned(),
        messages,
        status: "closed".to_owned(),
        match_status: match_status.to_owned(),
        score: (score("homeTeam"), score("awayTeam")),
        periods: None,
        markets: None,
        exact: BTreeMap::new(),
    };
    (format!("nhl:game:{}", game["id"]), expected)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_nhl_game_ends_with_its_official_score_everywhere() {
    let games = games();
    let folder = tempfile::tempdir().unwrap();
    let (mut recordings, mut expected) = (Vec::new(), BTreeMap::new());
    for (index, path) in games.iter().enumerate() {
        let json = std::fs::read(path).unwrap();
        let imported = nhl::import(&json).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let recording = folder.path().join(format!("{index}.rec"));
        imported.write(std::fs::File::create(&recording).unwrap()).unwrap();
        recordings.push(recording);
        let game: Value = serde_json::from_slice(&json).unwrap();
        expected.extend([official(&game, imported.messages.len() as u64)]);
    }
    // Known beforehand, so that this test cannot agree with itself alone.
    if let Some(expected) = expected.get("nhl:game:2024030121") {
        assert_eq!(expected.score, (2, 6), "TBL 2, FLA 6");
    }

    let stack = up(folder.path().join("stacks"), "recorded").await;
    let feed = Feed { schedule: Arc::new(Schedule::load(&recordings).unwrap()), expected };
    let options = DriveOptions { speed: Speed::Max, ..DriveOptions::to(stack.ingestion_url().unwrap()) };
    let outcome = run(&stack, &feed, &options, |_| {}, async { Ok(()) }).await.unwrap();
    assert!(outcome.is_pass(), "{}", harness::report::report(&outcome));
    for place in ["mysql", "redis", "rest", "socket"] {
        assert!(outcome.verdict.places[place].compared > 0, "{place}");
    }
    // Had Redis not been understood, REST would have been right all the same, from MySQL.
    let metrics =
        reqwest::get(format!("{}/metrics", stack.rest_url().unwrap())).await.unwrap().text().await.unwrap();
    let hits = r#"matchday_distribution_cache_lookups_total{outcome="hit"} "#;
    let hits = metrics.lines().find_map(|line| line.strip_prefix(hits)?.parse::<u64>().ok());
    assert!(hits >= Some(feed.expected.len() as u64), "{hits:?} of the images came from Redis");
    stack.down().await.unwrap();
}
