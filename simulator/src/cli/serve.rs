//! `simulator serve`: plays what it is told to over HTTP, or something from the start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use chassis::lifecycle::Shutdown;
use chassis::readiness::Readiness;
use chassis::{admin, http, telemetry};
use clap::Args;
use tokio::runtime::Runtime;

use super::delivery::{Delivery, WATCHERS};
use super::{GamesArgs, say, signals};
use crate::control::{self, Control, How, Program, RunState};
use crate::drive::Taken;
use crate::pacer::Speed;
use crate::recording::Shelf;
use crate::recovery;
use crate::scenario::Scenario;

/// Where it listens where nothing is said.
const LISTEN: &str = "127.0.0.1:4004";
/// How often it is looked whether it goes on.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long what is left may take once all has ended.
const LET_GO_MAX: Duration = Duration::from_millis(500);
/// How long a run may take to end.
const END_MAX: Duration = Duration::from_secs(18);

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Begin with this scenario: a file, or the name of a ready-made one
    #[arg(long, value_name = "SCENARIO", conflicts_with = "play")]
    scenario: Option<String>,
    /// Begin with games, as `simulator play` plays them
    #[arg(long)]
    play: bool,
    #[command(flatten)]
    games: GamesArgs,
    /// When that is over, play it again with other seeds, until told to stop
    #[arg(long)]
    endless: bool,
    /// The folder of the recordings that may be asked for
    #[arg(long, env = "MATCHDAY_RECORDINGS", value_name = "FOLDER")]
    recordings: Option<PathBuf>,
    #[command(flatten)]
    delivery: Delivery,
}

/// Serves until a signal comes. Fails when what it began with failed.
pub(super) fn serve(args: &Serve) -> anyhow::Result<bool> {
    let first = match (&args.scenario, args.play) {
        (Some(name), _) => Some(Program::Scenario(Box::new(Scenario::load(name)?))),
        (None, true) => Some(Program::Games(args.games.games()?)),
        (None, false) => None,
    };
    ensure!(first.is_some() || !args.endless, "`--endless` needs `--scenario` or `--play`");
    let runtime = Runtime::new().context("cannot start a runtime")?;
    let default: SocketAddr = LISTEN.parse().context("an address")?;
    let served = runtime.block_on(serve_on(args, args.delivery.listen().unwrap_or(default), first));
    // Messages that are still being made are not waited for: nobody will send them.
    runtime.shutdown_timeout(LET_GO_MAX);
    served
}

async fn serve_on(args: &Serve, address: SocketAddr, first: Option<Program>) -> anyhow::Result<bool> {
    let stop = Shutdown::default();
    signals::listen(stop.clone())?;
    let metrics = telemetry::record_metrics()?;
    let readiness = Readiness::default();
    let taken = Taken::new(readiness.latch("ingestion", "it has taken nothing yet"));
    if first.is_none() {
        taken.nothing_to_send();
    }
    let (desk, requests) = recovery::desk();
    let shelf = args.recordings.as_ref().map(Shelf::of);
    let control = Control::new(args.delivery.options(), requests, Some(taken), shelf);
    let listener = http::bind(address).await?;
    let address = listener.local_addr()?;
    let further = control::recoveries(desk).merge(control::routes(control.clone()));
    let routes = admin::routes(readiness, metrics.clone()).merge(further);
    tokio::spawn(telemetry::upkeep(metrics));
    tokio::spawn(http::serve(listener, routes, WATCHERS, stop.clone()));
    say::line(&format!("control at http://{address}, described at http://{address}/openapi.json"));
    if let Some(program) = first {
        say::line(&format!("playing {program}"));
        let seed = args.endless.then(control::clock_seed);
        let (speed, is_endless) = (Speed::Factor(1.0), args.endless);
        let how = How { seed, speed, is_endless, is_held: false, is_fresh: false };
        control.start(program, how)?;
    }
    tokio::select! {
        () = stop.begun() => {}
        // Who is to play for ever and cannot ends, so that whoever started it begins it anew.
        why = failed(&control), if args.endless => {
            say::error(&format!("gave up: {why}"));
            return Ok(false);
        }
    }
    if control.stop().is_ok() {
        let _ = tokio::time::timeout(END_MAX, control.ended()).await;
    }
    let last = control.status();
    if let Some(status) = &last {
        let abandoned = status.end.as_ref().map_or(0, |end| end.abandoned);
        say::line(&format!(
            "{} of {} messages accepted, {} games told to be abandoned",
            say::count(status.accepted),
            say::count(status.messages),
            say::count(abandoned)
        ));
    }
    Ok(last.is_none_or(|status| status.state != RunState::Failed))
}

/// Waits until what it began with has failed; says why it has.
async fn failed(control: &Control) -> String {
    loop {
        if let Some(run) = control.status().filter(|run| run.number == 1 && run.state == RunState::Failed) {
            return run.end.and_then(|end| end.error).unwrap_or_default();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
