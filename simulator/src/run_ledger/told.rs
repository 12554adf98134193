//! The ledger of messages alone: what must come of them as an account of them says, whoever made them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::{Body, Content, EventId, FeedMessage, Name, Source, Sport};

use super::RunLedger;
use crate::faults::{FaultPlan, Kind, stall};
use crate::ledger::{Account, Ledger, LedgerEvent, applied, before_a_hole};
use crate::schedule::Schedule;

/// An event of which too little is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("of {0} it is not told who plays whom and how it stands")]
pub struct Untold(EventId);

/// What is told of one event.
struct Tale {
    sport: Sport,
    /// Who tells of its play; fixtures may be told by somebody else.
    source: Source,
    /// In the order in which they are sent, by their lines.
    messages: Vec<(usize, FeedMessage)>,
}

impl RunLedger {
    /// The ledger of a schedule's messages; `faults` says what goes wrong in them.
    ///
    /// # Errors
    /// When something is told of an event, and not who plays whom, or not how it stands.
    pub fn told(schedule: &Schedule, faults: FaultPlan, description: String) -> Result<Self, Untold> {
        let (mut tales, unannounced) = tales(schedule, &faults);
        tales.retain(|event_id, _| !unannounced.contains(event_id));
        let mut producers: BTreeMap<(Name, Name), Ledger> = BTreeMap::new();
        let mut stalled = Vec::new();
        for (event_id, tale) in tales {
            let Source { provider, producer } = tale.source.clone();
            let (event, is_stalled) = tale.event(event_id, schedule)?;
            stalled.extend(is_stalled.then(|| event.event_id.clone()));
            let ledger = producers.entry((provider.clone(), producer.clone())).or_insert_with(|| Ledger {
                seed: faults.seed,
                provider,
                producer,
                events: Vec::new(),
            });
            ledger.events.push(event);
        }
        Ok(Self {
            description,
            seed: faults.seed,
            producers: producers.into_values().collect(),
            stalled,
            unannounced: unannounced.into_iter().collect(),
            faults,
            cut_short: None,
            deliveries: None,
        })
    }
}

/// What is told of each event, and the events that nobody has announced. What must be refused tells nothing.
fn tales(schedule: &Schedule, faults: &FaultPlan) -> (BTreeMap<EventId, Tale>, BTreeSet<EventId>) {
    let lines = |is: fn(&Kind) -> bool| -> HashSet<usize> {
        let concerned =
            faults.faults.iter().filter(|fault| is(&fault.kind)).flat_map(|fault| &fault.messages);
        concerned.filter_map(|line| usize::try_from(*line).ok()).collect()
    };
    let refused = lines(|kind| matches!(kind, Kind::Malformed { .. } | Kind::WrongSport { .. }));
    let unknown = lines(|kind| matches!(kind, Kind::UnknownEvent));
    let (mut tales, mut unannounced) = (BTreeMap::new(), BTreeSet::new());
    for line in (0..schedule.len()).filter(|line| !refused.contains(line)) {
        let Some(message) = schedule.read(line) else { continue };
        let Content::Event(event) = &message.content else { continue };
        if unknown.contains(&line) {
            unannounced.insert(event.event_id.clone());
        }
        let tale = tales.entry(event.event_id.clone()).or_insert_with(|| Tale {
            sport: event.sport,
            source: message.source.clone(),
            messages: Vec::new(),
        });
        if !matches!(event.body, Body::Fixture(_) | Body::FixtureChange(_)) {
            tale.source.clone_from(&message.source);
        }
        tale.messages.push((line, message));
    }
    (tales, unannounced)
}

impl Tale {
    /// What must come of it, and whether it stands still before what is missing.
    fn event(self, event_id: EventId, schedule: &Schedule) -> Result<(LedgerEvent, bool), Untold> {
        let messages = applied(&event_id, self.sport, self.messages);
        let is_counted = messages.iter().any(|(_, message)| message.position().is_some());
        let whole = match is_counted {
            true => before_a_hole(messages.iter().map(|(_, message)| message.position())),
            false => messages.len(),
        };
        let producer = &self.source.producer;
        let mut account = Account::new(producer.clone(), self.sport);
        for (_, message) in &messages[..whole] {
            if let Content::Event(event) = &message.content {
                account.enter(&event.body);
            }
        }
        let markets = account.markets();
        let (Some(fixture), Some(status)) = (account.fixture, account.status) else {
            return Err(Untold(event_id));
        };
        let mut event = LedgerEvent {
            event_id,
            sport: self.sport,
            messages: messages.len() as u64,
            due_ns: messages.iter().map(|(line, _)| schedule.offset_ns(*line)).collect(),
            fixture,
            status,
            incidents: account.incidents,
            markets,
        };
        let arriving = messages.into_iter().map(|(_, message)| message);
        let is_stalled = is_counted && stall(&mut event, producer, arriving);
        Ok((event, is_stalled))
    }
}
