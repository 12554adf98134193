//! What is known of one market, and the public value derived from it.
//!
//! Settlements and cancels are only ever added, rollbacks too: the value is derived from the whole list, so a
//! rollback restores exactly what was there before.

use serde::{Deserialize, Serialize};

use crate::id::{Source, Text};
use crate::market::{Market, MarketKey, MarketStatus, Outcome, OutcomeResult, Suspension};
use crate::message::{Certainty, Offer, SettledMarket, SettledOutcome, StopStatus, Window};

/// A market as its sources left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Who offered it last.
    pub owner: Source,
    /// Its status as offered, or as a bet stop left it.
    status: MarketStatus,
    /// Whether that status is a bet stop's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
    outcomes: Vec<Outcome>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<Decision>,
    /// Whether its source's last snapshot left it out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    withdrawn: bool,
}

/// One settlement, cancel or rollback, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Settlement { certainty: Certainty, void_reason: Option<Text>, outcomes: Vec<SettledOutcome> },
    SettlementRollback,
    Cancel { window: Window, void_reason: Option<Text> },
    CancelRollback { window: Window },
}

/// What keeps a market shut although it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shut {
    pub(crate) status: StopStatus,
    pub(crate) reason: Suspension,
}

impl Book {
    /// A market nobody has offered yet.
    pub(crate) fn new(owner: Source) -> Self {
        Self {
            owner,
            status: MarketStatus::Inactive,
            stopped: false,
            outcomes: Vec::new(),
            decisions: Vec::new(),
            withdrawn: false,
        }
    }

    pub(crate) fn decisions(&self) -> usize {
        self.decisions.len()
    }

    pub(crate) fn offer(&mut self, source: &Source, offer: &Offer) {
        if self.owner != *source {
            self.owner = source.clone();
        }
        self.status = offer.status;
        self.stopped = false;
        self.withdrawn = false;
        if !offer.outcomes.is_empty() {
            self.outcomes.clone_from(&offer.outcomes);
        }
    }

    /// Replaces everything by what a snapshot says, its results included.
    pub(crate) fn restate(&mut self, source: &Source, offer: &Offer) {
        self.decisions.clear();
        self.offer(source, offer);
        let results: Vec<SettledOutcome> = offer
            .outcomes
            .iter()
            .filter_map(|outcome| Some(SettledOutcome { id: outcome.id.clone(), result: outcome.result? }))
            .collect();
        for outcome in &mut self.outcomes {
            outcome.result = None;
        }
        if offer.status == MarketStatus::Settled {
            self.status = MarketStatus::Inactive;
            let certainty = Certainty::Confirmed;
            self.decisions.push(Decision::Settlement { certainty, void_reason: None, outcomes: results });
        }
    }

    /// A snapshot left it out.
    pub(crate) fn withdraw(&mut self) {
        self.withdrawn = true;
        self.decisions.clear();
    }

    /// A bet stop: only an active market changes. Says whether it did.
    pub(crate) fn stop(&mut self, status: StopStatus) -> bool {
        if self.status != MarketStatus::Active {
            return false;
        }
        self.status = status.market_status();
        self.stopped = true;
        true
    }

    pub(crate) fn settle(&mut self, certainty: Certainty, settled: &SettledMarket) {
        let SettledMarket { void_reason, outcomes, .. } = settled.clone();
        self.decisions.push(Decision::Settlement { certainty, void_reason, outcomes });
    }

    pub(crate) fn roll_back_settlement(&mut self) {
        self.decisions.push(Decision::SettlementRollback);
    }

    pub(crate) fn cancel(&mut self, window: Window, void_reason: Option<Text>) {
        self.decisions.push(Decision::Cancel { window, void_reason });
    }

    pub(crate) fn roll_back_cancel(&mut self, window: Window) {
        self.decisions.push(Decision::CancelRollback { window });
    }

    /// What clients see: a cancel outweighs a settlement, a settlement outweighs the offer, and what keeps the
    /// market shut outweighs an active offer. `None` where the market is gone.
    pub(crate) fn value(&self, key: &MarketKey, shut: Option<Shut>) -> Option<Market> {
        if self.withdrawn {
            return None;
        }
        let mut market = Market {
            key: key.clone(),
            producer: self.owner.producer.clone(),
            status: self.status,
            suspension: self.stopped.then_some(Suspension::BetStop),
            outcomes: self.outcomes.clone(),
            void_reason: None,
        };
        let (settlement, cancel) = self.standing();
        if let Some((void_reason, results)) = settlement {
            market.status = MarketStatus::Settled;
            market.suspension = None;
            market.void_reason.clone_from(void_reason);
            for SettledOutcome { id, result } in results {
                set_result(&mut market.outcomes, id, *result);
            }
        } else if let (Some(shut), MarketStatus::Active) = (shut, self.status) {
            market.status = shut.status.market_status();
            market.suspension = Some(shut.reason);
        }
        if let Some(void_reason) = cancel {
            market.status = MarketStatus::Cancelled;
            market.suspension = None;
            market.void_reason.clone_from(void_reason);
        }
        Some(market)
    }

    /// The settlement and the cancel that stand after all rollbacks. Of several settlements the surest stands,
    /// of equally sure ones the last.
    #[expect(clippy::type_complexity, reason = "the two parts of one answer, used once")]
    fn standing(&self) -> (Option<(&Option<Text>, &[SettledOutcome])>, Option<&Option<Text>>) {
        let mut settlements = Vec::new();
        let mut cancels = Vec::new();
        for decision in &self.decisions {
            match decision {
                Decision::Settlement { certainty, void_reason, outcomes } => {
                    settlements.push((*certainty, void_reason, outcomes.as_slice()));
                }
                Decision::SettlementRollback => {
                    settlements.pop();
                }
                Decision::Cancel { window, void_reason } => cancels.push((*window, void_reason)),
                Decision::CancelRollback { window } => {
                    if let Some(last) = cancels.iter().rposition(|(cancelled, _)| cancelled == window) {
                        cancels.remove(last);
                    }
                }
            }
        }
        let settlement = settlements.into_iter().max_by_key(|(certainty, ..)| *certainty);
        let cancel = cancels.into_iter().rfind(|(window, _)| window.is_whole());
        (settlement.map(|(_, void_reason, outcomes)| (void_reason, outcomes)), cancel.map(|(_, reason)| reason))
    }
}

fn set_result(outcomes: &mut Vec<Outcome>, id: &crate::id::OutcomeId, result: OutcomeResult) {
    match outcomes.iter_mut().find(|outcome| outcome.id == *id) {
        Some(outcome) => outcome.result = Some(result),
        None => {
            outcomes.push(Outcome { id: id.clone(), odds: None, probability: None, active: true, result: Some(result) });
        }
    }
}
