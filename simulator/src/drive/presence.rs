//! What producers say besides their games while a drive goes: that they are alive, and once more what somebody asks for.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::message::{Alive, ProducerBody, SCHEMA, SnapshotComplete};
use domain::{Content, FeedMessage, MessageId, Name, Source};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::tasks::Tasks;
use super::{Flights, Hush, Inject, Log, now};
use crate::faults::Quiet;
use crate::format::Format;
use crate::pacer::{BatchLimits, Playhead};
use crate::recovery::{RecoveryRequest, WAITING_MAX};
use crate::schedule::{Channel, Schedule, Times};
use crate::sender::{Batch, Delivery, Sender};
use crate::uof;

/// How often it is looked whether who was silent may speak.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The producers of a drive.
pub(crate) struct Presence {
    /// Who they are.
    pub(crate) sources: BTreeSet<Source>,
    pub(crate) schedule: Arc<Schedule>,
    /// By provider and format.
    pub(crate) senders: BTreeMap<(Name, Format), Sender>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) playhead: Playhead,
    pub(crate) limits: BatchLimits,
    /// Whether messages go out with the times they were written with.
    pub(crate) raw: bool,
    pub(crate) alive_every: Option<Duration>,
    /// When who says nothing, as it was planned.
    pub(crate) silences: Vec<Quiet>,
    pub(crate) hush: Hush,
    /// What goes out otherwise than the schedule has it.
    pub(crate) inject: Inject,
    /// When what has gone out was due.
    pub(crate) log: Arc<Log>,
}

impl Presence {
    /// Says what there is to say until the drive ends, and this is dropped.
    pub(crate) async fn run(self: Arc<Self>, requests: &mut mpsc::Receiver<RecoveryRequest>) {
        tokio::join!(self.answer(requests), self.live());
        std::future::pending().await
    }

