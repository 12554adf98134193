//! How a game is told: beats become messages, prices fill the time between them, and the ledger is kept.

use std::collections::VecDeque;

use domain::fixture::{FixtureChange, FixtureChangeKind};
use domain::id::Text;
use domain::market::{Market, Suspension};
use domain::message::{
    BetStop, Cancel, CancelledMarket, Certainty, Groups, SettledMarket, Settlement, StopStatus, Window,
};
use domain::{Body, EventStatus, Fixture, Incident, IncidentAction, MarketStatus, MatchStatus, Status};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::beat::{Beat, What};
use super::board::Board;
use super::game::{Game, Listed};
use super::mood::Mood;
use super::script::{self, Planned, Said};
use super::{Chance, Even, Timing, Voice, chance};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use market::{has_been_open, market, settled};
use offers::Open;

mod market;
mod offers;

/// Why markets of a game that was abandoned are void.
const ABANDONED: &str = "abandoned";

/// Between two prices of a game that takes its own time, in milliseconds, at most: on average half of it passes.
const PRICE_MS_MAX: u64 = 8_000;

/// Tells a game at the voice's pace; returns what is true of it in the end.
pub(super) fn tell<G: Game>(
    seed: u64,
    number: u32,
    game: &G,
    fixture: Fixture,
    beats: &[Beat<G::Board>],
    voice: &mut Voice,
) -> Result<LedgerEvent, ScheduleError> {
    let chance = chance(seed, number, Chance::Prices);
    match voice.timing {
        Timing::Even(even) => spread(even, number, Teller::new(game, fixture, chance, voice), beats),
        Timing::Own => in_own_time(Teller::new(game, fixture, chance, voice), beats),
    }
}

/// Tells a game in exactly as many messages as the plan asks for, or in as many as it takes, evenly spread.
fn spread<G: Game>(
    even: Even,
    number: u32,
    mut teller: Teller<G>,
    beats: &[Beat<G::Board>],
) -> Result<LedgerEvent, ScheduleError> {
    let script = script::script::<G>(beats, teller.questions(), even.messages_per_game as usize);
    let mut queue = VecDeque::from(script);
    let messages = queue.len().max(even.messages_per_game as usize) as u64;
    let length_ms = beats.last().map_or(0, |beat| beat.at_ms).max(1);
    let time = Time { even, game: number.into(), messages };
    teller.begin(Scale { ns: even.duration.as_nanos(), ms: length_ms }, beats);
    let mut now = 0;
    for place in 0..messages {
        let at_ms = length_ms * place / messages;
        let due_ns = time.due_ns(place);
        let must = queue.len() as u64 == messages - place;
        match queue.pop_front_if(|next| must || next.at_ms <= at_ms) {
            Some(next) => {
                teller.say(next, due_ns)?;
            }
            None => {
                now += beats[now..].iter().take_while(|beat| beat.at_ms <= at_ms).count();
                let beat = &beats[now.saturating_sub(1)];
                teller.fill(beat, at_ms, due_ns)?;
            }
        }
    }
    Ok(teller.ledger())
}

/// Tells everything of a game when it happens, with prices between.
fn in_own_time<G: Game>(
    mut teller: Teller<G>,
    beats: &[Beat<G::Board>],
) -> Result<LedgerEvent, ScheduleError> {
    const NS_PER_MS: u64 = 1_000_000;
    teller.begin(Scale { ns: NS_PER_MS.into(), ms: 1 }, beats);
    let mut price_ms = 0;
    let mut before: Option<&Beat<G::Board>> = None;
    for next in script::script::<G>(beats, teller.questions(), usize::MAX) {
        while let Some(beat) = before.filter(|_| price_ms < next.at_ms) {
            if price_ms >= beat.at_ms {
                teller.fill(beat, price_ms, price_ms * NS_PER_MS)?;
            }
            price_ms += teller.rng.random_range(1..PRICE_MS_MAX);
        }
        before = Some(next.beat);
        let at_ns = next.at_ms * NS_PER_MS;
        teller.say(next, at_ns)?;
    }
    Ok(teller.ledger())
}

