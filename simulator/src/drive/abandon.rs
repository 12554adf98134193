//! Games that are on when a drive ends before its time: their producer says that they are abandoned, and voids what is open.
//!
//! It is not known whether what was sent last has arrived. So an event whose messages are counted begins anew, with a
//! snapshot in the next epoch: that needs nothing before it. A Unified Odds Feed has no snapshot, and needs none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::message::{Cancel, CancelledMarket, Window};
use domain::{Body, Content, EventId, EventMessage, FeedMessage, MarketStatus, Name, Position, Timestamp};

use super::record::times_of;
use super::tasks::{Tasks, log_panic};
use super::{Inject, now};
use crate::faults::id_after;
use crate::format::Format;
use crate::ledger::{Account, Deliveries, NEVER, applied};
use crate::schedule::Schedule;
use crate::sender::{ACCEPTED, Batch, Delivery, Patience, Sender};
use crate::uof;

/// How long the last words may take to arrive.
const PATIENCE: Patience =
    Patience { answer_timeout: Duration::from_secs(4), give_up_after: Duration::from_secs(6) };
/// Events whose last words are made together.
const EVENTS_TOGETHER: usize = 100;
/// How many such groups speak at once, each by one request after the other.
const GROUPS_AT_ONCE: usize = 8;
/// Times of a Unified Odds Feed are told apart by the millisecond.
const MILLISECOND_MICROS: i64 = 1_000;

/// What was sent, as it was.
pub(super) struct Sent {
    pub(super) schedule: Arc<Schedule>,
    /// What of it went out otherwise.
    pub(super) inject: Inject,
    pub(super) started_at: Timestamp,
    /// The time that each message said it was made at, after the start; [`NEVER`] where it kept its own.
    pub(super) made_micros: Vec<i64>,
    /// Bytes of one request; larger words go alone.
    pub(super) bytes_max: usize,
}

/// The messages about one event that may have been taken, in the order in which they were sent.
struct Said {
    channel: usize,
    lines: Vec<usize>,
}

/// What goes out in one request.
struct LastWords {
    batch: Batch,
    /// Whose words each message is.
    of: Vec<EventId>,
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
    let (mut abandoned, mut tasks) = (Vec::new(), Tasks::default());
    for (key, mut events) in of_feeds {
        let Some(sender) = senders.get(&key) else { continue };
        let sender = Sender { patience: PATIENCE, ..sender.clone() };
        while !events.is_empty() {
            let some = events.split_off(events.len().saturating_sub(EVENTS_TOGETHER));
            if tasks.len() >= GROUPS_AT_ONCE {
                abandoned.extend(tasks.next().await.into_iter().flatten());
            }
            let provider = key.0.clone();
            tasks.spawn(provider.clone(), abandon_some(Arc::clone(&sent), provider, sender.clone(), some));
        }
    }
    while let Some(done) = tasks.next().await {
        abandoned.extend(done);
    }
    abandoned.sort();
    abandoned
}

/// The last words about some events of one feed; returns of which they were taken.
async fn abandon_some(sent: Arc<Sent>, provider: Name, sender: Sender, events: Vec<Said>) -> Vec<EventId> {
    let format = sender.format;
    // Reading what was said takes a while, and all cores can do it.
    let made = tokio::task::spawn_blocking(move || requests(&sent, &events, format));
    let mut abandoned = Vec::new();
    let made = made.await.unwrap_or_else(|error| {
        log_panic(Some(&provider), &error);
        Vec::new()
    });
    for LastWords { batch, of } in made {
        let delivery = sender.deliver(batch, &Arc::new(())).await;
        for (_, problem) in &delivery.refused {
            tracing::warn!(%problem, "refused that a game is abandoned");
        }
        abandoned.extend(taken(&of, &delivery));
        if let Some((_, why)) = &delivery.given_up {
            tracing::warn!(why, "nobody took that games are abandoned");
            break;
        }
    }
    abandoned
}

/// The last words about some events, as many in each request as it may have bytes; those about one event are in one.
fn requests(sent: &Sent, events: &[Said], format: Format) -> Vec<LastWords> {
    let mut requests: Vec<LastWords> = Vec::new();
    for said in events {
        let Some((event_id, words)) = of_event(sent, said, format) else { continue };
        let words: Vec<&[u8]> = words.iter().map(|words| format.in_batch(words)).collect();
        let bytes: usize = words.iter().map(|words| words.len() + 1).sum();
        let has_room = |last: &mut LastWords| last.batch.bytes.len() + bytes <= sent.bytes_max;
        let mut request = match requests.pop_if(has_room) {
            Some(last) => last,
            None => LastWords { batch: Batch::with_capacity(format, words.len(), bytes), of: Vec::new() },
        };
        for words in words {
            request.batch.bytes.extend_from_slice(words);
            request.batch.end_message();
            request.of.push(event_id.clone());
        }
        requests.push(request);
    }
    requests
}

