//! Finds the stack: by the record that the one who started it keeps, else at the documented ports; addresses that were given
//! come first.

use std::collections::BTreeMap;
use std::env;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::{Sport, Topics};
use harness::stack::RUNS;

use crate::source::Part;

mod dotenv;
pub mod engine;
mod recorded;

/// A port of this machine that nothing listens at says so at once.
const CONNECT_WITHIN: Duration = Duration::from_millis(100);

/// Where a part of a stack is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// What it is that is looked at, for a person.
    pub name: String,
    /// The name of the stack's record; `None` where it has none.
    pub record: Option<String>,
    /// The processes that have metrics: of each service all addresses, that of its first process first.
    pub parts: BTreeMap<Part, Vec<String>>,
    /// Distribution's REST.
    pub rest: Option<String>,
    /// Kafka's bootstrap servers.
    pub kafka: Option<String>,
    /// The names of its topics.
    pub topics: Topics,
    /// Where its logs are.
    pub logs: Option<Logs>,
    /// The folder of run bundles.
    pub runs: Option<PathBuf>,
}

/// Where a stack's logs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logs {
    /// Files in a folder.
    Folder(PathBuf),
    /// What the containers of a Compose project write.
    Compose {
        /// The program that knows.
        docker: PathBuf,
        /// The project's folder.
        project: PathBuf,
    },
}

/// Addresses that were given; each replaces what would be found.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The stack to look at, of several.
    pub stack: Option<String>,
    /// The folder of all stacks.
    pub stacks: Option<PathBuf>,
    /// Processes; the first of distribution is asked for games.
    pub parts: BTreeMap<Part, Vec<String>>,
    /// Kafka.
    pub kafka: Option<String>,
    /// Topics.
    pub topics: Topics,
    /// Run bundles to look at instead of a stack.
    pub bundles: Vec<PathBuf>,
}

impl Given {
    /// # Errors
    /// When a stack was named of which there is no record.
    pub fn check(&self) -> anyhow::Result<()> {
        let (Some(name), Some(stacks)) = (&self.stack, self.stacks()) else { return Ok(()) };
        let is_there = recorded::find(&stacks, Wanted::Named(name)).is_some();
        anyhow::ensure!(is_there, "there is no stack `{name}` in {}", stacks.display());
        Ok(())
    }

    /// The stack to look at. Reads files.
    #[must_use]
    pub fn find(&self) -> Places {
        if !self.bundles.is_empty() {
            return no_stack(self.runs());
        }
        let wanted = self.stack.as_deref().map_or(Wanted::First, Wanted::Named);
        let recorded = self.stacks().and_then(|stacks| recorded::find(&stacks, wanted));
        self.complete(recorded.unwrap_or_else(|| documented(project().as_deref())))
    }

    /// The stack that is looked at, wherever it is now; `None` where nothing of it runs any more. Cheap enough to ask again and
    /// again. Reads files.
    #[must_use]
    pub fn find_again(&self, places: &Places) -> Option<Places> {
        let of = |wanted| self.stacks().and_then(|stacks| recorded::find(&stacks, wanted));
        if !self.bundles.is_empty() {
            return Some(no_stack(self.runs()));
        }
        match &places.record {
            Some(name) => of(Wanted::Running(name)).map(|recorded| self.complete(recorded)),
            // Where a stack with a record has taken the documented ports, it is another.
            None => {
                let taken = of(Wanted::First).is_some_and(|other| other.shares_a_place(places));
                (!taken).then(|| self.complete(documented(project().as_deref())))
            }
        }
    }

    fn stacks(&self) -> Option<PathBuf> {
        self.stacks.clone().or_else(|| project().map(|project| project.join(".matchday")))
    }

    fn runs(&self) -> Option<PathBuf> {
        self.stacks().map(|stacks| stacks.join(RUNS))
    }

    /// What was found, with the addresses that were given in the place of those.
    fn complete(&self, mut places: Places) -> Places {
        places.runs = self.runs();
        places.topics = self.topics.clone();
        places.parts.extend(self.parts.clone());
        if let Some(rest) = self.parts.get(&Part::Distribution).and_then(|urls| urls.first()) {
            places.rest = Some(rest.clone());
        }
        places.kafka = self.kafka.clone().or(places.kafka);
        places
    }
}

impl Places {
    /// These finished runs and no stack.
    #[must_use]
    pub fn without_stack(&self) -> Self {
        Self { name: self.name.clone(), ..no_stack(self.runs.clone()) }
    }

    /// With the processes that the engine knows of, in the place of those at the documented ports; addresses that were given stay.
    pub fn publish(&mut self, published: &engine::Published, given: &Given) {
        for (part, processes) in published.iter().filter(|(part, _)| !given.parts.contains_key(part)) {
            // Where the first does not run, it is missed at its documented port.
            let documented = || self.parts.get(part).and_then(|urls| urls.first()).cloned();
            let first = processes.first.clone().or_else(documented);
            self.parts.insert(*part, first.into_iter().chain(processes.more.clone()).collect());
        }
        if let Some(rest) = self.parts.get(&Part::Distribution).and_then(|urls| urls.first()) {
            self.rest = Some(rest.clone());
        }
    }

