//! Where messages go, how patiently, and where that can be watched meanwhile.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use chassis::lifecycle::Shutdown;
use chassis::readiness::Readiness;
use chassis::{admin, http, telemetry};
use clap::Args;
use domain::Name;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use super::{say, signals};
use crate::control::{self, Program, Watch};
use crate::drive::{DriveOptions, DriveReport, Progress, Taken, drive_and_answer};
use crate::faults::FaultPlan;
use crate::metrics;
use crate::pacer::Speed;
use crate::recovery::{self, Inbox};
use crate::schedule::Schedule;
use crate::sender::{Patience, Sink, Token};

/// What clients of the address that is watched may use: those who watch are few, and ask little.
pub(super) const WATCHERS: http::Limits =
    http::Limits { connections: 64, head_seconds: 15, head_bytes: 16 << 10, write_seconds: 30 };

#[derive(Debug, Args)]
pub(super) struct Delivery {
    /// Ingestion's address
    #[arg(long, env = "MATCHDAY_INGESTION", default_value = "http://127.0.0.1:4000", value_name = "URL")]
    to: String,
    /// What the provider shows to be let in
    #[arg(long, env = "MATCHDAY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<Token>,
    /// What single providers show, where there are several, separated by commas
    #[arg(
        long,
        env = "MATCHDAY_TOKENS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "PROVIDER=TOKEN"
    )]
    tokens: Vec<ProviderToken>,
    /// Connections per provider and format; of a Unified Odds Feed batches under way, 32 messages at once in all
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    lanes: u16,
    /// How long a batch that is not taken is sent again
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    give_up_after: u64,
    /// How often producers say that they are alive; 0: never
    #[arg(long, env = "MATCHDAY_ALIVE_SECONDS", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=3_600))]
    alive_seconds: u64,
    /// Where messages go: `null` makes and drops them, to say how fast the simulator itself is
    #[arg(long, value_enum, default_value_t = Sink::Http, value_name = "SINK")]
    sink: Sink,
    /// Begins with a signal to end.
    #[arg(skip)]
    stop: Shutdown,
    /// Where to answer /livez, /readyz, /health and /metrics meanwhile, to tell how it goes, and to be asked for what was lost; without
    /// it nowhere
    #[arg(long, env = "MATCHDAY_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// `provider=token`
#[derive(Debug, Clone)]
struct ProviderToken(Name, Token);

impl FromStr for ProviderToken {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        // Whatever is wrong with it, a token is told to nobody.
        let (name, token) = text.split_once('=').ok_or("not of the form `provider=token`")?;
        let provider: Name = name.parse().map_err(|error: domain::id::IdError| error.to_string())?;
        let token = token.parse().map_err(|_| format!("the token of `{name}` is no header's value"))?;
        Ok(Self(provider, token))
    }
}

/// What sends, for as long as the command lasts.
#[derive(Debug)]
pub(super) struct Outlet {
    runtime: Runtime,
    /// What is told of it, where somebody may ask.
    watched: Option<Watched>,
    /// Who asks for what was sent already.
    requests: Mutex<Inbox>,
}

/// What whoever watches is told of.
#[derive(Debug)]
struct Watched {
    /// Whether messages are taken.
    taken: Taken,
    /// How the run stands, and what goes wrong in it.
    watch: Watch,
}

impl Delivery {
    pub(super) fn options(&self) -> DriveOptions {
        let options = DriveOptions::to(&self.to);
        let give_up_after = Duration::from_secs(self.give_up_after);
        let patience = Patience { give_up_after, ..options.patience };
        let alive_every = (self.alive_seconds > 0).then(|| Duration::from_secs(self.alive_seconds));
        DriveOptions {
            lanes: self.lanes.into(),
            token: self.token.clone(),
            tokens: self
                .tokens
                .iter()
                .map(|ProviderToken(name, token)| (name.clone(), token.clone()))
                .collect(),
            patience,
            alive_every,
            sink: self.sink,
            stop: self.stop.clone(),
            ..options
        }
    }

