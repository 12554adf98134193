//! Games that are on when a drive ends before its time: their producer says that they are abandoned, and voids what is open.
//!
//! It is not known whether what was sent last has arrived. So an event whose messages are counted begins anew, with a
//! snapshot in the next epoch: that needs nothing before it. A Unified Odds Feed has no snapshot, and needs none.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::message::{Cancel, CancelledMarket, Window};
use domain::{Body, Content, FeedMessage, MarketStatus, MessageId, Name, Position};

use super::now;
use crate::format::Format;
use crate::ledger::{Account, Deliveries, NEVER};
use crate::schedule::Schedule;
use crate::sender::{Batch, Patience, Sender};

/// How long the last words may take to arrive.
const PATIENCE: Patience =
    Patience { answer_timeout: Duration::from_secs(4), give_up_after: Duration::from_secs(6) };
/// Messages of one request.
const BATCH_MESSAGES: usize = 100;

/// Says of every event that is on that it is abandoned; returns of how many that was taken.
pub(super) async fn abandon(
    schedule: &Schedule,
    deliveries: &Deliveries,
    senders: &BTreeMap<(Name, Format), Sender>,
) -> u64 {
    let mut lines: Vec<Vec<usize>> = vec![Vec::new(); schedule.channels().len()];
    for line in (0..schedule.len()).filter(|line| deliveries.sent_micros[*line] != NEVER) {
        lines[schedule.channel(line)].push(line);
    }
    let mut last_words: BTreeMap<(Name, Format), Vec<Vec<Vec<u8>>>> = BTreeMap::new();
    for (channel, lines) in schedule.channels().iter().zip(lines) {
        let messages = lines
            .iter()
            .filter(|line| deliveries.status[**line] <= 202)
            .filter_map(|&line| channel.format.decode(schedule.message(line), &channel.provider));
        if let Some(words) = of_event(messages, channel.format) {
            let key = (channel.provider.clone(), channel.format);
            last_words.entry(key).or_default().push(words);
        }
    }
    let mut abandoned = 0;
    for (key, events) in last_words {
        let Some(sender) = senders.get(&key) else { continue };
        let sender = Sender { patience: PATIENCE, ..sender.clone() };
        for events in events.chunks(BATCH_MESSAGES) {
            let mut batch = Batch::with_capacity(key.1, events.len(), 0);
            for words in events.iter().flatten() {
                batch.bytes.extend_from_slice(key.1.in_batch(words));
                batch.end_message();
            }
            let delivery = sender.deliver(batch).await;
            for (_, problem) in &delivery.refused {
                tracing::warn!(%problem, "refused that a game is abandoned");
            }
            if let Some((_, why)) = delivery.given_up {
                tracing::warn!(why, "nobody took that games are abandoned");
                break;
            }
            if delivery.refused.is_empty() {
                abandoned += events.len() as u64;
            }
        }
    }
    abandoned
}

/// The last words about an event, encoded; `None` where it is over, or nothing was said of it.
fn of_event(messages: impl Iterator<Item = FeedMessage>, format: Format) -> Option<Vec<Vec<u8>>> {
    let mut account: Option<Account> = None;
    let mut last: Option<FeedMessage> = None;
    for message in messages {
        let Content::Event(event) = &message.content else { continue };
        account.get_or_insert_with(|| Account::new(message.source.producer.clone())).enter(&event.body);
        // What fixtures are told by is no producer of odds.
        let is_earlier = |last: &FeedMessage| last.position() > message.position();
        if !last.as_ref().is_some_and(is_earlier) {
            last = Some(message);
        }
    }
    let (mut account, last) = (account?, last?);
    if !account.is_under_way() {
        return None;
    }
    let bodies = match format {
        Format::Uof => {
            let undecided = account.undecided();
            let void = |key| CancelledMarket { key, void_reason: None };
            let markets: Vec<CancelledMarket> = undecided.into_iter().map(void).collect();
            let cancel = Cancel { markets, window: Window::default(), superseded_by: None };
            let is_needed = !cancel.markets.is_empty();
            [Some(Body::EventStatus(account.abandoned()?)), is_needed.then_some(Body::Cancel(cancel))]
        }
        Format::Json | Format::Xml => {
            account.status = account.abandoned();
            let mut snapshot = account.snapshot();
            for offer in &mut snapshot.markets {
                if offer.status != MarketStatus::Settled {
                    offer.status = MarketStatus::Cancelled;
                }
            }
            [Some(Body::Snapshot(snapshot)), None]
        }
    };
    Some(bodies.into_iter().flatten().filter_map(|body| format.encode(&said(&last, body))).collect())
}

/// What comes after the last message.
fn said(last: &FeedMessage, body: Body) -> FeedMessage {
    let mut message = last.clone();
    message.occurred_at = None;
    message.generated_at = now();
    if let Content::Event(event) = &mut message.content {
        let epoch = event.position.map_or(1, |position| position.epoch + 1);
        event.position = event.position.map(|_| Position { epoch, sequence: 1 });
        message.message_id = MessageId::new(format!("{}:e{epoch}:abandoned", event.event_id))
            .expect("an id and a number are short");
        event.body = body;
    }
    message
}
