//! The life of a process: start, run, drain, stop within a grace time and say what did not.
//!
//! On SIGTERM or SIGINT, or when a task fails, [`Shutdown`] begins. Only sources watch it: listeners stop
//! accepting, readers stop reading. Everything downstream ends because its input closed, so nothing that was
//! taken in is dropped. A second signal does not wait.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::ProcessArgs;
use crate::readiness::Readiness;
use crate::{admin, telemetry};

mod tasks;

pub use tasks::Tasks;

/// What [`run`] hands to a service.
#[derive(Clone, Debug)]
pub struct Process {
    /// Begins when the process should stop.
    pub shutdown: Shutdown,
    /// Whatever must have ended before the process may.
    pub tasks: Tasks,
    /// What must be there before the process can work.
    pub readiness: Readiness,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
}

impl Process {
    /// The admin routes of this process; merge them into the router of its first port.
    pub fn admin(&self) -> Router {
        admin::routes(self.readiness.clone(), self.metrics.clone())
    }
}

/// The wish that the process stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Asks all sources to stop.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether sources should stop; for threads that cannot wait on [`Self::begun`].
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until sources should stop.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }
}

/// Runs a service from start to end. `build` binds, connects and spawns onto [`Process::tasks`]; the process
/// lives until a signal comes, a task fails, or every task has ended.
///
/// The exit code is a failure when `build` failed, a task failed or panicked, or tasks were left after the
/// grace time.
pub fn run<Build, Built>(name: &'static str, args: &ProcessArgs, build: Build) -> ExitCode
where
    Build: FnOnce(Process) -> Built,
    Built: Future<Output = anyhow::Result<()>>,
{
    match start(name, args, build) {
        Ok(exit) => exit,
        Err(error) => {
            complain(name, &error);
            ExitCode::FAILURE
        }
    }
}

/// Before the log is installed a complaint has no other way out.
#[expect(clippy::print_stderr, reason = "the log may not be installed yet")]
fn complain(name: &str, error: &anyhow::Error) {
    eprintln!("{name}: {error:#}");
}

fn start<Build, Built>(name: &'static str, args: &ProcessArgs, build: Build) -> anyhow::Result<ExitCode>
where
    Build: FnOnce(Process) -> Built,
    Built: Future<Output = anyhow::Result<()>>,
{
    telemetry::log_to_stderr(&args.log)?;
    let metrics = telemetry::record_metrics()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = runtime.block_on(async {
        tokio::spawn(telemetry::upkeep(metrics.clone()));
        let shutdown = Shutdown::default();
        let process = Process {
            tasks: Tasks::new(shutdown.clone()),
            shutdown,
            readiness: Readiness::default(),
            metrics,
        };
        let mut signals = Signals::listen()?;
        Ok(live(name, args.grace(), process, build, &mut signals).await)
    });
    // A blocking call that outlived the grace time must not keep the process.
    runtime.shutdown_background();
    exit
}

async fn live<Build, Built>(
    name: &'static str,
    grace: Duration,
    process: Process,
    build: Build,
    signals: &mut Signals,
) -> ExitCode
where
    Build: FnOnce(Process) -> Built,
    Built: Future<Output = anyhow::Result<()>>,
{
    let latch = process.readiness.latch("process", "starting");
    tokio::select! {
        built = build(process.clone()) => if let Err(error) = built {
            tracing::error!(process = name, error = format!("{error:#}"), "cannot start");
            return ExitCode::FAILURE;
        },
        signal = signals.next() => {
            tracing::info!(process = name, signal, "stopped while starting");
            return ExitCode::SUCCESS;
        }
    }
    latch.ready();
    tracing::info!(process = name, pid = std::process::id(), "started");

    tokio::select! {
        signal = signals.next() => tracing::info!(process = name, signal, "stopping"),
        () = process.shutdown.begun() => tracing::info!(process = name, "stopping"),
        () = process.tasks.all_ended() => {}
    }
    latch.not_ready("stopping");
    process.shutdown.begin();

    tokio::select! {
        () = process.tasks.all_ended() => {}
        () = tokio::time::sleep(grace) => {}
        signal = signals.next() => tracing::warn!(process = name, signal, "second signal, not waiting"),
    }
    verdict(name, &process.tasks)
}

fn verdict(name: &'static str, tasks: &Tasks) -> ExitCode {
    let left = tasks.running();
    if !left.is_empty() {
        tracing::error!(process = name, left = left.join(", "), "stopped with tasks left");
        return ExitCode::FAILURE;
    }
    if tasks.any_failed() {
        tracing::error!(process = name, "stopped because a task failed");
        return ExitCode::FAILURE;
    }
    tracing::info!(process = name, "stopped");
    ExitCode::SUCCESS
}

/// The two signals that ask a process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    async fn run_with<Build, Built>(grace_ms: u64, build: Build) -> (ExitCode, Process)
    where
        Build: FnOnce(Process) -> Built,
        Built: Future<Output = anyhow::Result<()>>,
    {
        let shutdown = Shutdown::default();
        let process = Process {
            tasks: Tasks::new(shutdown.clone()),
            shutdown,
            readiness: Readiness::default(),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
        };
        let mut signals = Signals::listen().unwrap();
        let grace = Duration::from_millis(grace_ms);
        (live("test", grace, process.clone(), build, &mut signals).await, process)
    }

    fn assert_exit(exit: ExitCode, expected: ExitCode) {
        assert_eq!(format!("{exit:?}"), format!("{expected:?}"));
    }

    #[tokio::test]
    async fn downstream_drains_because_its_input_closed() {
        let (exit, _) = run_with(5_000, |process| async move {
            let (sender, mut receiver) = tokio::sync::mpsc::channel::<u32>(8);
            let shutdown = process.shutdown.clone();
            process.tasks.spawn("source", async move {
                for number in 0..8 {
                    sender.send(number).await?;
                }
                shutdown.begun().await;
                Ok(())
            });
            let shutdown = process.shutdown.clone();
            process.tasks.spawn("sink", async move {
                shutdown.begun().await;
                let mut drained = 0;
                while receiver.recv().await.is_some() {
                    drained += 1;
                }
                anyhow::ensure!(drained == 8, "drained {drained}");
                Ok(())
            });
            process.shutdown.begin();
            Ok(())
        })
        .await;
        assert_exit(exit, ExitCode::SUCCESS);
    }

    #[tokio::test]
    async fn names_the_tasks_left_after_the_grace_time() {
        let (exit, process) = run_with(20, |process| async move {
            process.tasks.spawn("stuck", std::future::pending());
            process.shutdown.begin();
            Ok(())
        })
        .await;
        assert_exit(exit, ExitCode::FAILURE);
        assert_eq!(process.tasks.running(), ["stuck"]);
    }

    #[tokio::test]
    async fn a_failed_task_stops_the_process_with_a_failure() {
        let (exit, process) = run_with(5_000, |process| async move {
            let shutdown = process.shutdown.clone();
            process.tasks.spawn("source", async move {
                shutdown.begun().await;
                Ok(())
            });
            process.tasks.spawn("broken", async { anyhow::bail!("no luck") });
            Ok(())
        })
        .await;
        assert_exit(exit, ExitCode::FAILURE);
        assert!(process.tasks.running().is_empty());
    }

    #[tokio::test]
    async fn a_failed_start_is_a_failure() {
        let (exit, process) = run_with(10, |_| async { anyhow::bail!("port taken") }).await;
        assert_exit(exit, ExitCode::FAILURE);
        assert!(!process.readiness.report().ready);
    }
}