    /// Where to listen, where that is said.
    pub(super) fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }

    /// Whether messages are made and dropped.
    pub(super) fn is_dropped(&self) -> bool {
        self.sink == Sink::Null
    }

    /// Whether somebody has asked it to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.has_begun()
    }

    /// Starts what sends, and listens where that is to be watched.
    pub(super) fn open(&self) -> anyhow::Result<Outlet> {
        let runtime = Runtime::new().context("cannot start a runtime")?;
        let stop = self.stop.clone();
        runtime.block_on(async { signals::listen(stop) })?;
        let (desk, requests) = recovery::desk();
        let recoveries = control::recoveries(desk);
        let watched = self.listen.map(|address| watch(&runtime, address, recoveries)).transpose()?;
        Ok(Outlet { runtime, watched, requests: Mutex::new(requests) })
    }
}

/// Serves the routes by which a process is watched, and further ones, until the runtime ends.
fn watch(runtime: &Runtime, address: SocketAddr, further: Router) -> anyhow::Result<Watched> {
    let metrics = telemetry::record_metrics()?;
    let readiness = Readiness::default();
    let taken = Taken::new(readiness.latch("ingestion", "it has taken nothing yet"));
    let listener = runtime.block_on(http::bind(address))?;
    say::line(&format!("watched at http://{}", listener.local_addr()?));
    let watch = Watch::default();
    let routes =
        admin::routes(readiness, metrics.clone()).merge(further).merge(control::watched(watch.clone()));
    runtime.spawn(telemetry::upkeep(metrics));
    runtime.spawn(http::serve(listener, routes, WATCHERS, Shutdown::default()));
    Ok(Watched { taken, watch })
}

/// How what was to be sent came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// All of it was sent, and answered as it may be.
    Well,
    /// Something was refused, or somebody gave up.
    Badly,
    /// A signal ended it before its time; what had been sent was taken.
    CutShort,
    /// All of it was sent and answered as it may be, but later than it was due.
    Late,
}

/// The exit code of what was sent too late, as `matchday verify` has it.
pub(super) const LATE: u8 = 13;

impl Ended {
    pub(super) fn of(report: &DriveReport, is_well: bool) -> Self {
        match (is_well, report.is_stopped && report.refused == 0 && report.gave_up.is_none()) {
            (true, _) => Self::in_time(report),
            (false, true) => Self::CutShort,
            (false, false) => Self::Badly,
        }
    }

    /// Of what else ended well.
    pub(super) fn in_time(report: &DriveReport) -> Self {
        if report.late().is_some() { Self::Late } else { Self::Well }
    }
}

impl From<bool> for Ended {
    fn from(is_well: bool) -> Self {
        if is_well { Self::Well } else { Self::Badly }
    }
}

impl Outlet {
    /// Tells whoever watches what is played, by its name and as `simulator serve` does, and that its messages are being made.
    pub(super) fn prepare(&self, name: &str, program: &Program, seed: Option<u64>, speed: Speed) {
        metrics::plays(name);
        if let Some(Watched { watch, .. }) = &self.watched {
            watch.prepare(program.to_string(), seed, speed);
        }
    }

    /// Sends what was prepared, saying how far it is, and what goes wrong in it.
    pub(super) fn send(
        &self,
        schedule: impl Into<Arc<Schedule>>,
        faults: Arc<FaultPlan>,
        options: &DriveOptions,
    ) -> anyhow::Result<DriveReport> {
        let schedule = schedule.into();
        if let Some(Watched { watch, .. }) = &self.watched {
            watch.begin(&schedule, faults, options);
        }
        let mut shown = say::Progressing::default();
        let progress = |step: &Progress| {
            shown.tell(step, options.playhead.is_held());
            if let Some(Watched { taken, .. }) = &self.watched {
                taken.note(step);
            }
        };
        let report = self.runtime.block_on(async {
            let mut requests = self.requests.lock().await;
            drive_and_answer(schedule, options, &mut requests, progress).await
        })?;
        shown.end();
        if let Some(Watched { watch, .. }) = &self.watched {
            watch.end(&report);
        }
        Ok(report)
    }

    /// Sends a schedule without faults and says how that went.
    pub(super) fn send_and_tell(&self, schedule: Schedule, options: &DriveOptions) -> anyhow::Result<Ended> {
        let report = self.send(schedule, FaultPlan::none(0).into(), options)?;
        say::report(&report);
        Ok(Ended::of(&report, report.is_complete()))
    }
}
