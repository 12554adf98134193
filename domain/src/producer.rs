//! Whether a producer can be trusted, as one partition of a feed has heard it: watched from its first `alive` on, down
//! after a silence, up once it has said what counts as a recovery.

use std::fmt;
use std::str::FromStr;

use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::message::{Alive, ProducerBody, SnapshotComplete};

/// What one partition knows of one producer. A producer that has never sent an `alive` has none: its silence says nothing.
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
    /// The last `alive` before it was no longer trusted: nothing that it said before that is missing. 0 where it never was
    /// trusted.
    pub trusted_until: Timestamp,
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
    /// Up: it is alive again, and that is all that is asked of it.
    AliveAgain,
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
}

/// What is expected of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Microseconds without an `alive` after which it is down.
    pub silence_micros: i64,
    /// How it comes up.
    pub recovery: Recovery,
}

impl Producer {
    /// A producer that says for the first time that it is alive.
    #[must_use]
    pub fn first_heard(alive: &Alive, at: Timestamp, terms: Terms) -> Self {
        let (state, reason) = match (alive.subscribed, terms.recovery) {
            (false, _) => (State::Down, Reason::NotSubscribed),
            (true, Recovery::Alive) => (State::Up, Reason::FirstAlive),
            // Nothing is known of what it said before it was heard.
            (true, Recovery::Snapshot) => (State::Recovering, Reason::FirstAlive),
        };
        Self { state, reason, since: at, alive_at: at, alive_since: at, trusted_until: Timestamp(0) }
    }

    /// Whether its markets may be open.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.state == State::Up
    }

    /// When its silence will have lasted too long; `None` where it is down already.
    #[must_use]
    pub fn deadline(&self, terms: Terms) -> Option<Timestamp> {
        (self.state != State::Down).then(|| self.alive_at.plus_micros(terms.silence_micros))
    }

    /// Takes what it says at `at`.
    pub fn hear(&mut self, body: &ProducerBody, at: Timestamp, terms: Terms) {
        let (was_trusted, last_alive) = (self.is_trusted(), self.alive_at);
        match body {
            ProducerBody::Alive(Alive { subscribed }) => {
                let is_back = self.deadline(terms).is_none_or(|deadline| deadline <= at);
                if is_back {
                    self.alive_since = at;
                }
                self.alive_at = at.max(self.alive_at);
                match (subscribed, self.state, terms.recovery) {
                    (false, ..) => self.turn(State::Down, Reason::NotSubscribed, at),
                    (true, State::Down, Recovery::Alive) => self.turn(State::Up, Reason::AliveAgain, at),
                    (true, State::Down, Recovery::Snapshot) => self.turn(State::Recovering, self.reason, at),
                    // The silence ended before anybody noticed it; what was said meanwhile is missing all the same.
                    (true, State::Up | State::Recovering, Recovery::Snapshot) if is_back => {
                        self.turn(State::Recovering, Reason::AliveInterval, at);
                    }
                    (true, State::Up | State::Recovering, _) => {}
                }
            }
            // One that was asked for before the producer was heard again may lack what it said in between.
            ProducerBody::SnapshotComplete(SnapshotComplete { request_id })
                if self.state == State::Recovering && self.alive_since <= asked_at(*request_id) =>
            {
                self.turn(State::Up, Reason::SnapshotComplete, at);
            }
            ProducerBody::SnapshotComplete(_) => {}
        }
        if was_trusted && !self.is_trusted() {
            self.trusted_until = last_alive;
        }
    }

    /// Goes down where its deadline has passed; says whether it did.
    pub fn expire(&mut self, heard_until: Timestamp, terms: Terms) -> bool {
        let is_overdue = self.deadline(terms).is_some_and(|deadline| deadline <= heard_until);
        if is_overdue {
            if self.is_trusted() {
                self.trusted_until = self.alive_at;
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
            Self::AliveAgain => "alive_again",
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
