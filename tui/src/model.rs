//! What is known of a stack: what its parts told lately, with its history. Pure: reports and times come in from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Topics;

use crate::attach::Places;
use crate::source::{Finding, Part, Report, Samples, Scrape, Source};
use crate::text::Text;

mod clients;
mod contact;
mod control;
mod faults;
mod games;
mod hop;
mod judge;
pub mod kafka;
mod logs;
mod noticed;
mod part;
mod runs;
mod warnings;

pub mod pipeline;
pub mod series;
pub mod summary;

pub use clients::Clients;
pub use contact::{Contact, Touch};
pub use control::{Control, Told};
pub use faults::Mischief;
pub use games::{Games, Movement, OpenGame};
pub use hop::{History, Hop};
pub use judge::{Answering, Level, Owned, SLOW_P99};
pub use kafka::{Kafka, PartitionHistory, TopicHistory};
pub use logs::Logs;
pub use noticed::{Noticed, Sign};
pub use part::{PartState, ProcessNumber, ProcessState};
pub use runs::{OpenBundle, Runs};
pub use warnings::Warning;

/// Everything that is known of one stack.
#[derive(Clone, Debug)]
pub struct Model {
    /// What the stack is called.
    pub stack: Text,
    /// The name of its record, where it has one.
    pub record: Option<Text>,
    /// That nothing of it runs any more, where that is so.
    pub gone: Option<Gone>,
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
    /// What the simulator plays, and what it was told.
    pub control: Control,
    /// What the stack has noticed.
    pub noticed: Noticed,
    /// Run bundles.
    pub runs: Runs,
    /// The names of the topics.
    pub topics: Topics,
}

/// That nothing of a stack runs any more: it was taken down, or crashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Another that could be looked at.
    pub other: Option<Text>,
}

impl Model {
    /// A stack of which nothing is known yet. Each place is asked every `interval`.
    #[must_use]
    pub fn new(places: &Places, interval: Duration, now: Duration) -> Self {
        let part = |(part, urls): (&Part, &Vec<String>)| (*part, PartState::new(urls, interval));
        Self {
            stack: Text::new(&places.name),
            record: places.record.as_deref().map(Text::new),
            gone: None,
            now,
            parts: places.parts.iter().map(part).collect(),
            hops: BTreeMap::new(),
            kafka: Kafka::new(interval * 2, places.kafka.is_some()),
            games: Games::new(interval, places.rest.is_some()),
            clients: Clients::new(interval * 2),
            logs: Logs::new(interval, places.logs.is_some()),
            control: Control::new(interval, places.parts.contains_key(&Part::Simulator)),
            noticed: Noticed::default(),
            runs: Runs::new(interval * 2, places.runs.is_some()),
            topics: places.topics.clone(),
        }
    }

    /// Whether any process ever answered.
    #[must_use]
    pub fn has_answered(&self) -> bool {
        let is_known = |touch| matches!(touch, Touch::Fresh | Touch::Stale(_));
        self.parts.values().any(|state| is_known(state.contact.touch(self.now)))
    }

    /// Time goes on.
    pub fn step(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// Takes a report.
    pub fn take(&mut self, report: Report) {
        let Report { source, at, found } = report;
        self.step(at);
        // What came of an order says nothing of whether the simulator tells how it stands.
        let is_told = matches!(found, Ok(Finding::Told(..)));
        if let Some(contact) = self.contact_mut(source).filter(|_| !is_told) {
            contact.heard(at, found.as_ref().err());
        }
        match (source, found) {
            (Source::Part(part), Ok(Finding::Scrapes(answers))) => self.take_scrapes(part, at, answers),
            (_, Ok(Finding::Offsets(offsets))) => self.kafka.take(at, &self.topics, offsets),
            (_, Ok(Finding::Matches(matches))) => self.games.take_list(at, matches),
            (_, Ok(Finding::Game(game, updates))) => self.games.take_game(at, *game, updates),
            (_, Ok(Finding::Lines(lines))) => self.logs.take(lines),
            (_, Ok(Finding::Run { run, scenarios, faults })) => self.control.take(run, scenarios, faults),
            (_, Ok(Finding::Told(order, answer))) => self.control.take_answer(at, &order, answer),
            (_, Ok(Finding::Producers(producers))) => self.control.producers = producers,
            (_, Ok(Finding::Sessions(sockets))) => self.clients.sockets = sockets,
            (_, Ok(Finding::Runs(list))) => self.runs.take(list),
            (_, Ok(Finding::Bundle(folder, run))) => self.runs.take_bundle(&folder, run),
            (Source::Part(part), Err(why)) => self.take_silence(part, at, &why),
            (_, Ok(Finding::Scrapes(_)) | Err(_)) => {}
        }
    }

    fn contact_mut(&mut self, source: Source) -> Option<&mut Contact> {
        match source {
            Source::Part(part) => self.parts.get_mut(&part).map(|state| &mut state.contact),
            Source::Kafka => Some(&mut self.kafka.contact),
            Source::Matches => Some(&mut self.games.contact),
            Source::Game => self.games.open.as_mut().map(|open| &mut open.contact),
            Source::Logs => Some(&mut self.logs.contact),
            Source::Control => Some(&mut self.control.contact),
            Source::Producers => Some(&mut self.control.producers_contact),
            Source::Sessions => Some(&mut self.clients.sockets_contact),
            Source::Runs => Some(&mut self.runs.contact),
            Source::Bundle => None,
        }
    }

    fn take_scrapes(&mut self, part: Part, at: Duration, answers: Vec<(String, Result<Scrape, Text>)>) {
        let Some(state) = self.parts.get_mut(&part) else { return };
        let told = state.take(at, answers);
        for (hop, readings) in hop::read(part, &told) {
            self.hops.entry(hop).or_default().take(at, &readings);
        }
        self.noticed.take(at, part, &told);
        if part == Part::Distribution {
            self.clients.take(at, &told);
        }
        let numbers: Vec<Samples> = told.into_iter().map(|(_, samples)| samples.clone()).collect();
        // Some of the partitions are no part of a lag that is one of all.
        let has_all = |sport| self.owned(sport).is_none_or(Owned::is_all);
        if !matches!(part, Part::Processors(sport) if !has_all(sport)) {
            self.kafka.take_told(at, part, &numbers);
        }
    }

    fn take_silence(&mut self, part: Part, at: Duration, why: &Text) {
        if let Some(state) = self.parts.get_mut(&part) {
            state.processes.iter_mut().for_each(|process| process.contact.heard(at, Some(why)));
        }
    }

    /// The same stack has other processes from now on; what is known of it is kept.
    pub fn ask_at(&mut self, parts: &BTreeMap<Part, Vec<String>>) {
        for (part, urls) in parts {
            if let Some(state) = self.parts.get_mut(part) {
                state.ask_at(urls);
            }
        }
    }
}
