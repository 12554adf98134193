//! What is known of one market, and the public value derived from it.
//!
//! Each source has its own offer, and takes back only what it decided itself, so sources that speak of the same
//! market may be heard in any order. Settlements and cancels are only ever added, rollbacks too: the value is derived
//! from the whole list (`decided.rs`), so a rollback restores exactly what was there before. What sources say that order by time
//! instead of by sequence is in `timed.rs`.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::{Name, OutcomeId, Source};
use crate::market::{Cashout, Market, MarketKey, MarketStatus, Outcome, OutcomeResult, Suspension};
use crate::message::{Certainty, Offer, SettledOutcome, StopStatus, Window};

use decided::{Decision, Standing, Verdict};

mod decided;
mod timed;

/// A market as its sources left it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Book {
    /// What each source offers; who offered last stands last, of sources that order by time whose offer is the latest.
    offers: Vec<StandingOffer>,
    /// Settlements, cancels and rollbacks in the order in which they came, or by the times that they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<Decision>,
    /// Whether anybody but pre-match has spoken of it: from then on pre-match counts as one who has handed it over. That stays so
    /// when who spoke takes it back, for the game has begun all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_game: bool,
}

/// A source's offer as its last odds, and bet stops since, left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StandingOffer {
    source: Source,
    status: MarketStatus,
    /// Whether that status is a bet stop's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    favourite: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cashout: Option<Cashout>,
    /// In which groups bet stops may name it, where its odds say so.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<Name>,
    outcomes: Vec<Outcome>,
    /// When it was said; of sources that order by time only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    said: Option<timed::Said>,
    /// That it says that the market is settled or cancelled: over the status that it has, which a rollback brings back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    closed: Vec<Closed>,
    /// Whether it says nothing else: then there is no offer once that is taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    only_closed: bool,
}

/// An offer's status that is no offer but a decision: settled or cancelled. Each once, the last one said stands last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Closed {
    status: MarketStatus,
    /// When it was said; of sources that order by time only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
}

/// What keeps a market shut although it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shut {
    pub(crate) status: StopStatus,
    pub(crate) reason: Suspension,
}

impl Book {
    /// Outcomes that anybody offers or has settled, each once however often: the public value never has more.
    pub(crate) fn outcomes(&self) -> usize {
        self.outcomes_with(None, std::iter::empty())
    }

