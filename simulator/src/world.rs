//! Worlds: games that play themselves, from fixture to settlement, all of it from one seed.
//!
//! The same plan makes the same bytes on every machine: random numbers come from ChaCha, and what depends on them is
//! computed with the four basic operations and the square root only, which IEEE 754 fixes to the last bit. How many
//! messages are asked for does not change what happens in the games, only how often they are priced.
//!
//! [`Pace::Even`] spreads a game's messages over the run, at one constant rate: what happens takes the next place, prices
//! fill the others. Games take turns, so the rate of the whole is constant, too. [`Pace::Own`] lets each game take its own
//! time: everything is said when it happens. [`watch`] does so for whoever wants to see one game.

use std::time::Duration;

use domain::codec::{json, xml};
use domain::message::SCHEMA;
use domain::{
    Body, Content, EventId, EventMessage, FeedMessage, MessageId, Name, Position, Source, Sport, Timestamp,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::format::Format;
use crate::ledger::{Ledger, LedgerEvent};
use crate::schedule::{Schedule, ScheduleBuilder, ScheduleError};

mod basketball;
mod beat;
mod board;
mod chronicle;
mod football;
mod game;
mod grid;
mod hockey;
mod ladder;
mod lines;
mod mood;
mod names;
mod numbers;
mod script;
mod shoot_out;
mod tell;
mod tennis;

/// The most games of one plan.
pub const GAMES_MAX: u32 = 999;
/// The most messages that may be asked for in all.
pub const MESSAGES_MAX: u64 = 20_000_000;

/// In which formats games are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Formats {
    /// All in JSON.
    Json,
    /// All in XML.
    Xml,
    /// Of each sport every second game in XML, the others in JSON.
    Half,
}

impl Formats {
    /// The format of one of a sport's games, counted from 0.
    fn of(self, game_of_sport: usize) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Xml => Format::Xml,
            Self::Half if game_of_sport.is_multiple_of(2) => Format::Json,
            Self::Half => Format::Xml,
        }
    }
}

/// What is to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// The sports that are played: the games are dealt to them in turn.
    pub sports: Vec<Sport>,
    /// How many games go on at the same time.
    pub games: u32,
    /// The formats in which they are told.
    pub formats: Formats,
    /// When their messages are due.
    pub pace: Pace,
    /// The wall clock at the start, from which all times in the messages count.
    pub start: Timestamp,
}

/// When the messages of games are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At one constant rate over the whole run.
    Even {
        /// Messages of each game, filled up with odds; a game in which more happens has more.
        messages_per_game: u32,
        /// How long it all takes: the games' time is compressed to it.
        duration: Duration,
    },
    /// Each when it happens: a game takes as long as a real one, and has as many messages as it has to say.
    Own,
}

/// What tells the events of a plan from those of others with the same seed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// What is added to the number of each event.
    pub first: u64,
    /// What the id of each event ends in.
    pub suffix: String,
}

/// What was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The messages and when each is due.
    pub schedule: Schedule,
    /// What must result.
    pub ledger: Ledger,
}

/// Why a plan cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No game, or too many.
    #[error("{0} games; 1 to {GAMES_MAX} can be played")]
    Games(u32),
    /// No sport at all.
    #[error("no sport is to be played")]
    NoSport,
    /// No time at all.
    #[error("games take time")]
    Duration,
    /// Too many messages.
    #[error("{0} messages; at most {MESSAGES_MAX} can be made")]
    Messages(u64),
    /// The messages do not fit.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

impl Plan {
    /// Whether it is within what can be played.
    fn check(&self) -> Result<(), PlanError> {
        if self.sports.is_empty() {
            return Err(PlanError::NoSport);
        }
        if !(1..=GAMES_MAX).contains(&self.games) {
            return Err(PlanError::Games(self.games));
        }
        let Pace::Even { messages_per_game, duration } = self.pace else { return Ok(()) };
        let messages = u64::from(self.games) * u64::from(messages_per_game);
        match () {
            () if duration.is_zero() => Err(PlanError::Duration),
            () if messages > MESSAGES_MAX => Err(PlanError::Messages(messages)),
            () => Ok(()),
        }
    }
}

