//! What is read of a file of StatsBomb's open data. Everything else in it is ignored.

use serde::Deserialize;
use serde::de::Error;

/// One event.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) index: u32,
    pub(super) period: u32,
    /// Milliseconds within the period.
    #[serde(rename = "timestamp", deserialize_with = "millis")]
    pub(super) at_millis: u32,
    #[serde(rename = "type")]
    pub(super) kind: Named,
    pub(super) team: Team,
    pub(super) player: Option<Named>,
    pub(super) shot: Option<Shot>,
    pub(super) pass: Option<Pass>,
    pub(super) foul_committed: Option<Foul>,
    pub(super) bad_behaviour: Option<Foul>,
    pub(super) substitution: Option<Substitution>,
    pub(super) tactics: Option<Tactics>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub(super) id: u64,
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Shot {
    pub(super) outcome: Named,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pass {
    #[serde(rename = "type")]
    pub(super) kind: Option<Named>,
    pub(super) outcome: Option<Named>,
}

/// An offence: on the ball or away from it.
#[derive(Debug, Deserialize)]
pub(super) struct Foul {
    pub(super) card: Option<Named>,
    #[serde(default)]
    pub(super) penalty: bool,
    #[serde(rename = "type")]
    pub(super) kind: Option<Named>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Substitution {
    pub(super) replacement: Named,
}

/// Who plays where from then on.
#[derive(Debug, Deserialize)]
pub(super) struct Tactics {
    pub(super) lineup: Vec<Position>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Position {
    pub(super) player: Named,
}

/// `00:17:21.250`.
fn millis<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parse = || {
        let (clock, millis) = text.split_once('.')?;
        let mut parts = clock.split(':').map(|part| part.parse::<u32>().ok().filter(|part| *part < 60));
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        let millis: u32 = millis.parse().ok().filter(|_| millis.len() == 3)?;
        parts.next().is_none().then_some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis)
    };
    parse().ok_or_else(|| D::Error::custom(format!("`{text}` is no time such as 00:17:21.250")))
}
