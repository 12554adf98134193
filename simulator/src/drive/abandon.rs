//! Games that are on when a drive ends before its time: their producer says that they are abandoned, and voids what is open.
//!
//! It is not known whether what was sent last has arrived. So an event whose messages are counted begins anew, with a
//! snapshot in the next epoch: that needs nothing before it. A Unified Odds Feed has no snapshot, and needs none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::message::{Cancel, CancelledMarket, Window};
use domain::{Body, Content, EventId, EventMessage, FeedMessage, MarketStatus, Name, Position, Timestamp};
use tokio::task::JoinSet;

use super::{Inject, now, times};
use crate::faults::id_after;
use crate::format::Format;
use crate::ledger::{Account, Deliveries, NEVER, applied};
use crate::pacer::Timeline;
use crate::schedule::Schedule;
use crate::sender::{ACCEPTED, Batch, Patience, Sender};
use crate::uof;

/// How long the last words may take to arrive.
const PATIENCE: Patience =
    Patience { answer_timeout: Duration::from_secs(4), give_up_after: Duration::from_secs(6) };
/// Events of one request.
const BATCH_EVENTS: usize = 100;
/// Requests that are made at once.
const BATCHES_AT_ONCE: usize = 8;
/// Times of a Unified Odds Feed are told apart by the millisecond.
const MILLISECOND_MICROS: i64 = 1_000;

/// What was sent, as it was.
pub(super) struct Sent {
    pub(super) schedule: Arc<Schedule>,
    /// What of it went out otherwise.
    pub(super) inject: Inject,
    pub(super) timeline: Timeline,
    /// When each message was due.
    pub(super) due_micros: Vec<i64>,
    /// Whether messages kept the times they were written with.
    pub(super) is_raw: bool,
}

/// The messages about one event that may have been taken, in the order in which they were sent.
struct Said {
    channel: usize,
    lines: Vec<usize>,
}

/// Says of every event that is on that it is abandoned; returns of which that was taken.
pub(super) async fn abandon(
    sent: Sent,
    deliveries: &Deliveries,
    senders: &BTreeMap<(Name, Format), Sender>,
) -> Vec<EventId> {
    let sent = Arc::new(sent);
    let mut of_feeds: BTreeMap<(Name, Format), Vec<Said>> = BTreeMap::new();
    for said in sent.by_event(deliveries) {
        let channel = &sent.schedule.channels()[said.channel];
        of_feeds.entry((channel.provider.clone(), channel.format)).or_default().push(said);
    }
    let (mut abandoned, mut tasks) = (Vec::new(), JoinSet::new());
    for (key, mut events) in of_feeds {
        let Some(sender) = senders.get(&key) else { continue };
        let sender = Sender { patience: PATIENCE, ..sender.clone() };
        while !events.is_empty() {
            let some = events.split_off(events.len().saturating_sub(BATCH_EVENTS));
            if tasks.len() >= BATCHES_AT_ONCE {
                abandoned.extend(tasks.join_next().await.and_then(Result::ok).into_iter().flatten());
            }
            tasks.spawn(abandon_some(Arc::clone(&sent), sender.clone(), some));
        }
    }
    while let Some(done) = tasks.join_next().await {
        abandoned.extend(done.unwrap_or_default());
    }
    abandoned.sort();
    abandoned
}

/// The last words about some events of one feed; returns of which they were taken.
async fn abandon_some(sent: Arc<Sent>, sender: Sender, events: Vec<Said>) -> Vec<EventId> {
    let format = sender.format;
    // Reading what was said takes a while, and all cores can do it.
    let made = tokio::task::spawn_blocking(move || {
        let (mut batch, mut of) = (Batch::with_capacity(format, events.len(), 0), Vec::new());
        for said in &events {
            let Some(words) = of_event(&sent, said, format) else { continue };
            let event_id = sent.schedule.channels()[said.channel].event_id.as_deref();
            of.extend(event_id.and_then(|id| EventId::new(id).ok()));
            for words in words {
                batch.bytes.extend_from_slice(format.in_batch(&words));
                batch.end_message();
            }
        }
        (batch, of)
    });
    let Ok((batch, of)) = made.await else { return Vec::new() };
    if batch.messages() == 0 {
        return Vec::new();
    }
    let delivery = sender.deliver(batch, &Arc::new(())).await;
    for (_, problem) in &delivery.refused {
        tracing::warn!(%problem, "refused that a game is abandoned");
    }
    if let Some((_, why)) = &delivery.given_up {
        tracing::warn!(why, "nobody took that games are abandoned");
    }
    if delivery.refused.is_empty() && delivery.given_up.is_none() { of } else { Vec::new() }
}

impl Sent {
    fn by_event(&self, deliveries: &Deliveries) -> Vec<Said> {
        let said = |channel| Said { channel, lines: Vec::new() };
        let mut events: Vec<Said> = (0..self.schedule.channels().len()).map(said).collect();
        let may_be_taken =
            |line: &usize| deliveries.sent_micros[*line] != NEVER && deliveries.status[*line] <= ACCEPTED;
        for line in (0..self.schedule.len()).filter(may_be_taken) {
            events[self.schedule.channel(line)].lines.push(line);
        }
        events.retain(|said| !said.lines.is_empty());
        events
    }

