//! The public value of one event as raw JSON: every key with the version at which it last changed.
//!
//! Values are never decoded and encoded again: what a processor wrote is what a client reads.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::fixture::FixtureChange;
use domain::market::Suspension;
use domain::{EventId, EventStatus, Key, MarketStatus, Sport};
use serde::Deserialize;

mod update;

pub use update::{Origin, RawUpdate, UpdateHead};

/// The JSON text of a key's value; `None` where the key went away.
pub type RawJson = Option<Arc<str>>;

/// One key's value and since when it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event version at which it last changed.
    pub version: u64,
    /// The value since then; `None` is a tombstone.
    pub value: RawJson,
}

/// Every key of one event at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    event_id: EventId,
    sport: Sport,
    version: u64,
    /// Of the last update applied; unknown of an image that came from a store.
    origin: Option<Origin>,
    /// What the last fixture change said, and the version that it led to.
    fixture_change: Option<(u64, FixtureChange)>,
    status: Option<EventStatus>,
    /// Whether nobody can tell what is true of the event, since nobody processes its part of the feed or updates of it have yet to
    /// be loaded: then none of its markets is shown as active.
    is_silent: bool,
    entries: BTreeMap<Key, Entry>,
    /// The same keys in the order in which they last changed: what changed since a version costs no more than that.
    by_version: BTreeSet<(u64, Key)>,
}

/// What an image made of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The image has the update's version now.
    Applied,
    /// The image is at or past that version: the update came twice.
    Duplicate,
    /// Updates before it are missing; nothing has changed.
    Hole,
}

impl Image {
    /// An event before its first update.
    #[must_use]
    pub fn empty(event_id: EventId, sport: Sport) -> Self {
        Self {
            event_id,
            sport,
            version: 0,
            origin: None,
            fixture_change: None,
            status: None,
            is_silent: false,
            entries: BTreeMap::new(),
            by_version: BTreeSet::new(),
        }
    }

    /// An event as a store knows it.
    #[must_use]
    pub fn stored(
        event_id: EventId,
        sport: Sport,
        version: u64,
        entries: impl IntoIterator<Item = (Key, Entry)>,
    ) -> Self {
        let mut image = Self { version, ..Self::empty(event_id, sport) };
        for (key, entry) in entries {
            image.set(key, entry);
        }
        image
    }

    /// The event.
    #[must_use]
    pub fn event_id(&self) -> &EventId {
        &self.event_id
    }

    /// Its sport.
    #[must_use]
    pub fn sport(&self) -> Sport {
        self.sport
    }

    /// How many updates it has had; 0 before the first.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What led to this version, where that is known.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// What the last fixture change after version `from` and up to `until` said, where it was seen here.
    #[must_use]
    pub fn fixture_change(&self, from: u64, until: u64) -> Option<FixtureChange> {
        let last = self.fixture_change.filter(|(version, _)| (from + 1..=until).contains(version));
        last.map(|(_, change)| change)
    }

    /// How the event stands, once it has a status.
    #[must_use]
    pub fn status(&self) -> Option<EventStatus> {
        self.status
    }

    /// Whether nobody can tell what is true of the event now.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Notes whether somebody can.
    pub fn set_silent(&mut self, is_silent: bool) {
        self.is_silent = is_silent;
    }

