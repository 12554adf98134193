//! Docker: its versions and memory, what earlier runs left in it, and what exit code 137 was about. None of it is needed.

use super::tools::Version;
use super::{Check, State};
use crate::stack::{
    ComposeProject, LABEL, LeftContainer, PROJECT_LABEL, Project, StoresChoice, docker, left_containers,
};
use std::collections::BTreeMap;
use std::fs;

/// The oldest versions that understand `docker-compose.yml`.
const ENGINE_MIN: Version = Version(25, 0);
const COMPOSE_MIN: Version = Version(2, 24);

/// What the whole kit takes in containers, with room.
const MEMORY_MIB_MIN: u64 = 3_072;

/// The exit code of what was ended by `SIGKILL`: 128 and the signal's number.
const KILLED: &str = "137";

/// What every volume of `docker-compose.yml` is labelled with.
const VOLUME_LABEL: &str = "matchday.volume";

/// How a container is asked how it has ended.
const ENDED: &str = "{{.Name}}\t{{.State.OOMKilled}}\t{{.State.ExitCode}}\t{{.RestartCount}}";

pub(super) fn checks(project: &Project, stores: StoresChoice) -> Vec<Check> {
    let engine = match docker::ask(&["version", "--format", "{{.Server.Version}}"]) {
        Ok(version) => version,
        Err(error) => {
            let (state, then) = match stores {
                StoresChoice::Containers => (State::Missing, "MATCHDAY_STORES=native does without"),
                _ => (State::Note, "stores run as processes of this machine"),
            };
            let says = format!("no engine answers, {then} ({error:#})");
            return vec![Check::new("docker", state, one_line(&says)), killed(&[])];
        }
    };
    let mut checks = vec![
        version("docker", &engine, ENGINE_MIN),
        match docker::ask(&["compose", "version", "--short"]) {
            Ok(found) => version("docker compose", &found, COMPOSE_MIN),
            Err(error) => Check::new("docker compose", State::Note, one_line(&format!("{error:#}"))),
        },
    ];
    checks.extend(memory());
    checks.extend(left_containers().iter().map(left_container));
    checks.extend(volumes());
    checks.push(killed(&ended_containers(project)));
    checks
}

fn version(what: &str, found: &str, least: Version) -> Check {
    if Version::find(found) >= Some(least) {
        return Check::new(what, State::Ok, found);
    }
    let Version(major, minor) = least;
    let says = format!("this is {found}, docker-compose.yml needs {major}.{minor} or later");
    Check::new(what, State::Note, says)
}

/// An engine in a virtual machine has less than this one.
fn memory() -> Option<Check> {
    const WHAT: &str = "docker memory";
    let bytes: u64 = docker::ask(&["info", "--format", "{{.MemTotal}}"]).ok()?.parse().ok()?;
    let mib = bytes >> 20;
    Some(if mib >= MEMORY_MIB_MIN {
        Check::new(WHAT, State::Ok, format!("{mib} MB"))
    } else {
        let says = format!("{mib} MB, the kit in containers needs {MEMORY_MIB_MIN} MB: give the engine more");
        Check::new(WHAT, State::Note, says)
    })
}

fn left_container(LeftContainer { name, folder }: &LeftContainer) -> Check {
    let says = format!(
        "was left behind by a stack in {}: docker rm --force --volumes {name} removes it",
        folder.display()
    );
    Check::new(format!("container {name}"), State::Note, says)
}

/// What Compose projects of ours keep, whatever their names are, where nothing is there any more that uses it.
fn volumes() -> Vec<Check> {
    let (label, format) =
        (format!("label={VOLUME_LABEL}"), format!("{{{{.Label \"{PROJECT_LABEL}\"}}}}\t{{{{.Name}}}}"));
    let said = docker::ask(&["volume", "ls", "--filter", &label, "--format", &format]).unwrap_or_default();
    let mut of_project: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (project, volume) in said.lines().filter_map(|line| line.split_once('\t')) {
        of_project.entry(project).or_default().push(volume);
    }
    let is_unused = |project: &str| {
        let label = format!("label={PROJECT_LABEL}={project}");
        docker::ask(&["ps", "--all", "--quiet", "--filter", &label]).is_ok_and(|ids| ids.is_empty())
    };
    let unused = of_project.into_iter().filter(|(project, _)| is_unused(project));
    let check = |(_, volumes): (&str, Vec<&str>)| {
        let says = format!(
            "{} hold what an earlier `docker compose up` kept, and its passwords: docker volume rm {} removes them",
            volumes.join(", "),
            volumes.join(" ")
        );
        Check::new("docker volumes", State::Note, says)
    };
    unused.map(check).collect()
}