    /// A message with the times with which it went out.
    fn message(&self, channel: usize, line: usize) -> Option<FeedMessage> {
        let mut bytes = Vec::new();
        let due_at = self.timeline.started_at.plus_micros(self.due_micros[line]);
        let times = times(&self.timeline, self.is_raw, self.schedule.offset_ns(line), due_at, now());
        self.inject.revisions().write(&self.schedule, line, times, &mut bytes);
        self.schedule.channels()[channel].read(&bytes)
    }
}

/// The last words about an event, encoded; `None` where it is over, or nothing was said of it.
fn of_event(sent: &Sent, said: &Said, format: Format) -> Option<Vec<Vec<u8>>> {
    // Most games of a long run are over: their last messages say so, and what was said before is not read.
    let mut backwards = messages(sent, said.channel, said.lines.iter().rev());
    if backwards.find_map(|message| is_final(&message)) == Some(true) {
        return None;
    }
    let arrived: Vec<((), FeedMessage)> =
        messages(sent, said.channel, said.lines.iter()).map(|message| ((), message)).collect();
    let Content::Event(EventMessage { event_id, sport, .. }) = arrived.first()?.1.content.clone() else {
        return None;
    };
    let applied = applied(&event_id, sport, arrived);
    let last = applied.iter().map(|(_, message)| message).rfind(|message| !uof::is_of_fixtures(message))?;
    let mut account = Account::new(last.source.producer.clone(), sport);
    for (_, message) in &applied {
        let Content::Event(event) = &message.content else { continue };
        account.enter(&event.body);
    }
    let latest = applied.iter().map(|(_, message)| message.generated_at).max()?;
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
    // Games played faster than they were, with their own times, are ahead of the clock.
    let first = now().max(latest.plus_micros(MILLISECOND_MICROS));
    let at = (0..).map(|number| first.plus_micros(number * MILLISECOND_MICROS));
    let words = bodies.into_iter().flatten().zip(at);
    Some(words.filter_map(|(body, at)| format.encode(&said_after(last, body, at))).collect())
}

/// Messages at these lines, those that can be read.
fn messages<'a>(
    sent: &'a Sent,
    channel: usize,
    lines: impl Iterator<Item = &'a usize> + 'a,
) -> impl Iterator<Item = FeedMessage> + 'a {
    lines.filter_map(move |&line| sent.message(channel, line))
}

/// Whether a message says that its event is over; `None` where it does not say how it stands.
fn is_final(message: &FeedMessage) -> Option<bool> {
    let Content::Event(event) = &message.content else { return None };
    let status = match &event.body {
        Body::EventStatus(status) => Some(status),
        Body::OddsChange(odds) => odds.status.as_ref(),
        Body::Snapshot(snapshot) => snapshot.status.as_ref(),
        _ => None,
    };
    status.map(|status| status.status.is_final())
}

/// What comes after the last message.
fn said_after(last: &FeedMessage, body: Body, at: Timestamp) -> FeedMessage {
    let mut message = last.clone();
    message.occurred_at = None;
    message.generated_at = at;
    if let Content::Event(event) = &mut message.content {
        let epoch = event.position.map_or(1, |position| position.epoch + 1);
        event.position = event.position.map(|_| Position { epoch, sequence: 1 });
        message.message_id = id_after(&event.event_id, &format!("e{epoch}:abandoned"));
        event.body = body;
    }
    message
}

#[cfg(test)]
mod tests {
    use domain::Sport;

    use super::*;
    use crate::pacer::Speed;
    use crate::run_ledger::tests::with_copies;
    use crate::world::{self, Formats, Pace, Plan};

    const START: Timestamp = Timestamp(1_767_225_600_000_000);

    /// The last words about a game of which this much was sent, but for when they are said.
    fn last_words(schedule: Schedule, until: u64) -> FeedMessage {
        let lines: Vec<usize> =
            (0..schedule.len()).filter(|line| schedule.offset_ns(*line) <= until).collect();
        let sent = Sent {
            due_micros: vec![0; schedule.len()],
            schedule: Arc::new(schedule),
            inject: Inject::default(),
            timeline: Timeline::new(START, Speed::Factor(1.0)),
            is_raw: true,
        };
        let said = of_event(&sent, &Said { channel: 0, lines }, Format::Json).unwrap();
        let message = Format::Json.decode(&said[0], &Name::new("md").unwrap()).unwrap();
        FeedMessage { generated_at: START, ..message }
    }

    #[test]
    fn what_was_said_twice_is_no_newer_than_what_was_said_once() {
        let plan = Plan {
            seed: 7,
            sports: vec![Sport::Hockey],
            games: 1,
            formats: Formats::Json,
            pace: Pace::Own,
            start: START,
        };
        let game = world::play(&plan).unwrap().schedule;
        let copied = with_copies(&game);
        let until = game.offset_ns(game.len() * 3 / 4);
        let expected = last_words(game, until);
        let Content::Event(EventMessage { body: Body::Snapshot(snapshot), .. }) = &expected.content else {
            panic!("a snapshot")
        };
        let score = snapshot.status.as_ref().unwrap().score;
        assert!(score.home + score.away > 0, "{score:?}: there were goals");
        assert_eq!(last_words(copied, until), expected);
    }
}
