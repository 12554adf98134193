//! Decides whether a message is accepted, and writes what Kafka gets for it: canonical JSON with the time of
//! receipt, under the event's key.

use std::sync::Arc;

use bytes::Bytes;
use chassis::kafka::Producer;
use domain::codec::batch::Fault;
use domain::codec::json;
use domain::letter::{REDRIVE_HEADER, Redrive};
use domain::limit::AHEAD_MICROS_MAX;
use domain::producer::UNNUMBERED_HEADER;
use domain::{Body, Content, FeedMessage, Name, Sport, Timestamp, Topics};

use crate::backlog::Backlogs;
use crate::broadcast::{Broadcasts, Partitions};
use crate::loaded::Loaded;
use crate::outbox::Outbox;
use crate::producers::Producers;
use crate::reading::{Reading, about};
use crate::redrive;
use crate::refusal::{self, Refusal};

/// The feed topics' names, shared by all records.
#[derive(Debug)]
pub struct FeedTopics {
    feeds: Vec<(Sport, Arc<str>)>,
    events: Arc<str>,
    /// Where descriptions go.
    pub descriptions: Arc<str>,
}

impl FeedTopics {
    /// Of every sport.
    pub fn new(topics: &Topics) -> Self {
        Self {
            feeds: Sport::ALL.into_iter().map(|sport| (sport, topics.feed(sport).into())).collect(),
            events: topics.events().into(),
            descriptions: topics.descriptions().into(),
        }
    }

    /// A sport's topic. Every sport has one.
    pub fn of(&self, sport: Sport) -> &Arc<str> {
        let found = self.feeds.iter().find(|(known, _)| *known == sport);
        &found.expect("topics were made for Sport::ALL").1
    }

    /// Every sport's topic with its number of partitions; none while Kafka has not told them.
    pub fn partitions(&self, producer: &Producer) -> Option<Vec<Partitions>> {
        let count = |(sport, topic): &(Sport, Arc<str>)| {
            Some((*sport, Arc::clone(topic), producer.known_partition_count(topic)?))
        };
        self.feeds.iter().map(count).collect()
    }
}

/// What all messages of a request have in common.
#[derive(Debug)]
pub struct Receipt<'a> {
    /// The provider in the request's path.
    pub provider: &'a Name,
    /// How they are read.
    pub reading: &'a Reading,
    /// When the request's body was here.
    pub received_at: Timestamp,
    /// The largest message, in bytes.
    pub max_message_bytes: usize,
    /// Where messages go.
    pub topics: &'a FeedTopics,
    /// Who has spoken so far.
    pub producers: &'a Producers,
    /// Which sports' feeds take no more now.
    pub backlogs: &'a Backlogs,
    /// Which dead letter's place the request's only message takes, where it takes one.
    pub redrive: Option<Redrive>,
    /// What was loaded beside the feeds.
    pub loaded: &'a Loaded,
}

/// One piece of a request's body.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Its number in the request, from 0.
    pub index: usize,
    /// As it came.
    pub bytes: &'a [u8],
    /// What is known to be wrong with it.
    pub fault: Option<Fault>,
}

/// Accepts a message into the outbox, or says why not.
pub fn accept(
    piece: Piece<'_>,
    receipt: &Receipt<'_>,
    broadcasts: &mut Broadcasts<'_>,
    outbox: &mut Outbox,
) -> Result<(), Box<Refusal>> {
    let mut message = read(piece, receipt)?;
    check_not_ahead(&message, receipt)?;
    message.received_at = Some(receipt.received_at);
    match &message.content {
        Content::Event(event) => {
            receipt.backlogs.admit(event.sport).map_err(|problem| about(&message, problem))?;
            // PLANTED lose-message
            #[cfg(feature = "planted")]
            if domain::planted::strikes(domain::planted::Bug::LoseMessage) {
                return Ok(());
            }
            let topic = receipt.topics.of(event.sport);
            outbox.write(piece.index, topic, event.event_id.as_str(), |buffer| {
                json::encode_into(&message, buffer);
            });
            if let Some(redrive) = receipt.redrive {
                outbox.mark_last((REDRIVE_HEADER, redrive.to_string().into()));
            }
            if receipt.reading.may_lack_sports() && matches!(event.body, Body::Fixture(_)) {
                receipt.loaded.events.note(&event.event_id, event.sport);
                outbox.write(piece.index, &receipt.topics.events, event.event_id.as_str(), |buffer| {
                    buffer.extend_from_slice(event.sport.as_str().as_bytes());
                });
            }
        }
        Content::Producer(_) if receipt.redrive.is_some() => {
            return Err(about(&message, redrive::of_a_producer()));
        }
        Content::Producer(_) => {
            let payload = json::encode(&message);
            let admitted = broadcasts.admit(payload.len(), receipt.backlogs);
            let partitions = admitted.map_err(|problem| about(&message, problem))?;
            let is_unnumbered = receipt.reading.is_ordered_by_time();
            let headers = is_unnumbered.then(|| (UNNUMBERED_HEADER, Bytes::from_static(b"true")));
            outbox.broadcast(piece.index, &partitions, headers.as_slice(), |buffer| {
                buffer.extend_from_slice(&payload);
            });
        }
    }
    Ok(())
}

