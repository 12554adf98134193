//! Closes letters that nobody will send again: it is noted who said so, when and why, where it is noted what became of those
//! that were sent. Before that the feeds of their events are told, so that what comes later is not shut by a letter that
//! nobody finds among the open ones. What is shut already stays shut, for it has to be put right.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chassis::kafka::{
    PartitionReader, Producer, ProducerSettings, ReaderSettings, Record, TopicOffset, partition_of,
};
use domain::event::Head;
use domain::letter::{LetterMark, RedriveOutcome};
use domain::refused::{REFUSED_HEADER, RefusedMessage};
use domain::{EventId, Sport, Timestamp};
use nix::unistd::{User, geteuid};
use sqlx::{MySqlConnection, MySqlPool};

use super::Place;
use super::letter::{About, Letter};
use super::report;
use super::state::{self, State};

/// How long a processor may take to come to where its feed ended.
const PROCESSED_WITHIN: Duration = Duration::from_secs(10);
/// How often the database is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What the database takes of a reason, in characters.
const REASON_MAX: usize = 1_000;

/// Who closes: whoever is named, else the account in which this runs.
#[must_use]
pub fn who(named: Option<String>) -> String {
    named.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| {
        let id = geteuid();
        let user = User::from_uid(id).ok().flatten();
        user.map_or_else(|| format!("user {id}"), |user| user.name)
    })
}

/// Closes letters of which nothing has become before, all or none; says what has become of each.
///
/// # Errors
/// Where one keeps its event shut: it has to be put right, and could not be any more. Where the processors have not come to where
/// the feeds end: nobody can tell yet whether one does. None is closed then.
pub async fn close(place: &Place, letters: &[Letter], (by, why): (&str, &str)) -> Result<Vec<State>> {
    let database = &place.database;
    let states = state::of(database, letters).await?;
    let open: Vec<&Letter> =
        letters.iter().zip(&states).filter(|(_, state)| state.is_open()).map(|(letter, _)| letter).collect();
    // What a letter shuts is in the database only once its event's processor has heard of it.
    let events: BTreeSet<&EventId> = open.iter().flat_map(|letter| letter.event_ids()).collect();
    processed(place, &events).await?;
    let mut kept_open = Vec::new();
    for letter in &open {
        for event_id in letter.event_ids() {
            let about = letter.about.as_ref();
            if let Some(what) = shut_by_it(database, event_id, about).await? {
                kept_open.push(format!("{}: {what}", letter.id));
            }
        }
    }
    if !kept_open.is_empty() {
        bail!(
            "{}: redrive it as it is or put right, or let its provider send a right one; nothing was closed",
            kept_open.join("; ")
        );
    }
    let now = Timestamp(jiff::Timestamp::now().as_microsecond());
    // Before it is noted: whoever is stopped in between finds the letters open, and closes them again.
    tell(place, &open, now).await?;
    let reason: String =
        format!("by {by} at {}: {why}", report::at(Some(now.0))).chars().take(REASON_MAX).collect();
    let mut transaction = database.begin().await?;
    for letter in open {
        note(&mut transaction, letter, &reason, now).await?;
    }
    transaction.commit().await.context("noting that the letters are closed")?;
    state::of(database, letters).await
}

/// Waits until the processors have come to where the feeds of these events end now.
async fn processed(place: &Place, events: &BTreeSet<&EventId>) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let topics = Sport::ALL.map(|sport| place.topics.feed(sport));
    let settings = ReaderSettings::new(&place.kafka, "matchday dlq");
    let reader =
        PartitionReader::open(settings, &topics).await.context("asking Kafka where the feeds end")?;
    let mut awaited = Vec::new();
    for (sport, topic) in Sport::ALL.into_iter().zip(&topics) {
        let ends: Vec<&TopicOffset> = reader.ends().iter().filter(|end| *end.topic == **topic).collect();
        awaited.extend(of_events(&ends, events).into_iter().map(|end| (sport, end.partition, end.offset)));
    }
    drop(reader);
    let began = Instant::now();
    loop {
        let sql = "SELECT sport, kafka_partition, next_offset FROM feed_offsets";
        let found: Vec<(String, i32, i64)> = sqlx::query_as(sql).fetch_all(&place.database).await?;
        let come_to: HashMap<(&str, i32), i64> =
            found.iter().map(|(sport, partition, next)| ((sport.as_str(), *partition), *next)).collect();
        // Where a sport was never processed nothing of it is open.
        let is_processed = |sport: &Sport| found.iter().any(|(processed, ..)| processed == sport.as_str());
        awaited.retain(|(sport, partition, end)| {
            let at = come_to.get(&(sport.as_str(), *partition)).copied().unwrap_or_default();
            is_processed(sport) && at < *end
        });
        let Some((sport, partition, end)) = awaited.first() else { return Ok(()) };
        if began.elapsed() >= PROCESSED_WITHIN {
            bail!(
                "the feed of {sport} is not processed so far yet: its partition {partition} ends at {end}, and the letters may shut \
                 what is there; nothing was closed"
            );
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Of a topic's partitions those in which the events are, with where they end.
fn of_events<'e>(ends: &[&'e TopicOffset], events: &BTreeSet<&EventId>) -> Vec<&'e TopicOffset> {
    let count = i32::try_from(ends.len()).unwrap_or(i32::MAX);
    let partitions: BTreeSet<i32> =
        events.iter().map(|event_id| partition_of(event_id.as_str().as_bytes(), count)).collect();
    ends.iter().copied().filter(|end| partitions.contains(&end.partition)).collect()
}

