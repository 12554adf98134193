//! What providers say of their markets as a whole: loaded at `POST /feeds/{provider}/descriptions`, kept in a topic, and
//! told with each offer that comes without it, in which groups its market is, and looked up for each bet stop of groups.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use chassis::kafka::{Batch, Record};
use domain::codec::uof::Description;
use domain::message::Groups;
use domain::{Body, Content, FeedMessage, Name};

/// Kinds of markets that are known at once, of all providers: several times what one has.
const KINDS_MAX: usize = 20_000;

/// All markets of a provider that have this id.
type Kind = (Name, u32);

/// The groups of markets.
#[derive(Debug, Default)]
pub struct Descriptions {
    groups: RwLock<HashMap<Kind, BTreeSet<Name>>>,
}

impl Descriptions {
    /// Takes note of one description; says whether there was room for it.
    pub fn note(&self, provider: &Name, description: &Description) -> bool {
        // Of a variant the groups stand where all variants are described together.
        if description.groups.is_empty() {
            return true;
        }
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        let kind = (provider.clone(), description.id);
        if groups.len() >= KINDS_MAX && !groups.contains_key(&kind) {
            return false;
        }
        groups.insert(kind, description.groups.clone());
        true
    }

    /// Takes note of what the topic says; what it does not say rightly is nothing.
    pub fn read(&self, batch: &Batch) {
        for record in batch.iter() {
            let said = record.key().and_then(|key| Description::of_record(key, record.payload()));
            let noted = said.map(|(provider, description)| self.note(&provider, &description));
            if noted != Some(true) {
                let offset = record.offset();
                tracing::warn!(
                    offset,
                    "a record of the descriptions' topic describes no market, or one too many"
                );
            }
        }
    }

    /// Says of a message what only descriptions tell: of offers the groups of their markets, where they are known, and of a
    /// bet stop that it means every market, where it names a group that no description does.
    pub fn complete(&self, provider: &Name, message: &mut FeedMessage) {
        let Content::Event(event) = &mut message.content else { return };
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        match &mut event.body {
            Body::OddsChange(odds) if !groups.is_empty() => {
                let mut kind = (provider.clone(), 0);
                for offer in &mut odds.markets {
                    kind.1 = offer.key.id;
                    if let Some(known) = groups.get(&kind) {
                        offer.groups.clone_from(known);
                    }
                }
            }
            Body::BetStop(stop) => {
                let described =
                    || groups.iter().filter(|((whose, _), _)| whose == provider).map(|(_, told)| told);
                let is_described = |name: &Name| described().any(|told| told.contains(name));
                if let Groups::Named(names) = &stop.groups
                    && described().next().is_some()
                    && !names.iter().all(is_described)
                {
                    stop.groups = Groups::All;
                }
            }
            _ => {}
        }
    }
}

/// A description as the topic keeps it.
pub fn record(topic: &Arc<str>, provider: &Name, description: &Description) -> Record {
    let payload = serde_json::to_vec(description).expect("texts and numbers can be written");
    Record {
        topic: Arc::clone(topic),
        partition: None,
        key: Some(description.key(provider).into()),
        payload: payload.into(),
        headers: Vec::new(),
    }
}
