//! What has become of a dead letter: what the processors have noted of its redrive, and whether its event still waits for it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Context, Result};
use domain::event::Head;
use domain::letter::{LetterId, RedriveOutcome};
use domain::{EventId, Position, Source};
use sqlx::{MySqlPool, QueryBuilder};

use super::letter::{About, Letter, RefusedBy};

/// Events asked for with one statement.
const EVENTS_MAX: usize = 200;

/// What has become of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was never sent again, or was refused again for this reason.
    Open(Option<String>),
    /// It was sent again or closed at this time, in microseconds, and nothing more is to be done.
    Redriven(RedriveOutcome, String, i64),
    /// Its event has gone on without it: another message has taken its place.
    Superseded,
    /// It is an earlier one, byte for byte, that its provider has sent once more: what becomes of that one is enough.
    Again(LetterId),
}

/// Letters that were sent more than once: who hears no answer sends again. Of each the first one, and when it was dealt with.
#[derive(Debug, Default)]
pub struct Repeats(HashMap<u64, (LetterId, Option<i64>)>);

impl Repeats {
    /// The first letter that this one, which has come to this, is once more. One that was refused after the first was dealt with is
    /// the first of others: it shuts its event anew.
    pub fn first(&mut self, letter: &Letter, state: &State) -> Option<LetterId> {
        let mut hasher = DefaultHasher::new();
        let came_to = letter.refused_by == RefusedBy::Ingestion;
        // With another routing key the same bytes may be refused for another reason, or be right.
        (letter.provider(), came_to, &letter.routing_key, &letter.bytes).hash(&mut hasher);
        let own = match state {
            State::Redriven(_, _, decided_at) => (letter.id, Some(*decided_at)),
            _ => (letter.id, None),
        };
        let first = self.0.entry(hasher.finish()).or_insert(own);
        if first.1.is_some_and(|decided_at| letter.refused_at > Some(decided_at)) {
            *first = own;
        }
        (first.0 != letter.id).then_some(first.0)
    }
}

/// What is noted of a redrive.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Noted {
    letter_partition: i32,
    letter_offset: i64,
    provider: String,
    /// Which attempt it is about.
    pub attempt: u64,
    outcome: String,
    reason: String,
    pointer: String,
    /// When, in microseconds.
    pub decided_at: i64,
}

impl State {
    /// Whether something is still to be done about the letter.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }
}

impl Noted {
    /// What became of it.
    pub fn outcome(&self) -> Result<RedriveOutcome> {
        self.outcome.parse().with_context(|| format!("the database says `{}`", self.outcome))
    }

    /// Why, and where in the message; empty where it has had its effect.
    pub fn reason(&self) -> String {
        match self.pointer.as_str() {
            "" => self.reason.clone(),
            pointer => format!("{} at {pointer}", self.reason),
        }
    }

    /// Whether it is about this letter: what another provider says of it does not count.
    pub fn is_of(&self, letter: &Letter) -> bool {
        let id = LetterId { partition: self.letter_partition, offset: self.letter_offset };
        id == letter.id && letter.provider().is_none_or(|name| name.as_str() == self.provider)
    }
}

/// What has become of each letter.
pub async fn of(database: &MySqlPool, letters: &[Letter]) -> Result<Vec<State>> {
    let Some(first) = letters.iter().map(|letter| letter.id.offset).min() else { return Ok(Vec::new()) };
    let last = letters.iter().map(|letter| letter.id.offset).max().unwrap_or(first);
    let noted = noted(database, first, last).await?;
    let about = letters.iter().filter_map(|letter| letter.about.as_ref()?.event_id.as_ref());
    let heads = heads(database, about).await?;
    let state = |letter: &Letter| -> Result<State> {
        let is_over = letter.about.as_ref().is_some_and(|about| is_over(about, &heads));
        let found = noted.iter().find(|noted| noted.is_of(letter));
        let Some(found) = found else {
            return Ok(if is_over { State::Superseded } else { State::Open(None) });
        };
        Ok(match found.outcome()? {
            RedriveOutcome::Refused if is_over => State::Superseded,
            RedriveOutcome::Refused => State::Open(Some(found.reason())),
            RedriveOutcome::Waiting if is_over => {
                State::Redriven(RedriveOutcome::Applied, String::new(), found.decided_at)
            }
            outcome => State::Redriven(outcome, found.reason(), found.decided_at),
        })
    };
    letters.iter().map(state).collect()
}

