//! How a game is told: beats become messages, prices fill the time between them, and the ledger is kept.

use std::collections::VecDeque;

use domain::id::{OutcomeId, Text};
use domain::market::{Market, MarketKey, ResultKind, Suspension, Void};
use domain::message::{
    BetStop, Certainty, Groups, OddsChange, Offer, SettledMarket, SettledOutcome, Settlement, StopStatus,
};
use domain::{Body, Fixture, Incident, MarketStatus, MatchStatus, Outcome, OutcomeResult, Status};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::beat::Beat;
use super::board::Board;
use super::game::{Answer, Game, Listed};
use super::mood::Mood;
use super::script::{self, Planned, Said};
use super::{Chance, Pace, Plan, Voice, chance, ladder};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;

/// How often a price concerns the first market rather than any one of the others.
const FIRST_SHARE: f64 = 0.4;

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
    match voice.pace {
        Pace::Spread(plan) => spread(plan, number, Teller::new(game, fixture, chance, voice), beats),
        Pace::Own => in_own_time(Teller::new(game, fixture, chance, voice), beats),
    }
}

/// Tells a game in exactly as many messages as the plan asks for, or in as many as it takes, evenly spread.
fn spread<G: Game>(
    plan: &Plan,
    number: u32,
    mut teller: Teller<G>,
    beats: &[Beat<G::Board>],
) -> Result<LedgerEvent, ScheduleError> {
    let mut queue = VecDeque::from(script::script::<G>(beats, plan.messages_per_game as usize));
    let messages = queue.len().max(plan.messages_per_game as usize) as u64;
    let length_ms = beats.last().map_or(0, |beat| beat.at_ms).max(1);
    let time = Time { plan, game: number.into(), messages, length_ms };
    teller.schedule(time.ns(start_ms(beats)));
    let mut now = 0;
    for place in 0..messages {
        let at_ms = length_ms * place / messages;
        let due_ns = time.due_ns(place);
        let must = queue.len() as u64 == messages - place;
        match queue.pop_front_if(|next| must || next.at_ms <= at_ms) {
            Some(next) => {
                let occurred_ns = time.ns(next.at_ms).min(due_ns);
                teller.say(next, due_ns, occurred_ns)?;
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
    teller.schedule(start_ms(beats) * NS_PER_MS);
    let mut price_ms = 0;
    let mut before: Option<&Beat<G::Board>> = None;
    for next in script::script::<G>(beats, usize::MAX) {
        while let Some(beat) = before.filter(|_| price_ms < next.at_ms) {
            if price_ms >= beat.at_ms {
                teller.fill(beat, price_ms, price_ms * NS_PER_MS)?;
            }
            price_ms += teller.rng.random_range(1..PRICE_MS_MAX);
        }
        before = Some(next.beat);
        let at_ns = next.at_ms * NS_PER_MS;
        teller.say(next, at_ns, at_ns)?;
    }
    Ok(teller.ledger())
}

/// When the game begins, in its own time.
fn start_ms<B: Board>(beats: &[Beat<B>]) -> u64 {
    let has_begun = |beat: &&Beat<B>| beat.board.common().phase != MatchStatus::NotStarted;
    beats.iter().find(has_begun).map_or(0, |beat| beat.at_ms)
}

/// Where a game's own time lies in the run.
struct Time<'a> {
    plan: &'a Plan,
    game: u64,
    messages: u64,
    length_ms: u64,
}

impl Time<'_> {
    /// When the message at a place is due. Games take turns.
    fn due_ns(&self, place: u64) -> u64 {
        let games = u64::from(self.plan.games);
        self.share(place * games + self.game, self.messages * games)
    }

    /// A moment of the game, in nanoseconds from the run's start.
    fn ns(&self, at_ms: u64) -> u64 {
        self.share(at_ms, self.length_ms)
    }

    fn share(&self, part: u64, whole: u64) -> u64 {
        let ns = self.plan.duration.as_nanos() * u128::from(part) / u128::from(whole.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

/// Speaks for the producer, and keeps what it says in the ledger.
struct Teller<'a, 'v, G: Game> {
    game: &'a G,
    voice: &'a mut Voice<'v>,
    rng: ChaCha8Rng,
    mood: Mood,
    stopped: bool,
    fixture: Fixture,
    status: Option<Status>,
    incidents: Vec<Incident>,
    markets: Vec<(G::Question, Market)>,
}

impl<'a, 'v, G: Game> Teller<'a, 'v, G> {
    fn new(game: &'a G, fixture: Fixture, rng: ChaCha8Rng, voice: &'a mut Voice<'v>) -> Self {
        let list = |Listed { question, key, outcomes }| (question, market(voice, key, outcomes));
        let markets = game.markets().into_iter().map(list).collect();
        Self {
            game,
            voice,
            rng,
            mood: Mood::default(),
            stopped: false,
            fixture,
            status: None,
            incidents: Vec::new(),
            markets,
        }
    }

    /// Sets the time for which the game is announced, in nanoseconds from the start.
    fn schedule(&mut self, ns: u64) {
        self.fixture.scheduled_start = self.voice.at(ns);
    }

    /// Says what was planned.
    fn say(
        &mut self,
        planned: Planned<G::Board>,
        due_ns: u64,
        occurred_ns: u64,
    ) -> Result<(), ScheduleError> {
        let board = &planned.beat.board;
        match planned.what {
            Said::Fixture => self.voice.say(Body::Fixture(self.fixture.clone()), due_ns, None),
            Said::Status(event_status) => self.show(board.status(event_status), due_ns, Some(occurred_ns)),
            Said::Incident(incident) => {
                self.incidents.push(incident.clone());
                self.voice.say(Body::Incident(incident), due_ns, Some(occurred_ns))
            }
            Said::Stop => self.stop(due_ns),
            Said::Offer => {
                self.stopped = false;
                let outlook = self.game.outlook(board, 0, self.mood);
                let offered: Vec<usize> =
                    (0..self.markets.len()).filter(|&index| self.is_on_offer(index, board)).collect();
                let markets = offered.into_iter().map(|index| self.offer(index, board, &outlook)).collect();
                self.voice.say(Body::OddsChange(OddsChange::of(markets)), due_ns, None)
            }
            Said::Settlement(certainty) => self.settle(certainty, board, due_ns),
        }
    }

    /// A new price of one market that is still open; the clock where there is none.
    fn fill(&mut self, beat: &Beat<G::Board>, at_ms: u64, due_ns: u64) -> Result<(), ScheduleError> {
        let since_ms = if beat.board.common().running { at_ms.saturating_sub(beat.at_ms) } else { 0 };
        let since = u32::try_from(since_ms / 1_000).unwrap_or(u32::MAX);
        self.mood.drift(&mut self.rng);
        let is_open =
            |index: &usize| !self.is_settled(*index) && G::is_open(self.markets[*index].0, &beat.board);
        let first = Some(0).filter(is_open);
        let others: Vec<usize> = (1..self.markets.len()).filter(is_open).collect();
        let of_first = self.rng.random::<f64>() < FIRST_SHARE;
        let any = self.rng.random_range(0..u32::try_from(others.len().max(1)).expect("markets are few"));
        let other = others.get(any as usize).copied();
        let chosen = if of_first { first.or(other) } else { other.or(first) };
        let Some(index) = chosen else {
            return self.show_clock(&beat.board, since, due_ns);
        };
        let outlook = self.game.outlook(&beat.board, since, self.mood);
        let offer = self.offer(index, &beat.board, &outlook);
        self.voice.say(Body::OddsChange(OddsChange::of(vec![offer])), due_ns, None)
    }

    /// Offers a market as things stand; where no price makes sense it is taken off, with the odds it had.
    fn offer(&mut self, index: usize, board: &G::Board, outlook: &G::Outlook) -> Offer {
        let (question, market) = &mut self.markets[index];
        market.suspension = None;
        if !G::is_open(*question, board) {
            market.status = MarketStatus::Inactive;
            return Offer::new(market.key.clone(), market.status, Vec::new());
        }
        market.status = if self.stopped { MarketStatus::Suspended } else { MarketStatus::Active };
        let prices = ladder::book(G::chances(*question, outlook));
        for (outcome, (probability, odds)) in market.outcomes.iter_mut().zip(prices) {
            outcome.odds = Some(odds);
            outcome.probability = Some(probability);
        }
        Offer::new(market.key.clone(), market.status, market.outcomes.clone())
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

    /// Settles what is known: in the end everything, before that what is not settled yet.
    fn settle(&mut self, certainty: Certainty, board: &G::Board, due_ns: u64) -> Result<(), ScheduleError> {
        let concerned = self.markets.iter_mut().filter(|(_, market)| {
            let is_due = certainty == Certainty::Confirmed || market.status != MarketStatus::Settled;
            is_due && has_been_open(market)
        });
        let markets = concerned
            .filter_map(|(question, market)| Some(settled(market, G::answer(*question, board)?)))
            .collect();
        self.voice.say(Body::Settlement(Settlement { certainty, markets }), due_ns, None)
    }

    fn is_settled(&self, index: usize) -> bool {
        self.markets[index].1.status == MarketStatus::Settled
    }

    /// Whether an offer of all markets names it: one that has not opened yet is not spoken of.
    fn is_on_offer(&self, index: usize, board: &G::Board) -> bool {
        let (question, market) = &self.markets[index];
        !self.is_settled(index) && (has_been_open(market) || G::is_open(*question, board))
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

fn has_been_open(market: &Market) -> bool {
    market.outcomes.iter().any(|outcome| outcome.odds.is_some())
}

fn market(voice: &Voice, key: MarketKey, outcomes: &[&str]) -> Market {
    let outcome = |id: &&str| Outcome::new(OutcomeId::new(*id).expect("a number is an outcome id"));
    Market {
        key,
        producer: voice.source.producer.clone(),
        status: MarketStatus::Inactive,
        suspension: None,
        favourite: false,
        cashout: None,
        outcomes: outcomes.iter().map(outcome).collect(),
        void_reason: None,
        void_windows: Vec::new(),
    }
}

/// Writes an answer into a market; returns it as a settlement says it.
fn settled(market: &mut Market, answer: Answer) -> SettledMarket {
    let result_of = |place| match answer {
        Answer::Wins(winner) if winner == place => (ResultKind::Won, None),
        Answer::Wins(_) => (ResultKind::Lost, None),
        Answer::Void(_) => (ResultKind::Lost, Some(Void::Full)),
    };
    market.status = MarketStatus::Settled;
    market.suspension = None;
    market.void_reason = match answer {
        Answer::Wins(_) => None,
        Answer::Void(reason) => Some(Text::new(reason).expect("a few words of this program")),
    };
    let mut outcomes = Vec::with_capacity(market.outcomes.len());
    for (place, outcome) in market.outcomes.iter_mut().enumerate() {
        let (result, void) = result_of(place);
        let result = OutcomeResult { result, void, dead_heat: None };
        outcome.result = Some(result);
        outcomes.push(SettledOutcome { id: outcome.id.clone(), result });
    }
    SettledMarket { key: market.key.clone(), void_reason: market.void_reason.clone(), outcomes }
}
