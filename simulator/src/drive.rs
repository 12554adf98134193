//! A drive: a schedule goes out over HTTP, every message when it is due, and a report says how that went.
//!
//! Each lane is one connection with one request in flight, but for a Unified Odds Feed, whose messages go out one by one. A
//! channel stays on its lane, so an event's messages keep their order however much is retried; what came due meanwhile goes
//! into the lane's next request.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use chassis::lifecycle::Shutdown;
use domain::{EventId, Name, Timestamp};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::faults::Quiet;
use crate::format::Format;
use crate::ledger::Deliveries;
use crate::metrics;
use crate::pacer::{BatchLimits, Playhead, Speed, Timeline};
use crate::presence::{self, Presence};
use crate::recovery::{Cast, Inbox};
use crate::schedule::{Channel, Schedule, Times};
use crate::sender::{Patience, Problem, Sender, Sink, Token};

use abandon::{Sent, abandon};
use lane::Lane;
use log::Log;

pub(crate) use flights::Flights;
pub use hush::Hush;
pub use inject::{Inject, Injected, Order, Wish};
pub use taken::Taken;

mod abandon;
mod flights;
mod hush;
pub mod inject;
mod lane;
mod log;
mod record;
mod taken;

/// How many refused messages a report shows; all are counted.
const REFUSED_SHOWN_MAX: usize = 20;
/// How long what is on its way may take once a drive is stopped.
const STOP_MAX: Duration = Duration::from_secs(6);

/// Where to, how fast and how patiently.
#[derive(Debug, Clone)]
pub struct DriveOptions {
    /// Ingestion's address, such as `http://127.0.0.1:4000`.
    pub target: String,
    /// How fast to go through the schedule.
    pub speed: Speed,
    /// Whether messages go out byte for byte, with the times they were written with.
    pub raw: bool,
    /// Connections per provider and format. Of a Unified Odds Feed so many batches are under way, 32 messages at once in all.
    pub lanes: usize,
    /// What a provider shows to be let in that has no token of its own.
    pub token: Option<Token>,
    /// What each of several providers shows.
    pub tokens: BTreeMap<Name, Token>,
    /// How much goes into one request.
    pub batch: BatchLimits,
    /// How long to try.
    pub patience: Patience,
    /// How often producers say that they are alive; `None`: never, and nobody can tell when they fall silent.
    pub alive_every: Option<Duration>,
    /// What stops it on the way, and lets it go on.
    pub playhead: Playhead,
    /// Where to, in the end.
    pub sink: Sink,
    /// Who says nothing when, as it was planned: not even that they are alive.
    pub silences: Vec<Quiet>,
    /// What makes a provider fall silent now.
    pub hush: Hush,
    /// What goes wrong with single messages because somebody asks for it now.
    pub inject: Inject,
    /// How often progress is told. 1 s.
    pub progress_every: Duration,
    /// What ends it before its time.
    pub stop: Shutdown,
    /// Whether games that are on when it ends before its time, or somebody gives up, are told to be abandoned.
    pub abandons: bool,
}

impl DriveOptions {
    /// The usual way: at the schedule's own speed, with the times of sending.
    #[must_use]
    pub fn to(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            speed: Speed::Factor(1.0),
            raw: false,
            lanes: 4,
            token: None,
            tokens: BTreeMap::new(),
            batch: BatchLimits { messages_max: 500, bytes_max: 1024 * 1024 },
            patience: Patience {
                answer_timeout: Duration::from_secs(10),
                give_up_after: Duration::from_secs(30),
            },
            alive_every: None,
            playhead: Playhead::default(),
            sink: Sink::Http,
            silences: Vec::new(),
            hush: Hush::default(),
            inject: Inject::default(),
            progress_every: Duration::from_secs(1),
            stop: Shutdown::default(),
            abandons: false,
        }
    }
}

/// How far a drive has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// Messages in all.
    pub messages: u64,
    /// Messages that have gone out at least once.
    pub sent: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages refused for good.
    pub refused: u64,
    /// Messages sent again, counted each time.
    pub sent_again: u64,
    /// What stands in the way, where nothing has been taken since it was met.
    pub obstacle: Option<String>,
}