    /// A value as it is shown now.
    #[must_use]
    pub fn shown<'v>(&self, key: &Key, value: &'v str) -> Cow<'v, str> {
        match key {
            Key::Market(_) if self.is_silent => suspended(value).map_or(Cow::Borrowed(value), Cow::Owned),
            _ => Cow::Borrowed(value),
        }
    }

    /// The JSON text of a key's value, as it is stored.
    #[must_use]
    pub fn value(&self, key: &Key) -> Option<&str> {
        self.entries.get(key)?.value.as_deref()
    }

    /// Every key ever set, tombstones included, in key order.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter()
    }

    /// The version at which a key last changed; 0 where it was never set.
    #[must_use]
    pub fn version_of(&self, key: &Key) -> u64 {
        self.entries.get(key).map_or(0, |entry| entry.version)
    }

    /// The keys that last changed after version `after` and up to `until`, oldest change first.
    pub fn changed(&self, after: u64, until: u64) -> impl Iterator<Item = (&Key, &RawJson)> {
        // `fixture` is the first of all keys, so these bounds take in every key of the versions between.
        let from = (after.saturating_add(1), Key::Fixture);
        let to = (until.saturating_add(1).max(from.0), Key::Fixture);
        let keys = self.by_version.range(from..to).map(|(_, key)| key);
        keys.filter_map(|key| Some((key, &self.entries.get(key)?.value)))
    }

    /// Applies the next update; one that is not the next changes nothing.
    pub fn apply(&mut self, update: &RawUpdate) -> Step {
        if update.version <= self.version {
            return Step::Duplicate;
        }
        if update.previous_version != self.version {
            return Step::Hole;
        }
        self.version = update.version;
        self.origin = Some(update.origin);
        if let Some(change) = update.fixture_change.as_deref() {
            self.fixture_change = Some((update.version, *change));
        }
        for (key, value) in &update.changes {
            self.set(key.clone(), Entry { version: update.version, value: value.clone() });
        }
        Step::Applied
    }

    /// Appends the event as one JSON document: markets and incidents in key order, tombstones left out.
    pub fn write_document(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        for (name, key) in [("fixture", Key::Fixture), ("status", Key::Status)] {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            out.extend_from_slice(self.value(&key).unwrap_or("null").as_bytes());
        }
        self.write_list(out, "markets", |key, _| matches!(key, Key::Market(_)));
        self.write_list(out, "incidents", |key, _| matches!(key, Key::Incident(_)));
        out.push(b'}');
    }

    /// Appends the event's markets as one JSON document, or those in one status.
    pub fn write_markets(&self, status: Option<MarketStatus>, out: &mut Vec<u8>) {
        self.write_head(out);
        let is_so = |json: &str| status.is_none() || read_market_status(json) == status;
        self.write_list(out, "markets", |key, json| matches!(key, Key::Market(_)) && is_so(json));
        out.push(b'}');
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"event_id\":");
        write_json(out, &self.event_id);
        out.extend_from_slice(b",\"sport\":");
        write_json(out, &self.sport);
        out.extend_from_slice(b",\"version\":");
        write_json(out, &self.version);
    }

    fn write_list(&self, out: &mut Vec<u8>, name: &str, belongs: impl Fn(&Key, &str) -> bool) {
        out.extend_from_slice(format!(",\"{name}\":[").as_bytes());
        let present = self
            .entries
            .iter()
            .filter_map(|(key, entry)| Some((key, self.shown(key, entry.value.as_deref()?))));
        let listed = present.filter(|(key, value)| belongs(key, value));
        for (index, (_, value)) in listed.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(value.as_bytes());
        }
        out.push(b']');
    }

    fn set(&mut self, key: Key, entry: Entry) {
        if key == Key::Status {
            self.status = entry.value.as_deref().and_then(read_status);
        }
        let version = entry.version;
        if let Some(before) = self.entries.insert(key.clone(), entry) {
            self.by_version.remove(&(before.version, key.clone()));
        }
        self.by_version.insert((version, key));
    }
}

/// The one field of a status that decides how an event is served.
fn read_status(json: &str) -> Option<EventStatus> {
    #[derive(Deserialize)]
    struct StatusFields {
        status: EventStatus,
    }
    serde_json::from_str::<StatusFields>(json).ok().map(|fields| fields.status)
}

/// The one field of a market by which a list of markets chooses.
pub fn read_market_status(json: &str) -> Option<MarketStatus> {
    #[derive(Deserialize)]
    struct MarketFields {
        status: MarketStatus,
    }
    serde_json::from_str::<MarketFields>(json).ok().map(|fields| fields.status)
}

/// An active market as it is shown while nobody can tell what is true of its event; `None` of one that is not active.
fn suspended(json: &str) -> Option<String> {
    let mut market: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    let status = market.get_mut("status").filter(|status| *status == MarketStatus::Active.as_str())?;
    *status = MarketStatus::Suspended.as_str().into();
    market.insert("suspension".to_owned(), serde_json::to_value(Suspension::ProcessorSilent).ok()?);
    serde_json::to_string(&market).ok()
}

