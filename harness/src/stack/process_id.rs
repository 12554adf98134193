//! Names one process for good: a bare number may by tomorrow be somebody else's.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The environment variable by which every process of a stack tells, whatever else was lost, whose it is: its value is the
/// stack's folder.
pub(super) const MARK: &str = "MATCHDAY_STACK";

/// What `/proc/<pid>/stat` counts in. `USER_HZ` is 100 in Linux's interface, whatever the kernel itself ticks at.
const MICROS_PER_TICK: u64 = 10_000;

/// A process: its number, and when it started, so that another with the same number is never taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number.
    pub pid: i32,
    /// When it started, in clock ticks since boot.
    pub started_ticks: u64,
}

/// The fields of `/proc/<pid>/stat` that are used here.
struct Stat {
    is_zombie: bool,
    cpu_ticks: u64,
    started_ticks: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
        let (_, after_name) = line.rsplit_once(") ")?;
        // Numbered from 1 as in proc(5), the first of these is field 3.
        let fields: Vec<&str> = after_name.split(' ').collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            is_zombie: matches!(fields.first(), Some(&"Z" | &"X")),
            cpu_ticks: field(14)? + field(15)?,
            started_ticks: field(22)?,
        })
    }
}

impl ProcessId {
    /// The process that has this number now.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        Some(Self { pid, started_ticks: Stat::read(pid)?.started_ticks })
    }

    /// This process.
    pub fn own() -> Self {
        Self::of(std::process::id()).expect("/proc describes the process that reads it")
    }

    fn stat(self) -> Option<Stat> {
        Stat::read(self.pid).filter(|stat| stat.started_ticks == self.started_ticks)
    }

    /// Whether it still runs, or is stopped. One that ended and was not waited for does not count.
    pub fn is_alive(self) -> bool {
        self.stat().is_some_and(|stat| !stat.is_zombie)
    }

    /// The CPU time it has used, all its threads together, in user and in kernel mode; in microseconds, with a resolution of
    /// 10 000. `None` when it is gone.
    pub fn cpu_micros(self) -> Option<u64> {
        self.stat().map(|stat| stat.cpu_ticks * MICROS_PER_TICK)
    }

    /// The memory that it has at this moment, in bytes. `None` when it is gone.
    pub fn resident_bytes(self) -> Option<u64> {
        self.stat()?;
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
    }

    /// Sends a signal; nothing happens when the process is gone.
    pub(super) fn signal(self, signal: Signal) {
        if self.is_alive() {
            // It may end between the two lines, and then there is nobody to tell.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// Blocks until it is gone; false when that took longer than `deadline`.
    pub(super) fn wait_gone(self, deadline: Duration) -> bool {
        let start = Instant::now();
        while self.is_alive() {
            if start.elapsed() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

/// Every living process that carries the mark of the stack in `folder`, recorded or not.
pub(super) fn marked(folder: &Path) -> Vec<ProcessId> {
    let mark = format!("{MARK}={}", folder.display());
    let carries_mark = |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()))
    };
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        // Whoever asks may have been started from within the stack, but is no part of it.
        .filter(|pid| u32::try_from(*pid) != Ok(std::process::id()))
        .filter_map(|pid| Some(ProcessId { pid, started_ticks: Stat::read(pid)?.started_ticks }))
        .filter(|process| carries_mark(&process.pid) && process.is_alive())
        .collect()
}
