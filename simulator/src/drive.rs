//! A drive: a schedule goes out over HTTP, every message when it is due, and a report says how that went.
//!
//! Each lane is one connection with one request in flight, but for a Unified Odds Feed, whose messages go out one by one. A
//! channel stays on its lane, so an event's messages keep their order however much is retried; what came due meanwhile goes
//! into the lane's next request.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use chassis::lifecycle::Shutdown;
use domain::{EventId, Name, Source, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::faults::Quiet;
use crate::format::Format;
use crate::metrics;
use crate::pacer::{BatchLimits, Playhead, Speed, Timeline};
use crate::recovery::{Cast, Inbox};
use crate::schedule::{Channel, Schedule, Times};
use crate::sender::{ACCEPTED, Patience, SINGLES_MAX, Sender, Sink, Token};

use abandon::{Sent, abandon};
use counters::Counters;
use lane::Lane;
use log::Log;
use presence::Presence;
use tasks::log_panic;

pub use counters::Gauge;
use flights::Flights;
pub use hush::Hush;
pub(crate) use presence::{channel_sources, sources};

pub use inject::{Awaited, Inject, Injected, Order, OrderRefused, Wish};
pub use report::{DriveReport, LATE_MICROS};
pub use taken::Taken;

mod abandon;
mod counters;
mod flights;
mod held;
mod hush;
pub mod inject;
mod lane;
mod log;
mod moments;
mod presence;
mod record;
mod report;
mod taken;
mod tasks;

/// How many refused messages a report shows; all are counted.
const REFUSED_SHOWN_MAX: usize = 20;
/// Why what was to go over a connection did not.
const LANE_LOST: &str = "what was sent over one connection came to no end: it ended by panic";
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
    /// With which statuses messages may be answered, by their places in the schedule; the others only with 202.
    pub answers: Arc<BTreeMap<u64, Vec<u16>>>,
    /// What says at any moment how far it has come.
    pub gauge: Gauge,
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
            answers: Arc::default(),
            gauge: Gauge::default(),
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
    /// Messages that were answered otherwise than they may be.
    pub unexpected: u64,
    /// Messages sent again, counted each time.
    pub sent_again: u64,
    /// What stands in the way, where nothing has been taken since it was met.
    pub obstacle: Option<String>,
}

/// What is still known of a drive that is over, for whoever goes on speaking in its name.
#[derive(Debug, Clone)]
pub struct Past {
    /// Of whom something was given up.
    flights: Arc<Flights>,
    /// The times with which its messages went out.
    log: Arc<Log>,
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
    let channel_sources: Arc<[Option<Source>]> = channel_sources(&schedule).into();
    let counters = Arc::new(Counters::default());
    options.gauge.show(&counters);
    let log = Arc::new(Log::of(&schedule));
    let start = Instant::now();
    let started_at = now();
    let playhead = &options.playhead;
    // Whoever keeps the playhead keeps no messages by it.
    let offsets = Arc::downgrade(&schedule);
    let next = move |after_ns| offsets.upgrade()?.next_offset_ns(after_ns);
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
            channel_sources: Arc::clone(&channel_sources),
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
            answers: Arc::clone(&options.answers),
            stop: options.stop.clone(),
            lateness: metrics::lateness(),
        };
        tasks.spawn(Arc::new(lane).run());
    }
    let messages = schedule.len() as u64;
    let sources: BTreeSet<Source> = channel_sources.iter().flatten().cloned().collect();
    let _answering = inbox.open(cast(&schedule, &sources));
    let presence = Presence {
        sources,
        schedule: Arc::clone(&schedule),
        senders: senders.clone(),
        flights: Arc::clone(&flights),
        playhead: playhead.clone(),
        limits: options.batch,
        raw: options.raw,
        alive_every: options.alive_every,
        silences: options.silences.clone(),
        hush: options.hush.clone(),
        inject: options.inject.clone(),
        log: Arc::clone(&log),
    };
    let mut presence = std::pin::pin!(Arc::new(presence).run(&mut inbox.requests));
    let mut report = DriveReport::new(messages);
    let mut ticks = tokio::time::interval_at(start + options.progress_every, options.progress_every);
    let too_late = async {
        options.stop.begun().await;
        tokio::time::sleep(STOP_MAX).await;
    };
    let mut too_late = std::pin::pin!(too_late);
    let mut is_broken_off = false;
    loop {
        tokio::select! {
            lane = tasks.join_next() => match lane {
                Some(Ok(lane)) => report.add(lane),
                Some(Err(lost)) => {
                    log_panic(None, &lost);
                    report.gave_up.get_or_insert_with(|| LANE_LOST.to_owned());
                    is_broken_off = true;
                }
                None => break,
            },
            () = &mut presence => {}
            // What is on its way by then has no answer.
            () = &mut too_late => {
                tasks.shutdown().await;
                is_broken_off = true;
                break;
            }
            _ = ticks.tick() => progress(&counters.progress(start.elapsed(), messages)),
        }
    }
    report.elapsed = start.elapsed();
    report.count(&counters);
    let unanswered = messages - report.accepted - report.refused;
    if is_broken_off {
        // Lanes that did not come to their end say nothing of what they leave.
        report.undelivered = unanswered;
    }
    report.timeline = Timeline::clone(&playhead.timeline());
    report.is_raw = options.raw;
    report.is_stopped = options.stop.has_begun() && unanswered > 0;
    report.deliveries = log.deliveries(&schedule, &report.timeline);
    // What was refused is not of the accepted ones; a sink that drops messages answers nothing.
    let is_refused = |line: &usize| !matches!(report.deliveries.status[*line], 0 | ACCEPTED);
    let sought = (0..schedule.len()).filter(|line| schedule.is_sought(*line) && !is_refused(line)).count();
    report.sought = sought as u64;
    report.late_micros = log.late_micros();
    report.waited_micros = log.waited_micros();
    report.made_micros = log.all_made_micros();
    report.past = Past { flights, log };
    if options.abandons && (report.is_stopped || report.gave_up.is_some()) {
        let sent = Sent {
            schedule: Arc::clone(&schedule),
            inject: options.inject.clone(),
            started_at: report.timeline.started_at,
            made_micros: report.made_micros.clone(),
            bytes_max: options.batch.bytes_max,
        };
        report.abandoned_events = abandon(sent, &report.deliveries, &senders).await;
        report.abandoned = report.abandoned_events.len() as u64;
    }
    progress(&counters.progress(report.elapsed, messages));
    Ok(report)
}

