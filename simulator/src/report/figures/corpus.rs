//! What the bounds are made of, counted anew: real games go through the very measure that worlds go through, and what a bound
//! says of its source must be what comes out. Without the real games that is not done, which is said.

use std::collections::HashMap;

use domain::{Content, Sport, Timestamp};

use super::{Figure, Known, football, of};
use crate::faults::FaultPlan;
use crate::format::Format;
use crate::import::{Imported, nba, nhl, slam, statsbomb};
use crate::report::known::Sample;
use crate::report::watched::{Watched, number, yes};
use crate::run_ledger::RunLedger;
use crate::schedule::ScheduleBuilder;

use aloud::real_games as corpus;

#[path = "../../../tests/it/aloud.rs"]
mod aloud;

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
        Known::Count { count, games } => {
            sample.count() == u64::from(games) && is(count / f64::from(games), mean, 1e-9)
        }
        // Of one game the law of its counts says how far they spread.
        Known::Mean { mean: said, n: 1, .. } => is(said, mean, 5e-4),
        Known::Mean { mean: said, deviation: spread, n } => {
            sample.count() == u64::from(n) && is(said, mean, DIGITS) && is(spread, deviation, DIGITS)
        }
        // Of one game a share is of what was counted in it.
        Known::Share { share, n } => [1, u64::from(n)].contains(&sample.count()) && is(share, mean, DIGITS),
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

/// A game of a season's table, by the names of its columns.
struct Row<'a>(HashMap<&'a str, &'a str>);

impl<'a> Row<'a> {
    /// All of a table.
    fn all(table: &'a str) -> impl Iterator<Item = Self> {
        let head: Vec<&str> = table.lines().next().unwrap().split(',').collect();
        let games = table.lines().filter(|line| line.starts_with("E0,"));
        games.map(move |line| Self(head.iter().copied().zip(line.split(',')).collect()))
    }

    /// The sum of what stands in these columns.
    fn sum<const N: usize>(&self, columns: [&str; N]) -> f64 {
        columns.iter().map(|column| self.0[column].parse::<f64>().unwrap()).sum()
    }

    fn goals(&self) -> f64 {
        self.sum(["FTHG", "FTAG"])
    }

    /// By how many goals the home side won; below 0 where it lost.
    fn lead(&self) -> f64 {
        self.sum(["FTHG"]) - self.sum(["FTAG"])
    }

    /// Of the average closing odds of 1x2, freed from their margin.
    fn brier(&self) -> f64 {
        let inverse = ["AvgCH", "AvgCD", "AvgCA"].map(|column| self.sum([column]).recip());
        let all: f64 = inverse.iter().sum();
        let came = [self.lead() > 0.0, self.lead() == 0.0, self.lead() < 0.0].map(yes);
        inverse.iter().zip(came).map(|(inverse, came)| (inverse / all - came).powi(2)).sum()
    }
}

/// What is counted of a game.
type Counted = fn(&Row) -> f64;

#[test]
fn bounds_of_football_are_those_of_two_seasons() {
    let [Some(one), Some(two)] = ["odds/epl2122.csv", "odds/epl2223.csv"].map(corpus) else { return };
    let tables = [one, two].map(|path| std::fs::read_to_string(path).unwrap());
    let rows: Vec<Row> = tables.iter().flat_map(|table| Row::all(table)).collect();
    let counted: [(&str, Counted); 19] = [
        ("goals", |row| row.goals()),
        ("goals of the home side", |row| row.sum(["FTHG"])),
        ("goals of the away side", |row| row.sum(["FTAG"])),
        ("lead at the end", |row| row.lead().abs()),
        ("home wins", |row| yes(row.lead() > 0.0)),
        ("draws", |row| yes(row.lead() == 0.0)),
        ("away wins", |row| yes(row.lead() < 0.0)),
        ("games without a goal", |row| yes(row.goals() == 0.0)),
        ("games of three goals or more", |row| yes(row.goals() > 2.0)),
        ("games in which both score", |row| yes(row.sum(["FTHG"]) > 0.0 && row.sum(["FTAG"]) > 0.0)),
        ("goals of the first half", |row| row.sum(["HTHG", "HTAG"])),
        ("level at half-time", |row| yes(row.sum(["HTHG"]) == row.sum(["HTAG"]))),
        ("shots", |row| row.sum(["HS", "AS"])),
        ("shots on target", |row| row.sum(["HST", "AST"])),
        ("fouls", |row| row.sum(["HF", "AF"])),
        ("corner kicks", |row| row.sum(["HC", "AC"])),
        ("yellow cards", |row| row.sum(["HY", "AY"])),
        ("red cards", |row| row.sum(["HR", "AR"])),
        ("Brier score of 1x2 at kick-off", |row| row.brier()),
    ];
    let figures = of(Sport::Football);
    for (name, value) in counted {
        let figure = figures.iter().find(|figure| figure.name == name).unwrap();
        assert_eq!(difference(figure, rows.iter().map(value)), None);
    }
    let sources = ["Premier League 2021-23, 760 games", "Premier League 2021-23, closing odds"];
    let is_counted = |figure: &&Figure| counted.iter().any(|(name, _)| *name == figure.name);
    let of_them = figures.iter().filter(|figure| sources.contains(&figure.source));
    let others: Vec<&str> = of_them.filter(|figure| !is_counted(figure)).map(|figure| figure.name).collect();
    assert_eq!(others, ["margin of 1x2 at kick-off"], "of it the books' own bounds are told");
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