/// The message, where it is one that its provider may send.
fn read(piece: Piece<'_>, receipt: &Receipt<'_>) -> Result<FeedMessage, Box<Refusal>> {
    if piece.bytes.len() > receipt.max_message_bytes {
        crate::metrics::limited("message_bytes");
        let problem = refusal::message_too_large(piece.bytes.len(), receipt.max_message_bytes);
        return Err(Box::new(problem.into()));
    }
    if let Some(fault) = piece.fault {
        let stored = if piece.bytes.is_empty() { "" } else { "; nothing of what stands here is stored" };
        return Err(Box::new(refusal::malformed(format!("not a message: {fault}{stored}")).into()));
    }
    let message = receipt.reading.read(piece.bytes, receipt.provider, receipt.loaded)?;
    receipt
        .producers
        .admit(&message.source, receipt.received_at)
        .map_err(|problem| about(&message, problem))?;
    Ok(message)
}

/// Where times decide what is true, one that has yet to come would outweigh everything that is said until then.
fn check_not_ahead(message: &FeedMessage, receipt: &Receipt<'_>) -> Result<(), Box<Refusal>> {
    let ahead = message.generated_at.0.saturating_sub(receipt.received_at.0);
    if !receipt.reading.is_ordered_by_time() || ahead <= AHEAD_MICROS_MAX {
        return Ok(());
    }
    let detail = format!(
        "its time is {} s ahead of ours; what is ordered by its time may be {} s ahead at most",
        ahead / 1_000_000,
        AHEAD_MICROS_MAX / 1_000_000
    );
    Err(about(message, refusal::invalid(detail)))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use domain::codec::batch::Format;

    use super::*;
    use crate::admission::Admission;
    use crate::config::Config;

    const STOP: &str = r#"{"schema":"1.0","message_id":"m1","provider":"md","producer":"live","sport":"hockey","event_id":"md:match:1","epoch":1,"sequence":2,"type":"bet_stop","generated_at":1767225600000000,"received_at":6,"later":true,"body":{"groups":"all"}}"#;
    const ALIVE: &str = r#"{"schema":"1.0","message_id":"a1","provider":"md","producer":"live","type":"alive","generated_at":1767225600000000,"body":{"subscribed":true}}"#;

    /// Accepts one message of the provider `md`, received at 1000, where every feed topic has 3 partitions.
    fn accept_text(text: &str, know_partitions: bool) -> Result<Vec<chassis::kafka::Record>, Box<Refusal>> {
        accept_but_for(&[], text, know_partitions)
    }

    /// The same where too much of these sports is unread.
    fn accept_but_for(
        shut_out: &[Sport],
        text: &str,
        know_partitions: bool,
    ) -> Result<Vec<chassis::kafka::Record>, Box<Refusal>> {
        let topics = FeedTopics::new(&Topics::default());
        let backlogs = Backlogs::default();
        shut_out.iter().for_each(|sport| backlogs.note(*sport, 80, 80));
        let partitions = topics.feeds.iter().map(|(sport, topic)| (*sport, Arc::clone(topic), 3)).collect();
        let receipt = Receipt {
            provider: &Name::new("md").unwrap(),
            reading: &Reading::Native(Format::Json),
            received_at: Timestamp(1000),
            max_message_bytes: 400,
            topics: &topics,
            producers: &Producers::new(1),
            backlogs: &backlogs,
            redrive: None,
            loaded: &Loaded::default(),
        };
        let limits = Config::parse_from(["ingestion"]).limits;
        let place = Admission::new(&limits).request(receipt.provider).unwrap();
        let mut broadcasts = Broadcasts::new(know_partitions.then_some(partitions), None, &place).unwrap();
        let piece = Piece { index: 0, bytes: text.as_bytes(), fault: None };
        let mut outbox = Outbox::default();
        accept(piece, &receipt, &mut broadcasts, &mut outbox)?;
        Ok(outbox.finish().0)
    }

    fn refused(text: &str) -> (u16, Option<String>, Option<String>) {
        let refusal = accept_text(text, true).unwrap_err();
        let problem = refusal.problem;
        (problem.status.as_u16(), problem.pointer, refusal.event_id.map(|event| event.to_string()))
    }

    #[test]
    fn an_accepted_message_is_canonical_and_stamped_with_our_clock() {
        let records = accept_text(STOP, false).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(&*records[0].topic, "sports-feed-hockey");
        assert_eq!(records[0].key.as_deref(), Some(&b"md:match:1"[..]));
        assert_eq!(records[0].partition, None);
        let stored = json::decode(&records[0].payload).unwrap();
        assert_eq!(stored.received_at, Some(Timestamp(1000)));
        assert!(!String::from_utf8_lossy(&records[0].payload).contains("later"));
    }

    #[test]
    fn what_is_wrong_whatever_its_event_is_told_to_its_sender() {
        let twice = STOP
            .replace("bet_stop", "settlement_rollback")
            .replace(r#"{"groups":"all"}"#, r#"{"markets":[{"id":1},{"id":1}]}"#);
        assert_eq!(refused(&twice).1.as_deref(), Some("/body/markets/1"));
        let score = r#"{"status":"live","match_status":"period_1","score":{"home":4000000000,"away":0}}"#;
        let huge = STOP.replace("bet_stop", "event_status").replace(r#"{"groups":"all"}"#, score);
        assert_eq!(refused(&huge).1.as_deref(), Some("/body/score"));
    }

    #[test]
    fn a_sign_of_life_goes_to_every_partition_of_every_sport_without_a_key() {
        let records = accept_text(ALIVE, true).unwrap();
        assert_eq!(records.len(), 3 * Sport::ALL.len());
        let partitions: Vec<_> = records.iter().take(3).map(|record| record.partition).collect();
        assert_eq!(partitions, [Some(0), Some(1), Some(2)]);
        assert!(records.iter().all(|record| record.key.is_none() && record.headers.is_empty()));
        let refusal = accept_text(ALIVE, false).unwrap_err();
        assert_eq!(refusal.problem.status, 503);
    }

    #[test]
    fn a_sign_of_life_is_kept_from_the_sports_of_which_too_much_is_unread() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let refusals = || recorder.handle().render().contains(r#"limit="unread""#);
        let told = metrics::with_local_recorder(&recorder, || accept_but_for(&[Sport::Hockey], ALIVE, true));
        let records = told.unwrap();
        assert!(!refusals(), "nobody is refused anything");
        assert_eq!(records.len(), 3 * (Sport::ALL.len() - 1));
        assert!(records.iter().all(|record| &*record.topic != "sports-feed-hockey"));
        let told = metrics::with_local_recorder(&recorder, || accept_but_for(&Sport::ALL, ALIVE, true));
        let refusal = told.unwrap_err();
        assert!(refusals());
        let problem = (refusal.problem.status.as_u16(), refusal.problem.kind);
        assert_eq!(problem, (503, "urn:matchday:problem:unread"), "nobody would hear of it");
        assert!(!refusal.is_final(), "it is to be sent again");
    }

    #[test]
    fn refusals_point_at_what_is_wrong() {
        let event = Some("md:match:1".to_owned());
        assert_eq!(refused(&STOP.replace(r#""md""#, r#""nhl""#)), (422, Some("/provider".to_owned()), event));
        assert_eq!(refused(&STOP.replace("bet_stop", "bet_go")), (422, Some("/type".to_owned()), None));
        assert_eq!(refused(&STOP.replace(r#""all""#, "7")), (422, Some("/body/groups".to_owned()), None));
        assert_eq!(refused("{\"schema\":"), (400, None, None));
        assert_eq!(refused(&" ".repeat(401)), (422, None, None));
    }
}