/// A container of ours that did not end well.
#[derive(Debug)]
struct Ended {
    name: String,
    how: HowEnded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HowEnded {
    /// At its memory limit.
    OutOfMemory,
    /// By `SIGKILL` from elsewhere.
    Killed,
    /// Docker has started it again so often; what it ended with is forgotten then.
    Restarted(u32),
}

/// The containers of stacks and of this checkout's Compose projects that were killed, or had to be started again.
fn ended_containers(project: &Project) -> Vec<Ended> {
    let projects = ComposeProject::of(project).unwrap_or_default();
    let of_compose = projects.iter().map(|project| format!("label={PROJECT_LABEL}={}", project.name));
    let mut found = Vec::new();
    for filter in of_compose.chain([format!("label={LABEL}")]) {
        let ids = docker::ask(&["ps", "--all", "--quiet", "--filter", &filter]).unwrap_or_default();
        let mut arguments = vec!["inspect", "--format", ENDED];
        arguments.extend(ids.lines());
        if ids.is_empty() {
            continue;
        }
        // One that is removed meanwhile fails the question for all; the next look tells.
        found.extend(docker::ask(&arguments).unwrap_or_default().lines().filter_map(ended));
    }
    found
}

/// What the answer to [`ENDED`] says; nothing where all is well.
fn ended(said: &str) -> Option<Ended> {
    let mut parts = said.split('\t');
    let name = parts.next()?.trim_start_matches('/').to_owned();
    let how = match (parts.next()?, parts.next()?, parts.next()?.parse().ok()?) {
        ("true", ..) => HowEnded::OutOfMemory,
        (_, KILLED, _) => HowEnded::Killed,
        (_, _, 0) => return None,
        (.., restarts) => HowEnded::Restarted(restarts),
    };
    Some(Ended { name, how })
}

/// What 137 means, and whether it has happened here.
fn killed(containers: &[Ended]) -> Check {
    let what = format!("exit code {KILLED}");
    let by_kernel = oom_kills(&fs::read_to_string("/proc/vmstat").unwrap_or_default());
    let say = |Ended { name, how }: &Ended| match how {
        HowEnded::OutOfMemory => format!("{name} reached its memory limit and was killed: raise the limit"),
        HowEnded::Killed => {
            format!("{name} was killed, but not at its own limit: by docker kill, or see the kernel's log")
        }
        HowEnded::Restarted(count) => format!(
            "{name} ended {count} times and was started again: docker logs {name} has its last words, and where there are \
             none it was killed, mostly for lack of memory"
        ),
    };
    let mut said: Vec<String> = containers.iter().map(say).collect();
    if by_kernel > 0 {
        said.push(format!(
            "the kernel has killed {by_kernel} processes for lack of memory since this machine started (dmesg says which)"
        ));
    }
    if said.is_empty() {
        return Check::new(
            what,
            State::Ok,
            "would mean: killed, mostly for lack of memory; nothing here was",
        );
    }
    Check::new(what, State::Note, said.join("; "))
}

/// `oom_kill 3` among the kernel's counters.
fn oom_kills(vmstat: &str) -> u64 {
    let line = vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_was_killed_is_named_though_docker_has_started_it_again() {
        let how = |said| ended(said).map(|ended| ended.how);
        assert_eq!(how("/matchday-redis-1\tfalse\t0\t0"), None);
        assert_eq!(how("/matchday-redis-1\tfalse\t0\t2"), Some(HowEnded::Restarted(2)));
        let check = killed(&[Ended { name: "matchday-redis-1".to_owned(), how: HowEnded::Restarted(2) }]);
        assert_eq!(check.state, State::Note);
        assert!(check.says.contains("matchday-redis-1 ended 2 times"), "{}", check.says);
    }

    #[test]
    fn what_is_too_old_for_compose_is_said_and_is_no_obstacle() {
        assert_eq!(version("docker", "26.1.5+dfsg1", ENGINE_MIN).state, State::Ok);
        assert_eq!(version("docker compose", "2.24.0", COMPOSE_MIN).state, State::Ok);
        let old = version("docker", "20.10.24", ENGINE_MIN);
        assert_eq!(old.state, State::Note);
        assert!(old.says.contains("20.10.24") && old.says.contains("25.0"), "{}", old.says);
    }

    #[test]
    fn who_was_killed_is_told_with_the_reason() {
        let said = ["/matchday-kafka-1\ttrue\t137\t1", "/matchday-redis-1\tfalse\t137\t0"];
        let killed = killed(&said.map(|said| ended(said).expect("it was killed")));
        assert_eq!((killed.what.as_str(), killed.state), ("exit code 137", State::Note));
        assert!(killed.says.contains("matchday-kafka-1 reached its memory limit"), "{}", killed.says);
        assert!(killed.says.contains("matchday-redis-1 was killed, but not"), "{}", killed.says);
        assert_eq!(oom_kills("nr_free 1\noom_kill 3\n"), 3);
        assert_eq!(oom_kills(""), 0);
    }
}