/// Tells the feeds of their events that nothing will come in the letters' place.
async fn tell(place: &Place, letters: &[&Letter], now: Timestamp) -> Result<()> {
    let told = |letter: &Letter| {
        let mark = LetterMark::of(&letter.bytes);
        let about = letter.about.as_ref();
        let (producer, position) =
            (about.and_then(|it| it.producer.clone()), about.and_then(|it| it.position));
        let events: Vec<EventId> = letter.event_ids().cloned().collect();
        let source = letter.provider().cloned().map(|provider| (provider, producer));
        source.into_iter().flat_map(move |(provider, producer)| {
            let source = (provider, producer);
            let closed = |event_id: &EventId| {
                RefusedMessage::closed((&source.0, source.1.as_ref()), event_id, position, mark, now)
            };
            events.iter().flat_map(closed).collect::<Vec<_>>()
        })
    };
    let records = letters.iter().flat_map(|letter| {
        let id = letter.id;
        told(letter).map(move |closed| Record {
            topic: place.topics.feed(closed.sport).into(),
            partition: None,
            key: Some(closed.event_id.as_str().to_owned().into()),
            payload: closed.encode().into(),
            headers: vec![(REFUSED_HEADER, id.to_string().into())],
        })
    });
    let records: Vec<Record> = records.collect();
    if records.is_empty() {
        return Ok(());
    }
    let producer = Producer::new(ProducerSettings::new(&place.kafka, "matchday dlq"))?;
    for sent in producer.send_all(records).await {
        sent.context("telling the feeds that the letters are closed; nothing was closed")?;
    }
    Ok(())
}

async fn note(connection: &mut MySqlConnection, letter: &Letter, reason: &str, now: Timestamp) -> Result<()> {
    // What a processor has decided meanwhile stands. The outcome is the last column, for those before it ask what it was.
    let sql = "INSERT INTO redrives (provider, letter_partition, letter_offset, attempt, reason, pointer, sport, kafka_partition, \
               feed_offset, decided_at, outcome) VALUES (?, ?, ?, 0, ?, '', '', -1, -1, ?, ?) ON DUPLICATE KEY UPDATE \
               reason = IF(outcome = 'refused', VALUES(reason), reason), \
               pointer = IF(outcome = 'refused', VALUES(pointer), pointer), \
               decided_at = IF(outcome = 'refused', VALUES(decided_at), decided_at), \
               outcome = IF(outcome = 'refused', VALUES(outcome), outcome)";
    sqlx::query(sql)
        .bind(letter.provider().map_or("", |provider| provider.as_str()))
        .bind(letter.id.partition)
        .bind(letter.id.offset)
        .bind(reason)
        .bind(now.0)
        .bind(RedriveOutcome::Closed.as_str())
        .execute(connection)
        .await
        .with_context(|| format!("noting that letter {} is closed; nothing was", letter.id))?;
    Ok(())
}

/// What a letter about this event keeps shut, where it does. An event that has not begun is not shut by it once the letter is
/// closed.
async fn shut_by_it(
    database: &MySqlPool,
    event_id: &EventId,
    about: Option<&About>,
) -> Result<Option<String>> {
    let heads = state::heads(database, [event_id]).await?;
    let has_place = |head: &Head| {
        let (source, position) = about.and_then(|about| Some((about.source()?, about.position?)))?;
        head.feeds.iter().find(|feed| feed.source == source).map(|feed| feed.has_letter_at(position))
    };
    if heads.get(event_id).and_then(has_place).unwrap_or(false) {
        return Ok(Some(format!("{event_id} waits for it")));
    }
    let shut =
        "SELECT COUNT(*) FROM markets WHERE event_id = ? AND value LIKE '%\"suspension\":\"dead_letter\"%'";
    let shut: i64 = sqlx::query_scalar(shut).bind(event_id.as_str()).fetch_one(database).await?;
    Ok((shut > 0).then(|| format!("{shut} markets of {event_id} are shut by dead letters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_feed_the_partitions_of_the_events_are_awaited() {
        let end = |partition| TopicOffset { topic: "feed".into(), partition, offset: 7 };
        let ends = [0, 1, 2, 3].map(end);
        let ends: Vec<&TopicOffset> = ends.iter().collect();
        let awaited = |id: &str| {
            let event_id = EventId::new(id).unwrap();
            let awaited = of_events(&ends, &BTreeSet::from([&event_id]));
            awaited.iter().map(|end| end.partition).collect::<Vec<_>>()
        };
        for id in ["md:match:1", "md:match:2", "md:match:3"] {
            assert_eq!(awaited(id), [partition_of(id.as_bytes(), 4)]);
        }
    }

    #[test]
    fn who_closes_is_named_also_where_nobody_says_it() {
        assert_eq!(who(Some("Ada".to_owned())), "Ada");
        let id = std::process::Command::new("id").arg("-un").output().unwrap();
        let account = String::from_utf8(id.stdout).unwrap();
        for nobody in [None, Some(String::new())] {
            assert_eq!(who(nobody), account.trim_end());
        }
    }
}