    /// Each provider for itself, as with what it says by itself. Where as many requests wait for one as can wait, the others wait,
    /// too.
    async fn answer(self: &Arc<Self>, requests: &mut mpsc::Receiver<RecoveryRequest>) {
        let (mut desks, mut tasks) = (BTreeMap::new(), Tasks::default());
        for Channel { provider, .. } in self.schedule.channels() {
            if let Entry::Vacant(free) = desks.entry(provider) {
                let (desk, asked) = mpsc::channel(WAITING_MAX);
                free.insert(desk);
                tasks.spawn(provider.clone(), Arc::clone(self).answer_as(provider.clone(), asked));
            }
        }
        loop {
            let request = tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => request,
                    None => break,
                },
                // Each goes on for as long as somebody may ask.
                Some(()) = tasks.next() => continue,
            };
            let mut tells: BTreeSet<&Name> = BTreeSet::new();
            let about = self.schedule.channels().iter().filter(|channel| is_about(channel, &request));
            tells.extend(about.map(|channel| &channel.provider));
            // Somebody has to say that this was all.
            let asked = self.sources.iter().filter(|source| request.is_to(&source.producer));
            let asked: BTreeSet<&Name> = asked.map(|source| &source.provider).collect();
            if tells.is_disjoint(&asked) {
                tells.extend(asked);
            }
            for provider in tells {
                if let Some(desk) = desks.get(provider) {
                    // It is taken for as long as this goes.
                    let _ = desk.send(request.clone()).await;
                }
            }
        }
        drop(desks);
        while tasks.next().await.is_some() {}
    }

    async fn answer_as(self: Arc<Self>, provider: Name, mut requests: mpsc::Receiver<RecoveryRequest>) {
        while let Some(request) = requests.recv().await {
            self.repeat(&provider, &request).await;
        }
    }

    /// Each provider for itself: what one has to wait for keeps no other from being heard.
    async fn live(self: &Arc<Self>) {
        let Some(alive_every) = self.alive_every else { return };
        let mut providers: BTreeMap<Name, Vec<Source>> = BTreeMap::new();
        for source in self.sources.iter().cloned() {
            providers.entry(source.provider.clone()).or_default().push(source);
        }
        let mut tasks = Tasks::default();
        for (provider, sources) in providers {
            tasks.spawn(provider.clone(), Arc::clone(self).live_as(provider, sources, alive_every));
        }
        while tasks.next().await.is_some() {}
    }

    /// Who is alive says that nothing of what it has sent was lost, or that something was.
    async fn live_as(self: Arc<Self>, provider: Name, sources: Vec<Source>, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.flights.landed(&provider).await;
            let subscribed = !self.flights.has_lost(&provider);
            for source in sources.iter().filter(|source| !self.is_silent(source)) {
                self.say(source, ProducerBody::Alive(Alive { subscribed })).await;
            }
        }
    }

    /// Whether a producer says nothing at this moment. A silence is a part of the way: while the playhead stands within it, it lasts.
    fn is_silent(&self, source: &Source) -> bool {
        let place_ns = self.playhead.place_ns(Instant::now());
        let is_quiet = |quiet: &Quiet| {
            quiet.provider == source.provider
                && quiet.producer == source.producer
                && quiet.during_ns.contains(&place_ns)
        };
        self.silences.iter().any(is_quiet) || self.hush.producer_until(source).is_some()
    }

    /// Those of a provider's producers that are asked, as far as each is known by its messages.
    fn asked(&self, provider: &Name, request: &RecoveryRequest) -> impl Iterator<Item = &Source> {
        let is_asked =
            move |source: &&Source| source.provider == *provider && request.is_to(&source.producer);
        self.sources.iter().filter(is_asked)
    }

    /// Waits until none of those who are asked says nothing.
    async fn may_speak(&self, provider: &Name, request: &RecoveryRequest) {
        let is_silent = || {
            self.hush.until(provider).is_some()
                || self.asked(provider, request).any(|source| self.is_silent(source))
        };
        while is_silent() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Sends again what is due of a provider already, in the order in which it was, and then says that this was all: once those who
    /// are asked may speak. Where some of it had to be given up, it was not all: nobody says so, and who asked asks again.
    async fn repeat(&self, provider: &Name, request: &RecoveryRequest) {
        let Some(sources) = self.repeat_all(provider, request).await else {
            self.flights.lost_again(provider, request);
            return;
        };
        self.may_speak(provider, request).await;
        self.flights.sent_again(provider, request);
        let complete = SnapshotComplete { request_id: request.request_id };
        for source in &sources {
            self.say(source, ProducerBody::SnapshotComplete(complete.clone())).await;
        }
    }

    /// Who has sent all of it again, or would have; `None` where some of it had to be given up.
    async fn repeat_all(&self, provider: &Name, request: &RecoveryRequest) -> Option<BTreeSet<Source>> {
        self.may_speak(provider, request).await;
        let mut batches: BTreeMap<Format, (Batch, Vec<usize>)> = BTreeMap::new();
        let mut sources = BTreeSet::new();
        for line in 0..self.schedule.len() {
            let format = self.schedule.channels()[self.schedule.channel(line)].format;
            for message in self.again(line, provider, request).unwrap_or_default() {
                let new = || (Batch::with_capacity(format, 0, 0), Vec::new());
                let (batch, lines) = batches.entry(format).or_insert_with(new);
                if write(format, &message, batch) {
                    lines.push(line);
                }
                sources.insert(message.source);
                if batch.messages() >= self.limits.messages_max || batch.bytes.len() >= self.limits.bytes_max
                {
                    self.may_speak(provider, request).await;
                    if let Some(full) = batches.remove(&format)
                        && !self.deliver_again(provider, format, full).await
                    {
                        return None;
                    }
                }
            }
        }
        for (format, batch) in batches {
            self.may_speak(provider, request).await;
            if !self.deliver_again(provider, format, batch).await {
                return None;
            }
        }
        if sources.is_empty() {
            sources = self.asked(provider, request).cloned().collect();
        }
        Some(sources)
    }

    /// A message as it is sent once more, with what was said besides before and behind it; `None` where its turn has not come yet or it
    /// was not asked for.
    fn again(&self, index: usize, provider: &Name, request: &RecoveryRequest) -> Option<Vec<FeedMessage>> {
        let channel = &self.schedule.channels()[self.schedule.channel(index)];
        if channel.provider != *provider || !is_about(channel, request) {
            return None;
        }
        let offset_ns = self.schedule.offset_ns(index);
        let timeline = self.playhead.timeline();
        let due_at = match self.log.made_micros(index) {
            Some(micros) => timeline.started_at.plus_micros(micros),
            None => timeline.due_at(offset_ns),
        };
        let course = self.playhead.course();
        // At top speed each lane goes as fast as it is answered, so each is asked how far it has come.
        let has_come = course.has_come_to(offset_ns, Instant::now())
            && (!course.is_at_top() || self.log.has_come_to(&self.schedule, index));
        if !has_come || request.after.is_some_and(|after| due_at < after) {
            return None;
        }
        let mut bytes = Vec::new();
        let revisions = self.inject.revisions();
        let times = if self.raw { Times::AsWritten } else { Times::Generated(due_at) };
        revisions.write(&self.schedule, index, times, &mut bytes);
        let message = channel.format.decode(&bytes, &channel.provider)?;
        if !request.is_to(&message.source.producer) {
            return None;
        }
        let [before, behind] = revisions.beside(&self.schedule, index);
        let all = before.into_iter().chain([message]).chain(behind);
        let of_request = |message| FeedMessage { request_id: Some(request.request_id), ..message };
        Some(all.map(of_request).collect())
    }

    async fn say(&self, source: &Source, body: ProducerBody) {
        let generated_at = now();
        let name = match body {
            ProducerBody::Alive(_) => "alive",
            ProducerBody::SnapshotComplete(_) => "snapshot-complete",
        };
        let id = format!("{}-{name}-{}", source.producer, generated_at.0);
        let Ok(message_id) = MessageId::new(id) else { return };
        let message = FeedMessage {
            schema: SCHEMA,
            message_id,
            source: source.clone(),
            request_id: None,
            occurred_at: None,
            generated_at,
            received_at: None,
            content: Content::Producer(body),
        };
        let formats = [Format::Json, Format::Xml, Format::Uof].into_iter();
        let mut keys = formats.map(|format| (source.provider.clone(), format));
        let Some(key) = keys.find(|key| self.senders.contains_key(key)) else { return };
        let mut batch = Batch::with_capacity(key.1, 1, 256);
        write(key.1, &message, &mut batch);
        self.deliver(&key, batch).await;
    }

    /// What was kept back is recovered once it has been taken. Whether none of it had to be given up is the answer.
    async fn deliver_again(
        &self,
        provider: &Name,
        format: Format,
        (batch, lines): (Batch, Vec<usize>),
    ) -> bool {
        let Some(delivery) = self.deliver(&(provider.clone(), format), batch).await else { return false };
        let refused = delivery.refused.iter().map(|(place, _)| place);
        let given_up = delivery.given_up.iter().flat_map(|(places, _)| places);
        let untaken: BTreeSet<&usize> = refused.chain(given_up).collect();
        for (place, line) in lines.into_iter().enumerate() {
            if !untaken.contains(&place) {
                self.inject.recovered(line);
            }
        }
        delivery.given_up.is_none()
    }

    /// What became of it; `None` where nobody is there to take it.
    async fn deliver(&self, key: &(Name, Format), batch: Batch) -> Option<Delivery> {
        let delivery = self.senders.get(key)?.deliver(batch, &Arc::new(())).await;
        if let Some((places, why)) = &delivery.given_up {
            tracing::warn!(provider = %key.0, messages = places.len(), why, "nobody took what producers say");
        }
        for (_, problem) in &delivery.refused {
            tracing::warn!(provider = %key.0, %problem, "refused what a producer says");
        }
        Some(delivery)
    }
}

