//! One connection of a drive: what it sends when, and how that went.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chassis::lifecycle::Shutdown;
use domain::{Name, Source};
use tokio::time::Instant;

use super::held::HeldUp;
use super::inject::{Due, Fate};
use super::log::micros;
use super::{Counters, DriveReport, Flights, Hush, Inject, Log, REFUSED_SHOWN_MAX, times};
use crate::faults::{Factor, is_right};
use crate::format::Format;
use crate::metrics;
use crate::pacer::{BatchLimits, Item, Pacer, Playhead, Speed, Timeline, Turn};
use crate::schedule::{Schedule, Times};
use crate::sender::{ACCEPTED, Batch, Problem, Sender, Witness};

/// One connection and what goes over it.
pub(super) struct Lane {
    pub(super) schedule: Arc<Schedule>,
    /// Whose messages each channel of it holds, where that is known.
    pub(super) channel_sources: Arc<[Option<Source>]>,
    pub(super) lines: Vec<u32>,
    pub(super) sender: Sender,
    pub(super) start: Instant,
    pub(super) playhead: Playhead,
    pub(super) limits: BatchLimits,
    pub(super) raw: bool,
    pub(super) counters: Arc<Counters>,
    pub(super) flights: Arc<Flights>,
    pub(super) log: Arc<Log>,
    pub(super) hush: Hush,
    pub(super) inject: Inject,
    pub(super) answers: Arc<BTreeMap<u64, Vec<u16>>>,
    pub(super) stop: Shutdown,
    pub(super) lateness: ::metrics::Histogram,
}

/// What goes out in one request.
#[derive(Debug, Default)]
struct Parcel {
    lines: Vec<u32>,
    /// The copies that were asked for, behind the lines: each of a place among them, for an order's number.
    copies: Vec<(usize, usize)>,
    /// Messages that are not of the schedule, behind those: each for an order's number.
    added: Vec<(usize, Vec<u8>)>,
}

/// A parcel on its way.
struct Outgoing {
    lane: Arc<Lane>,
    parcel: Parcel,
    /// `None` where they were meant to be late.
    free: Option<Free>,
}

/// From when on messages could be in time.
#[derive(Debug)]
struct Free {
    /// Their provider was made silent until then, so long after the start.
    hushed: Duration,
    /// The answer for which they waited came then, in microseconds after the start.
    answered_micros: AtomicI64,
}