/// Plays a plan.
///
/// # Errors
/// When the plan is beyond what can be played.
pub fn play(plan: &Plan) -> Result<Played, PlanError> {
    play_as(plan, &source(), &Ids::default())
}

/// Plays a plan as other events than [`play`] would: their ids end in this.
///
/// # Errors
/// As those of [`play`].
pub fn play_afresh(plan: &Plan, suffix: &str) -> Result<Played, PlanError> {
    play_as(plan, &source(), &Ids { first: 0, suffix: suffix.to_owned() })
}

/// Plays a plan that this producer tells, of events with these ids.
///
/// # Errors
/// As those of [`play`].
pub fn play_as(plan: &Plan, source: &Source, ids: &Ids) -> Result<Played, PlanError> {
    plan.check()?;
    let timing = match plan.pace {
        Pace::Even { messages_per_game, duration } => {
            Timing::Even(Even { games: plan.games, messages_per_game, duration })
        }
        Pace::Own => Timing::Own,
    };
    let mut builder = ScheduleBuilder::default();
    let mut events = Vec::new();
    for (game, &sport) in (0..plan.games).zip(plan.sports.iter().cycle()) {
        let mut voice = Voice {
            ear: Ear::Schedule {
                builder: &mut builder,
                format: plan.formats.of(game as usize / plan.sports.len()),
                line: Vec::with_capacity(1024),
            },
            timing,
            source: source.clone(),
            sport,
            event_id: event_id(plan.seed, game, ids),
            start: plan.start,
            due_ns: Vec::new(),
        };
        events.push(world(sport)(plan.seed, game, &mut voice)?);
    }
    let Source { provider, producer } = source.clone();
    let ledger = Ledger { seed: plan.seed, provider, producer, events };
    Ok(Played { schedule: builder.build(), ledger })
}

/// Plays one game of a seed in its own time, and lets `listen` hear each message and after how many nanoseconds from the
/// beginning it is said. Nothing is left out; prices come as often as the game has something to price. The game is the
/// one of this number in a plan of this seed. Returns what is true of it in the end.
pub fn watch(sport: Sport, seed: u64, game: u32, listen: &mut dyn FnMut(u64, Body)) -> LedgerEvent {
    let mut voice = Voice {
        ear: Ear::Listener(listen),
        timing: Timing::Own,
        source: source(),
        sport,
        event_id: event_id(seed, game, &Ids::default()),
        start: Timestamp(0),
        due_ns: Vec::new(),
    };
    world(sport)(seed, game, &mut voice).expect("a listener takes everything")
}

/// Plays one game of a seed and tells it; returns what is true of it in the end.
type PlayGame = fn(u64, u32, &mut Voice) -> Result<LedgerEvent, ScheduleError>;

/// The world of a sport: the one place where the simulator asks which sport it is.
fn world(sport: Sport) -> PlayGame {
    match sport {
        Sport::Football => football::play,
        Sport::Basketball => basketball::play,
        Sport::Tennis => tennis::play,
        Sport::Hockey => hockey::play,
    }
}

fn source() -> Source {
    let name = |text| Name::new(text).expect("lower-case letters are a name");
    Source { provider: name("md"), producer: name("live") }
}

/// Seeds below this are part of their events' numbers as they are.
const PLAIN_SEEDS: u64 = 1_000_000_000;
/// Where the numbers of the events of all other seeds begin: beyond those of plain ones, [`Ids::first`] added or not.
const FIRST_DIGESTED: u64 = 2_000_000_000_000;
/// The most games of one seed that have numbers of their own.
const NUMBERS: u64 = 1_000;

/// What tells a game from all others, of this seed and of any other; never 0. A seed that is too large to be part of it
/// is digested to 52 bits, so two of a million such seeds have the same numbers once in nine thousand times.
fn event_number(seed: u64, game: u32) -> u64 {
    let game = u64::from(game) + 1;
    match seed < PLAIN_SEEDS {
        true => seed * NUMBERS + game,
        false => FIRST_DIGESTED + (digest(seed) >> 12) * NUMBERS + game,
    }
}

