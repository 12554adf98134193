//! What lies in Kafka: the feed, the updates and the dead letters of a run.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chassis::kafka::{Message, PartitionReader, ReadEvent, ReaderSettings, TopicOffset};
use chassis::lifecycle::{Shutdown, Tasks};
use domain::{Sport, Topics};
use serde::Deserialize;

use crate::anomaly::RecordPlace;
use crate::observe::mysql::Before;
use crate::oracle::{Letter, Timed, hash};

/// Where Kafka is, and where its topics ended before the run.
#[derive(Debug, Clone)]
pub struct Kafka {
    brokers: String,
    topics: Topics,
    sports: Vec<Sport>,
    from: Vec<TopicOffset>,
}

/// When what was received lay in the last partition, by when it was received; by provider and producer.
pub type Appends = BTreeMap<(String, String), BTreeMap<i64, i64>>;

/// A message in a feed topic.
#[derive(Debug, Clone, Default)]
pub struct Feeds {
    /// Where each message first lies, by its id.
    pub messages: HashMap<String, Appended>,
    /// When ingestion received each `alive`, by provider and producer, in microseconds since the epoch, in order.
    pub alive: BTreeMap<(String, String), Vec<i64>>,
    /// When the last partition had each of those, by the same and by when it was received.
    pub appended: Appends,
    /// When it received each `snapshot_complete`, the same way.
    pub complete: BTreeMap<(String, String), Vec<i64>>,
    /// The messages without a sequence, by event, in the order in which they lie there, each once.
    pub timed: BTreeMap<String, Vec<Timed>>,
}

/// Where a message lies in its feed topic. There may be millions, so the topic's name is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// When Kafka had it, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}

/// An update in an updates topic.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its event's version.
    pub version: u64,
    /// The hash of its payload.
    pub payload: u64,
    /// When Kafka had it, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Its place.
    pub record: RecordPlace,
}

/// What lies in the updates topics.
#[derive(Debug, Clone, Default)]
pub struct Updates {
    /// Every update, by event, in the order in which they lie there.
    pub events: BTreeMap<String, Vec<Published>>,
    /// From when each heartbeat counts, by topic and partition, in microseconds since the epoch, in order: when it was said, or
    /// Kafka had it, whichever was first.
    pub beats: BTreeMap<(String, i32), Vec<i64>>,
}

#[derive(Deserialize)]
struct FeedHead<'a> {
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    provider: Cow<'a, str>,
    #[serde(borrow)]
    producer: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    received_at: Option<i64>,
    #[serde(borrow)]
    event_id: Option<Cow<'a, str>>,
    sequence: Option<u64>,
    generated_at: i64,
}

/// What a heartbeat says.
#[derive(Deserialize)]
struct Beat {
    said_at: Option<i64>,
}

#[derive(Deserialize)]
struct UpdateHead<'a> {
    #[serde(borrow)]
    event_id: Cow<'a, str>,
    version: u64,
}

impl Feeds {
    /// Adds when producers had been heard last before these messages. Of those that were up then no recovery was missing.
    pub fn note_before(&mut self, heard: BTreeMap<(String, String), Before>) {
        for (source, Before { alive_at, was_up }) in heard {
            if was_up {
                self.complete.entry(source.clone()).or_default().insert(0, alive_at);
            }
            let times = self.alive.entry(source).or_default();
            if times.first().is_none_or(|first| alive_at < *first) {
                times.insert(0, alive_at);
            }
        }
    }
}

impl Updates {
    /// Where the update to an event's version lies, first.
    #[must_use]
    pub fn record(&self, event_id: &str, version: u64) -> Option<RecordPlace> {
        let published = self.events.get(event_id)?;
        published.iter().find(|update| update.version == version).map(|update| update.record.clone())
    }
}

impl From<&Appended> for RecordPlace {
    fn from(Appended { topic, partition, offset, .. }: &Appended) -> Self {
        Self { topic: topic.to_string(), partition: *partition, offset: *offset }
    }
}

