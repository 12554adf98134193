//! How a game is told: beats become messages, prices fill the time between them, and the ledger is kept.

use std::collections::VecDeque;

use domain::id::OutcomeId;
use domain::market::{Market, MarketKey, ResultKind, Specifiers};
use domain::message::{
    BetStop, Certainty, Groups, OddsChange, Offer, SettledMarket, SettledOutcome, Settlement, StopStatus,
};
use domain::{Body, Fixture, Incident, MarketStatus, MatchStatus, Outcome, OutcomeResult, Score, Status};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::beat::{Beat, Board};
use super::course::Team;
use super::prices::{Mood, Outlook};
use super::script::{self, Planned, Said};
use crate::ledger::LedgerEvent;
use crate::schedule::ScheduleError;
use crate::world::{Chance, Plan, Voice, chance, ladder};

/// The totals on offer: the line, and the goals from which on it is over.
const TOTALS: [(&str, u32); 3] = [("4.5", 5), ("5.5", 6), ("6.5", 7)];
/// How often a price concerns the winner rather than a total.
const WINNER_SHARE: f64 = 0.4;

/// What a market is about.
#[derive(Debug, Clone, Copy)]
enum Question {
    /// 406: does home win, overtime and penalties included?
    Winner,
    /// 412: do at least so many goals fall, overtime and penalties included?
    AtLeast(u32),
}

impl Question {
    fn chance(self, outlook: &Outlook) -> f64 {
        match self {
            Self::Winner => outlook.home_wins(),
            Self::AtLeast(goals) => outlook.at_least(goals),
        }
    }

    /// The answer for a final score.
    fn answer(self, score: Score) -> bool {
        match self {
            Self::Winner => score.home > score.away,
            Self::AtLeast(goals) => score.home + score.away >= goals,
        }
    }

    /// Whether the answer is known before the game has ended.
    fn is_decided(self, board: &Board) -> bool {
        match self {
            Self::Winner => false,
            Self::AtLeast(_) => board.phase >= MatchStatus::AwaitingOvertime || self.answer(board.score),
        }
    }
}

