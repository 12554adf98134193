//! One stack that is watched, whichever it is at the time: found, asked, known.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use domain::EventId;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::attach::engine::{self, Published};
use crate::attach::{Given, Logs, Places};
use crate::clock::Clock;
use crate::model::{Gone, Model};
use crate::order::Order;
use crate::source::{Report, Sources};
use crate::text::Text;

/// A stack that is watched.
#[derive(Debug)]
pub struct Watch {
    given: Given,
    interval: Duration,
    clock: Clock,
    places: Places,
    sources: Sources,
    /// What the engine publishes of a Compose project, once it was asked.
    published: Option<watch::Receiver<Option<Published>>>,
    asking: JoinSet<()>,
    /// What is known of it.
    pub model: Model,
}

impl Watch {
    /// Finds the stack and begins to ask.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn start(given: Given, interval: Duration) -> anyhow::Result<Self> {
        let (clock, places) = (Clock::start(), given.find());
        let sources = Sources::start(&places, interval, clock)?;
        let model = Model::new(&places, interval, clock.now());
        let (asking, published) = follow(&places);
        Ok(Self { given, interval, clock, places, sources, published, asking, model })
    }

    /// Waits until the engine has said which processes there are, where it is asked.
    ///
    /// # Errors
    /// As [`Watch::start`].
    pub async fn settle(&mut self) -> anyhow::Result<()> {
        let Some(published) = &mut self.published else { return Ok(()) };
        if published.wait_for(Option::is_some).await.is_err() {
            self.asking.join_next().await.transpose().context("asking the engine")?;
        }
        self.look().map(|_| ())
    }

    /// Where the stack is that was found, as far as its record or the engine knows.
    fn with_published(&self, mut places: Places) -> Places {
        if let Some(published) = &self.published
            && let Some(published) = &*published.borrow()
            && places.record.is_none()
        {
            places.publish(published, &self.given);
        }
        places
    }

    /// Waits for a report. Can be given up at any time.
    ///
    /// # Errors
    /// When a source broke down.
    pub async fn next(&mut self) -> anyhow::Result<Report> {
        self.sources.next().await
    }

    /// Takes a report, and all that wait behind it.
    pub fn take(&mut self, report: Report) {
        self.model.take(report);
        while let Some(report) = self.sources.another() {
            self.model.take(report);
        }
    }

    /// Time goes on.
    pub fn step(&mut self) {
        self.model.step(self.clock.now());
    }

    /// Looks at a game, or at none.
    pub fn open(&mut self, game: Option<EventId>) {
        self.model.games.open(game.clone());
        self.sources.open(game);
    }

    /// Looks at these run bundles, or at none.
    pub fn open_runs(&mut self, folders: Vec<PathBuf>) {
        self.model.runs.open(&folders);
        self.sources.open_runs(folders);
    }

    /// Tells the simulator something; what comes of it is a report.
    pub fn tell(&mut self, order: Order) {
        let now = self.clock.now();
        self.model.control.ask(now, order.clone());
        if let Err(why) = self.sources.tell(order.clone()) {
            self.model.control.answer(now, &order, Err(Text::new(why)));
        }
    }

    /// Looks whether the stack is still there. One that came back on other ports is known anew. One that is gone is left as it was
    /// last, and said to be: another is not taken in its place, unless nothing ever answered. Says whether it is known anew.
    ///
    /// # Errors
    /// As [`Watch::start`].
    pub fn look(&mut self) -> anyhow::Result<bool> {
        let found = self.given.find_again(&self.places).map(|places| self.with_published(places));
        if !self.model.has_answered() && self.model.gone.is_none() {
            let first = self.with_published(self.given.find());
            return if first == self.places { Ok(false) } else { self.attach(first).map(|()| true) };
        }
        match found {
            Some(places) if places == self.places && self.model.gone.is_none() => Ok(false),
            Some(places) if self.model.gone.is_none() && places.differs_in_processes(&self.places) => {
                self.sources.ask_at(&places.parts);
                self.model.ask_at(&places.parts);
                self.places = places;
                Ok(false)
            }
            Some(places) => self.attach(places).map(|()| true),
            None => {
                // Whoever listens there now is somebody else.
                if self.model.gone.is_none() {
                    self.model.control.give_up(self.clock.now(), "the stack is gone");
                    self.sources = Sources::start(&self.places.without_stack(), self.interval, self.clock)?;
                }
                self.model.gone = Some(Gone { other: self.other().map(|other| Text::new(&other.name)) });
                Ok(false)
            }
        }
    }

    /// Looks at another stack, where the one that was looked at is gone. Says whether.
    ///
    /// # Errors
    /// As [`Watch::start`].
    pub fn attach_other(&mut self) -> anyhow::Result<bool> {
        match self.other().filter(|_| self.model.gone.is_some()) {
            Some(other) => self.attach(other).map(|()| true),
            None => Ok(false),
        }
    }

    /// The stack that would be looked at now, were this one not.
    fn other(&self) -> Option<Places> {
        let is_other = |other: &Places| self.given.stack.is_none() && other.record != self.places.record;
        Some(self.given.find()).filter(|other| is_other(other) && (other.record.is_some() || other.listens()))
    }

    fn attach(&mut self, places: Places) -> anyhow::Result<()> {
        self.sources = Sources::start(&places, self.interval, self.clock)?;
        self.model = Model::new(&places, self.interval, self.clock.now());
        // What the engine said of the same project is not asked for twice.
        if engine_of(&places) != engine_of(&self.places) {
            (self.asking, self.published) = follow(&places);
        }
        self.places = places;
        Ok(())
    }
}

/// What knows of the processes of a stack that has no record.
fn engine_of(places: &Places) -> Option<&Logs> {
    places.logs.as_ref().filter(|logs| places.record.is_none() && matches!(logs, Logs::Compose { .. }))
}

/// Asks the engine which processes there are, where it is one that knows, for as long as the set is kept.
fn follow(places: &Places) -> (JoinSet<()>, Option<watch::Receiver<Option<Published>>>) {
    let mut asking = JoinSet::new();
    let Some(Logs::Compose { docker, project }) = engine_of(places).cloned() else { return (asking, None) };
    let (told, published) = watch::channel(None);
    asking.spawn(async move { engine::follow(&docker, &project, told).await });
    (asking, Some(published))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_engine_is_asked_of_a_stack_that_is_turned_to_later() {
        let folder = PathBuf::from("/nowhere");
        let given = Given { bundles: vec![folder.clone()], ..Given::default() };
        let mut watch = Watch::start(given, Duration::from_secs(1)).expect("it starts");
        assert!(watch.published.is_none());
        let logs = Some(Logs::Compose { docker: folder.join("docker"), project: folder });
        let compose = Places { logs, ..watch.places.clone() };
        watch.attach(compose.clone()).expect("it turns");
        let published = watch.published.clone().expect("the engine is asked");
        watch.attach(compose.clone()).expect("it turns");
        assert!(published.same_channel(watch.published.as_ref().expect("still")), "and not twice");
        watch.attach(Places { record: Some("up".to_owned()), ..compose }).expect("it turns");
        assert!(watch.published.is_none(), "a record says it all");
    }
}
