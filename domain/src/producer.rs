//! Whether a producer can be trusted, as one partition of a feed has heard it: watched from its first `alive` on, or from its
//! first message where `alive` is not enough; down after a silence and while what it says is old, up once it has said what
//! counts as a recovery.

use std::fmt;
use std::str::FromStr;

use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::message::{Alive, ProducerBody, SnapshotComplete};

/// The header of a record of the feed that tells what a producer says of itself, where its messages have no sequence: nothing
/// of them shows that one is missing.
pub const UNNUMBERED_HEADER: &str = "unnumbered";

/// What one partition knows of one producer. One of which an `alive` is enough and that has never sent any has none: its
/// silence says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// Whether it can be trusted.
    pub state: State,
    /// Why it is in that state.
    pub reason: Reason,
    /// Since when it is trusted, or not.
    pub since: Timestamp,
    /// When its last `alive` came.
    pub alive_at: Timestamp,
    /// Since when it has been alive without a break: what it said before that may be missing.
    pub alive_since: Timestamp,
    /// When it made its last `alive`, by its own clock; 0 before the first.
    pub alive_generated_at: Timestamp,
    /// When it made the last `alive` before it was no longer trusted, by its own clock: nothing that it said before that is
    /// missing. 0 where it never was trusted.
    pub trusted_until: Timestamp,
}

/// When something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// When it was heard, as deadlines count it.
    pub at: Timestamp,
    /// When it was received, by the receiver's clock.
    pub received_at: Timestamp,
    /// When it was made, by the provider's clock.
    pub generated_at: Timestamp,
}

impl Moment {
    /// Whether it was old already when it came: whatever comes with it is, too.
    fn is_delayed(self, terms: Terms) -> bool {
        self.received_at.micros_since(self.generated_at) > terms.delay_micros
    }
}

/// Whether a producer can be trusted. Only one that is up can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its markets are what it says they are.
    Up,
    /// It is silent, or says that messages were lost.
    Down,
    /// It is alive again, and what was missed has not all come yet.
    Recovering,
}

/// Why a producer is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Up: it has begun to say that it is alive, and that is all that is asked of it. Recovering: it has, and what it said
    /// before that may not have come.
    FirstAlive,
    /// Not up: no `alive` came for longer than its silence may last.
    AliveInterval,
    /// Not up: it said itself that messages were lost.
    NotSubscribed,
    /// Not up: it offers something, and has never said that it is alive.
    NeverAlive,
    /// Not up: what it says is too old when it comes.
    Delayed,
    /// Not up: its messages have no sequence, so that only a recovery makes good what may be missing, and nobody asks for one.
    RecoveryNotConfigured,
    /// Not up: so many producers are watched that there is no room for it, and nobody would notice its silence. Up, to an event:
    /// there is room again, and it has never said that it is alive where that would be all that is asked of it.
    NotWatched,
    /// Up: it is alive again, and that is all that is asked of it. Recovering: it says again that nothing is lost, and what was
    /// has not all come.
    AliveAgain,
    /// Up: what it says is no longer too old when it comes, and nothing of it was missed.
    DelayOver,
    /// Up: a recovery has delivered everything.
    SnapshotComplete,
}

/// What a producer that was down, or was never heard, has to say to be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recovery {
    /// `alive`, subscribed: its messages have sequences, and it pushes again what was not acknowledged.
    Alive,
    /// `alive`, subscribed, and then the `snapshot_complete` of a recovery asked for since: its `request_id` is the time of
    /// the request, in microseconds since the Unix epoch.
    Snapshot,
    /// The same, but nobody asks for it: it cannot be up.
    Nobody,
}

/// What is expected of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Microseconds without an `alive` after which it is down.
    pub silence_micros: i64,
    /// How many microseconds old what it says may be when it comes.
    pub delay_micros: i64,
    /// How it comes up.
    pub recovery: Recovery,
}

impl Producer {
    /// A producer that offers something and has not said yet that it is alive.
    #[must_use]
    pub fn never_alive(at: Timestamp) -> Self {
        Self::down(Reason::NeverAlive, at)
    }

    /// A producer that offers something and cannot be watched.
    #[must_use]
    pub fn not_watched(at: Timestamp) -> Self {
        Self::down(Reason::NotWatched, at)
    }

    fn down(reason: Reason, at: Timestamp) -> Self {
        let nothing = Timestamp(0);
        Self {
            state: State::Down,
            reason,
            since: at,
            alive_at: at,
            alive_since: at,
            alive_generated_at: nothing,
            trusted_until: nothing,
        }
    }

    /// A producer that says for the first time that it is alive.
    #[must_use]
    pub fn first_heard(alive: &Alive, moment: Moment, terms: Terms) -> Self {
        let mut producer = Self::never_alive(moment.at);
        producer.hear(&ProducerBody::Alive(alive.clone()), moment, terms);
        producer
    }