    /// The same with these, and without those that `replaced` offers.
    pub(crate) fn outcomes_with<'a>(
        &'a self,
        replaced: Option<&Source>,
        more: impl ExactSizeIterator<Item = &'a OutcomeId>,
    ) -> usize {
        let mut offers = self.offers.iter().filter(|offer| Some(&offer.source) != replaced);
        let offered = offers.clone().flat_map(|offer| &offer.outcomes).map(|outcome| &outcome.id);
        let mut settled = self.decisions.iter().filter_map(|decision| decision.verdict.settled()).peekable();
        // As of most markets: one source, and nothing decided.
        if settled.peek().is_none() && more.len() == 0 && self.offers.len() <= 1 {
            return offers.next().map_or(0, |offer| offer.outcomes.len());
        }
        let settled = settled.flatten().map(|outcome| &outcome.id);
        offered.chain(settled).chain(more).collect::<HashSet<&OutcomeId>>().len()
    }

    /// The groups in which `source` says that it is; none where it does not say.
    pub(crate) fn groups_of(&self, source: &Source) -> &BTreeSet<Name> {
        const NONE: &BTreeSet<Name> = &BTreeSet::new();
        self.offers.iter().find(|offer| offer.source == *source).map_or(NONE, |offer| &offer.groups)
    }

    /// Whose offer clients see, where there is one; see [`Self::current`].
    pub(crate) fn owner(&self) -> Option<&Source> {
        self.current().map(|offer| &offer.source)
    }

    /// When that offer was made, where its source orders by time.
    pub(crate) fn offered_at(&self) -> Option<Timestamp> {
        self.current()?.said.map(|said| said.at)
    }

    /// Whether `source` offers it, or has decided something about it.
    pub(crate) fn concerns(&self, source: &Source) -> bool {
        self.offers.iter().any(|offer| offer.source == *source)
            || self.decisions.iter().any(|decision| decision.source == *source)
    }

    pub(crate) fn offer(&mut self, source: &Source, offer: &Offer) {
        let standing = self.offer_entry(source, is_closed(offer.status));
        #[cfg(feature = "planted")]
        let was_stopped = standing.stopped;
        if is_closed(offer.status) {
            standing.closed.retain(|closed| closed.status != offer.status);
            standing.closed.push(Closed { status: offer.status, at: None });
        } else {
            standing.closed.clear();
            standing.status = offer.status;
            standing.stopped = false;
        }
        standing.only_closed &= is_closed(offer.status) && offer.outcomes.is_empty();
        // PLANTED reopen-suspended
        #[cfg(feature = "planted")]
        if was_stopped && crate::planted::is(crate::planted::Bug::ReopenSuspended) {
            standing.status = MarketStatus::Active;
        }
        standing.favourite = offer.favourite;
        standing.cashout = offer.cashout;
        if !offer.groups.is_empty() {
            standing.groups.clone_from(&offer.groups);
        }
        if !offer.outcomes.is_empty() {
            standing.outcomes.clone_from(&offer.outcomes);
        }
    }

    /// Replaces all that this source said by what its snapshot says, results included. That a market is settled or cancelled
    /// does not say what was before, which a rollback brings back: that stays as far as the snapshot confirms what stood.
    pub(crate) fn restate(&mut self, source: &Source, offer: &Offer) {
        let known = self.offers.iter().find(|known| known.source == *source);
        let before = known.map(|known| (known.status, known.stopped));
        let (settlements, cancels) = self.standing_of(source);
        self.withdraw(source);
        self.offer(source, offer);
        if !is_closed(offer.status) {
            return;
        }
        let standing = self.offer_entry(source, false);
        standing.closed.clear();
        standing.only_closed = false;
        // Who had handed it over speaks of it again.
        if let Some((status, stopped)) = before.filter(|(status, _)| *status != MarketStatus::HandedOver) {
            (standing.status, standing.stopped) = (status, stopped);
        }
        if offer.status == MarketStatus::Cancelled {
            let beneath = cancels.len().saturating_sub(1);
            let beneath = settlements.into_iter().chain(cancels.into_iter().take(beneath));
            beneath.for_each(|verdict| self.decide(source, verdict));
            return self.decide(source, Verdict::Cancel { window: Window::default(), void_reason: None });
        }
        let mut outcomes = Vec::with_capacity(standing.outcomes.len());
        for outcome in &mut standing.outcomes {
            if let Some(result) = outcome.result.take() {
                outcomes.push(SettledOutcome { id: outcome.id.clone(), result });
            }
        }
        // What is undecided settles nothing: that it is settled all the same is only what it says itself.
        if outcomes.iter().any(|outcome| !outcome.result.is_decided()) {
            standing.closed.push(Closed { status: MarketStatus::Settled, at: None });
        }
        if settlements.last().is_some_and(|last| last.has_results(&outcomes)) {
            let beneath = settlements.len() - 1;
            settlements.into_iter().take(beneath).for_each(|verdict| self.decide(source, verdict));
        }
        // It does not say how certain that is: whatever is said next outweighs it.
        let certainty = Certainty::LiveScouted;
        self.decide(source, Verdict::Settlement { certainty, void_reason: None, outcomes });
    }

    /// A snapshot of this source left it out.
    pub(crate) fn withdraw(&mut self, source: &Source) {
        self.offers.retain(|offer| offer.source != *source);
        self.decisions.retain(|decision| decision.source != *source);
    }

    /// Whether `source` offers it as active: only then can a bet stop change it.
    pub(crate) fn is_active(&self, source: &Source) -> bool {
        self.offers.iter().any(|offer| offer.source == *source && offer.status == MarketStatus::Active)
    }

    /// A bet stop of `source` that means this market.
    pub(crate) fn stop(&mut self, source: &Source, status: StopStatus) {
        let own = self.offers.iter_mut().find(|offer| offer.source == *source);
        if let Some(offer) = own.filter(|offer| offer.status == MarketStatus::Active) {
            offer.status = status.market_status();
            offer.stopped = true;
        }
    }

    /// What clients see: a cancel outweighs a settlement, a settlement that decides all that it names outweighs the offer, what keeps its owner's
    /// markets `shut` outweighs an active offer, and a dead letter among that outweighs a bet stop as the reason. `None` where nobody offers it and nothing stands decided.
    pub(crate) fn value(&self, key: &MarketKey, shut: Option<Shut>) -> Option<Market> {
        let offer = self.current();
        let Standing { settlement, cancel, windows } = self.standing();
        let speaker = offer
            .map(|offer| &offer.source)
            .or(cancel.map(|(source, _)| source))
            .or(settlement.map(|(source, ..)| source))
            .or(windows.last().map(|(source, _)| *source))?;
        let mut market = Market {
            key: key.clone(),
            producer: speaker.producer.clone(),
            status: offer.map_or(MarketStatus::Inactive, |offer| self.shown(offer)),
            suspension: offer
                .filter(|offer| offer.stopped && self.closed(offer).is_none())
                .map(|_| Suspension::BetStop),
            favourite: offer.is_some_and(|offer| offer.favourite),
            cashout: offer.and_then(|offer| offer.cashout),
            outcomes: offer.map(|offer| offer.outcomes.clone()).unwrap_or_default(),
            void_reason: None,
            void_windows: windows.into_iter().map(|(_, window)| window).collect(),
        };
        match (shut, market.status) {
            (Some(shut), MarketStatus::Active) => {
                market.status = shut.status.market_status();
                market.suspension = Some(shut.reason);
            }
            // It stays shut when its stop is over, or when its source's next odds open it.
            (Some(Shut { reason: Suspension::DeadLetter, .. }), status)
                if status == MarketStatus::Suspended || market.suspension.is_some() =>
            {
                market.suspension = Some(Suspension::DeadLetter);
            }
            _ => {}
        }
        if let Some((_, void_reason, results)) = settlement {
            market.void_reason.clone_from(void_reason);
            for SettledOutcome { id, result } in results {
                set_result(&mut market.outcomes, id, *result);
            }
            if results.iter().all(|settled| settled.result.is_decided()) {
                market.status = MarketStatus::Settled;
                market.suspension = None;
            } else {
                // It goes on as it is offered, without what is known already.
                market.outcomes.iter_mut().for_each(close_decided);
            }
        }
        if let Some((_, void_reason)) = cancel {
            market.status = MarketStatus::Cancelled;
            market.suspension = None;
            market.void_reason.clone_from(void_reason);
        }
        Some(market)
    }

    /// That of who offered last and has not handed over; once the game's producer has spoken of it, pre-match has, whether or not it
    /// says so: it may be late with that, or never say it.
    fn current(&self) -> Option<&StandingOffer> {
        let offered =
            || self.offers.iter().rev().filter(|offer| !offer.only_closed || self.closed(offer).is_some());
        // As of most markets one source alone speaks.
        if self.offers.len() == 1 {
            return offered().next();
        }
        let still_offered = || offered().filter(|offer| self.shown(offer) != MarketStatus::HandedOver);
        let is_in_game = |offer: &&StandingOffer| !offer.source.is_pre_match();
        let in_game = still_offered().find(is_in_game).or_else(|| offered().find(is_in_game));
        in_game.or_else(|| still_offered().next()).or_else(|| offered().next())
    }

    /// The status of an offer: what was said last, and not taken back.
    fn shown(&self, offer: &StandingOffer) -> MarketStatus {
        self.closed(offer).unwrap_or_else(|| {
            let is_over = self.in_game && offer.source.is_pre_match();
            if is_over { MarketStatus::HandedOver } else { offer.status }
        })
    }

    /// Whether an offer's source says that the market is settled or cancelled.
    fn closed(&self, offer: &StandingOffer) -> Option<MarketStatus> {
        let stands = |closed: &&Closed| {
            let Some(at) = closed.at else { return true };
            let is_reopened = offer.said.is_some_and(|said| said.at > at);
            let takes_back = |decision: &Decision| {
                decision.source == offer.source
                    && decision.at > closed.at
                    && decision.verdict.reopens(closed.status)
            };
            !is_reopened && !self.decisions.iter().any(takes_back)
        };
        offer.closed.iter().rev().find(stands).map(|closed| closed.status)
    }

    /// The offer of a source who speaks of it now; at first inactive. Who does no more than say that it is `closed` offers
    /// nothing by that, and stands where it stood.
    fn offer_entry(&mut self, source: &Source, is_closed: bool) -> &mut StandingOffer {
        self.in_game = self.in_game || !source.is_pre_match();
        let known = self.offers.iter().position(|offer| offer.source == *source);
        let place = match known {
            Some(known) if is_closed => known,
            Some(known) => {
                self.offers[known..].rotate_left(1);
                self.offers.len() - 1
            }
            None => {
                let place = if is_closed { 0 } else { self.offers.len() };
                self.offers.insert(place, StandingOffer::nothing(source));
                place
            }
        };
        &mut self.offers[place]
    }
}

impl StandingOffer {
    /// Of a source that has offered nothing.
    fn nothing(source: &Source) -> Self {
        Self {
            source: source.clone(),
            status: MarketStatus::Inactive,
            stopped: false,
            favourite: false,
            cashout: None,
            groups: BTreeSet::new(),
            outcomes: Vec::new(),
            said: None,
            closed: Vec::new(),
            only_closed: true,
        }
    }
}

/// Whether a status is no offer, but says that something was decided.
fn is_closed(status: MarketStatus) -> bool {
    matches!(status, MarketStatus::Settled | MarketStatus::Cancelled)
}

/// Nobody may bet on what is known, whatever its market's offer says.
fn close_decided(outcome: &mut Outcome) {
    outcome.active &= !outcome.result.is_some_and(OutcomeResult::is_decided);
}

fn set_result(outcomes: &mut Vec<Outcome>, id: &OutcomeId, result: OutcomeResult) {
    match outcomes.iter_mut().find(|outcome| outcome.id == *id) {
        Some(outcome) => outcome.result = Some(result),
        None => {
            outcomes.push(Outcome { result: Some(result), ..Outcome::new(id.clone()) });
        }
    }
}