/// Whether a request may mean the messages of a channel.
fn is_about(channel: &Channel, request: &RecoveryRequest) -> bool {
    request.event_id.as_ref().is_none_or(|id| channel.event_id.as_deref() == Some(id.as_str()))
}

/// Whose messages each channel of a schedule holds, by the first that says so; `None` where none does.
pub(crate) fn channel_sources(schedule: &Schedule) -> Vec<Option<Source>> {
    let mut sources = vec![None; schedule.channels().len()];
    for index in 0..schedule.len() {
        let channel = schedule.channel(index);
        if sources[channel].is_none() {
            let Channel { format, provider, .. } = &schedule.channels()[channel];
            let message = format.decode(schedule.message(index), provider);
            sources[channel] = message.filter(|it| !uof::is_of_fixtures(it)).map(|message| message.source);
        }
    }
    sources
}

/// Whose messages a schedule holds.
pub(crate) fn sources(schedule: &Schedule) -> BTreeSet<Source> {
    channel_sources(schedule).into_iter().flatten().collect()
}

/// What the format has no words for is not said; whether it has some is the answer.
fn write(format: Format, message: &FeedMessage, batch: &mut Batch) -> bool {
    let Some(encoded) = format.encode(message) else { return false };
    batch.bytes.extend_from_slice(format.in_batch(&encoded));
    batch.end_message();
    true
}
