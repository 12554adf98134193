//! What providers say of their markets as a whole: loaded at `POST /feeds/{provider}/descriptions`, kept in a topic, and
//! told with each offer that comes without it, in which groups its market is, and looked up for each bet stop of groups.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use chassis::kafka::{Batch, Record};
use domain::codec::uof::Description;
use domain::message::Groups;
use domain::{Body, Content, FeedMessage, Name};

/// Kinds of markets that are known at once of one provider: several times what one has.
pub const KINDS_MAX: usize = 10_000;

/// By the id of their markets, the groups of a provider's.
type Kinds = HashMap<u32, BTreeSet<Name>>;

/// The groups of markets, of each provider.
#[derive(Debug, Default)]
pub struct Descriptions {
    groups: RwLock<HashMap<Name, Kinds>>,
}

impl Descriptions {
    /// Whether there is room for all of these.
    pub fn has_room(&self, provider: &Name, descriptions: &[Description]) -> bool {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let known = groups.get(provider);
        let told = descriptions.iter().filter(|description| !description.groups.is_empty());
        let new: BTreeSet<u32> = told
            .map(|description| description.id)
            .filter(|id| known.is_none_or(|known| !known.contains_key(id)))
            .collect();
        known.map_or(0, HashMap::len) + new.len() <= KINDS_MAX
    }

    /// Takes note of one description; says whether there was room for it.
    pub fn note(&self, provider: &Name, description: &Description) -> bool {
        // Of a variant the groups stand where all variants are described together.
        if description.groups.is_empty() {
            return true;
        }
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        let known = groups.entry(provider.clone()).or_default();
        if known.len() >= KINDS_MAX && !known.contains_key(&description.id) {
            return false;
        }
        known.insert(description.id, description.groups.clone());
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
        let Some(known) = groups.get(provider) else { return };
        match &mut event.body {
            Body::OddsChange(odds) => {
                for offer in &mut odds.markets {
                    if let Some(known) = known.get(&offer.key.id) {
                        offer.groups.clone_from(known);
                    }
                }
            }
            Body::BetStop(stop) => {
                let is_described = |name: &Name| known.values().any(|told| told.contains(name));
                if let Groups::Named(names) = &stop.groups
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

#[cfg(test)]
mod tests {
    use super::*;

    fn described(id: u32) -> Description {
        let groups = BTreeSet::from([Name::new("all").unwrap()]);
        Description { id, variant: None, name: "m".parse().unwrap(), groups, outcomes: Vec::new() }
    }

    #[test]
    fn each_provider_has_room_of_its_own_and_what_was_asked_for_is_not_known_by_that() {
        let known = Descriptions::default();
        let (one, other) = (Name::new("one").unwrap(), Name::new("other").unwrap());
        let last = u32::try_from(KINDS_MAX).unwrap();
        let all: Vec<Description> = (1..=last).map(described).collect();
        assert!(known.has_room(&one, &all) && known.has_room(&one, &all[1..]));
        assert!(known.note(&one, &described(last + 1)));
        assert!(!known.has_room(&one, &all) && known.has_room(&one, &all[1..]));
        assert!(all[1..].iter().all(|description| known.note(&one, description)));
        assert!(!known.note(&one, &described(1)) && known.note(&one, &described(2)), "the one is new");
        assert!(known.has_room(&other, &all) && known.note(&other, &described(1)));
    }
}