/// Tells a game in exactly as many messages as the plan asks for, or in as many as it takes.
pub(super) fn tell(
    plan: &Plan,
    game: u32,
    fixture: Fixture,
    teams: [&Team; 2],
    beats: &[Beat],
    voice: &mut Voice,
) -> Result<LedgerEvent, ScheduleError> {
    let mut queue = VecDeque::from(script::script(beats, plan.messages_per_game as usize));
    let messages = queue.len().max(plan.messages_per_game as usize) as u64;
    let length_ms = beats.last().map_or(0, |beat| beat.at_ms).max(1);
    let time = Time { plan, game: game.into(), messages, length_ms };
    let start =
        beats.iter().find(|beat| beat.board.phase == MatchStatus::Period1).map_or(0, |beat| beat.at_ms);
    let mut teller = Teller::new(plan, game, fixture, teams, voice, time.ns(start));
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
                teller.price(beat, at_ms, due_ns)?;
            }
        }
    }
    Ok(teller.ledger(messages))
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
struct Teller<'a, 'v> {
    voice: &'a mut Voice<'v>,
    teams: [&'a Team; 2],
    rng: ChaCha8Rng,
    mood: Mood,
    stopped: bool,
    fixture: Fixture,
    status: Option<Status>,
    incidents: Vec<Incident>,
    markets: Vec<(Question, Market)>,
}

impl<'a, 'v> Teller<'a, 'v> {
    fn new(
        plan: &Plan,
        game: u32,
        fixture: Fixture,
        teams: [&'a Team; 2],
        voice: &'a mut Voice<'v>,
        starts_ns: u64,
    ) -> Self {
        let scheduled_start = voice.at(starts_ns);
        let totals = TOTALS.map(|(line, goals)| {
            let specifiers = Specifiers::parse(&format!("total={line}")).expect("a specifier");
            (Question::AtLeast(goals), market(voice, MarketKey { id: 412, specifiers }, ["12", "13"]))
        });
        let winner = (Question::Winner, market(voice, MarketKey::plain(406), ["4", "5"]));
        Self {
            voice,
            teams,
            rng: chance(plan.seed, game, Chance::Prices),
            mood: Mood::default(),
            stopped: false,
            fixture: Fixture { scheduled_start, ..fixture },
            status: None,
            incidents: Vec::new(),
            markets: std::iter::once(winner).chain(totals).collect(),
        }
    }

    /// Says what was planned.
    fn say(&mut self, planned: Planned, due_ns: u64, occurred_ns: u64) -> Result<(), ScheduleError> {
        let board = &planned.beat.board;
        match planned.what {
            Said::Fixture => self.voice.say(Body::Fixture(self.fixture.clone()), due_ns, None),
            Said::Status(event_status) => {
                let status = self.status.insert(script::status(board, event_status)).clone();
                self.voice.say(Body::EventStatus(status), due_ns, Some(occurred_ns))
            }
            Said::Incident(incident) => {
                self.incidents.push(incident.clone());
                self.voice.say(Body::Incident(incident), due_ns, Some(occurred_ns))
            }
            Said::Stop => self.stop(due_ns),
            Said::Offer => {
                self.stopped = false;
                let outlook = Outlook::new(board, 0, self.teams, self.mood);
                let offers =
                    (0..self.markets.len()).map(|index| self.offer(index, board, &outlook)).collect();
                self.voice.say(Body::OddsChange(OddsChange { markets: offers }), due_ns, None)
            }
            Said::Settlement => self.settle(board.score, due_ns),
        }
    }

    /// A new price of one market that is still open.
    fn price(&mut self, beat: &Beat, at_ms: u64, due_ns: u64) -> Result<(), ScheduleError> {
        let since_ms = if beat.board.running { at_ms.saturating_sub(beat.at_ms) } else { 0 };
        self.mood.drift(&mut self.rng);
        let since = u32::try_from(since_ms / 1_000).unwrap_or(u32::MAX);
        let outlook = Outlook::new(&beat.board, since, self.teams, self.mood);
        let open: Vec<usize> =
            (1..self.markets.len()).filter(|&index| !self.markets[index].0.is_decided(&beat.board)).collect();
        let of_winner = self.rng.random::<f64>() < WINNER_SHARE;
        let total =
            self.rng.random_range(0..u32::try_from(open.len().max(1)).expect("there are few markets"));
        let index = if of_winner { 0 } else { open.get(total as usize).copied().unwrap_or(0) };
        let offer = self.offer(index, &beat.board, &outlook);
        self.voice.say(Body::OddsChange(OddsChange { markets: vec![offer] }), due_ns, None)
    }

    /// Offers a market as things stand; one that is decided already is taken off, with the odds it had.
    fn offer(&mut self, index: usize, board: &Board, outlook: &Outlook) -> Offer {
        let (question, market) = &mut self.markets[index];
        market.suspension = None;
        if question.is_decided(board) {
            market.status = MarketStatus::Inactive;
            return Offer { key: market.key.clone(), status: market.status, outcomes: Vec::new() };
        }
        market.status = if self.stopped { MarketStatus::Suspended } else { MarketStatus::Active };
        let prices = ladder::two_way(question.chance(outlook));
        for (outcome, (probability, odds)) in market.outcomes.iter_mut().zip(prices) {
            outcome.odds = Some(odds);
            outcome.probability = Some(probability);
        }
        Offer { key: market.key.clone(), status: market.status, outcomes: market.outcomes.clone() }
    }

    fn stop(&mut self, due_ns: u64) -> Result<(), ScheduleError> {
        self.stopped = true;
        for (_, market) in self.markets.iter_mut().filter(|(_, market)| market.status == MarketStatus::Active)
        {
            market.status = MarketStatus::Suspended;
            market.suspension = Some(domain::market::Suspension::BetStop);
        }
        let stop = BetStop { groups: Groups::All, market_status: StopStatus::Suspended };
        self.voice.say(Body::BetStop(stop), due_ns, None)
    }

    fn settle(&mut self, score: Score, due_ns: u64) -> Result<(), ScheduleError> {
        let mut settled = Vec::with_capacity(self.markets.len());
        for (question, market) in &mut self.markets {
            let first_wins = question.answer(score);
            market.status = MarketStatus::Settled;
            market.suspension = None;
            for (outcome, wins) in market.outcomes.iter_mut().zip([first_wins, !first_wins]) {
                let result = if wins { ResultKind::Won } else { ResultKind::Lost };
                outcome.result = Some(OutcomeResult { result, void: None, dead_heat: None });
            }
            let outcomes = market
                .outcomes
                .iter()
                .filter_map(|outcome| {
                    Some(SettledOutcome { id: outcome.id.clone(), result: outcome.result? })
                })
                .collect();
            settled.push(SettledMarket { key: market.key.clone(), void_reason: None, outcomes });
        }
        let settlement = Settlement { certainty: Certainty::Confirmed, markets: settled };
        self.voice.say(Body::Settlement(settlement), due_ns, None)
    }

    fn ledger(self, messages: u64) -> LedgerEvent {
        LedgerEvent {
            event_id: self.voice.event_id.clone(),
            sport: self.voice.sport,
            messages,
            due_ns: std::mem::take(&mut self.voice.due_ns),
            fixture: self.fixture,
            status: self.status.expect("a game has a status from its announcement on"),
            incidents: self.incidents,
            markets: self.markets.into_iter().map(|(_, market)| market).collect(),
        }
    }
}

fn market(voice: &Voice, key: MarketKey, outcomes: [&str; 2]) -> Market {
    let outcome = |id| Outcome {
        id: OutcomeId::new(id).expect("a number is an outcome id"),
        odds: None,
        probability: None,
        active: true,
        result: None,
    };
    Market {
        key,
        producer: voice.source.producer.clone(),
        status: MarketStatus::Inactive,
        suspension: None,
        outcomes: outcomes.map(outcome).into(),
        void_reason: None,
        void_windows: Vec::new(),
    }
}