    /// Whether anything takes connections where its first processes are, on this machine.
    pub(crate) fn listens(&self) -> bool {
        let firsts = self.parts.values().filter_map(|urls| urls.first());
        let places = firsts.filter_map(|url| url.strip_prefix("http://")?.parse::<SocketAddr>().ok());
        let mut near = places.filter(|place| place.ip().is_loopback());
        near.any(|place| TcpStream::connect_timeout(&place, CONNECT_WITHIN).is_ok())
    }

    /// Whether it is the same, but for how many processes some services have beside the first.
    #[must_use]
    pub fn differs_in_processes(&self, other: &Self) -> bool {
        let firsts = |places: &Self| -> Vec<(Part, Option<String>)> {
            places.parts.iter().map(|(part, urls)| (*part, urls.first().cloned())).collect()
        };
        *self == Self { parts: self.parts.clone(), ..other.clone() } && firsts(self) == firsts(other)
    }

    /// Whether a process of another is where one of these is.
    fn shares_a_place(&self, other: &Self) -> bool {
        self.parts.values().flatten().any(|url| other.parts.values().flatten().any(|other| other == url))
    }
}

/// Which of several stacks.
#[derive(Clone, Copy, Debug)]
enum Wanted<'a> {
    /// That of `matchday up`, else the one that was changed last.
    First,
    /// The one of this name, whatever is left of it.
    Named(&'a str),
    /// The one of this name, where it runs.
    Running(&'a str),
}

/// The checkout around the current folder, else the one in which this program was built.
fn project() -> Option<PathBuf> {
    let (current, program) = (env::current_dir().ok(), env::current_exe().ok());
    let is_root = |folder: &&Path| folder.join("harness/services/kafka/pom.xml").is_file();
    let root = |from: &Path| from.ancestors().find(is_root).map(Path::to_owned);
    current.as_deref().and_then(root).or_else(|| program.as_deref().and_then(root))
}

/// The documented ports, as `docker compose up` publishes them: with the project's `.env`.
fn documented(project: Option<&Path>) -> Places {
    let settings = dotenv::Settings::read(project);
    let url = |name: &str, port: u16| format!("http://127.0.0.1:{}", settings.port(name, port));
    let mut parts = BTreeMap::from([
        (Part::Simulator, vec![url("SIMULATOR", 4004)]),
        (Part::Ingestion, vec![url("INGESTION", 4000)]),
        (Part::Distribution, vec![url("REST", 4002)]),
    ]);
    for (sport, port) in Sport::ALL.into_iter().zip(4101..) {
        parts.insert(Part::Processors(sport), vec![url(&sport.as_str().to_ascii_uppercase(), port)]);
    }
    Places {
        name: "documented ports".to_owned(),
        record: None,
        rest: Some(url("REST", 4002)),
        kafka: Some(format!("127.0.0.1:{}", settings.port("KAFKA", 9092))),
        topics: Topics::default(),
        logs: project.map(|project| Logs::Compose { docker: "docker".into(), project: project.to_owned() }),
        runs: None,
        parts,
    }
}

/// Nowhere to look but among finished runs.
fn no_stack(runs: Option<PathBuf>) -> Places {
    Places {
        name: "no stack".to_owned(),
        record: None,
        parts: BTreeMap::new(),
        rest: None,
        kafka: None,
        topics: Topics::default(),
        logs: None,
        runs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_process_that_does_not_run_is_missed_and_an_address_that_was_given_stays() {
        let (football, hockey) = (Part::Processors(Sport::Football), Part::Processors(Sport::Hockey));
        let more = engine::Processes { first: None, more: vec!["http://127.0.0.1:5".to_owned()] };
        let published = engine::Published::from([(football, more.clone()), (hockey, more)]);
        let given = vec!["http://127.0.0.1:6".to_owned()];
        let given = Given { parts: BTreeMap::from([(hockey, given)]), ..Given::default() };
        let mut places = given.complete(documented(None));
        places.publish(&published, &given);
        assert_eq!(places.parts[&football], ["http://127.0.0.1:4101", "http://127.0.0.1:5"]);
        assert_eq!(places.parts[&hockey], ["http://127.0.0.1:6"]);
    }

    #[test]
    fn without_a_record_the_documented_ports_are_asked() {
        let places = documented(None);
        assert_eq!(places.parts[&Part::Processors(Sport::Football)], ["http://127.0.0.1:4101"]);
        assert_eq!(places.parts[&Part::Processors(Sport::Hockey)], ["http://127.0.0.1:4104"]);
        assert_eq!((places.parts.len(), places.logs), (7, None));
        let logs = documented(Some(Path::new("/a"))).logs;
        assert!(matches!(logs, Some(Logs::Compose { project, .. }) if project == Path::new("/a")));
    }

    #[test]
    fn what_is_documented_is_what_compose_publishes() {
        let compose = include_str!("../../docker-compose.yml");
        let places = documented(None);
        for (part, urls) in &places.parts {
            let name = match part {
                Part::Distribution => "REST".to_owned(),
                Part::Processors(sport) => sport.as_str().to_ascii_uppercase(),
                Part::Simulator | Part::Ingestion => part.to_string().to_ascii_uppercase(),
            };
            let (_, port) = urls[0].rsplit_once(':').expect("a port");
            let published = format!("${{{name}_PORT:-${{PORT_PREFIX:-}}{port}}}");
            assert!(compose.contains(&published), "{published}");
        }
        assert_eq!(places.kafka.as_deref(), Some("127.0.0.1:9092"));
        assert!(compose.contains("${KAFKA_PORT:-${PORT_PREFIX:-}9092}"));
    }
}