/// Appends `value` as JSON.
pub fn write_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(out, value)
        .expect("a vector takes every byte, and what is written has string keys only");
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    const UPDATE: &str = r#"{"event_id":"md:match:1","sport":"hockey","version":1,"previous_version":0,"cause":{"type":"bet_stop","provider":"md","producer":"live","message_id":"m1","epoch":1,"sequence":1,"generated_at":5},"applied_at":7,"changes":[{"key":"market:412:total=5.5","value":{"id":412, "new_field":[1.50]}},{"key":"incident:9","value":null},{"key":"status","value":{"status":"live"}}]}"#;

    fn update() -> RawUpdate {
        RawUpdate::parse(UPDATE.as_bytes()).expect("an update")
    }

    #[test]
    fn values_stay_as_they_came() {
        let update = update();
        assert!(update.origin.is_urgent());
        assert_eq!(update.origin.generated_at, Some(Timestamp(5)));
        assert_eq!(update.changes[0].1.as_deref(), Some(r#"{"id":412, "new_field":[1.50]}"#));
        assert_eq!(update.changes[1].1, None);
    }

    #[test]
    fn what_a_later_minor_version_says_of_the_cause_is_urgent_and_keeps_nobody_from_the_values() {
        let later = UPDATE.replace(
            r#""type":"bet_stop","#,
            r#""type":"integrity_alert","fixture_change":{"change":"venue"},"#,
        );
        let later = RawUpdate::parse(later.as_bytes()).expect("an update");
        assert_eq!((later.origin.cause, later.origin.is_urgent()), (None, true));
        assert_eq!((&later.fixture_change, &later.changes), (&None, &update().changes));
    }

    #[test]
    fn a_document_lists_what_is_there_and_no_tombstones() {
        let mut image = Image::empty(update().event_id, Sport::Hockey);
        assert_eq!(image.apply(&update()), Step::Applied);
        let mut document = Vec::new();
        image.write_document(&mut document);
        assert_eq!(
            String::from_utf8(document).expect("text"),
            r#"{"event_id":"md:match:1","sport":"hockey","version":1,"fixture":null,"status":{"status":"live"},"markets":[{"id":412, "new_field":[1.50]}],"incidents":[]}"#
        );
        assert_eq!(image.status(), Some(EventStatus::Live));
    }

    #[test]
    fn markets_are_listed_alone_and_by_status() {
        let market = |status: &str| Some(format!(r#"{{"id":406,"status":"{status}"}}"#).into());
        let entries = [
            ("market:1", market("active")),
            ("market:406", market("settled")),
            ("market:412", None),
            ("status", Some(r#"{"status":"live"}"#.into())),
        ];
        let entries =
            entries.map(|(key, value)| (key.parse::<Key>().expect("a key"), Entry { version: 4, value }));
        let image = Image::stored(update().event_id, Sport::Hockey, 4, entries);
        let markets = |status| {
            let mut document = Vec::new();
            image.write_markets(status, &mut document);
            String::from_utf8(document).expect("text")
        };
        let head = r#"{"event_id":"md:match:1","sport":"hockey","version":4,"markets":"#;
        let (active, settled) = (r#"{"id":406,"status":"active"}"#, r#"{"id":406,"status":"settled"}"#);
        assert_eq!(markets(None), format!("{head}[{active},{settled}]}}"));
        assert_eq!(markets(Some(MarketStatus::Settled)), format!("{head}[{settled}]}}"));
        assert_eq!(markets(Some(MarketStatus::Suspended)), format!("{head}[]}}"));
    }

    #[test]
    fn only_the_next_version_is_applied() {
        let mut image = Image::empty(update().event_id, Sport::Hockey);
        assert_eq!(image.apply(&RawUpdate { version: 3, previous_version: 2, ..update() }), Step::Hole);
        assert_eq!(image.apply(&update()), Step::Applied);
        assert_eq!(image.apply(&update()), Step::Duplicate);
        assert_eq!(image.version(), 1);
    }

    #[test]
    fn changed_names_each_key_at_its_last_change_only() {
        let mut image = Image::empty(update().event_id, Sport::Hockey);
        image.apply(&update());
        let status = vec![(Key::Status, Some("{\"status\":\"ended\"}".into()))];
        image.apply(&RawUpdate { version: 2, previous_version: 1, changes: status, ..update() });
        let names =
            |after, until| image.changed(after, until).map(|(key, _)| key.to_string()).collect::<Vec<_>>();
        assert_eq!(names(0, 1), ["market:412:total=5.5", "incident:9"]);
        assert_eq!(names(1, 2), ["status"]);
        assert_eq!(names(0, 2), ["market:412:total=5.5", "incident:9", "status"]);
        assert_eq!(names(2, 2), Vec::<String>::new());
        assert_eq!(names(5, 2), Vec::<String>::new());
    }
}
