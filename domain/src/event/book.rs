//! What is known of one market, and the public value derived from it.
//!
//! Each source has its own offer, and takes back only what it decided itself, so sources that speak of the same
//! market may be heard in any order. Settlements and cancels are only ever added, rollbacks too: the value is derived
//! from the whole list, so a rollback restores exactly what was there before. What sources say that order by time
//! instead of by sequence is in `timed.rs`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::{Name, OutcomeId, Source, Text};
use crate::market::{
    Cashout, Market, MarketKey, MarketStatus, Outcome, OutcomeResult, Suspension, VoidWindow,
};
use crate::message::{Certainty, Offer, SettledMarket, SettledOutcome, StopStatus, Window};

mod timed;

/// A market as its sources left it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Book {
    /// What each source offers; who offered last stands last, of sources that order by time whose offer is the latest.
    offers: Vec<StandingOffer>,
    /// Settlements, cancels and rollbacks in the order in which they came, or by the times that they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<Decision>,
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
}

/// Something decided about the market, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Decision {
    source: Source,
    verdict: Verdict,
    /// When it was decided; of sources that order by time only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
}

/// Ordered by how much it restricts: of those decided at the same time the last one has the last word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    SettlementRollback,
    CancelRollback { window: Window },
    Settlement { certainty: Certainty, void_reason: Option<Text>, outcomes: Vec<SettledOutcome> },
    Cancel { window: Window, void_reason: Option<Text> },
}

impl Verdict {
    fn is_rollback(&self) -> bool {
        matches!(self, Self::SettlementRollback | Self::CancelRollback { .. })
    }

    /// Whether this is a rollback of such verdicts as `other`.
    fn takes_back(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::SettlementRollback, Self::Settlement { .. }) => true,
            (Self::CancelRollback { window }, Self::Cancel { window: cancelled, .. }) => window == cancelled,
            _ => false,
        }
    }
}

/// What keeps a market shut although it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shut {
    pub(crate) status: StopStatus,
    pub(crate) reason: Suspension,
}

