//! What is on offer: which markets have a price, which of the prices are told anew, and when a market is taken off.
//!
//! Between what happens one market at a time gets a new price, and with it all others whose odds are worth more by now than
//! they cost. So the odds on offer never contradict each other, and those that need not be told again are not.

use domain::message::{OddsChange, Offer};
use domain::{Body, MarketStatus};
use rand::RngExt;

use super::Teller;
use super::market::has_been_open;
use crate::schedule::ScheduleError;
use crate::world::beat::Beat;
use crate::world::board::Board;
use crate::world::game::Game;
use crate::world::ladder;

/// How often a price concerns the first market rather than any one of the others.
const FIRST_SHARE: f64 = 0.4;

/// The places of the markets that have a price after some beat.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// The beat's number.
    pub(super) after: Option<usize>,
    places: Vec<usize>,
}

impl<G: Game> Teller<'_, '_, G> {
    /// Offers all markets: bets are open.
    pub(super) fn offer_all(&mut self, board: &G::Board, due_ns: u64) -> Result<(), ScheduleError> {
        self.stopped = false;
        self.open.after = None;
        let outlook = self.game.outlook(board, 0, self.mood);
        let places: Vec<usize> =
            (0..self.markets.len()).filter(|&place| self.is_on_offer(place, board)).collect();
        self.say_offers(places, board, &outlook, due_ns)
    }

    /// A new price of one market that is still open, and of those that it makes too good; the clock where there is none.
    pub(super) fn fill(
        &mut self,
        beat: &Beat<G::Board>,
        at_ms: u64,
        due_ns: u64,
    ) -> Result<(), ScheduleError> {
        let since_ms = if beat.board.common().running { at_ms.saturating_sub(beat.at_ms) } else { 0 };
        let since = u32::try_from(since_ms / 1_000).unwrap_or(u32::MAX);
        self.mood.drift(&mut self.rng);
        let of_first = self.rng.random::<f64>() < FIRST_SHARE;
        let any = self.rng.random::<u32>() as usize;
        let chosen = match self.open_after(beat) {
            [] => None,
            [0, ..] if of_first => Some(0),
            [0, others @ ..] if !others.is_empty() => Some(others[any % others.len()]),
            all => Some(all[any % all.len()]),
        };
        let Some(chosen) = chosen else {
            return self.show_clock(&beat.board, since, due_ns);
        };
        let outlook = self.game.outlook(&beat.board, since, self.mood);
        let is_due = |&place: &usize| place == chosen || self.is_too_good(place, &outlook);
        let due = self.open.places.iter().copied().filter(is_due).collect();
        self.say_offers(due, &beat.board, &outlook, due_ns)
    }

    /// Offers these markets as things stand.
    fn say_offers(
        &mut self,
        places: Vec<usize>,
        board: &G::Board,
        outlook: &G::Outlook,
        due_ns: u64,
    ) -> Result<(), ScheduleError> {
        let offers = places.into_iter().map(|place| self.offer(place, board, outlook)).collect();
        self.voice.say(Body::OddsChange(OddsChange::of(offers)), due_ns, None)
    }

    /// Whether bets are taken on a market at odds that are worth too much by now.
    fn is_too_good(&self, place: usize, outlook: &G::Outlook) -> bool {
        let (question, market) = &self.markets[place];
        market.status == MarketStatus::Active
            && G::is_bound(*question)
            && ladder::is_too_good(G::chances(*question, outlook), &market.outcomes)
    }

    /// The places of the markets that have a price as things stand after a beat.
    fn open_after(&mut self, beat: &Beat<G::Board>) -> &[usize] {
        if self.open.after != Some(beat.number) {
            let mut places = std::mem::take(&mut self.open.places);
            places.clear();
            let is_open =
                |&index: &usize| !self.is_settled(index) && G::is_open(self.markets[index].0, &beat.board);
            places.extend((0..self.markets.len()).filter(is_open));
            self.open = Open { after: Some(beat.number), places };
        }
        &self.open.places
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

    /// Takes off, in one message, what is on offer and has no price any more. Where that is nothing, the board is shown.
    pub(super) fn take_off(&mut self, board: &G::Board, due_ns: u64) -> Result<(), ScheduleError> {
        let passed = self.markets.iter_mut().filter(|(question, market)| {
            market.status == MarketStatus::Active && !G::is_open(*question, board)
        });
        let offers: Vec<Offer> = passed
            .map(|(_, market)| {
                market.status = MarketStatus::Inactive;
                Offer::new(market.key.clone(), market.status, Vec::new())
            })
            .collect();
        if offers.is_empty() {
            return self.show_clock(board, 0, due_ns);
        }
        self.voice.say(Body::OddsChange(OddsChange::of(offers)), due_ns, None)
    }

    fn is_settled(&self, index: usize) -> bool {
        self.markets[index].1.status == MarketStatus::Settled
    }

    /// Whether an offer of all markets names it: one that has not opened yet is not spoken of.
    fn is_on_offer(&self, index: usize, board: &G::Board) -> bool {
        let (question, market) = &self.markets[index];
        !self.is_settled(index) && (has_been_open(market) || G::is_open(*question, board))
    }
}
