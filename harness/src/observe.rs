//! What each store and each client ends with: the same picture of an event, read in four ways.
//!
//! Nothing here uses the types of `domain`: what is judged does not help to judge.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use serde_json::Value;

use crate::anomaly::{Example, Kind};

pub mod kafka;
pub mod mysql;
pub mod names;
pub mod redis;
pub mod rest;
pub mod socket;

/// Where a stack is looked at.
#[derive(Debug, Clone)]
pub struct Places {
    /// The database, with user and password: `mysql://user:password@host:port/database`.
    pub mysql: String,
    /// Redis: `redis://host:port`.
    pub redis: String,
    /// REST: `http://host:port`.
    pub rest: String,
}

impl Places {
    /// Where the database is, without what lets one in.
    #[must_use]
    pub fn database(&self) -> String {
        let url = reqwest::Url::parse(&self.mysql).ok();
        let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port().unwrap_or(3306))));
        host.map_or_else(|| "an address that is none".to_owned(), |(host, port)| format!("{host}:{port}"))
    }
}

/// One event as somebody sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    /// Its version.
    pub version: u64,
    /// The JSON value of every key that has one: `fixture`, `status`, `market:<key>`, `incident:<id>`.
    pub values: BTreeMap<String, Value>,
}

/// All events, by id.
pub type Pictures = BTreeMap<String, Picture>;

/// What was read in a place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// The events that are there.
    pub pictures: Pictures,
    /// What cannot be read, or cannot be as it is whatever was sent.
    pub broken: Vec<(Kind, Example)>,
    /// The events that cannot be read: whether they are as they must be is not known.
    pub unread: BTreeSet<String>,
    /// Whether reading ended early: of events that are not among the pictures nothing is known.
    pub is_cut: bool,
}

impl Reading {
    /// An event that cannot be read.
    pub(crate) fn note_unread(&mut self, kind: Kind, place: &str, event_id: &str, error: &anyhow::Error) {
        self.unread.insert(event_id.to_owned());
        self.note_broken(kind, place, event_id, "event", ("readable", &format!("{error:#}")));
    }

    /// Something that is wrong whatever was sent.
    pub(crate) fn note_broken(
        &mut self,
        kind: Kind,
        place: &str,
        event_id: &str,
        what: &str,
        (expected, found): (&str, &str),
    ) {
        let example = Example {
            place: place.to_owned(),
            event_id: event_id.to_owned(),
            what: what.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
            ..Example::default()
        };
        self.broken.push((kind, example));
    }

    /// The pictures.
    ///
    /// # Errors
    /// When something could not be read, or cannot be as it is: with the first example.
    pub fn whole(self) -> anyhow::Result<Pictures> {
        match self.broken.first() {
            Some((_, example)) => bail!("{example}"),
            None => Ok(self.pictures),
        }
    }
}

impl Picture {
    /// Sets a key's value; null takes it away.
    pub fn set(&mut self, key: impl Into<String>, value: Value) {
        let key = key.into();
        if value.is_null() {
            self.values.remove(&key);
        } else {
            self.values.insert(key, value);
        }
    }

    /// The state of play, where there is one.
    #[must_use]
    pub fn status(&self) -> Option<&Value> {
        self.values.get("status")
    }

    /// The markets, by their key's text form.
    pub fn markets(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().filter_map(|(key, value)| Some((key.strip_prefix("market:")?, value)))
    }

    /// A picture from the document that REST and the socket's `image` share.
    ///
    /// # Errors
    /// When it is not such a document.
    pub fn from_document(version: u64, document: &Value) -> anyhow::Result<Self> {
        let mut picture = Self { version, values: BTreeMap::new() };
        for key in ["fixture", "status"] {
            picture.set(key, document.get(key).cloned().unwrap_or_default());
        }
        for market in list(document, "markets")? {
            picture.set(format!("market:{}", market_key(market)?), market.clone());
        }
        for incident in list(document, "incidents")? {
            let id = incident.get("incident_id").and_then(Value::as_str);
            let id = id.ok_or_else(|| anyhow::anyhow!("an incident has no `incident_id`: {incident}"))?;
            picture.set(format!("incident:{id}"), incident.clone());
        }
        Ok(picture)
    }
}

fn list<'a>(document: &'a Value, name: &str) -> anyhow::Result<&'a Vec<Value>> {
    document
        .get(name)
        .and_then(Value::as_array)
        .ok_or_else(|| anyhow::anyhow!("`{name}` is no list in {document}"))
}

fn market_key(market: &Value) -> anyhow::Result<String> {
    let id = market.get("id").and_then(Value::as_u64);
    let id = id.ok_or_else(|| anyhow::anyhow!("a market has no `id`: {market}"))?;
    Ok(match market.get("specifiers").and_then(Value::as_str) {
        None => id.to_string(),
        Some(specifiers) => format!("{id}:{specifiers}"),
    })
}
