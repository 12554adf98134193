//! What somebody may ask to go wrong now: one list for HTTP and for the command line.

use std::time::Duration;

use clap::Subcommand;
use domain::{EventId, Name};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{BURST_TIMES_MAX, SPELL_SECONDS_MAX};
use crate::drive::Wish;
use crate::faults::Malformed;

/// The most messages of an event that are kept back, or have a wrong time.
const ROW_MAX: u32 = 1_000;
/// The most that overtake a message.
const OVERTAKEN_BY_MAX: u32 = 3;
/// How far a clock may be wrong, in seconds.
const AHEAD_SECONDS_MAX: i32 = 86_400;

/// Something that is to go wrong now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subcommand)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum NewFault {
    /// A provider, or one producer of it, says nothing for a while, not even that it is alive, and then all that was due
    Silence {
        /// Whose feed
        provider: Name,
        /// This producer of it alone; else all
        #[arg(long, value_name = "NAME")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        producer: Option<Name>,
        /// For how long
        seconds: u32,
    },
    /// Everything goes so many times as fast for a while
    Burst {
        /// How many times
        times: f64,
        /// For how long
        seconds: u32,
    },
    /// The next message is sent twice
    Duplicate {
        /// With the next message of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
    },
    /// Some messages of its event overtake the next one, within the window
    Reorder {
        /// With the next message of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
        /// How many: 1 to 3; 1
        #[arg(long, value_name = "N")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overtaken_by: Option<u32>,
    },
    /// The next message comes once the window has passed
    ReorderBeyond {
        /// With the next message of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
        /// How long after it was due; twice the window and a second
        #[arg(long, value_name = "SECONDS")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u32>,
    },
    /// The next message never comes, nor those of its event behind it
    Gap {
        /// With the next message of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
        /// How many in all; 1
        #[arg(long, value_name = "N")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
    },
    /// The next message is missing, and those of its event behind it, until the gap has been noticed
    GapFilled {
        /// With the next message of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
        /// How many in all; 1
        #[arg(long, value_name = "N")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
        /// How long after they were due; twice the window and a second
        #[arg(long, value_name = "SECONDS")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u32>,
    },
    /// The next message and all of its event behind it are held up, and then come in order
    Late {
        /// With the next message of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
        /// For how long
        #[arg(long, value_name = "SECONDS")]
        seconds: u32,
    },
    /// The next messages of an event say that they were made at another time
    ClockSkew {
        /// With the next message of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
        /// How many; 10
        #[arg(long, value_name = "N")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
        /// How many seconds they are ahead of the time; behind where below 0
        #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
        ahead_seconds: i32,
    },
    /// A copy of the next message cannot be read
    Malformed {
        /// With the next message of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
        /// In which way; `truncated`
        #[arg(long, value_enum, value_name = "WAY")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<Malformed>,
    },
    /// A copy of the next message that says in which part a game is names another sport
    WrongSport {
        /// With such a message of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
    },
    /// A copy of the next odds is of an event that nobody has announced
    UnknownEvent {
        /// With the next odds of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
    },
    /// An event begins anew with its next message: in the next epoch, with a snapshot
    Restart {
        /// This event; else any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
    },
    /// The next settlement is taken back, and made again
    SettlementRollback {
        /// With the next settlement of this event; else of any
        #[arg(long, value_name = "URN")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventId>,
    },
}

/// What somebody may ask for, once its numbers are within their bounds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    Silence { provider: Name, producer: Option<Name>, length: Duration },
    Burst { times: f64, length: Duration },
    OfMessages { wish: Wish, event: Option<EventId> },
}

/// What cannot be asked for so, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) pointer: String,
    pub(super) detail: String,
}

impl NewFault {
    /// Reads what somebody asks for.
    pub(super) fn read(asked: &Map<String, Value>) -> Result<Self, Wrong> {
        let read = |asked| serde_json::from_value(Value::Object(asked)).map_err(|error| error.to_string());
        read(asked.clone()).map_err(|detail| {
            // Which field it was is not told of what is read by its kind: it is the one without which something else is wrong.
            let is_it = |name: &&String| {
                let without = asked.iter().filter(|(other, _)| other != name);
                let without = without.map(|(name, value)| (name.clone(), value.clone())).collect();
                read(without).map_or_else(|other| other != detail, |_: Self| true)
            };
            let name = asked.keys().filter(|name| *name != "kind").find(is_it).map(String::as_str);
            let name = name.or((!detail.starts_with("missing field")).then_some("kind"));
            let pointer = name.map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1")));
            Wrong { pointer: pointer.unwrap_or_default(), detail }
        })
    }

