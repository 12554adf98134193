//! Real games, as their league recorded them, walk from push to socket.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use domain::Sport;
use harness::feed::Feed;
use harness::judge::Expected;
use harness::run::run;
use harness::stack::pipeline;
use serde_json::Value;
use simulator::DriveOptions;
use simulator::import::{Imported, nba, nhl};
use simulator::pacer::Speed;
use simulator::playlist::Playlist;

use crate::support::guest;

/// A game, as its importer tells it and as its league says that it ended.
struct Game {
    event_id: String,
    imported: Imported,
    expected: Expected,
}

/// Our own small games in a league's format, and the real ones beside the project where they are there.
fn games(sport: &str, sample_prefix: &str, real_prefix: &str) -> Vec<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut games =
        files(&project.join("simulator/samples"), sample_prefix).expect("the project's samples are there");
    match files(&project.join("../shared/corpus").join(sport), real_prefix) {
        Some(real) => {
            assert!(!real.is_empty(), "the corpus has no game of {sport}");
            games.extend(real);
        }
        // Past the capture of a test's output: whoever reads the log must see what was not proven.
        None => {
            let skipped = format!("SKIPPED: there are no real games in ../shared/corpus/{sport}\n");
            drop(std::io::stderr().write_all(skipped.as_bytes()));
        }
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

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().expect("a number")).expect("a small number")
}

fn expected(sport: Sport, imported: &Imported, match_status: &str, score: (u32, u32)) -> Expected {
    Expected {
        sport: sport.to_string(),
        messages: imported.messages.len() as u64,
        turns: 0,
        status: "closed".to_owned(),
        match_status: match_status.to_owned(),
        score,
        periods: None,
        markets: None,
        exact: BTreeMap::new(),
    }
}

/// What the league says came of it stands in the same file, in fields that the importer does not read.
fn nhl_game(path: &Path) -> Game {
    let json = read(path);
    let imported = nhl::import(&json).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let game: Value = serde_json::from_slice(&json).unwrap();
    let match_status = match game["gameOutcome"]["lastPeriodType"].as_str().expect("how it ended") {
        "REG" => "ended",
        "OT" => "ended_after_overtime",
        "SO" => "ended_after_penalties",
        other => panic!("a game does not end in {other}"),
    };
    let score = (number(&game["homeTeam"]["score"]), number(&game["awayTeam"]["score"]));
    let expected = expected(Sport::Hockey, &imported, match_status, score);
    Game { event_id: format!("nhl:game:{}", game["id"]), imported, expected }
}

/// What the league says came of it stands in a file of its own, its box score.
fn nba_game(path: &Path) -> Game {
    let imported = nba::import(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str()).expect("files of games have plain names");
    let box_score = path.with_file_name(name.replacen("nba_pbp_", "nba_box_", 1));
    let game = &serde_json::from_slice::<Value>(&read(&box_score)).unwrap()["game"];
    let score = (number(&game["homeTeam"]["score"]), number(&game["awayTeam"]["score"]));
    let periods = nba_periods(game);
    let match_status = if periods.len() > 4 { "ended_after_overtime" } else { "ended" };
    let expected =
        Expected { periods: Some(periods), ..expected(Sport::Basketball, &imported, match_status, score) };
    let event_id = format!("nba:game:{}", game["gameId"].as_str().expect("an id"));
    Game { event_id, imported, expected }
}

/// Four quarters, and all overtimes together.
fn nba_periods(game: &Value) -> Vec<(String, u32, u32)> {
    let scores = |team: &str| game[team]["periods"].as_array().expect("periods").clone();
    let mut periods: Vec<(String, u32, u32)> = Vec::new();
    for (home, away) in scores("homeTeam").iter().zip(scores("awayTeam")) {
        let (home, away) = (number(&home["score"]), number(&away["score"]));
        match periods.len() {
            quarters @ 0..4 => periods.push((format!("quarter_{}", quarters + 1), home, away)),
            4 => periods.push(("overtime".to_owned(), home, away)),
            _ => {
                let overtime = &mut periods[4];
                *overtime = (overtime.0.clone(), overtime.1 + home, overtime.2 + away);
            }
        }
    }
    periods
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_game_ends_with_its_official_score_everywhere() {
    let hockey = games("hockey", "nhl_", "nhl_");
    let basketball = games("basketball", "nba_pbp_", "nba_pbp_live_");
    let games = hockey.iter().map(|path| nhl_game(path)).chain(basketball.iter().map(|path| nba_game(path)));
    let folder = tempfile::tempdir().unwrap();
    let (mut recordings, mut expected) = (Vec::new(), BTreeMap::new());
    for Game { event_id, imported, expected: official } in games {
        let recording = folder.path().join(format!("{}.rec", recordings.len()));
        imported.write(std::fs::File::create(&recording).unwrap()).unwrap();
        recordings.push(recording);
        expected.insert(event_id, official);
    }
    // Known beforehand, so that this test cannot agree with itself alone.
    if let Some(expected) = expected.get("nhl:game:2024030121") {
        assert_eq!(expected.score, (2, 6), "TBL 2, FLA 6");
    }
    if let Some(expected) = expected.get("nba:game:0022000001") {
        assert_eq!(expected.score, (125, 99), "BKN 125, GSW 99");
    }

    let services = pipeline(&[Sport::Basketball, Sport::Hockey]);
    let stack = guest(folder.path().join("stacks"), "recorded", services).await;
    let feed = Feed::of(Playlist::of(&recordings).load().unwrap(), expected);
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