impl Lane {
    /// Sends every line when it is due. After a batch that had to be given up nothing follows: it would only be
    /// a gap to its receiver.
    pub(super) async fn run(self: Arc<Self>) -> DriveReport {
        let mut report = DriveReport::new(self.lines.len() as u64);
        let (mut hushed, mut answered) = (Duration::ZERO, Duration::ZERO);
        let mut pacer = Pacer::new(self.limits);
        let mut held = HeldUp::default();
        let item = |place: usize| self.item(self.lines[place]);
        loop {
            if self.stop.has_begun() {
                return report;
            }
            if let Some(until) = self.hush.until(self.provider()) {
                tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = self.stop.begun() => {}
                }
                hushed = until.saturating_duration_since(self.start);
                continue;
            }
            let (course, now) = (self.playhead.course(), Instant::now());
            let is_last = pacer.is_done(self.lines.len());
            let released = if course.stands() { None } else { held.release(now, is_last) };
            if let Some(lines) = released.and_then(|lines| self.may_go(lines, &mut held)) {
                for parcel in self.cut(&lines) {
                    // It was meant to be late, so its lateness says nothing.
                    self.outgoing(parcel, None).send(&mut report).await;
                    answered = self.start.elapsed();
                    if self.gives_up(&mut report) || self.stop.has_begun() {
                        return report;
                    }
                }
                continue;
            }
            let next_held = held.next();
            match pacer.turn(self.lines.len(), item, |offset_ns| course.is_due(offset_ns, now)) {
                Turn::Wait(offset_ns) => tokio::select! {
                    () = self.playhead.reach(offset_ns) => {}
                    () = self.come(next_held) => {}
                    () = self.stop.begun() => {}
                },
                // What waits to be overtaken goes once it does not stand still.
                Turn::Done if !held.is_empty() => tokio::select! {
                    () = self.come(next_held.or(Some(now))) => {}
                    () = self.stop.begun() => {}
                },
                Turn::Done => return report,
                Turn::Send(range) => {
                    let last = self.lines[range.clone()].last().copied();
                    last.into_iter().for_each(|line| course.let_go(self.item(line).offset_ns));
                    self.log.come_to(&self.schedule, &self.lines[range.clone()]);
                    for parcel in self.sort_out(&self.lines[range], &mut held) {
                        self.outgoing(parcel, Some(Free::from(hushed, answered))).send(&mut report).await;
                        answered = self.start.elapsed();
                        if self.gives_up(&mut report) {
                            return report;
                        }
                    }
                }
            }
        }
    }

    /// Waits for a moment, where there is one, else for ever; and beyond it while the playhead stands still.
    async fn come(&self, until: Option<Instant>) {
        match until {
            Some(until) => {
                tokio::time::sleep_until(until).await;
                self.playhead.goes().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Whether a batch had to be given up; then all that is left is undelivered.
    fn gives_up(&self, report: &mut DriveReport) -> bool {
        if report.gave_up.is_some() {
            report.undelivered = report.messages - report.accepted - report.refused;
        }
        report.gave_up.is_some()
    }

    fn item(&self, line: u32) -> Item {
        let line = line as usize;
        Item { offset_ns: self.schedule.offset_ns(line), bytes: self.schedule.message(line).len() }
    }

    /// These lines in as many requests as keep to the limits.
    fn cut(&self, lines: &[u32]) -> Vec<Parcel> {
        let mut pacer = Pacer::new(self.limits);
        let mut parcels = Vec::new();
        while let Turn::Send(range) = pacer.turn(lines.len(), |place| self.item(lines[place]), |_| true) {
            parcels.push(Parcel { lines: lines[range].to_vec(), ..Parcel::default() });
        }
        parcels
    }

    /// What of these lines goes out now, request by request, with what was asked for besides; the rest is held up, or dropped.
    fn sort_out(&self, lines: &[u32], held: &mut HeldUp) -> Vec<Parcel> {
        if held.is_empty() && !self.inject.is_waiting() && !self.hush.is_of_producers() {
            return vec![Parcel { lines: lines.to_vec(), ..Parcel::default() }];
        }
        let timeline = self.playhead.timeline();
        let mut parcels = Parcels::default();
        for &line in lines {
            let channel = self.schedule.channel(line as usize);
            if held.joins(channel, line) {
                continue;
            }
            if let Some(length) = self.silence_of(channel) {
                held.hold(channel, line, length, true);
                continue;
            }
            match self.inject.fate(self.due(&timeline, line as usize)) {
                Fate::Goes { copies, before, behind } => {
                    parcels.add_others(before);
                    parcels.add(line, copies);
                    parcels.add_others(behind);
                    held.passes(channel).into_iter().for_each(|line| parcels.add(line, Vec::new()));
                }
                Fate::Dropped => {}
                Fate::Held { length, with_followers } => held.hold(channel, line, length, with_followers),
                Fate::Overtaken(count) => held.let_overtake(channel, line, count),
            }
        }
        parcels.finish()
    }

    /// For how long the producer of a channel says nothing from now on; `None` where it may speak.
    fn silence_of(&self, channel: usize) -> Option<Duration> {
        let until = self.hush.producer_until(self.channel_sources[channel].as_ref()?)?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    /// Messages of one event that were held up long enough; `None` where their producer has been silenced meanwhile, so that they are
    /// held up further.
    fn may_go(&self, lines: Vec<u32>, held: &mut HeldUp) -> Option<Vec<u32>> {
        let channel = self.schedule.channel(*lines.first()? as usize);
        let Some(length) = self.silence_of(channel) else { return Some(lines) };
        lines.into_iter().for_each(|line| held.hold(channel, line, length, true));
        None
    }

    /// What a fault has to know of a line.
    fn due(&self, timeline: &Timeline, line: usize) -> Due<'_> {
        let offset_ns = self.schedule.offset_ns(line);
        let now = timeline.started_at.plus_micros(micros(self.start.elapsed()));
        let generated_at = match times(timeline, self.raw, offset_ns, timeline.due_at(offset_ns), now) {
            Times::Generated(at) => at,
            Times::AsWritten => timeline.due_at(offset_ns),
        };
        let speed = match timeline.speed_at(offset_ns) {
            Speed::Max => None,
            speed @ Speed::Factor(_) => Some(Factor::of(speed)),
        };
        Due { schedule: &self.schedule, line, generated_at, speed }
    }

    fn outgoing(self: &Arc<Self>, parcel: Parcel, free: Option<Free>) -> Outgoing {
        Outgoing { lane: Arc::clone(self), parcel, free }
    }

    /// Whether a message of a Unified Odds Feed was refused because it was read as one of our own XML: whoever knows the feed
    /// can read it. Then none of them will ever be taken.
    fn is_misread(&self, line: u32, problem: &Problem) -> bool {
        self.sender.format == Format::Uof
            && problem.is_unread()
            && !is_right(&self.answers, u64::from(line), problem.status)
            && self.schedule.read(line as usize).is_some()
    }

    fn provider(&self) -> &Name {
        let line = self.lines.first().map_or(0, |line| *line as usize);
        &self.schedule.channels()[self.schedule.channel(line)].provider
    }

    /// The messages one under the other, each with its times.
    fn join(&self, lines: &[u32]) -> Batch {
        let timeline = self.playhead.timeline();
        let now = timeline.started_at.plus_micros(micros(self.start.elapsed()));
        // A rewritten time may be a few digits longer than the one it replaces.
        let bytes: usize = lines.iter().map(|&line| self.schedule.message(line as usize).len() + 16).sum();
        let mut batch = Batch::with_capacity(self.sender.format, lines.len(), bytes);
        for &line in lines {
            let line = line as usize;
            let offset_ns = self.schedule.offset_ns(line);
            let times = match times(&timeline, self.raw, offset_ns, timeline.due_at(offset_ns), now) {
                Times::Generated(at) => {
                    Times::Generated(self.log.made(&self.schedule, line, timeline.started_at, at))
                }
                Times::AsWritten => Times::AsWritten,
            };
            self.inject.revisions().write(&self.schedule, line, times, &mut batch.bytes);
            batch.end_message();
        }
        batch
    }

    /// How late each line is that goes out so long after the start; those that are due at no time are left out.
    fn lateness(&self, lines: &[u32], free: &Free, elapsed: Duration) -> Vec<(u32, Lateness)> {
        let timeline = self.playhead.timeline();
        let late = |line: &u32| {
            let offset_ns = self.schedule.offset_ns(*line as usize);
            let due = micros(timeline.due_after(offset_ns).max(free.hushed));
            let late = Lateness::of(due, free.answered_micros.load(Ordering::Relaxed), micros(elapsed));
            (timeline.speed_at(offset_ns) != Speed::Max).then_some((*line, late))
        };
        lines.iter().filter_map(late).collect()
    }
}

impl Free {
    fn from(hushed: Duration, answered: Duration) -> Self {
        Self { hushed, answered_micros: AtomicI64::new(micros(answered)) }
    }
}

/// How late a message went out, in microseconds: both together are from when it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lateness {
    /// How long it waited for the answer to what went before it.
    pub(super) waited: u64,
    /// How long after that it went.
    pub(super) own: u64,
}

impl Lateness {
    /// Of what was due, could go since an answer came, and went, each so many microseconds after the start.
    fn of(due: i64, answered: i64, sent: i64) -> Self {
        let late = u64::try_from(sent - due).unwrap_or_default();
        // An answer that came after it went is none that it waited for.
        let waited = u64::try_from(answered - due).unwrap_or_default().min(late);
        Self { waited, own: late - waited }
    }
}

/// Parcels that are being made, in order.
#[derive(Debug, Default)]
struct Parcels {
    ready: Vec<Parcel>,
    open: Parcel,
}

impl Parcels {
    fn add(&mut self, line: u32, copies: Vec<usize>) {
        let place = self.open.lines.len();
        self.open.copies.extend(copies.into_iter().map(|number| (place, number)));
        self.open.lines.push(line);
    }

    /// Messages that are not of the schedule: what was added before them goes before them, and what is added next behind.
    fn add_others(&mut self, others: Vec<(usize, Vec<u8>)>) {
        if others.is_empty() {
            return;
        }
        self.open.added = others;
        self.ready.push(std::mem::take(&mut self.open));
    }

    fn finish(mut self) -> Vec<Parcel> {
        if !self.open.lines.is_empty() {
            self.ready.push(self.open);
        }
        self.ready
    }
}

impl Outgoing {
    async fn send(self, report: &mut DriveReport) {
        let outgoing = Arc::new(self);
        let Self { lane, parcel: Parcel { lines, copies, added }, .. } = &*outgoing;
        let mut batch = lane.join(lines);
        let mut numbers = Vec::new();
        for (place, number) in copies {
            let Some(copy) = lane.inject.copy(*number, lane.sender.format, batch.message(*place)) else {
                tracing::warn!(number, "a message has no copy that could go wrong so");
                continue;
            };
            numbers.push(*number);
            batch.bytes.extend_from_slice(&copy);
            batch.end_message();
        }
        for (number, message) in added {
            numbers.push(*number);
            batch.bytes.extend_from_slice(message);
            batch.end_message();
        }
        report.bytes += batch.bytes.len() as u64;
        let flight = lane.flights.begin(lane.provider());
        let delivery = lane.sender.deliver(batch, &outgoing).await;
        let (delivery, answers) = delivery.split_off(lines.len(), numbers.len());
        for (number, answer) in numbers.into_iter().zip(answers) {
            lane.inject.answered(number, answer);
        }
        let given_up = delivery.given_up.as_ref().map_or(0, |(places, _)| places.len());
        if given_up > 0 {
            flight.lost();
        }
        metrics::delivered(delivery.accepted, delivery.refused.len(), given_up, delivery.sent_again);
        report.accepted += delivery.accepted as u64;
        report.refused += delivery.refused.len() as u64;
        report.unanswered += delivery.unanswered as u64;
        lane.counters.sent_again.fetch_add(delivery.sent_again as u64, Ordering::Relaxed);
        let is_misread = |(place, problem): &(usize, Problem)| lane.is_misread(lines[*place], problem);
        let misunderstood = delivery.refused.iter().any(is_misread).then(|| {
            let provider = lane.provider();
            format!(
                "the provider `{provider}` is not configured as one of a Unified Odds Feed: `[providers.{provider}]` of \
                 ingestion's providers file needs `format = \"uof\"` (docs/troubleshooting.md)"
            )
        });
        for (place, problem) in delivery.refused {
            if report.refused_first.len() < REFUSED_SHOWN_MAX {
                report.refused_first.insert(lines[place] as usize, problem);
            }
        }
        report.gave_up = delivery.given_up.map(|(_, why)| why).or(misunderstood);
    }
}

/// Each message is written down as it goes and is answered, be it alone or with others; copies are counted apart.
impl Witness for Outgoing {
    fn sent(&self, places: Range<usize>) {
        let Lane { counters, log, start, lateness, .. } = &*self.lane;
        let lines = &self.parcel.lines;
        let lines = &lines[places.start.min(lines.len())..places.end.min(lines.len())];
        let (timeline, elapsed) = (self.lane.playhead.timeline(), start.elapsed());
        log.sent(lines, elapsed, |line| timeline.due_after(self.lane.schedule.offset_ns(line)));
        counters.sent.fetch_add(lines.len() as u64, Ordering::Relaxed);
        metrics::sent(lines.len());
        let Some(free) = &self.free else { return };
        let late = self.lane.lateness(lines, free, elapsed);
        let mut all = counters.lateness_micros.lock().unwrap_or_else(PoisonError::into_inner);
        for (line, late) in late {
            let micros = late.waited + late.own;
            all.saturating_record(micros);
            log.late(line, late);
            lateness.record(Duration::from_micros(micros));
        }
    }

    fn freed(&self) {
        if let Some(free) = &self.free {
            free.answered_micros.fetch_max(micros(self.lane.start.elapsed()), Ordering::Relaxed);
        }
    }

    fn answered(&self, places: &[usize], status: u16) {
        let Lane { counters, log, start, .. } = &*self.lane;
        let lines: Vec<u32> =
            places.iter().filter_map(|place| self.parcel.lines.get(*place).copied()).collect();
        let counter = if status == ACCEPTED { &counters.accepted } else { &counters.refused };
        if !lines.is_empty() {
            counters.set_obstacle(None);
        }
        counter.fetch_add(lines.len() as u64, Ordering::Relaxed);
        let is_unexpected = |line: &&u32| !is_right(&self.lane.answers, u64::from(**line), status);
        counters.unexpected.fetch_add(lines.iter().filter(is_unexpected).count() as u64, Ordering::Relaxed);
        log.answered(&lines, status, start.elapsed());
    }

    fn unanswered(&self, places: &[usize]) {
        let lines = places.iter().filter_map(|place| self.parcel.lines.get(*place).copied());
        self.lane.log.unanswered(lines);
    }

    fn hindered(&self, why: &str) {
        self.lane.counters.set_obstacle(Some(why.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_for_an_answer_is_told_apart_from_what_went_out_late() {
        let late = |due, answered, sent| {
            let Lateness { waited, own } = Lateness::of(due, answered, sent);
            (waited, own)
        };
        assert_eq!(late(1_000, 0, 1_007), (0, 7), "nothing was in its way");
        assert_eq!(late(1_000, 900, 1_300), (0, 300), "the answer was there before it was due");
        assert_eq!(late(1_000, 1_250, 1_300), (250, 50));
        assert_eq!(
            late(1_000, 1_400, 1_300),
            (300, 0),
            "an answer that came later explains no more than all of it"
        );
        assert_eq!(late(1_000, 900, 990), (0, 0), "early is not late");
    }
}
