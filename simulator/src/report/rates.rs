//! How many messages a game has, of which type, in which of its minutes, and how long after each other they come.
//!
//! Minutes are those of the clock on the wall since play began, breaks and stoppages included: when a receiver has what to do.

use std::fmt;

use domain::Body;
use hdrhistogram::Histogram;

use super::watched::{Watched, number};

/// The types of messages about an event, in the order in which they are listed.
const TYPES: [&str; 8] = [
    "odds_change",
    "incident",
    "event_status",
    "bet_stop",
    "settlement",
    "cancel",
    "fixture",
    "fixture_change",
];
/// Minutes that one line tells of.
const BLOCK_MINUTES: usize = 10;
/// No game is longer, in blocks.
const BLOCKS_MAX: usize = 60;
/// A block that fewer than one in so many games come to is left out.
const SHOWN_OF: u64 = 20;

/// Messages of many games.
#[derive(Debug, Clone)]
pub struct Rates {
    games: u64,
    /// Before play, and in each block of minutes since: how many messages of each type, and how many seconds they had.
    blocks: Vec<Block>,
    /// Messages of each type in whole games, and all of them.
    of_types: [u64; TYPES.len()],
    /// From one message to the next one, of each type and of all, in milliseconds, from the first incident to the last.
    gaps_ms: Vec<Histogram<u64>>,
}

#[derive(Debug, Clone, Default)]
struct Block {
    of_types: [u64; TYPES.len()],
    seconds: f64,
    games: u64,
}

impl Rates {
    /// Of no game so far.
    pub(super) fn new() -> Self {
        let hours = || Histogram::new_with_bounds(1, 86_400_000, 3).expect("bounds that a histogram allows");
        let gaps_ms = (0..=TYPES.len()).map(|_| hours()).collect();
        Self { games: 0, blocks: Vec::new(), of_types: [0; TYPES.len()], gaps_ms }
    }

    /// Another game, where it was played.
    pub(super) fn add(&mut self, game: &Watched) {
        let Some((begin, end)) = game.span().filter(|_| game.is_whole()) else { return };
        self.games += 1;
        let mut last: [Option<f64>; TYPES.len() + 1] = [None; TYPES.len() + 1];
        for (at, body) in game.messages() {
            let of_type = place(body);
            self.of_types[of_type] += 1;
            if !(begin..=end).contains(&at) {
                continue;
            }
            self.block(block_of(at - begin)).of_types[of_type] += 1;
            for of in [of_type, TYPES.len()] {
                if let Some(before) = last[of].replace(at) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "the cast saturates"
                    )]
                    self.gaps_ms[of].saturating_record(((at - before) * 1_000.0) as u64);
                }
            }
        }
        for block in 0..=block_of(end - begin) {
            let from = minutes(block);
            let seconds = (end - begin - from * 60.0).min(minutes(1) * 60.0);
            let block = self.block(block);
            block.seconds += seconds;
            block.games += 1;
        }
    }

    fn block(&mut self, block: usize) -> &mut Block {
        if self.blocks.len() <= block {
            self.blocks.resize(block + 1, Block::default());
        }
        &mut self.blocks[block]
    }

    /// Messages a minute of a type, and of all, in a block of minutes.
    fn per_minute(block: &Block, of: Option<usize>) -> f64 {
        let count = of.map_or_else(|| block.of_types.iter().sum(), |of| block.of_types[of]);
        count_f64(count) * 60.0 / block.seconds.max(1.0)
    }
}

/// Which type a message is of.
fn place(body: &Body) -> usize {
    match body {
        Body::OddsChange(_) => 0,
        Body::Incident(_) => 1,
        Body::EventStatus(_) => 2,
        Body::BetStop(_) => 3,
        Body::Settlement(_) | Body::SettlementRollback(_) => 4,
        Body::Cancel(_) | Body::CancelRollback(_) => 5,
        Body::Fixture(_) | Body::Snapshot(_) => 6,
        Body::FixtureChange(_) => 7,
    }
}

fn minutes(blocks: usize) -> f64 {
    number(blocks * BLOCK_MINUTES)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a game has few minutes")]
fn block_of(seconds: f64) -> usize {
    ((seconds / 60.0) as usize / BLOCK_MINUTES).min(BLOCKS_MAX - 1)
}

#[expect(clippy::cast_precision_loss, reason = "messages of some thousand games")]
fn count_f64(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<usize> = (0..TYPES.len()).filter(|of| self.of_types[*of] > 0).collect();
        let games = self.games.max(1);
        writeln!(f, "messages a minute, by minutes since play began, breaks included")?;
        write!(f, "{:>9} {:>9}", "minutes", "all")?;
        told.iter().try_for_each(|of| write!(f, " {:>14}", TYPES[*of]))?;
        writeln!(f, " {:>9}", "games")?;
        for (number, block) in
            self.blocks.iter().enumerate().filter(|(_, block)| block.games * SHOWN_OF >= games)
        {
            let span = format!("{}-{}", number * BLOCK_MINUTES, (number + 1) * BLOCK_MINUTES);
            write!(f, "{span:>9} {:>9.2}", Self::per_minute(block, None))?;
            told.iter().try_for_each(|of| write!(f, " {:>14.2}", Self::per_minute(block, Some(*of))))?;
            writeln!(f, " {:>9}", block.games)?;
        }
        writeln!(f, "messages by type, and seconds from one to the next while it is played")?;
        writeln!(
            f,
            "{:>14} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "type", "a game", "share", "half", "9 of 10", "99 of 100"
        )?;
        let all: u64 = self.of_types.iter().sum();
        let whole = [(TYPES.len(), "all", all)];
        let single = told.iter().map(|of| (*of, TYPES[*of], self.of_types[*of]));
        for (of, name, count) in whole.into_iter().chain(single) {
            let gaps = &self.gaps_ms[of];
            let [half, nine, most] = [0.5, 0.9, 0.99].map(|part| seconds(gaps.value_at_quantile(part)));
            let (a_game, share) =
                (count_f64(count) / count_f64(games), count_f64(count) / count_f64(all.max(1)));
            write!(f, "{name:>14} {a_game:>9.1} {:>8.1}%", share * 100.0)?;
            match gaps.is_empty() {
                true => writeln!(f)?,
                false => writeln!(f, " {half:>9.1} {nine:>9.1} {most:>9.1}")?,
            }
        }
        Ok(())
    }
}
