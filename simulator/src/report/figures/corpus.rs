//! What the bounds are made of, counted anew: real games go through the very measure that worlds go through, and what a bound
//! says of its source must be what comes out. So no bound was chosen by looking at a world. Without the real games that is not done,
//! which is said.

use std::path::{Path, PathBuf};

use domain::{Content, Sport, Timestamp};

use super::{Figure, Known, football, of};
use crate::faults::FaultPlan;
use crate::format::Format;
use crate::import::{Imported, nba, nhl, slam, statsbomb};
use crate::report::known::Sample;
use crate::report::watched::{Watched, number};
use crate::run_ledger::RunLedger;
use crate::schedule::ScheduleBuilder;

/// A file of the real games; where there are none, that is said aloud.
#[expect(clippy::print_stderr, reason = "what a test skips has to be seen")]
fn corpus(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus").join(name);
    if !path.exists() {
        eprintln!("skipped: no real games, {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// A real game as a client sees it.
fn watched(imported: Imported) -> Watched {
    let mut builder = ScheduleBuilder::default();
    for (offset_ns, message) in &imported.messages {
        let bytes = Format::Json.encode(message).unwrap();
        builder.push(&imported.header.provider, Format::Json, *offset_ns, &bytes).unwrap();
    }
    let ledger = RunLedger::told(&builder.build(), FaultPlan::none(0), String::new()).unwrap();
    let event = ledger.producers[0].events[0].clone();
    let said = imported.messages.into_iter().filter_map(|(offset_ns, message)| match message.content {
        Content::Event(event) => Some((offset_ns, event.body)),
        Content::Producer(_) => None,
    });
    Watched::new(event, said.collect())
}

/// Half of the last digit with which means and shares are written down, and what is lost in adding up.
const DIGITS: f64 = 5.1e-5;

/// What a bound says of its source and what the source's games come to, where those are not the same to the digits that are given.
fn difference(figure: &Figure, values: impl Iterator<Item = f64>) -> Option<String> {
    let mut sample = Sample::default();
    values.for_each(|value| sample.add(value));
    let is = |said: f64, found: f64, digits: f64| (said - found).abs() <= digits;
    let mean = Known::Unbiased.measured(&sample).unwrap_or_default();
    let deviation = Known::Spread { deviation: 0.0, n: 1 }.measured(&sample).unwrap_or_default();
    let is_so = match figure.known {
        Known::Count { count, games } => is(count / f64::from(games), mean, 1e-9),
        // Of one game the law of its counts says how far they spread.
        Known::Mean { mean: said, n: 1, .. } => is(said, mean, 5e-4),
        Known::Mean { mean: said, deviation: spread, n } => {
            sample.count() == u64::from(n) && is(said, mean, DIGITS) && is(spread, deviation, DIGITS)
        }
        Known::Share { share, .. } => is(share, mean, DIGITS),
        // The bounds themselves are looked at with what they are the order of.
        Known::Between { low, high } => (low..=high).contains(&mean),
        Known::Average { .. } | Known::Spread { .. } | Known::Unbiased => false,
    };
    (!is_so).then(|| {
        let Figure { name, known, .. } = figure;
        format!("{name}: {known:?}, and of {} are {mean:.4}, spread {deviation:.4}", sample.count())
    })
}

/// Every figure of a source is what its games come to.
fn check(sport: Sport, source: &str, games: &[Watched]) {
    let figures: Vec<Figure> = of(sport).into_iter().filter(|figure| figure.source == source).collect();
    assert!(!figures.is_empty(), "{source}");
    let differ: Vec<String> = figures
        .iter()
        .filter_map(|figure| difference(figure, games.iter().filter_map(|game| (figure.of)(game))))
        .collect();
    assert_eq!(differ, [""; 0], "{source}");
}

/// The bounds of the value below which a part of them lies: those of them that stand 1.96 deviations of a binomial law before its place
/// and behind it.
fn check_order(sport: Sport, name: &str, mut values: Vec<f64>, part: f64) {
    values.sort_by(f64::total_cmp);
    let size = number(values.len());
    let off = 1.96 * (size * part * (1.0 - part)).sqrt();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
    let [low, high] = [-off, off].map(|off| values[(size * part + off).ceil() as usize - 1]);
    let figure = of(sport).into_iter().find(|figure| figure.name == name).unwrap();
    let Known::Between { low: said_low, high: said_high } = figure.known else { panic!("{name}") };
    assert!(
        (low - said_low).abs() < 0.05 && (high - said_high).abs() < 0.05,
        "{name}: {said_low} to {said_high}, and they are {low} to {high}"
    );
}

#[test]
fn bounds_of_hockey_by_minute_and_type_are_counted_in_their_game() {
    let Some(path) = corpus("hockey/nhl_2024030121.json") else { return };
    let game = watched(nhl::import(&std::fs::read(path).unwrap()).unwrap());
    for (name, part) in [("median", 0.5), ("9 of 10", 0.9)] {
        check_order(
            Sport::Hockey,
            &format!("clock from one to the next, {name}"),
            game.clock_gaps(|_| true),
            part,
        );
    }
    check(Sport::Hockey, "NHL, Lightning v Panthers 2025", &[game]);
}

#[test]
fn bounds_of_basketball_by_minute_and_type_are_counted_in_their_game() {
    let Some(path) = corpus("basketball/nba_pbp_live_0022000001.json") else { return };
    let game = watched(nba::import(&std::fs::read(path).unwrap()).unwrap());
    for (name, part) in [("median", 0.5), ("9 of 10", 0.9)] {
        let name = format!("clock from one to the next, {name}");
        check_order(Sport::Basketball, &name, game.clock_gaps(|_| true), part);
    }
    let told: Vec<f64> = game.told().map(|(at, _)| at).collect();
    let waits = told.windows(2).map(|two| two[1] - two[0]).collect();
    check_order(Sport::Basketball, "seconds from one to the next, median", waits, 0.5);
    check(Sport::Basketball, "NBA, Warriors v Nets 2020", &[game]);
}

#[test]
fn bounds_of_football_by_minute_and_type_are_counted_in_their_game() {
    let Some(path) = corpus("football/statsbomb_15986_event.json") else { return };
    let kick_off = Timestamp(1_537_642_800_000_000);
    let game = watched(statsbomb::import(&std::fs::read(path).unwrap(), 15_986, kick_off).unwrap());
    for (name, part) in [("median", 0.5), ("nine of ten", 0.9)] {
        let gaps = game.clock_gaps(|kind| football::TOLD.contains(&kind));
        check_order(Sport::Football, &format!("seconds between two, {name}"), gaps, part);
    }
    check(Sport::Football, "StatsBomb, Barcelona v Girona 2018", &[game]);
}

#[test]
fn bounds_of_football_are_the_means_of_two_seasons() {
    let [Some(one), Some(two)] = ["odds/epl2122.csv", "odds/epl2223.csv"].map(corpus) else { return };
    let tables = [one, two].map(|path| std::fs::read_to_string(path).unwrap());
    let rows = || tables.iter().flat_map(|table| table.lines().filter(|row| row.starts_with("E0,")));
    // Both tables begin with the same columns.
    let head: Vec<&str> = tables[0].lines().next().unwrap().split(',').collect();
    for (name, columns) in [
        ("goals", &["FTHG", "FTAG"][..]),
        ("goals of the home side", &["FTHG"][..]),
        ("goals of the away side", &["FTAG"][..]),
        ("goals of the first half", &["HTHG", "HTAG"][..]),
        ("shots", &["HS", "AS"][..]),
        ("shots on target", &["HST", "AST"][..]),
        ("fouls", &["HF", "AF"][..]),
        ("corner kicks", &["HC", "AC"][..]),
        ("yellow cards", &["HY", "AY"][..]),
        ("red cards", &["HR", "AR"][..]),
    ] {
        let figure = of(Sport::Football).into_iter().find(|figure| figure.name == name).unwrap();
        let places = columns.iter().map(|column| head.iter().position(|named| named == column).unwrap());
        let places: Vec<usize> = places.collect();
        let sums = rows().map(|row| {
            let fields: Vec<&str> = row.split(',').collect();
            places.iter().map(|place| fields[*place].parse::<f64>().unwrap()).sum::<f64>()
        });
        assert_eq!(difference(&figure, sums), None);
    }
}

#[test]
fn bounds_of_tennis_are_measured_in_their_matches() {
    let (Some(matches), Some(points)) =
        (corpus("tennis/2012-wimbledon-matches.csv"), corpus("tennis/2012-wimbledon-points.csv"))
    else {
        return;
    };
    let [matches, points] = [matches, points].map(|path| std::fs::read(path).unwrap());
    let tables = slam::Tables::read(&points, &matches).unwrap();
    let games: Vec<Watched> =
        tables.matches().iter().filter_map(|id| tables.import(id).ok()).map(watched).collect();
    for source in ["Wimbledon 2012, men", "Wimbledon 2012, women", "Wimbledon 2012, singles"] {
        check(Sport::Tennis, source, &games);
    }
}