/// The decisions that stand after all rollbacks.
#[derive(Default)]
struct Standing<'a> {
    /// Of several settlements the surest, of equally sure ones the last.
    settlement: Option<(&'a Source, &'a Option<Text>, &'a [SettledOutcome])>,
    /// The last cancel of the market as a whole.
    cancel: Option<(&'a Source, &'a Option<Text>)>,
    /// Cancels of some of its time.
    windows: Vec<(&'a Source, VoidWindow)>,
}

impl Book {
    /// Settlements and cancels, whether they stand or were rolled back.
    pub(crate) fn verdicts(&self) -> usize {
        self.decisions.len() - self.rollbacks()
    }

    /// Rollbacks of them.
    pub(crate) fn rollbacks(&self) -> usize {
        self.decisions.iter().filter(|decision| decision.verdict.is_rollback()).count()
    }

    /// Outcomes in all offers and all settlements.
    pub(crate) fn outcomes(&self) -> usize {
        let offered: usize = self.offers.iter().map(|offer| offer.outcomes.len()).sum();
        let settled = self.decisions.iter().map(|decision| match &decision.verdict {
            Verdict::Settlement { outcomes, .. } => outcomes.len(),
            Verdict::SettlementRollback | Verdict::Cancel { .. } | Verdict::CancelRollback { .. } => 0,
        });
        offered + settled.sum::<usize>()
    }

    /// Outcomes in the offer of `source`.
    pub(crate) fn outcomes_of(&self, source: &Source) -> usize {
        self.offers.iter().find(|offer| offer.source == *source).map_or(0, |offer| offer.outcomes.len())
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
        let standing = self.offer_entry(source);
        #[cfg(feature = "planted")]
        let was_stopped = standing.stopped;
        standing.status = offer.status;
        standing.stopped = false;
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

    /// Replaces all that this source said by what its snapshot says, results included.
    pub(crate) fn restate(&mut self, source: &Source, offer: &Offer) {
        self.withdraw(source);
        self.offer(source, offer);
        if offer.status != MarketStatus::Settled {
            return;
        }
        let standing = self.offer_entry(source);
        standing.status = MarketStatus::Inactive;
        let mut outcomes = Vec::with_capacity(standing.outcomes.len());
        for outcome in &mut standing.outcomes {
            if let Some(result) = outcome.result.take() {
                outcomes.push(SettledOutcome { id: outcome.id.clone(), result });
            }
        }
        self.decide(
            source,
            Verdict::Settlement { certainty: Certainty::Confirmed, void_reason: None, outcomes },
        );
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

    pub(crate) fn settle(&mut self, source: &Source, certainty: Certainty, market: &SettledMarket) {
        let SettledMarket { void_reason, outcomes, .. } = market.clone();
        #[cfg(feature = "planted")]
        let mut outcomes = outcomes;
        // PLANTED settle-wrong-outcome
        #[cfg(feature = "planted")]
        if let [first, second, ..] = outcomes.as_mut_slice()
            && crate::planted::is(crate::planted::Bug::SettleWrongOutcome)
        {
            std::mem::swap(&mut first.result, &mut second.result);
        }
        self.decide(source, Verdict::Settlement { certainty, void_reason, outcomes });
    }

    pub(crate) fn roll_back_settlement(&mut self, source: &Source) {
        self.roll_back(source, Verdict::SettlementRollback);
    }

    pub(crate) fn cancel(&mut self, source: &Source, window: Window, void_reason: Option<Text>) {
        self.decide(source, Verdict::Cancel { window, void_reason });
    }

    pub(crate) fn roll_back_cancel(&mut self, source: &Source, window: Window) {
        self.roll_back(source, Verdict::CancelRollback { window });
    }

    /// One that takes nothing back never will, and is not kept: there are never more of them than what can be taken back.
    fn roll_back(&mut self, source: &Source, rollback: Verdict) {
        let own = self.decisions.iter().filter(|decision| decision.source == *source);
        let stands = own.fold(0_usize, |standing, Decision { verdict, .. }| match verdict {
            _ if rollback.takes_back(verdict) => standing + 1,
            _ if *verdict == rollback => standing.saturating_sub(1),
            _ => standing,
        });
        if stands > 0 {
            self.decide(source, rollback);
        }
    }

    /// What clients see: a cancel outweighs a settlement, a settlement outweighs the offer, and what keeps its owner's
    /// markets `shut` outweighs an active offer. `None` where nobody offers it and nothing stands decided.
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
            status: offer.map_or(MarketStatus::Inactive, |offer| offer.status),
            suspension: offer.filter(|offer| offer.stopped).map(|_| Suspension::BetStop),
            favourite: offer.is_some_and(|offer| offer.favourite),
            cashout: offer.and_then(|offer| offer.cashout),
            outcomes: offer.map(|offer| offer.outcomes.clone()).unwrap_or_default(),
            void_reason: None,
            void_windows: windows.into_iter().map(|(_, window)| window).collect(),
        };
        if let (Some(shut), MarketStatus::Active) = (shut, market.status) {
            market.status = shut.status.market_status();
            market.suspension = Some(shut.reason);
        }
        if let Some((_, void_reason, results)) = settlement {
            market.status = MarketStatus::Settled;
            market.suspension = None;
            market.void_reason.clone_from(void_reason);
            for SettledOutcome { id, result } in results {
                set_result(&mut market.outcomes, id, *result);
            }
        }
        if let Some((_, void_reason)) = cancel {
            market.status = MarketStatus::Cancelled;
            market.suspension = None;
            market.void_reason.clone_from(void_reason);
        }
        Some(market)
    }

    /// That of who offered last and has not handed over. Once another producer offers what one of pre-match did, that of
    /// pre-match counts no more, whether or not it has handed over: it may be late with that, or never say it.
    fn current(&self) -> Option<&StandingOffer> {
        let still_offered =
            || self.offers.iter().rev().filter(|offer| offer.status != MarketStatus::HandedOver);
        let in_game = still_offered().find(|offer| !offer.source.is_pre_match());
        in_game.or_else(|| still_offered().next()).or(self.offers.last())
    }

    /// The offer of a source who speaks of it now; at first inactive.
    fn offer_entry(&mut self, source: &Source) -> &mut StandingOffer {
        match self.offers.iter().position(|offer| offer.source == *source) {
            Some(known) => self.offers[known..].rotate_left(1),
            None => self.offers.push(StandingOffer::nothing(source)),
        }
        self.offers.last_mut().expect("one has just been put there")
    }

    fn decide(&mut self, source: &Source, verdict: Verdict) {
        self.decisions.push(Decision { source: source.clone(), verdict, at: None });
    }

    fn standing(&self) -> Standing<'_> {
        if self.decisions.is_empty() {
            return Standing::default();
        }
        let mut settlements: Vec<(&Source, Certainty, &Option<Text>, &[SettledOutcome])> = Vec::new();
        let mut cancels: Vec<(&Source, Window, &Option<Text>)> = Vec::new();
        for Decision { source, verdict, at } in &self.decisions {
            // A source without sequences repeats, in a recovery, what it has said last: that adds nothing to take back.
            let adds = |stands: bool| at.is_none() || !stands;
            match verdict {
                Verdict::Settlement { certainty, void_reason, outcomes } => {
                    let settlement = (source, *certainty, void_reason, outcomes.as_slice());
                    let last = settlements.iter().rfind(|(settler, ..)| *settler == source);
                    if adds(last == Some(&settlement)) {
                        settlements.push(settlement);
                    }
                }
                Verdict::SettlementRollback => {
                    if let Some(last) = settlements.iter().rposition(|(settler, ..)| *settler == source) {
                        settlements.remove(last);
                    }
                }
                Verdict::Cancel { window, void_reason } => {
                    let cancel = (source, *window, void_reason);
                    let last = cancels.iter().rfind(|other| other.0 == source && other.1 == *window);
                    if adds(last == Some(&cancel)) {
                        cancels.push(cancel);
                    }
                }
                Verdict::CancelRollback { window } => {
                    let same = |cancel: &(&Source, Window, _)| cancel.0 == source && cancel.1 == *window;
                    if let Some(last) = cancels.iter().rposition(same) {
                        cancels.remove(last);
                    }
                }
            }
        }
        let windows =
            cancels.iter().filter(|(_, window, _)| !window.is_whole()).map(|(source, window, reason)| {
                let Window { start_time, end_time } = *window;
                (*source, VoidWindow { start_time, end_time, void_reason: (*reason).clone() })
            });
        let settlement = settlements.into_iter().max_by_key(|(_, certainty, ..)| *certainty);
        let whole = cancels.iter().rfind(|(_, window, _)| window.is_whole());
        Standing {
            settlement: settlement.map(|(source, _, void_reason, outcomes)| (source, void_reason, outcomes)),
            cancel: whole.map(|(source, _, void_reason)| (*source, *void_reason)),
            windows: windows.collect(),
        }
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
        }
    }
}

fn set_result(outcomes: &mut Vec<Outcome>, id: &OutcomeId, result: OutcomeResult) {
    match outcomes.iter_mut().find(|outcome| outcome.id == *id) {
        Some(outcome) => outcome.result = Some(result),
        None => {
            outcomes.push(Outcome { result: Some(result), ..Outcome::new(id.clone()) });
        }
    }
}
