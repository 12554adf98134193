//! What the simulator plays, what it can play, and what it was told from here.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::contact::Contact;
use crate::order::{BURST, Order};
use crate::simulator::{FaultList, Run, Scenario};
use crate::source::Producer;
use crate::text::Text;

/// Orders that are remembered.
const ORDERS_MAX: usize = 50;

/// For how long it is said what came of an order.
const SAID_FOR: Duration = Duration::from_secs(10);

/// How long after the end of a burst it may take to be heard of.
const BURST_ENDS_WITHIN: Duration = Duration::from_secs(2);

/// The simulator as its control tells of it.
#[derive(Clone, Debug)]
pub struct Control {
    /// Whether it answers.
    pub contact: Contact,
    /// Whether its address is known.
    pub is_asked: bool,
    /// What is played, or was last.
    pub run: Option<Run>,
    /// What can be played.
    pub scenarios: Vec<Scenario>,
    /// What goes wrong in it on purpose; nothing where that was not told.
    pub faults: Option<FaultList>,
    /// What it was told, the last first.
    pub orders: VecDeque<Told>,
    /// Every producer that distribution knows of.
    pub producers: Vec<Producer>,
    /// Whether distribution tells of them.
    pub producers_contact: Contact,
}

/// An order that was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Which.
    pub order: Order,
    /// When it was given, or answered.
    pub at: Duration,
    /// What came of it, once that is known: why it was refused, where it was.
    pub answer: Option<Result<(), Text>>,
}

impl Control {
    pub(super) fn new(interval: Duration, is_asked: bool) -> Self {
        Self {
            contact: Contact::new(interval),
            is_asked,
            run: None,
            scenarios: Vec::new(),
            faults: None,
            orders: VecDeque::new(),
            producers: Vec::new(),
            producers_contact: Contact::new(interval * 2),
        }
    }

    pub(super) fn take(
        &mut self,
        run: Option<Run>,
        scenarios: Option<Vec<Scenario>>,
        faults: Option<FaultList>,
    ) {
        // Those of the run before are no concern of this one. Another process counts its runs from 1, too.
        let which = |run: &Run| (run.number, run.program.clone(), run.seed);
        if self.run.as_ref().map(which) != run.as_ref().map(which) {
            self.faults = None;
        }
        self.run = run;
        self.scenarios = scenarios.unwrap_or_else(|| std::mem::take(&mut self.scenarios));
        self.faults = faults.or_else(|| self.faults.take());
    }

    /// An order is given.
    pub fn ask(&mut self, at: Duration, order: Order) {
        self.orders.push_front(Told { order, at, answer: None });
        self.orders.truncate(ORDERS_MAX);
    }

    /// It was answered; the next order counts from how the run stands since.
    pub(super) fn take_answer(&mut self, at: Duration, order: &Order, answer: Result<Option<Run>, Text>) {
        let answer = answer.map(|run| {
            if let Some(run) = run {
                self.take(Some(run), None, None);
            }
        });
        self.answer(at, order, answer);
    }

    /// Messages a second that the run has, or will have when it has done what it was told.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let waiting = self.orders.iter().filter(|told| told.answer.is_none());
        let mut asked = waiting.filter_map(|told| match told.order {
            Order::Rate(rate) => Some(rate),
            _ => None,
        });
        let now = self.run.as_ref().and_then(|run| run.rate);
        // What has no rate is not given one by asking for it.
        now.map(|now| asked.next().unwrap_or(now))
    }

    /// Whether it goes faster because it was told to, from here: then its rate is not the one that it goes back to.
    #[must_use]
    pub fn is_in_burst(&self, now: Duration) -> bool {
        let length = Duration::from_secs(BURST.1.into()) + BURST_ENDS_WITHIN;
        let is_of_now = |told: &Told| now.saturating_sub(told.at) <= length;
        let is_on = |told: &&Told| told.order == Order::Burst && !matches!(told.answer, Some(Err(_)));
        self.orders.iter().filter(is_on).any(is_of_now)
    }

    /// It was answered.
    pub fn answer(&mut self, at: Duration, order: &Order, answer: Result<(), Text>) {
        let mut waiting = self.orders.iter_mut().rev().filter(|told| told.answer.is_none());
        if let Some(told) = waiting.find(|told| told.order == *order) {
            (told.at, told.answer) = (at, Some(answer));
        }
    }

    /// Nobody will answer what waits for an answer.
    pub fn give_up(&mut self, at: Duration, why: &str) {
        for told in self.orders.iter_mut().filter(|told| told.answer.is_none()) {
            (told.at, told.answer) = (at, Some(Err(Text::new(why))));
        }
    }

    /// The last order, for as long as it is of interest.
    #[must_use]
    pub fn last_order(&self, now: Duration) -> Option<&Told> {
        let is_of_now = |told: &&Told| told.answer.is_none() || now.saturating_sub(told.at) <= SAID_FOR;
        self.orders.iter().max_by_key(|told| told.at).filter(is_of_now)
    }

    /// Whether the simulator was in the middle of something when it told last how that stands.
    #[must_use]
    pub fn is_in_a_run(&self) -> bool {
        self.run.as_ref().is_some_and(|run| !run.state.is_over())
    }

    /// Who can be silenced: each producer that is known, and before the first of a provider all of them, where it has several.
    #[must_use]
    pub fn speakers(&self) -> Vec<(&Text, Option<&Text>)> {
        let names = self.producers.iter().map(|producer| (&producer.provider, &producer.producer));
        let names: BTreeSet<(&Text, &Text)> = names.collect();
        let mut speakers = Vec::new();
        for &(provider, name) in &names {
            let is_first = speakers.iter().all(|(known, _)| *known != provider);
            if is_first && names.iter().filter(|(of, _)| *of == provider).count() > 1 {
                speakers.push((provider, None));
            }
            speakers.push((provider, Some(name)));
        }
        speakers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_belongs_to_the_first_order_of_its_kind_that_waits() {
        let seconds = Duration::from_secs;
        let mut control = Control::new(seconds(1), true);
        for at in 1..=2 {
            control.ask(seconds(at), Order::Burst);
        }
        control.answer(seconds(3), &Order::Burst, Ok(()));
        control.answer(seconds(4), &Order::Burst, Err(Text::new("there is a burst already")));
        control.answer(seconds(5), &Order::Burst, Ok(()));
        let answers: Vec<bool> = control.orders.iter().map(|told| told.answer == Some(Ok(()))).collect();
        assert_eq!(answers, [false, true]);
        let last = control.last_order(seconds(14)).expect("it is said for a while");
        assert!(matches!(&last.answer, Some(Err(why)) if why.as_str().contains("already")));
        assert_eq!(control.last_order(seconds(15)), None);
    }
}