/// The seed of one of the worlds, of at most so many, that a seed makes. Seeds next to one another are worlds next to one
/// another; one that leaves no room for them is digested with the world's number.
pub(crate) fn seed_of(seed: u64, world: u64, worlds: u64) -> u64 {
    debug_assert!(world < worlds);
    let beside = seed.checked_mul(worlds).and_then(|first| first.checked_add(world));
    beside.unwrap_or_else(|| digest(digest(seed).wrapping_add(world)))
}

/// A number that says nothing of the one that it is made of; of two others it is another one (SplitMix64: Steele, Lea and
/// Flood 2014).
fn digest(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn event_id(seed: u64, game: u32, Ids { first, suffix }: &Ids) -> EventId {
    let number = event_number(seed, game).wrapping_add(*first);
    EventId::new(format!("md:match:{number}{suffix}")).expect("a number and a short suffix are an id")
}

/// One of a game's independent sources of chance.
fn chance(seed: u64, game: u32, of: Chance) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(game) * 2 + of as u64);
    rng
}

/// What a game leaves to chance. Each has numbers of its own, so more prices change nothing on the ice.
#[derive(Debug, Clone, Copy)]
enum Chance {
    Play,
    Prices,
}

/// When one game's messages are said.
#[derive(Debug, Clone, Copy)]
enum Timing {
    /// Evenly, in turn with the other games of its plan.
    Even(Even),
    /// Each when it happens.
    Own,
}

/// Games at one constant rate, as [`Pace::Even`] has it.
#[derive(Debug, Clone, Copy)]
struct Even {
    games: u32,
    messages_per_game: u32,
    duration: Duration,
}

/// Who hears what is said of a game.
enum Ear<'a> {
    /// It is encoded, for later.
    Schedule { builder: &'a mut ScheduleBuilder, format: Format, line: Vec<u8> },
    /// Somebody who wants it as it is.
    Listener(&'a mut dyn FnMut(u64, Body)),
}

/// A producer that speaks of one event: counts, stamps and encodes what it says.
struct Voice<'a> {
    ear: Ear<'a>,
    timing: Timing,
    source: Source,
    sport: Sport,
    event_id: EventId,
    start: Timestamp,
    /// When each message so far is due.
    due_ns: Vec<u64>,
}

impl Voice<'_> {
    /// Says something when `due_ns` have passed since the start; of `occurred_ns` the same.
    fn say(&mut self, body: Body, due_ns: u64, occurred_ns: Option<u64>) -> Result<(), ScheduleError> {
        self.due_ns.push(due_ns);
        let sequence = self.due_ns.len() as u64;
        let (generated_at, occurred_at) = (self.at(due_ns), occurred_ns.map(|ns| self.at(ns)));
        let (builder, format, line) = match &mut self.ear {
            Ear::Listener(listen) => {
                listen(due_ns, body);
                return Ok(());
            }
            Ear::Schedule { builder, format, line } => (builder, *format, line),
        };
        let message = FeedMessage {
            schema: SCHEMA,
            message_id: MessageId::new(format!("{}:{sequence}", self.event_id))
                .expect("an id and a number are short"),
            source: self.source.clone(),
            request_id: None,
            occurred_at,
            generated_at,
            received_at: None,
            content: Content::Event(EventMessage {
                sport: self.sport,
                event_id: self.event_id.clone(),
                position: Some(Position { epoch: 1, sequence }),
                body,
            }),
        };
        line.clear();
        match format {
            // A Unified Odds Feed is made of that: it says less.
            Format::Json | Format::Uof => json::encode_into(&message, line),
            Format::Xml => xml::encode_into(&message, line),
        }
        builder.push(&message.source.provider, format, due_ns, line)
    }

    fn at(&self, ns: u64) -> Timestamp {
        self.start.plus_micros(i64::try_from(ns / 1_000).unwrap_or(i64::MAX))
    }
}