/// What is noted of the letters between two offsets, both included.
pub async fn noted(database: &MySqlPool, first: i64, last: i64) -> Result<Vec<Noted>> {
    let sql = "SELECT letter_partition, letter_offset, provider, attempt, outcome, reason, pointer, decided_at FROM redrives \
               WHERE letter_offset BETWEEN ? AND ? ORDER BY decided_at DESC";
    let found = sqlx::query_as(sql).bind(first).bind(last).fetch_all(database).await;
    found.context("asking the database what became of dead letters")
}

/// How far each source has come with these events.
pub async fn heads(
    database: &MySqlPool,
    events: impl IntoIterator<Item = &EventId>,
) -> Result<HashMap<EventId, Head>> {
    let mut ids: Vec<&EventId> = events.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut heads = HashMap::new();
    for ids in ids.chunks(EVENTS_MAX) {
        let mut query = QueryBuilder::new("SELECT event_id, state FROM events WHERE event_id IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id.as_str());
        }
        query.push(")");
        let rows: Vec<(String, String)> = query.build_query_as().fetch_all(database).await?;
        for (id, state) in rows {
            let head = serde_json::from_str(&state).with_context(|| format!("the stored state of {id}"))?;
            heads.insert(EventId::new(id)?, head);
        }
    }
    Ok(heads)
}

fn is_over(about: &About, heads: &HashMap<EventId, Head>) -> bool {
    let applied = |event_id: &EventId, source: &Source| -> Option<Position> {
        let feeds = &heads.get(event_id)?.feeds;
        Some(feeds.iter().find(|feed| feed.source == *source)?.applied)
    };
    let is_over = || {
        let applied = applied(about.event_id.as_ref()?, &about.source()?)?;
        Some(about.position? <= applied)
    };
    is_over().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [Option<&str>; 2] = [Some("hi.-.live.bet_stop.21.sr:match.7.-"), None];

    #[test]
    fn a_letter_is_another_again_where_it_came_with_the_same_bytes_and_routing_key() {
        let mut repeats = Repeats::default();
        let first: Vec<Option<i64>> = [KEYS[0], KEYS[1], KEYS[0], KEYS[1]]
            .into_iter()
            .zip(0..)
            .map(|(key, offset)| Letter::of_ingestion(offset, b"<bet_stop/>", key))
            .map(|letter| repeats.first(&letter, &State::Open(None)).map(|first| first.offset))
            .collect();
        assert_eq!(first, [None, None, Some(0), Some(1)]);
    }

    #[test]
    fn a_letter_that_comes_after_the_same_one_was_dealt_with_is_a_first_one() {
        let mut repeats = Repeats::default();
        let closed = State::Redriven(RedriveOutcome::Closed, String::new(), 20);
        let states =
            [(10, closed), (15, State::Open(None)), (30, State::Open(None)), (40, State::Open(None))];
        let first: Vec<Option<i64>> = states
            .into_iter()
            .zip(0..)
            .map(|((refused_at, state), offset)| {
                let mut letter = Letter::of_ingestion(offset, b"<bet_stop/>", KEYS[0]);
                letter.refused_at = Some(refused_at);
                repeats.first(&letter, &state).map(|first| first.offset)
            })
            .collect();
        assert_eq!(first, [None, Some(0), None, Some(2)]);
    }
}
