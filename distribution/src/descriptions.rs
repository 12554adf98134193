//! What providers say of their markets as a whole: how they and their outcomes are called. Ingestion keeps it in a topic, which
//! is read here; no message of the feed is looked up in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chassis::kafka::Batch;
use domain::Name;
use domain::codec::uof::Description;
use domain::id::Text;

use crate::lock::lock;

/// Descriptions that are known at once, of all providers: several times what one has.
const DESCRIPTIONS_MAX: usize = 20_000;

/// A market's id, whose it is, and its variant.
type Place = (u32, Name, Option<Text>);

/// All that is described; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Descriptions(Arc<Mutex<BTreeMap<Place, Arc<Description>>>>);

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this provider.
    pub provider: Option<Name>,
    /// Of markets of this id.
    pub id: Option<u32>,
    /// Of markets above this id.
    pub after: Option<u32>,
}

impl Descriptions {
    /// Takes note of what the topic says; what it does not say rightly is nothing.
    pub fn read(&self, batch: &Batch) {
        for record in batch.iter() {
            let said = record.key().and_then(|key| Description::of_record(key, record.payload()));
            if said.is_none_or(|(provider, description)| !self.note(provider, description)) {
                let offset = record.offset();
                tracing::warn!(
                    offset,
                    "a record of the descriptions' topic describes no market, or one too many"
                );
            }
        }
    }

    /// Takes note of one; says whether there was room for it.
    fn note(&self, provider: Name, description: Description) -> bool {
        let mut known = lock(&self.0);
        let place = (description.id, provider, description.variant.clone());
        if known.len() >= DESCRIPTIONS_MAX && !known.contains_key(&place) {
            return false;
        }
        known.insert(place, Arc::new(description));
        true
    }

    /// Those that are wanted, by id, of `ids_max` ids at most and each of those whole, and whether there are more.
    pub fn page(&self, wanted: &Wanted, ids_max: usize) -> (Vec<(Name, Arc<Description>)>, bool) {
        let Wanted { provider, id, after } = wanted;
        let known = lock(&self.0);
        let is_wanted = |(market, whose, _): &Place| {
            provider.as_ref().is_none_or(|provider| provider == whose)
                && id.is_none_or(|id| id == *market)
                && after.is_none_or(|after| *market > after)
        };
        let (mut page, mut ids) = (Vec::new(), BTreeSet::new());
        for ((market, whose, _), description) in known.iter().filter(|(place, _)| is_wanted(place)) {
            if ids.insert(*market) && ids.len() > ids_max {
                return (page, true);
            }
            page.push((whose.clone(), Arc::clone(description)));
        }
        (page, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a name")
    }

    fn described(id: u32, variant: Option<&str>) -> Description {
        let text = |text: &str| Text::new(text).expect("a text");
        Description {
            id,
            variant: variant.map(text),
            name: text(&format!("Market {id}")),
            groups: BTreeSet::new(),
            outcomes: Vec::new(),
        }
    }

    fn page(all: &Descriptions, wanted: Wanted, ids_max: usize) -> (Vec<String>, bool) {
        let (page, has_more) = all.page(&wanted, ids_max);
        (page.iter().map(|(whose, description)| description.key(whose)).collect(), has_more)
    }

    #[test]
    fn a_page_has_whole_markets_in_the_order_of_their_ids() {
        let all = Descriptions::default();
        for (provider, id, variant) in [
            ("uof", 18, None),
            ("uof", 9, Some("sr:a")),
            ("uof", 9, None),
            ("other", 9, None),
            ("uof", 18, None),
        ] {
            assert!(all.note(name(provider), described(id, variant)));
        }
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let nine = keys(&["other/9/", "uof/9/", "uof/9/sr:a"]);
        assert_eq!(page(&all, Wanted::default(), 1), (nine.clone(), true));
        assert_eq!(
            page(&all, Wanted { after: Some(9), ..Wanted::default() }, 1),
            (keys(&["uof/18/"]), false)
        );
        assert_eq!(page(&all, Wanted { id: Some(9), ..Wanted::default() }, 5), (nine, false));
        let of_uof = Wanted { provider: Some(name("uof")), ..Wanted::default() };
        assert_eq!(page(&all, of_uof, 5), (keys(&["uof/9/", "uof/9/sr:a", "uof/18/"]), false));
    }

    #[test]
    fn one_too_many_is_not_kept_and_one_that_is_known_is_replaced() {
        let all = Descriptions::default();
        for id in 0..DESCRIPTIONS_MAX {
            assert!(all.note(name("uof"), described(u32::try_from(id).expect("few"), None)));
        }
        assert!(!all.note(name("uof"), described(u32::MAX, None)));
        assert!(all.note(name("uof"), described(7, None)));
    }
}
