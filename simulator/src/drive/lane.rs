//! One connection of a drive: what it sends when, and how that went.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chassis::lifecycle::Shutdown;
use domain::Name;
use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::inject::Fate;
use super::{Counters, DriveReport, Hush, Inject, Log, REFUSED_SHOWN_MAX};
use crate::metrics;
use crate::pacer::{BatchLimits, Item, Pacer, Playhead, Speed, Turn};
use crate::schedule::{Schedule, Times};
use crate::sender::{Batch, Sender};

/// One connection and what goes over it.
pub(super) struct Lane {
    pub(super) schedule: Arc<Schedule>,
    pub(super) lines: Vec<u32>,
    pub(super) sender: Sender,
    pub(super) start: Instant,
    pub(super) playhead: Playhead,
    pub(super) limits: BatchLimits,
    pub(super) raw: bool,
    pub(super) counters: Arc<Counters>,
    pub(super) log: Arc<Log>,
    pub(super) hush: Hush,
    pub(super) inject: Inject,
    pub(super) stop: Shutdown,
    pub(super) lateness: ::metrics::Histogram,
}

/// An event whose messages are held up.
struct Held {
    channel: usize,
    until: Instant,
    lines: Vec<u32>,
}

/// Lines that go out together, and the copies that were asked for: each of a place among them, for an order's number.
struct Going<'l> {
    lines: Cow<'l, [u32]>,
    copies: Vec<(usize, usize)>,
}