/// Once a drive with these options is over, the producers of its schedule go on saying that they are alive, as often as the options
/// say, and whether something of theirs was lost, and answer whoever asks for what was sent, until this is dropped: what was sent to
/// its end is not to be taken for a silence.
///
/// # Errors
/// When no HTTP client can be made.
pub async fn keep_alive(
    schedule: Arc<Schedule>,
    options: &DriveOptions,
    past: &Past,
    inbox: &mut Inbox,
) -> anyhow::Result<()> {
    let mut senders = BTreeMap::new();
    for Channel { provider, format, .. } in schedule.channels() {
        if let Entry::Vacant(free) = senders.entry((provider.clone(), *format)) {
            free.insert(sender(options, provider, *format)?);
        }
    }
    let sources = sources(&schedule);
    let _answering = inbox.open(cast(&schedule, &sources));
    let presence = Presence {
        sources,
        log: Arc::clone(&past.log),
        schedule,
        senders,
        flights: Arc::clone(&past.flights),
        playhead: options.playhead.clone(),
        limits: options.batch,
        raw: options.raw,
        alive_every: options.alive_every,
        silences: Vec::new(),
        hush: options.hush.clone(),
        inject: options.inject.clone(),
    };
    Arc::new(presence).run(&mut inbox.requests).await;
    Ok(())
}

/// Who can be asked, and for what.
fn cast(schedule: &Schedule, sources: &BTreeSet<Source>) -> Cast {
    let events = schedule.channels().iter().filter_map(|channel| channel.event_id.as_deref());
    Cast {
        producers: sources.iter().map(|source| source.producer.clone()).collect(),
        events: events.filter_map(|id| EventId::new(id).ok()).collect(),
    }
}

/// A connection of its own. Nothing of a proxy, cookies or redirects is wanted here.
fn sender(options: &DriveOptions, provider: &Name, format: Format) -> anyhow::Result<Sender> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(SINGLES_MAX)
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

/// The times with which a message goes out that is due then. At top speed nothing is due, so now is its time.
fn times(timeline: &Timeline, is_raw: bool, offset_ns: u64, due_at: Timestamp, now: Timestamp) -> Times {
    match (is_raw, timeline.speed_at(offset_ns)) {
        (true, _) => Times::AsWritten,
        (false, Speed::Max) => Times::Generated(now),
        (false, Speed::Factor(_)) => Times::Generated(due_at),
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

#[cfg(test)]
mod tests;
