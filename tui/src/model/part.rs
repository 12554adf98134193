//! What the processes of one service told last, each for itself and all together.

use std::time::Duration;

use super::contact::{Contact, Touch};
use crate::source::{Samples, Scrape};
use crate::text::Text;

/// A process of a service: no other of it ever has the same number.
pub type ProcessNumber = u16;

/// What the processes of one service told last.
#[derive(Clone, Debug)]
pub struct PartState {
    /// Whether any of them answers.
    pub contact: Contact,
    /// Each, in the order in which they are asked.
    pub processes: Vec<ProcessState>,
    /// The time of day of their last answer.
    pub taken_at: Duration,
    interval: Duration,
    next: ProcessNumber,
}

/// What one process told last.
#[derive(Clone, Debug)]
pub struct ProcessState {
    /// Which of its service it is.
    pub number: ProcessNumber,
    /// Where it is asked.
    pub url: String,
    /// Whether it answers.
    pub contact: Contact,
    /// Its numbers.
    pub samples: Samples,
    /// What it lacks, in its own words; none where it can work.
    pub lacks: Option<Text>,
}

impl PartState {
    /// Processes that are asked at these addresses every `interval`, of which nothing is known yet.
    pub(super) fn new(urls: &[String], interval: Duration) -> Self {
        let mut state = Self {
            contact: Contact::new(interval),
            processes: Vec::new(),
            taken_at: Duration::ZERO,
            interval,
            next: 0,
        };
        state.ask_at(urls);
        state
    }

    /// They are asked at these addresses from now on. What is known of those that are asked still is kept.
    pub(super) fn ask_at(&mut self, urls: &[String]) {
        let mut known = std::mem::take(&mut self.processes);
        for url in urls {
            let before = known.iter().position(|process| process.url == *url);
            let process = before.map(|index| known.swap_remove(index)).unwrap_or_else(|| {
                let number = self.next;
                self.next = self.next.wrapping_add(1);
                let contact = Contact::new(self.interval);
                ProcessState { number, url: url.clone(), contact, samples: Samples::default(), lacks: None }
            });
            self.processes.push(process);
        }
    }

    /// What came of asking each of them. Those that answered are returned, with their numbers.
    pub(super) fn take(
        &mut self,
        at: Duration,
        answers: Vec<(String, Result<Scrape, Text>)>,
    ) -> Vec<(ProcessNumber, &Samples)> {
        let mut answered = Vec::new();
        for (url, answer) in answers {
            let Some(process) = self.processes.iter_mut().find(|process| process.url == url) else {
                continue;
            };
            process.contact.heard(at, answer.as_ref().err());
            if let Ok(scrape) = answer {
                self.taken_at = scrape.taken_at;
                process.take(scrape);
                answered.push(process.number);
            }
        }
        let processes = self.processes.iter().filter(|process| answered.contains(&process.number));
        processes.map(|process| (process.number, &process.samples)).collect()
    }

    /// The numbers of those that answer.
    pub fn samples(&self, now: Duration) -> impl Iterator<Item = &Samples> {
        self.answering(now).map(|process| &process.samples)
    }

    /// Those that answer.
    pub fn answering(&self, now: Duration) -> impl Iterator<Item = &ProcessState> {
        self.processes.iter().filter(move |process| process.contact.touch(now) == Touch::Fresh)
    }
}

impl ProcessState {
    fn take(&mut self, scrape: Scrape) {
        let lacks = scrape.readiness.checks.iter().filter(|check| !check.ready);
        let lacks: Vec<String> = lacks.map(|check| format!("{}: {}", check.name, check.reason)).collect();
        self.lacks = (!scrape.readiness.ready).then(|| Text::new(&lacks.join("; ")));
        self.samples = scrape.samples;
    }
}
