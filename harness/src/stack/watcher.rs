//! Removes the containers of an attached stack when the process that owns them is gone, whatever ended it.
//!
//! The kernel ends processes with their owner, but knows nothing of containers. The watcher reads from a pipe whose other
//! end nobody but the owner holds: it is closed as the owner ends, be it by `SIGKILL`.

use super::{docker, program};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// Looks twice: a container may have been on its way as the owner ended.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
read -r _
for pause in 0 5; do
    sleep "$pause"
    "$1" ps --all --quiet --filter "$2" | xargs -r "$1" rm --force --volumes
done
"#;

/// A watcher at work.
#[derive(Debug)]
pub(super) struct Watcher {
    child: Child,
    /// Whether the engine may be about to make a container that nobody waits for any more.
    is_starting: AtomicBool,
}

impl Watcher {
    /// Watches over the containers of the stack in `folder`, on behalf of this process.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let child = Command::new(program::required(&["sh"])?)
            .args(["-c", SCRIPT, "matchday-watcher"])
            .arg(docker::program()?)
            .arg(docker::filter(folder))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches the owner alone.
            .process_group(0)
            .spawn()
            .context("starting the watcher over containers")?;
        Ok(Self { child, is_starting: AtomicBool::new(true) })
    }

    /// Notes that every container is there that the stack will have.
    pub(super) fn all_started(&self) {
        self.is_starting.store(false, Ordering::Relaxed);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // A stack that is given up while it starts leaves it to look once more for what comes late.
        if !self.is_starting.load(Ordering::Relaxed) {
            // It is gone only where somebody else has killed it.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
