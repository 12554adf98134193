//! The machine itself: memory, disk, open files.

use super::{Check, State};
use nix::sys::statvfs::statvfs;
use std::fs;
use std::path::Path;

const MIB: u64 = 1 << 20;

/// What a stack takes: Kafka 600, the database 400, and our processes, with room.
const MEMORY_MIB_MIN: u64 = 1_536;

/// Several times what a demo writes; it is removed in the end.
const DISK_MIB_MIN: u64 = 2_048;

/// Kafka's files and connections, with room.
const FILES_MIN: u64 = 1_024;
/// With fewer, not many thousand sockets can be served.
const FILES_WANTED: u64 = 8_192;

pub(super) fn checks(stacks: &Path) -> Vec<Check> {
    vec![memory(), disk(stacks), open_files()]
}

fn memory() -> Check {
    let mut found: Vec<u64> = Vec::new();
    found.extend(available_memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()));
    // A container may have less than the machine.
    let control_group = |file: &str| {
        let text = fs::read_to_string(Path::new("/sys/fs/cgroup").join(file)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    if let Some((limit, used)) = control_group("memory.max").zip(control_group("memory.current")) {
        found.push(limit.saturating_sub(used));
    }
    enough("free memory", found.into_iter().min(), MEMORY_MIB_MIN, "close other programs")
}

/// `MemAvailable:   1234 kB`, in bytes.
fn available_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

fn disk(stacks: &Path) -> Check {
    // The folder comes with the first stack.
    let folder = stacks.ancestors().find(|folder| folder.exists()).unwrap_or(stacks);
    let free = statvfs(folder).ok().map(|found| found.blocks_available() * found.fragment_size());
    let hint = format!("make room where {} is, or set MATCHDAY_STACKS", folder.display());
    enough("free disk", free, DISK_MIB_MIN, &hint)
}

fn enough(what: &str, bytes: Option<u64>, mib_min: u64, hint: &str) -> Check {
    match bytes.map(|bytes| bytes / MIB) {
        None => Check::new(what, State::Note, "not known on this system"),
        Some(mib) if mib >= mib_min => Check::new(what, State::Ok, format!("{mib} MB")),
        Some(mib) => {
            Check::new(what, State::Missing, format!("{mib} MB, a stack needs {mib_min} MB: {hint}"))
        }
    }
}

fn open_files() -> Check {
    const WHAT: &str = "open files";
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    match open_files_limit(&limits) {
        None => Check::new(WHAT, State::Ok, "no limit"),
        Some(limit) if limit >= FILES_WANTED => Check::new(WHAT, State::Ok, limit.to_string()),
        Some(limit) => {
            let state = if limit < FILES_MIN { State::Missing } else { State::Note };
            let hint = format!("a process may open {limit}; for many sockets say: ulimit -n {FILES_WANTED}");
            Check::new(WHAT, state, hint)
        }
    }
}

/// `Max open files   1024   524288   files`: the first number; `unlimited` is none.
fn open_files_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_little_says_how_much_is_needed() {
        assert_eq!(enough("free disk", Some(3_000 * MIB), 2_048, "make room").state, State::Ok);
        let check = enough("free disk", Some(300 * MIB), 2_048, "make room");
        assert_eq!(check.state, State::Missing);
        assert_eq!(check.says, "300 MB, a stack needs 2048 MB: make room");
    }

    #[test]
    fn the_kernels_tables_are_read() {
        let meminfo = "MemTotal:       16384 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(available_memory(meminfo), Some(2 * MIB));
        let limits = "Limit    Soft Limit   Hard Limit   Units\nMax open files   1024   524288   files\n";
        assert_eq!(open_files_limit(limits), Some(1_024));
    }
}