/// How a drive went.
#[derive(Debug, Clone)]
pub struct DriveReport {
    /// When it began, how fast it went and where it stood still: what says when each message was due.
    pub timeline: Timeline,
    /// From the start to the last answer.
    pub elapsed: Duration,
    /// Messages in all.
    pub messages: u64,
    /// Messages that went out at least once.
    pub sent: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages refused for good.
    pub refused: u64,
    /// Messages sent again, counted each time.
    pub sent_again: u64,
    /// Requests without an answer: whether their messages were taken the first time is not known.
    pub unanswered: u64,
    /// Messages without a final answer when patience ended, and those that were to follow on their lanes.
    pub undelivered: u64,
    /// The last thing that stood in a lane's way, where one gave up.
    pub gave_up: Option<String>,
    /// What stood in the way at the end, where nothing had been taken since it was met.
    pub obstacle: Option<String>,
    /// The first refused messages by their place in the schedule.
    pub refused_first: BTreeMap<usize, Problem>,
    /// What became of each message.
    pub deliveries: Deliveries,
    /// Bytes of all requests, each counted once.
    pub bytes: u64,
    /// Whether it was ended before its time.
    pub is_stopped: bool,
    /// Games that were told to be abandoned.
    pub abandoned: u64,
    /// Which these are.
    pub abandoned_events: Vec<EventId>,
    /// Whether messages went out with the times they were written with.
    pub is_raw: bool,
    /// From due to sent for the first time, in microseconds; of what came due while its provider was made silent, from the end
    /// of that. Empty at top speed: nothing is due then.
    pub lateness_micros: Histogram<u64>,
    /// The same of each message, in the order of the schedule; [`crate::ledger::NEVER`] where it does not count.
    pub late_micros: Vec<i64>,
}

impl DriveReport {
    /// Of a drive that had nothing to send.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self::new(0)
    }

    /// Whether every message was accepted.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.accepted == self.messages
    }

    /// Accepted messages a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// A histogram of microseconds with three digits, up to an hour; what is longer counts as an hour.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("these bounds are within what a histogram allows")
}

/// Sends a schedule from now on. Dropping the future ends it.
///
/// # Errors
/// When the target is no `http` address, or no HTTP client can be made. What goes wrong on the way is in the
/// report.
pub async fn drive(
    schedule: Arc<Schedule>,
    options: &DriveOptions,
    progress: impl FnMut(&Progress),
) -> anyhow::Result<DriveReport> {
    drive_and_answer(schedule, options, &mut Inbox::of_nobody(), progress).await
}