impl Lane {
    /// Sends every line when it is due. After a batch that had to be given up nothing follows: it would only be
    /// a gap to its receiver.
    pub(super) async fn run(self) -> DriveReport {
        let mut report = DriveReport::new(self.lines.len() as u64);
        let mut pacer = Pacer::new(self.limits);
        let mut held: Vec<Held> = Vec::new();
        let item = |place: usize| {
            let line = self.lines[place] as usize;
            Item { offset_ns: self.schedule.offset_ns(line), bytes: self.schedule.message(line).len() }
        };
        loop {
            if self.stop.has_begun() {
                return report;
            }
            if let Some(until) = self.hush.until(self.provider()) {
                tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = self.stop.begun() => {}
                }
                continue;
            }
            let (course, now) = (self.playhead.course(), Instant::now());
            let released = held.iter().position(|held| held.until <= now).map(|place| held.remove(place));
            if let Some(Held { lines, .. }) = released {
                // It was meant to be late, so its lateness says nothing.
                self.send(Going { lines: lines.into(), copies: Vec::new() }, &mut report).await;
                if self.gives_up(&mut report) {
                    return report;
                }
                continue;
            }
            let next_held = held.iter().map(|held| held.until).min();
            match pacer.turn(self.lines.len(), item, |offset_ns| course.is_due(offset_ns, now)) {
                Turn::Wait(offset_ns) => tokio::select! {
                    () = self.playhead.reach(offset_ns) => {}
                    () = come(next_held) => {}
                    () = self.stop.begun() => {}
                },
                Turn::Done if next_held.is_some() => tokio::select! {
                    () = come(next_held) => {}
                    () = self.stop.begun() => {}
                },
                Turn::Done => return report,
                Turn::Send(range) => {
                    let going = self.sort_out(&self.lines[range], &mut held);
                    if going.lines.is_empty() {
                        continue;
                    }
                    self.note_lateness(&going.lines, &mut report.lateness_micros);
                    self.send(going, &mut report).await;
                    if self.gives_up(&mut report) {
                        return report;
                    }
                }
            }
        }
    }

    /// Whether a batch had to be given up; then all that is left is undelivered.
    fn gives_up(&self, report: &mut DriveReport) -> bool {
        if report.gave_up.is_some() {
            report.undelivered = report.messages - report.accepted - report.refused;
        }
        report.gave_up.is_some()
    }

    /// What of these lines goes out now; what is held up joins what is held already.
    fn sort_out<'l>(&self, lines: &'l [u32], held: &mut Vec<Held>) -> Going<'l> {
        if held.is_empty() && !self.inject.is_waiting() {
            return Going { lines: lines.into(), copies: Vec::new() };
        }
        let (mut going, mut copies) = (Vec::with_capacity(lines.len()), Vec::new());
        for &line in lines {
            let channel = self.schedule.channel(line as usize);
            if let Some(held) = held.iter_mut().find(|held| held.channel == channel) {
                held.lines.push(line);
                continue;
            }
            match self.inject.fate(&self.schedule, line as usize) {
                Fate::Goes(of) => {
                    copies.extend(of.into_iter().map(|number| (going.len(), number)));
                    going.push(line);
                }
                Fate::Dropped => {}
                Fate::Held(length) => {
                    held.push(Held { channel, until: Instant::now() + length, lines: vec![line] });
                }
            }
        }
        Going { lines: going.into(), copies }
    }

    fn provider(&self) -> &Name {
        let line = self.lines.first().map_or(0, |line| *line as usize);
        &self.schedule.channels()[self.schedule.channel(line)].provider
    }

    async fn send(&self, Going { lines, copies }: Going<'_>, report: &mut DriveReport) {
        let lines = &*lines;
        let mut batch = self.join(lines);
        for (place, number) in &copies {
            let copy = self.inject.copy(*number, self.sender.format, batch.message(*place));
            batch.bytes.extend_from_slice(&copy);
            batch.end_message();
        }
        report.sent += lines.len() as u64;
        self.counters.sent.fetch_add(lines.len() as u64, Ordering::Relaxed);
        metrics::sent(lines.len());
        self.log.sent(lines, self.start.elapsed());
        report.bytes += batch.bytes.len() as u64;
        let (delivery, answers) = self.sender.deliver(batch).await.split_off(lines.len(), copies.len());
        for ((_, number), answer) in copies.iter().zip(answers) {
            self.inject.answered(*number, answer);
        }
        self.log.answered(lines, &delivery, self.start.elapsed());
        let given_up = delivery.given_up.as_ref().map_or(0, |(places, _)| places.len());
        metrics::delivered(delivery.accepted, delivery.refused.len(), given_up, delivery.sent_again);
        report.accepted += delivery.accepted as u64;
        report.refused += delivery.refused.len() as u64;
        report.sent_again += delivery.sent_again as u64;
        report.unanswered += delivery.unanswered as u64;
        self.counters.accepted.fetch_add(delivery.accepted as u64, Ordering::Relaxed);
        self.counters.refused.fetch_add(delivery.refused.len() as u64, Ordering::Relaxed);
        self.counters.sent_again.fetch_add(delivery.sent_again as u64, Ordering::Relaxed);
        for (place, problem) in delivery.refused {
            if report.refused_first.len() < REFUSED_SHOWN_MAX {
                report.refused_first.insert(lines[place] as usize, problem);
            }
        }
        report.gave_up = delivery.given_up.map(|(_, why)| why);
    }

    /// The messages one under the other, each with its times. At top speed nothing is due, so now is its time.
    fn join(&self, lines: &[u32]) -> Batch {
        let timeline = self.playhead.timeline();
        let now = timeline.started_at.plus_micros(micros(self.start.elapsed()));
        // A rewritten time may be a few digits longer than the one it replaces.
        let bytes: usize = lines.iter().map(|&line| self.schedule.message(line as usize).len() + 16).sum();
        let mut batch = Batch::with_capacity(self.sender.format, lines.len(), bytes);
        for &line in lines {
            let line = line as usize;
            let offset_ns = self.schedule.offset_ns(line);
            let times = match (self.raw, timeline.speed_at(offset_ns)) {
                (true, _) => Times::AsWritten,
                (false, Speed::Max) => Times::Generated(now),
                (false, Speed::Factor(_)) => Times::Generated(timeline.due_at(offset_ns)),
            };
            self.schedule.write(line, times, &mut batch.bytes);
            batch.end_message();
        }
        batch
    }

    fn note_lateness(&self, lines: &[u32], lateness_micros: &mut Histogram<u64>) {
        let timeline = self.playhead.timeline();
        let elapsed = self.start.elapsed();
        for &line in lines {
            let offset_ns = self.schedule.offset_ns(line as usize);
            if timeline.speed_at(offset_ns) == Speed::Max {
                continue;
            }
            let due = timeline.due_after(offset_ns);
            let late = u64::try_from(elapsed.saturating_sub(due).as_micros()).unwrap_or(u64::MAX);
            lateness_micros.saturating_record(late);
            self.lateness.record(Duration::from_micros(late));
        }
    }
}

/// Waits for a moment, where there is one, else for ever.
async fn come(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