/// The events whose words were all taken of those that went out together: `of` names that of each message.
fn taken(of: &[EventId], delivery: &Delivery) -> BTreeSet<EventId> {
    let refused = delivery.refused.iter().map(|(place, _)| place);
    let given_up = delivery.given_up.iter().flat_map(|(places, _)| places);
    let untaken: BTreeSet<&EventId> = refused.chain(given_up).filter_map(|place| of.get(*place)).collect();
    of.iter().filter(|event_id| !untaken.contains(event_id)).cloned().collect()
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
        let times = times_of(self.started_at, self.made_micros[line]);
        self.inject.revisions().write(&self.schedule, line, times, &mut bytes);
        self.schedule.channels()[channel].read(&bytes)
    }
}

/// An event and the last words about it, encoded; `None` where it is over, or nothing was said of it.
fn of_event(sent: &Sent, said: &Said, format: Format) -> Option<(EventId, Vec<Vec<u8>>)> {
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
    let words: Vec<_> = words.filter_map(|(body, at)| format.encode(&said_after(last, body, at))).collect();
    (!words.is_empty()).then_some((event_id, words))
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
    use crate::Problem;
    use crate::run_ledger::tests::{START, games, with_copies};

    /// All of a schedule has been sent as it was written.
    fn sent(schedule: Schedule, bytes_max: usize) -> Sent {
        Sent {
            made_micros: vec![NEVER; schedule.len()],
            schedule: Arc::new(schedule),
            inject: Inject::default(),
            started_at: START,
            bytes_max,
        }
    }

    /// The last words about a game of which this much was sent, but for when they are said.
    fn last_words(schedule: Schedule, until: u64) -> FeedMessage {
        let lines: Vec<usize> =
            (0..schedule.len()).filter(|line| schedule.offset_ns(*line) <= until).collect();
        let (_, said) =
            of_event(&sent(schedule, 1 << 20), &Said { channel: 0, lines }, Format::Json).unwrap();
        let message = Format::Json.decode(&said[0], &Name::new("md").unwrap()).unwrap();
        FeedMessage { generated_at: START, ..message }
    }

    #[test]
    fn what_was_said_twice_is_no_newer_than_what_was_said_once() {
        let game = games(Sport::Hockey, 1).schedule;
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

    #[test]
    fn no_request_has_more_bytes_than_it_may_and_none_of_the_last_words_is_left_out() {
        let games = games(Sport::Basketball, 12).schedule;
        let until = games.duration_ns() / 2;
        let said = |channel: usize| {
            let is_said = |line: &usize| games.channel(*line) == channel && games.offset_ns(*line) <= until;
            Said { channel, lines: (0..games.len()).filter(is_said).collect() }
        };
        let events: Vec<Said> = (0..games.channels().len()).map(said).collect();
        let asked = |bytes_max: usize| requests(&sent(games.clone(), bytes_max), &events, Format::Json);
        let together = asked(usize::MAX);
        let [LastWords { batch, of }] = &together[..] else { panic!("{} requests", together.len()) };
        assert_eq!((of.len(), batch.messages()), (12, 12));
        let bytes_max = batch.bytes.len() / 3;
        let apart = asked(bytes_max);
        assert!(apart.len() > 2, "{} requests", apart.len());
        assert!(apart.iter().all(|request| request.batch.bytes.len() <= bytes_max));
        assert_eq!(
            apart.iter().flat_map(|request| &request.of).collect::<Vec<_>>(),
            of.iter().collect::<Vec<_>>()
        );
        assert!(apart.iter().all(|request| request.of.len() == request.batch.messages()));
        assert_eq!(asked(1).len(), 12, "what is larger than that goes alone");
    }

    #[test]
    fn what_was_not_taken_of_one_game_says_nothing_of_the_others() {
        let [a, b, c] = ["md:match:1", "md:match:2", "md:match:3"].map(|id| EventId::new(id).unwrap());
        let of = [a.clone(), b.clone(), b, c.clone()];
        let problem = Problem { status: 422, ..Problem::default() };
        let refused = Delivery { refused: vec![(2, problem)], ..Delivery::default() };
        assert_eq!(taken(&of, &refused), BTreeSet::from([a.clone(), c]));
        let given_up = Delivery { given_up: Some((vec![1, 3], "503".to_owned())), ..Delivery::default() };
        assert_eq!(taken(&of, &given_up), BTreeSet::from([a]));
    }
}
