//! Signals to end: the first one asks for it, the second does not wait.

use anyhow::Context;
use chassis::lifecycle::Shutdown;
use tokio::signal::unix::{SignalKind, signal};

use super::keys;

/// What a shell says of a process that a signal ended: 128 and SIGINT's number.
pub(super) const INTERRUPTED: u8 = 130;

/// Asks for the end with SIGTERM or SIGINT. Needs a runtime, and lives in it.
pub(super) fn listen(stop: Shutdown) -> anyhow::Result<()> {
    let cannot = "cannot listen to signals";
    let mut terminate = signal(SignalKind::terminate()).context(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).context(cannot)?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.has_begun() {
                keys::restore();
                std::process::exit(INTERRUPTED.into());
            }
            stop.begin();
        }
    });
    Ok(())
}