impl Kafka {
    /// Notes where the topics of these sports end now.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub async fn now(brokers: &str, topics: &Topics, sports: Vec<Sport>) -> Result<Self> {
        let mut kafka =
            Self { brokers: brokers.to_owned(), topics: topics.clone(), sports, from: Vec::new() };
        let names = kafka.names();
        kafka.from = open(brokers, &names).await?.ends().to_vec();
        Ok(kafka)
    }

    fn names(&self) -> Vec<String> {
        let of_sport = |sport: &Sport| [self.topics.feed(*sport), self.topics.updates(*sport)];
        self.sports.iter().flat_map(of_sport).chain([self.topics.dead_letters()]).collect()
    }

    /// Everything in the feed topics since then.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn feeds(&self) -> Result<Feeds> {
        let names: Vec<String> = self.sports.iter().map(|sport| self.topics.feed(*sport)).collect();
        let shared: Vec<Arc<str>> = names.iter().map(|name| Arc::from(name.as_str())).collect();
        let mut feeds = Feeds::default();
        self.read(&names, |message| {
            let Ok(head) = serde_json::from_slice::<FeedHead>(message.payload()) else { return };
            let of_producer = match &*head.kind {
                "alive" => Some(&mut feeds.alive),
                "snapshot_complete" => Some(&mut feeds.complete),
                _ => None,
            };
            if let Some(of_producer) = of_producer {
                let source = (head.provider.into_owned(), head.producer.into_owned());
                if let Some((received_at, at_ms)) = head.received_at.zip(message.appended_at_ms())
                    && head.kind == "alive"
                {
                    let appended = feeds.appended.entry(source.clone()).or_default();
                    let appended = appended.entry(received_at).or_insert(received_at);
                    *appended = (at_ms * 1_000).max(*appended);
                }
                let heard = of_producer.entry(source).or_default();
                // It stands in every partition of every sport.
                if let Some(at) = head.received_at.filter(|at| !heard.contains(at)) {
                    heard.push(at);
                }
                return;
            }
            let Some(topic) = shared.iter().find(|name| ***name == *message.topic()) else { return };
            let Entry::Vacant(first) = feeds.messages.entry(head.message_id.into_owned()) else { return };
            if let Some(event_id) = head.event_id.filter(|_| head.sequence.is_none()) {
                let timed = Timed { message_id: first.key().clone(), generated_at: head.generated_at };
                feeds.timed.entry(event_id.into_owned()).or_default().push(timed);
            }
            first.insert(Appended {
                at_ms: message.appended_at_ms().unwrap_or_default(),
                topic: Arc::clone(topic),
                partition: message.partition(),
                offset: message.offset(),
            });
        })
        .await?;
        feeds.alive.values_mut().chain(feeds.complete.values_mut()).for_each(|heard| heard.sort_unstable());
        Ok(feeds)
    }

    /// Everything in the updates topics since then.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn updates(&self) -> Result<Updates> {
        let names: Vec<String> = self.sports.iter().map(|sport| self.topics.updates(*sport)).collect();
        let mut updates = Updates::default();
        self.read(&names, |message| {
            let at_ms = message.appended_at_ms().unwrap_or_default();
            // A heartbeat has no key.
            let Some(key) = message.key() else {
                let place = (message.topic().to_owned(), message.partition());
                let said_at =
                    serde_json::from_slice::<Beat>(message.payload()).ok().and_then(|beat| beat.said_at);
                let at = said_at.map_or(at_ms * 1_000, |said_at| said_at.min(at_ms * 1_000));
                return updates.beats.entry(place).or_default().push(at);
            };
            let head = serde_json::from_slice::<UpdateHead>(message.payload());
            let (event_id, version) = match head {
                Ok(head) => (head.event_id.into_owned(), head.version),
                Err(_) => (String::from_utf8_lossy(key).into_owned(), 0),
            };
            updates.events.entry(event_id).or_default().push(Published {
                version,
                payload: hash(message.payload()),
                at_ms,
                record: place(message),
            });
        })
        .await?;
        updates.beats.values_mut().for_each(|beats| beats.sort_unstable());
        Ok(updates)
    }

    /// Every dead letter since then.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn letters(&self) -> Result<Vec<Letter>> {
        let mut letters = Vec::new();
        self.read(&[self.topics.dead_letters()], |message| {
            let header = |name: &str| {
                message
                    .header(name)
                    .map_or_else(String::new, |text| String::from_utf8_lossy(text).into_owned())
            };
            letters.push(Letter {
                record: place(message),
                key: message.key().unwrap_or_default().to_vec(),
                provider: header("provider"),
                reason: header("reason"),
                bytes: message.payload().to_vec(),
            });
        })
        .await?;
        Ok(letters)
    }

    async fn read(&self, names: &[String], mut take: impl FnMut(&Message)) -> Result<()> {
        let reader = open(&self.brokers, names).await?;
        let from = self.from.iter().filter(|place| names.iter().any(|name| **name == *place.topic));
        let shutdown = Shutdown::default();
        let mut events =
            reader.start(from.cloned().collect(), &Tasks::new(shutdown.clone()), shutdown.clone())?;
        loop {
            match events.recv().await {
                Some(ReadEvent::Batch(batch)) => batch.iter().for_each(|message| take(&message)),
                Some(ReadEvent::CaughtUp) => break,
                Some(ReadEvent::Failed(error)) => return Err(error).context("reading Kafka"),
                None => bail!("reading Kafka ended early"),
            }
        }
        shutdown.begin();
        Ok(())
    }
}

fn place(message: &Message) -> RecordPlace {
    RecordPlace {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
    }
}

async fn open(brokers: &str, names: &[String]) -> Result<PartitionReader> {
    let settings = ReaderSettings::new(brokers, "matchday judge");
    PartitionReader::open(settings, names)
        .await
        .with_context(|| format!("asking Kafka at {brokers} for its topics"))
}
