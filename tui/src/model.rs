//! What is known of a stack: what its parts told lately, with its history. Pure: reports and times come in from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Topics;

use crate::attach::Places;
use crate::source::{Finding, Part, Report, Samples, Scrape, Source};
use crate::text::Text;

mod clients;
mod contact;
mod games;
mod hop;
mod judge;
pub mod kafka;
mod logs;

pub mod series;
pub mod summary;

pub use clients::Clients;
pub use contact::{Contact, Touch};
pub use games::{Games, Movement, OpenGame};
pub use hop::{History, Hop};
pub use judge::{Level, Warning};
pub use kafka::{Kafka, TopicHistory};
pub use logs::Logs;

/// Everything that is known of one stack.
#[derive(Clone, Debug)]
pub struct Model {
    /// What the stack is called.
    pub stack: Text,
    /// The time of the last step, since this program started.
    pub now: Duration,
    /// The processes that are asked.
    pub parts: BTreeMap<Part, PartState>,
    /// What passes where.
    pub hops: BTreeMap<Hop, History>,
    /// Topics and partitions.
    pub kafka: Kafka,
    /// Games that are live, and the one that is open.
    pub games: Games,
    /// Sockets and REST.
    pub clients: Clients,
    /// What was logged.
    pub logs: Logs,
    /// The names of the topics.
    pub topics: Topics,
}

/// What one process told last.
#[derive(Clone, Debug)]
pub struct PartState {
    /// Whether it answers.
    pub contact: Contact,
    /// Its numbers.
    pub samples: Samples,
    /// What it lacks, in its own words; empty where it can work.
    pub lacks: Option<Text>,
    /// The time of day of its answer.
    pub taken_at: Duration,
}

impl Model {
    /// A stack of which nothing is known yet. Each place is asked every `interval`.
    #[must_use]
    pub fn new(places: &Places, interval: Duration, now: Duration) -> Self {
        let part = |part: &Part| {
            let contact = Contact::new(interval);
            (*part, PartState { contact, samples: Samples::default(), lacks: None, taken_at: Duration::ZERO })
        };
        Self {
            stack: Text::new(&places.name),
            now,
            parts: places.parts.keys().map(part).collect(),
            hops: BTreeMap::new(),
            kafka: Kafka::new(interval * 2, places.kafka.is_some()),
            games: Games::new(interval, places.rest.is_some()),
            clients: Clients::default(),
            logs: Logs::new(interval, places.logs.is_some()),
            topics: places.topics.clone(),
        }
    }

    /// Time goes on.
    pub fn step(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// Takes a report.
    pub fn take(&mut self, report: Report) {
        let Report { source, at, found } = report;
        self.step(at);
        if let Some(contact) = self.contact_mut(source) {
            contact.heard(at, found.as_ref().err());
        }
        match (source, found) {
            (Source::Part(part), Ok(Finding::Scrape(scrape))) => self.take_scrape(part, at, scrape),
            (_, Ok(Finding::Offsets(offsets))) => self.kafka.take(at, &self.topics, offsets),
            (_, Ok(Finding::Matches(matches))) => self.games.take_list(at, matches),
            (_, Ok(Finding::Game(game, updates))) => self.games.take_game(at, *game, updates),
            (_, Ok(Finding::Lines(lines))) => self.logs.take(lines),
            (_, Ok(Finding::Scrape(_)) | Err(_)) => {}
        }
    }

    fn contact_mut(&mut self, source: Source) -> Option<&mut Contact> {
        match source {
            Source::Part(part) => self.parts.get_mut(&part).map(|state| &mut state.contact),
            Source::Kafka => Some(&mut self.kafka.contact),
            Source::Matches => Some(&mut self.games.contact),
            Source::Game => self.games.open.as_mut().map(|open| &mut open.contact),
            Source::Logs => Some(&mut self.logs.contact),
        }
    }

    fn take_scrape(&mut self, part: Part, at: Duration, scrape: Scrape) {
        for (hop, reading) in hop::read(part, &scrape.samples) {
            self.hops.entry(hop).or_default().take(at, &reading);
        }
        if part == Part::Distribution {
            self.clients.take(at, &scrape.samples);
        }
        let Some(state) = self.parts.get_mut(&part) else { return };
        let lacks = scrape.readiness.checks.iter().filter(|check| !check.ready);
        let lacks: Vec<String> = lacks.map(|check| format!("{}: {}", check.name, check.reason)).collect();
        state.lacks = (!scrape.readiness.ready).then(|| Text::new(&lacks.join("; ")));
        state.samples = scrape.samples;
        state.taken_at = scrape.taken_at;
    }
}