    /// What is asked for. Who waits for what is missing does so for `window`.
    pub(super) fn asked(self, window: Duration) -> Result<Asked, Wrong> {
        let (wish, event) = match self {
            Self::Silence { provider, producer, seconds } => {
                return Ok(Asked::Silence { provider, producer, length: spell(seconds)? });
            }
            Self::Burst { times, seconds } => {
                within("/times", times, 1.0, BURST_TIMES_MAX)?;
                return Ok(Asked::Burst { times, length: spell(seconds)? });
            }
            Self::Duplicate { event } => (Wish::Duplicate, event),
            Self::Reorder { event, overtaken_by } => {
                let count = overtaken_by.unwrap_or(1);
                within("/overtaken_by", count, 1, OVERTAKEN_BY_MAX)?;
                (Wish::Reorder(count), event)
            }
            Self::ReorderBeyond { event, seconds } => (Wish::ReorderBeyond(beyond(seconds, window)?), event),
            Self::Gap { event, count } => (Wish::Gap(row(count, 1)?), event),
            Self::GapFilled { event, count, seconds } => {
                (Wish::GapFilled(row(count, 1)?, beyond(seconds, window)?), event)
            }
            Self::Late { event, seconds } => (Wish::Late(spell(seconds)?), event),
            Self::ClockSkew { event, count, ahead_seconds } => {
                within("/ahead_seconds", ahead_seconds, -AHEAD_SECONDS_MAX, AHEAD_SECONDS_MAX)?;
                (Wish::ClockSkew(row(count, 10)?, ahead_seconds), event)
            }
            Self::Malformed { event, how } => (Wish::Malformed(how.unwrap_or(Malformed::Truncated)), event),
            Self::WrongSport { event } => (Wish::WrongSport, event),
            Self::UnknownEvent { event } => (Wish::UnknownEvent, event),
            Self::Restart { event } => (Wish::Restart, event),
            Self::SettlementRollback { event } => (Wish::SettlementRollback, event),
        };
        Ok(Asked::OfMessages { wish, event })
    }
}

fn spell(seconds: u32) -> Result<Duration, Wrong> {
    within("/seconds", seconds, 1, SPELL_SECONDS_MAX)?;
    Ok(Duration::from_secs(u64::from(seconds)))
}

fn row(count: Option<u32>, by_default: u32) -> Result<u32, Wrong> {
    let count = count.unwrap_or(by_default);
    within("/count", count, 1, ROW_MAX).map(|()| count)
}

/// Long enough that nobody waits any more.
fn beyond(seconds: Option<u32>, window: Duration) -> Result<Duration, Wrong> {
    let length = match seconds {
        Some(seconds) => spell(seconds)?,
        None => window * 2 + Duration::from_secs(1),
    };
    if length <= window {
        let detail = format!(
            "{} s is not longer than what is waited for it: {} s",
            length.as_secs(),
            window.as_secs_f64()
        );
        return Err(Wrong { pointer: "/seconds".to_owned(), detail });
    }
    Ok(length)
}

fn within<T: PartialOrd + std::fmt::Display>(
    pointer: &'static str,
    value: T,
    low: T,
    high: T,
) -> Result<(), Wrong> {
    if value >= low && value <= high {
        return Ok(());
    }
    Err(Wrong { pointer: pointer.to_owned(), detail: format!("{value} is outside {low} to {high}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(3);

    #[test]
    fn what_is_asked_for_reads_as_it_is_written_and_keeps_to_its_bounds() {
        let read = |json: &str| NewFault::read(&serde_json::from_str(json).unwrap());
        let asked = |json: &str| read(json).unwrap().asked(WINDOW);
        let beyond = asked(r#"{"kind":"gap_filled","count":2}"#).unwrap();
        let wish = Wish::GapFilled(2, Duration::from_secs(7));
        assert_eq!(beyond, Asked::OfMessages { wish, event: None });
        for (json, pointer) in [
            (r#"{"kind":"gap","count":0}"#, "/count"),
            (r#"{"kind":"reorder","overtaken_by":4}"#, "/overtaken_by"),
            (r#"{"kind":"reorder_beyond","seconds":3}"#, "/seconds"),
            (r#"{"kind":"clock_skew","ahead_seconds":-86401}"#, "/ahead_seconds"),
            (r#"{"kind":"burst","times":0.5,"seconds":1}"#, "/times"),
            (r#"{"kind":"silence","provider":"md","seconds":0}"#, "/seconds"),
        ] {
            assert_eq!(asked(json).unwrap_err().pointer, pointer, "{json}");
        }
        for (json, pointer) in [
            (r#"{"kind":"gap","counts":1}"#, "/counts"),
            (r#"{"kind":"gap","event":"md:match:7","count":-1}"#, "/count"),
            (r#"{"kind":"late","seconds":"ten","event":"md:match:7"}"#, "/seconds"),
            (r#"{"kind":"duplicate","event":" 7"}"#, "/event"),
            (r#"{"kind":"clock_skew"}"#, ""),
            (r#"{"kind":"flood","count":1}"#, "/kind"),
        ] {
            assert_eq!(read(json).unwrap_err().pointer, pointer, "{json}");
        }
    }
}