/// As [`drive`], and answers whoever asks for what was sent already.
///
/// # Errors
/// As those of [`drive`].
pub async fn drive_and_answer(
    schedule: Arc<Schedule>,
    options: &DriveOptions,
    inbox: &mut Inbox,
    mut progress: impl FnMut(&Progress),
) -> anyhow::Result<DriveReport> {
    let target =
        reqwest::Url::parse(&options.target).with_context(|| format!("`{}` is no URL", options.target))?;
    ensure!(target.scheme() == "http", "`{target}` is no address such as http://127.0.0.1:4000");
    let lanes = share_out(&schedule, options.lanes.max(1));
    let counters = Arc::new(Counters::default());
    let log = Arc::new(Log::of(schedule.len()));
    let start = Instant::now();
    let started_at = now();
    let playhead = &options.playhead;
    let offsets = Arc::clone(&schedule);
    let next = move |after_ns| offsets.next_offset_ns(after_ns);
    playhead.begin(start, Timeline::new(started_at, options.speed), next);
    let mut tasks = JoinSet::new();
    let mut senders: BTreeMap<(Name, Format), Sender> = BTreeMap::new();
    let flights = Arc::new(Flights::default());
    for ((provider, format), lines) in lanes {
        let mut sender = sender(options, &provider, format)?;
        let first = senders.entry((provider, format)).or_insert_with(|| sender.clone());
        sender.singles = Arc::clone(&first.singles);
        let lane = Lane {
            schedule: Arc::clone(&schedule),
            lines,
            sender,
            start,
            playhead: playhead.clone(),
            limits: options.batch,
            raw: options.raw,
            counters: Arc::clone(&counters),
            flights: Arc::clone(&flights),
            log: Arc::clone(&log),
            hush: options.hush.clone(),
            inject: options.inject.clone(),
            stop: options.stop.clone(),
            lateness: metrics::lateness(),
        };
        tasks.spawn(Arc::new(lane).run());
    }
    let messages = schedule.len() as u64;
    let sources = presence::sources(&schedule);
    let events = schedule.channels().iter().filter_map(|channel| channel.event_id.as_deref());
    let _answering = inbox.open(Cast {
        producers: sources.iter().map(|source| source.producer.clone()).collect(),
        events: events.filter_map(|id| EventId::new(id).ok()).collect(),
    });
    let presence = Presence {
        sources,
        schedule: Arc::clone(&schedule),
        senders: senders.clone(),
        flights,
        playhead: playhead.clone(),
        limits: options.batch,
        alive_every: options.alive_every,
        start,
        silences: options.silences.clone(),
        hush: options.hush.clone(),
    };
    let mut presence = std::pin::pin!(Arc::new(presence).run(&mut inbox.requests));
    let mut report = DriveReport::new(messages);
    let mut ticks = tokio::time::interval_at(start + options.progress_every, options.progress_every);
    let too_late = async {
        options.stop.begun().await;
        tokio::time::sleep(STOP_MAX).await;
    };
    let mut too_late = std::pin::pin!(too_late);
    loop {
        tokio::select! {
            lane = tasks.join_next() => match lane {
                Some(lane) => report.add(lane.context("a lane ended by panic")?),
                None => break,
            },
            () = &mut presence => {}
            // What is on its way by then has no answer.
            () = &mut too_late => {
                tasks.shutdown().await;
                break;
            }
            _ = ticks.tick() => progress(&counters.progress(start.elapsed(), messages)),
        }
    }
    report.elapsed = start.elapsed();
    report.count(&counters);
    report.timeline = Timeline::clone(&playhead.timeline());
    report.is_raw = options.raw;
    report.is_stopped = options.stop.has_begun() && report.sent < messages;
    report.deliveries = log.deliveries(&schedule, &report.timeline);
    report.late_micros = log.late_micros();
    if options.abandons && (report.is_stopped || report.gave_up.is_some()) {
        let sent =
            Sent { schedule: Arc::clone(&schedule), timeline: report.timeline.clone(), is_raw: options.raw };
        report.abandoned_events = abandon(sent, &report.deliveries, &senders).await;
        report.abandoned = report.abandoned_events.len() as u64;
    }
    progress(&counters.progress(report.elapsed, messages));
    Ok(report)
}

/// The producers of a schedule say that they are alive, as often as the options say, and nothing else, until this is dropped: what
/// was sent to its end is not to be taken for a silence.
///
/// # Errors
/// When no HTTP client can be made.
pub async fn keep_alive(schedule: Arc<Schedule>, options: &DriveOptions) -> anyhow::Result<()> {
    let mut senders = BTreeMap::new();
    for Channel { provider, format, .. } in schedule.channels() {
        if let Entry::Vacant(free) = senders.entry((provider.clone(), *format)) {
            free.insert(sender(options, provider, *format)?);
        }
    }
    let presence = Presence {
        sources: presence::sources(&schedule),
        schedule,
        senders,
        flights: Arc::default(),
        playhead: options.playhead.clone(),
        limits: options.batch,
        alive_every: options.alive_every,
        start: Instant::now(),
        silences: Vec::new(),
        hush: options.hush.clone(),
    };
    Arc::new(presence).run(&mut Inbox::of_nobody().requests).await;
    Ok(())
}

/// A connection of its own. Nothing of a proxy, cookies or redirects is wanted here.
fn sender(options: &DriveOptions, provider: &Name, format: Format) -> anyhow::Result<Sender> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot make an HTTP client")?;
    Ok(Sender {
        sink: options.sink,
        client,
        url: Sender::url(&options.target, provider),
        format,
        token: options.tokens.get(provider).or(options.token.as_ref()).cloned(),
        patience: options.patience,
        singles: Sender::singles(),
    })
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