/// For when the game is announced, in its own time: it may begin later than that.
fn start_ms<B: Board>(beats: &[Beat<B>]) -> u64 {
    let is_due = |beat: &&Beat<B>| {
        matches!(beat.what, What::Delayed { .. }) || beat.board.common().phase != MatchStatus::NotStarted
    };
    beats.iter().find(is_due).map_or(0, |beat| beat.at_ms)
}

/// How a game's own time lies in that of the run: so many nanoseconds are so many milliseconds of the game.
#[derive(Debug, Clone, Copy)]
struct Scale {
    ns: u128,
    ms: u64,
}

impl Scale {
    /// A moment of the game, in nanoseconds from the run's start.
    fn ns(self, at_ms: u64) -> u64 {
        u64::try_from(self.ns * u128::from(at_ms) / u128::from(self.ms.max(1))).unwrap_or(u64::MAX)
    }
}

/// Where a game's messages lie in the run.
struct Time {
    even: Even,
    game: u64,
    messages: u64,
}

impl Time {
    /// When the message at a place is due. Games take turns.
    fn due_ns(&self, place: u64) -> u64 {
        let games = u64::from(self.even.games);
        let (part, whole) = (place * games + self.game, self.messages * games);
        let ns = self.even.duration.as_nanos() * u128::from(part) / u128::from(whole.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

/// Speaks for the producer, and keeps what it says in the ledger.
struct Teller<'a, 'v, G: Game> {
    game: &'a G,
    voice: &'a mut Voice<'v>,
    rng: ChaCha8Rng,
    mood: Mood,
    scale: Scale,
    stopped: bool,
    fixture: Fixture,
    status: Option<Status>,
    incidents: Vec<Incident>,
    markets: Vec<(G::Question, Market)>,
    open: Open,
}

impl<'a, 'v, G: Game> Teller<'a, 'v, G> {
    fn new(game: &'a G, fixture: Fixture, rng: ChaCha8Rng, voice: &'a mut Voice<'v>) -> Self {
        let list = |Listed { question, key, outcomes }| (question, market(voice, key, &outcomes));
        let markets = game.markets().into_iter().map(list).collect();
        Self {
            game,
            voice,
            rng,
            mood: Mood::default(),
            scale: Scale { ns: 0, ms: 1 },
            stopped: false,
            open: Open::default(),
            fixture,
            status: None,
            incidents: Vec::new(),
            markets,
        }
    }

    /// What its markets ask.
    fn questions(&self) -> Vec<G::Question> {
        self.markets.iter().map(|(question, _)| *question).collect()
    }

    /// Learns how the game's time lies in that of the run, and for when the game is announced.
    fn begin(&mut self, scale: Scale, beats: &[Beat<G::Board>]) {
        self.scale = scale;
        self.fixture.scheduled_start = self.voice.at(scale.ns(start_ms(beats)));
    }

    /// Says what was planned.
    fn say(&mut self, planned: Planned<G::Board>, due_ns: u64) -> Result<(), ScheduleError> {
        let board = &planned.beat.board;
        let occurred_ns = Some(self.scale.ns(planned.at_ms).min(due_ns));
        match planned.what {
            Said::Fixture => self.voice.say(Body::Fixture(self.fixture.clone()), due_ns, None),
            Said::Delay { until_ms } => self.delay(until_ms, due_ns),
            Said::Status(event_status) => self.show(board.status(event_status), due_ns, occurred_ns),
            Said::Correction => {
                let status = Status { correction: true, ..board.status(EventStatus::Live) };
                self.show(status, due_ns, occurred_ns)
            }
            Said::Incident(incident) => self.tell_of(incident, due_ns, occurred_ns),
            Said::Stop => self.stop(due_ns),
            Said::Offer => self.offer_all(board, due_ns),
            Said::TakeOff => self.take_off(board, due_ns),
            Said::Settlement(certainty) => self.settle(certainty, board, due_ns),
            Said::Cancel => self.cancel(due_ns),
        }
    }

    /// An incident that happened, happened otherwise, or did not happen.
    fn tell_of(
        &mut self,
        incident: Incident,
        due_ns: u64,
        occurred_ns: Option<u64>,
    ) -> Result<(), ScheduleError> {
        let known = self.incidents.iter().position(|told| told.incident_id == incident.incident_id);
        match (incident.action, known) {
            (IncidentAction::New, _) => self.incidents.push(incident.clone()),
            // It is otherwise than said, but it happened when it did.
            (IncidentAction::Amended, Some(place)) => self.incidents[place].clone_from(&incident),
            (IncidentAction::Deleted, Some(place)) => drop(self.incidents.remove(place)),
            (_, None) => unreachable!("what is amended or taken back has been told"),
        }
        self.voice.say(Body::Incident(incident), due_ns, occurred_ns)
    }

    /// The game will begin later than was said.
    fn delay(&mut self, until_ms: u64, due_ns: u64) -> Result<(), ScheduleError> {
        let scheduled_start = self.voice.at(self.scale.ns(until_ms));
        self.fixture.scheduled_start = scheduled_start;
        let change = FixtureChange {
            change: FixtureChangeKind::StartTime,
            scheduled_start: Some(scheduled_start),
            next_live_time: None,
        };
        self.voice.say(Body::FixtureChange(change), due_ns, None)
    }

    /// The board as it is, its clock `since` seconds later.
    fn show_clock(&mut self, board: &G::Board, since: u32, due_ns: u64) -> Result<(), ScheduleError> {
        let known = self.status.as_ref().expect("a game has a status from its announcement on");
        let mut status = board.status(known.status);
        if let Some(clock) = &mut status.clock {
            clock.elapsed_seconds += since;
        }
        self.show(status, due_ns, Some(due_ns))
    }

    fn show(&mut self, status: Status, due_ns: u64, occurred_ns: Option<u64>) -> Result<(), ScheduleError> {
        self.status = Some(status.clone());
        self.voice.say(Body::EventStatus(status), due_ns, occurred_ns)
    }

    fn stop(&mut self, due_ns: u64) -> Result<(), ScheduleError> {
        self.stopped = true;
        for (_, market) in self.markets.iter_mut().filter(|(_, market)| market.status == MarketStatus::Active)
        {
            market.status = MarketStatus::Suspended;
            market.suspension = Some(Suspension::BetStop);
        }
        let stop = BetStop { groups: Groups::All, market_status: StopStatus::Suspended };
        self.voice.say(Body::BetStop(stop), due_ns, None)
    }

    /// Settles what is known: in the end everything, before that what is not settled yet. Where that is nothing, the
    /// board is shown.
    fn settle(&mut self, certainty: Certainty, board: &G::Board, due_ns: u64) -> Result<(), ScheduleError> {
        self.open.after = None;
        let concerned = self.markets.iter_mut().filter(|(_, market)| {
            let is_due = certainty == Certainty::Confirmed || market.status != MarketStatus::Settled;
            is_due && has_been_open(market)
        });
        let markets: Vec<SettledMarket> = concerned
            .filter_map(|(question, market)| Some(settled(market, G::answer(*question, board)?)))
            .collect();
        if markets.is_empty() {
            return self.show_clock(board, 0, due_ns);
        }
        self.voice.say(Body::Settlement(Settlement { certainty, markets }), due_ns, None)
    }

    /// What was not decided when the game was abandoned is void.
    fn cancel(&mut self, due_ns: u64) -> Result<(), ScheduleError> {
        let reason = Text::new(ABANDONED).expect("a word of this program");
        let undecided = self.markets.iter_mut().map(|(_, market)| market);
        let undecided =
            undecided.filter(|market| has_been_open(market) && market.status != MarketStatus::Settled);
        let cancelled = undecided.map(|market| {
            market.status = MarketStatus::Cancelled;
            market.suspension = None;
            market.void_reason = Some(reason.clone());
            CancelledMarket { key: market.key.clone(), void_reason: Some(reason.clone()) }
        });
        let cancel = Cancel { markets: cancelled.collect(), window: Window::default(), superseded_by: None };
        self.voice.say(Body::Cancel(cancel), due_ns, None)
    }

    fn ledger(self) -> LedgerEvent {
        LedgerEvent {
            event_id: self.voice.event_id.clone(),
            sport: self.voice.sport,
            messages: self.voice.due_ns.len() as u64,
            due_ns: std::mem::take(&mut self.voice.due_ns),
            fixture: self.fixture,
            status: self.status.expect("a game has a status from its announcement on"),
            incidents: self.incidents,
            markets: self.markets.into_iter().map(|(_, market)| market).filter(has_been_open).collect(),
        }
    }
}