    /// Whether its markets may be open.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.state == State::Up
    }

    /// When its silence will have lasted too long; `None` where it is down for another reason than that it is late.
    #[must_use]
    pub fn deadline(&self, terms: Terms) -> Option<Timestamp> {
        let is_watched = self.state != State::Down || self.reason == Reason::Delayed;
        is_watched.then(|| self.alive_at.plus_micros(terms.silence_micros))
    }

    /// Takes what it says. A [`SnapshotComplete`] must be that of a recovery that was asked for here.
    pub fn hear(&mut self, body: &ProducerBody, moment: Moment, terms: Terms) {
        let (was_trusted, last_alive) = (self.is_trusted(), self.alive_generated_at);
        match body {
            ProducerBody::Alive(Alive { subscribed }) => {
                let is_back = self.deadline(terms).is_none_or(|deadline| deadline <= moment.at);
                if is_back {
                    self.alive_since = moment.at;
                }
                self.alive_at = moment.at.max(self.alive_at);
                self.alive_generated_at = moment.generated_at;
                let (state, reason) = match (subscribed, terms.recovery) {
                    (false, Recovery::Snapshot) => {
                        // Some wait for being asked before they say that nothing is lost any more.
                        let is_known =
                            self.state == State::Recovering && self.reason == Reason::NotSubscribed;
                        if !is_known {
                            self.alive_since = moment.at;
                        }
                        (State::Recovering, Reason::NotSubscribed)
                    }
                    (false, _) => (State::Down, Reason::NotSubscribed),
                    (true, Recovery::Alive) => self.where_alive_is_enough(moment.is_delayed(terms)),
                    (true, recovery) => match self.where_it_is_not(is_back, moment.is_delayed(terms)) {
                        (State::Recovering, _) if recovery == Recovery::Nobody => {
                            (State::Down, Reason::RecoveryNotConfigured)
                        }
                        other => other,
                    },
                };
                self.turn(state, reason, moment.at);
            }
            // One that was asked for before the producer was heard again may lack what it said in between.
            ProducerBody::SnapshotComplete(SnapshotComplete { request_id })
                if self.state == State::Recovering && self.alive_since <= asked_at(*request_id) =>
            {
                match moment.is_delayed(terms) {
                    true => self.turn(State::Down, Reason::Delayed, moment.at),
                    false => self.turn(State::Up, Reason::SnapshotComplete, moment.at),
                }
            }
            ProducerBody::SnapshotComplete(_) => {}
        }
        if was_trusted && !self.is_trusted() {
            self.trusted_until = last_alive;
        }
    }

    /// Where an `alive` takes a producer that needs no more.
    fn where_alive_is_enough(&self, is_delayed: bool) -> (State, Reason) {
        match (self.state, self.reason) {
            _ if is_delayed => (State::Down, Reason::Delayed),
            (State::Up, reason) => (State::Up, reason),
            (_, Reason::NeverAlive) => (State::Up, Reason::FirstAlive),
            (_, Reason::Delayed) => (State::Up, Reason::DelayOver),
            _ => (State::Up, Reason::AliveAgain),
        }
    }

    /// Where an `alive` takes a producer that needs a recovery once something may be missing: `is_back` after a silence,
    /// noticed or not.
    fn where_it_is_not(&self, is_back: bool, is_delayed: bool) -> (State, Reason) {
        match (self.state, self.reason) {
            (State::Down, Reason::NeverAlive | Reason::RecoveryNotConfigured) => {
                (State::Recovering, Reason::FirstAlive)
            }
            (State::Recovering, Reason::NotSubscribed) if !is_back => (State::Recovering, Reason::AliveAgain),
            // Nothing of it was missed: it was late.
            (State::Down, Reason::Delayed) if !is_back && is_delayed => (State::Down, Reason::Delayed),
            (State::Down, Reason::Delayed) if !is_back => (State::Up, Reason::DelayOver),
            // The silence ended before anybody noticed it; what was said meanwhile is missing all the same.
            (State::Down, Reason::Delayed) | (State::Up | State::Recovering, _) if is_back => {
                (State::Recovering, Reason::AliveInterval)
            }
            (State::Down, reason) => (State::Recovering, reason),
            // It came up while that was enough.
            (State::Up, Reason::FirstAlive | Reason::AliveAgain) => (State::Recovering, Reason::FirstAlive),
            (State::Up, _) if is_delayed => (State::Down, Reason::Delayed),
            as_it_is => as_it_is,
        }
    }

    /// Goes down where its deadline has passed; says whether it did.
    pub fn expire(&mut self, heard_until: Timestamp, terms: Terms) -> bool {
        let is_overdue = self.deadline(terms).is_some_and(|deadline| deadline <= heard_until);
        if is_overdue {
            if self.is_trusted() {
                self.trusted_until = self.alive_generated_at;
            }
            self.turn(State::Down, Reason::AliveInterval, heard_until);
        }
        is_overdue
    }

    fn turn(&mut self, state: State, reason: Reason, at: Timestamp) {
        if self.is_trusted() != (state == State::Up) {
            self.since = at;
        }
        (self.state, self.reason) = (state, reason);
    }
}

/// When a recovery was asked for.
fn asked_at(request_id: u64) -> Timestamp {
    Timestamp(i64::try_from(request_id).unwrap_or(i64::MAX))
}

impl State {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Recovering => "recovering",
        }
    }
}

impl Reason {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstAlive => "first_alive",
            Self::AliveInterval => "alive_interval",
            Self::NotSubscribed => "not_subscribed",
            Self::NeverAlive => "never_alive",
            Self::Delayed => "delayed",
            Self::RecoveryNotConfigured => "recovery_not_configured",
            Self::NotWatched => "not_watched",
            Self::AliveAgain => "alive_again",
            Self::DelayOver => "delay_over",
            Self::SnapshotComplete => "snapshot_complete",
        }
    }
}

impl FromStr for State {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::deserialize(text.into_deserializer())
    }
}

impl FromStr for Reason {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::deserialize(text.into_deserializer())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