/// The times with which a message goes out. At top speed nothing is due, so now is its time.
fn times(timeline: &Timeline, is_raw: bool, offset_ns: u64, now: Timestamp) -> Times {
    match (is_raw, timeline.speed_at(offset_ns)) {
        (true, _) => Times::AsWritten,
        (false, Speed::Max) => Times::Generated(now),
        (false, Speed::Factor(_)) => Times::Generated(timeline.due_at(offset_ns)),
    }
}

/// Deals the channels of each provider and format out to its lanes in turn; a lane's lines are in due order.
fn share_out(schedule: &Schedule, lanes_per_feed: usize) -> Vec<((Name, Format), Vec<u32>)> {
    let mut dealt: BTreeMap<(&Name, Format), usize> = BTreeMap::new();
    let places: Vec<((&Name, Format), usize)> = schedule
        .channels()
        .iter()
        .map(|channel| {
            let feed = (&channel.provider, channel.format);
            let count = dealt.entry(feed).or_default();
            *count += 1;
            (feed, (*count - 1) % lanes_per_feed)
        })
        .collect();
    let mut lanes: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    for index in 0..schedule.len() {
        let line = u32::try_from(index).expect("a schedule holds at most 2^32 messages");
        lanes.entry(places[schedule.channel(index)]).or_default().push(line);
    }
    lanes.into_iter().map(|(((provider, format), _), lines)| ((provider.clone(), format), lines)).collect()
}

/// What all lanes add to while they go, message by message.
#[derive(Debug)]
pub(crate) struct Counters {
    sent: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    sent_again: AtomicU64,
    obstacle: Mutex<Option<String>>,
    lateness_micros: Mutex<Histogram<u64>>,
}

impl Default for Counters {
    fn default() -> Self {
        let none = AtomicU64::default;
        let lateness_micros = Mutex::new(histogram());
        let obstacle = Mutex::default();
        Self {
            sent: none(),
            accepted: none(),
            refused: none(),
            sent_again: none(),
            obstacle,
            lateness_micros,
        }
    }
}

impl Counters {
    fn progress(&self, elapsed: Duration, messages: u64) -> Progress {
        Progress {
            elapsed,
            messages,
            sent: self.sent.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            sent_again: self.sent_again.load(Ordering::Relaxed),
            obstacle: self.obstacle.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Something stands in the way, or `None`: something was taken.
    fn set_obstacle(&self, obstacle: Option<String>) {
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner) = obstacle;
    }
}

impl DriveReport {
    fn new(messages: u64) -> Self {
        Self {
            timeline: Timeline::new(Timestamp(0), Speed::Max),
            elapsed: Duration::ZERO,
            messages,
            sent: 0,
            accepted: 0,
            refused: 0,
            sent_again: 0,
            unanswered: 0,
            undelivered: 0,
            gave_up: None,
            obstacle: None,
            refused_first: BTreeMap::new(),
            deliveries: Deliveries::none(Timestamp(0)),
            bytes: 0,
            is_stopped: false,
            abandoned: 0,
            abandoned_events: Vec::new(),
            is_raw: false,
            lateness_micros: histogram(),
            late_micros: Vec::new(),
        }
    }

    /// What was counted, also by lanes that did not come to their end.
    fn count(&mut self, counters: &Counters) {
        let Progress { sent, accepted, refused, sent_again, obstacle, .. } =
            counters.progress(self.elapsed, self.messages);
        self.obstacle = obstacle;
        (self.sent, self.accepted, self.refused, self.sent_again) = (sent, accepted, refused, sent_again);
        let lateness = counters.lateness_micros.lock().unwrap_or_else(PoisonError::into_inner);
        self.lateness_micros.clone_from(&lateness);
    }

    /// What a lane alone knows.
    fn add(&mut self, lane: Self) {
        self.unanswered += lane.unanswered;
        self.bytes += lane.bytes;
        self.undelivered += lane.undelivered;
        self.gave_up = lane.gave_up.or(self.gave_up.take());
        self.refused_first.extend(lane.refused_first);
        while self.refused_first.len() > REFUSED_SHOWN_MAX {
            self.refused_first.pop_last();
        }
    }
}
