//! The stacks of a checkout, by the records that those who start them keep: `stack.json` in a folder of each stack's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use domain::{Sport, Topics};
use harness::recoveries::simulator_url;
use harness::stack::ProcessId;
use serde::Deserialize;

use super::{Logs, Places, Wanted};
use crate::source::Part;

/// The name of the stack that `matchday up` starts: the first choice where there are several.
const UP: &str = "up";

/// `stack.json` of a stack's folder, as far as it is of use here.
#[derive(Debug, Deserialize)]
struct Record {
    #[serde(default)]
    stores: String,
    #[serde(default)]
    processes: Vec<Process>,
    addresses: Vec<Address>,
}

/// One of its processes.
#[derive(Debug, Deserialize)]
struct Process {
    /// `{"pid":1933,…}` of a process of this machine, the id of a container.
    id: serde_json::Value,
}

impl Record {
    fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join("stack.json")).ok()?).ok()
    }

    /// Whether it is but stores, as tests share them: there is nothing to be seen in it.
    fn has_no_service(&self) -> bool {
        !self.addresses.iter().any(|address| ["ingestion", REST].contains(&address.what.as_str()))
    }

    /// Whether nothing of it runs any more: a crash left it behind.
    fn is_left_over(&self) -> bool {
        // Whether a container runs, the engine alone knows. A number may have become another process's.
        let is_gone =
            |process: &Process| ProcessId::deserialize(&process.id).is_ok_and(|process| !process.is_alive());
        !self.processes.is_empty() && self.processes.iter().all(is_gone)
    }
}

/// One of its addresses: `REST`, `http://127.0.0.1:4002`.
#[derive(Debug, Deserialize)]
struct Address {
    what: String,
    url: String,
}

/// The stack that is wanted among `stacks`.
pub(super) fn find(stacks: &Path, wanted: Wanted<'_>) -> Option<Places> {
    let name = match wanted {
        Wanted::First => None,
        Wanted::Named(name) | Wanted::Running(name) => Some(name),
    };
    let is_named = matches!(wanted, Wanted::Named(_));
    let entries = fs::read_dir(stacks).ok()?.flatten();
    let changed =
        |folder: &Path| fs::metadata(folder.join("stack.json")).and_then(|file| file.modified()).ok();
    let found = entries.filter_map(|entry| {
        let own = entry.file_name().to_string_lossy().into_owned();
        let changed = changed(&entry.path())?;
        let record = Record::read(&entry.path()).filter(|_| name.is_none_or(|name| name == own))?;
        (is_named || !record.is_left_over() && !record.has_no_service())
            .then(|| (own == UP, changed, entry.path(), own, record))
    });
    let (_, _, folder, name, record): (bool, SystemTime, _, _, _) =
        found.max_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)))?;
    let address = |what: &str| {
        record.addresses.iter().find(|address| address.what == what).map(|address| address.url.clone())
    };
    let mut parts: BTreeMap<Part, Vec<String>> = BTreeMap::new();
    for address in &record.addresses {
        if let Some(part) = part_of(&address.what) {
            parts.entry(part).or_default().push(address.url.clone());
        }
    }
    // The first process of a service has its name, and those that were added have numbers behind it.
    for (part, urls) in &mut parts {
        let first =
            address(if *part == Part::Distribution { REST.to_owned() } else { part.to_string() }.as_str());
        urls.sort_by_key(|url| Some(url) != first.as_ref());
    }
    // It is started beside the stack, at a port that follows from the stack's.
    let simulator = address("ingestion").and_then(|ingestion| simulator_url(&ingestion));
    parts.extend(simulator.map(|url| (Part::Simulator, vec![url])));
    let kind = if record.stores.is_empty() { "native".to_owned() } else { record.stores };
    Some(Places {
        name: format!("{name} ({kind})"),
        record: Some(name),
        rest: address(REST),
        kafka: address("Kafka"),
        topics: Topics::default(),
        logs: Some(Logs::Folder(folder)),
        runs: None,
        parts,
    })
}

/// What distribution's REST is called.
const REST: &str = "REST";

/// The service whose process is reached at what is called so: `processors-hockey`, `processors-hockey-2`, `REST of distribution-2`.
fn part_of(what: &str) -> Option<Part> {
    let name = what.strip_prefix("REST of ").unwrap_or(what);
    let numbered = name.rsplit_once('-').filter(|(_, number)| number.parse::<u32>().is_ok());
    match numbered.map_or(name, |(service, _)| service) {
        REST => Some(Part::Distribution),
        "distribution" if what != name => Some(Part::Distribution),
        name => {
            let mut parts = [Part::Ingestion].into_iter().chain(Sport::ALL.map(Part::Processors));
            parts.find(|part| part.to_string() == name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Given;
    use super::*;

    fn write(stacks: &Path, name: &str, port: u16, process: ProcessId) {
        let folder = stacks.join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let ProcessId { pid, started_ticks } = process;
        let record = format!(
            r#"{{"lifetime":"detached","stores":"containers",
                "processes":[{{"name":"kafka","id":"f00"}},{{"name":"ingestion","id":{{"pid":{pid},"started_ticks":{started_ticks}}}}}],"addresses":[
                {{"what":"ingestion","url":"http://127.0.0.1:{port}"}},
                {{"what":"processors-hockey","url":"http://127.0.0.1:4104"}},
                {{"what":"REST","url":"http://127.0.0.1:4002"}},{{"what":"Kafka","url":"127.0.0.1:9092"}}]}}"#
        );
        fs::write(folder.join("stack.json"), record).expect("written");
    }

    #[test]
    fn the_stack_of_matchday_up_comes_first_unless_another_is_named_or_addresses_are_given() {
        let stacks = tempfile::tempdir().expect("a folder");
        write(stacks.path(), "up", 1, ProcessId::own());
        write(stacks.path(), "demo-7", 2, ProcessId::own());
        let mut given = Given { stacks: Some(stacks.path().to_owned()), ..Given::default() };
        let found = given.find();
        assert_eq!(found.name, "up (containers)");
        assert_eq!(found.parts[&Part::Ingestion], ["http://127.0.0.1:1"]);
        assert_eq!(found.parts[&Part::Processors(Sport::Hockey)], ["http://127.0.0.1:4104"]);
        assert_eq!(found.kafka.as_deref(), Some("127.0.0.1:9092"));
        assert_eq!(found.logs, Some(Logs::Folder(stacks.path().join("up"))));
        assert_eq!(found.runs, Some(stacks.path().join("runs")));
        given.stack = Some("demo-7".to_owned());
        assert_eq!(given.find().parts[&Part::Ingestion], ["http://127.0.0.1:2"]);
        given.parts.insert(Part::Distribution, vec!["http://10.0.0.1:80".to_owned()]);
        assert_eq!(given.find().rest.as_deref(), Some("http://10.0.0.1:80"));
        assert_eq!(given.find().parts[&Part::Distribution], ["http://10.0.0.1:80"]);
        given.bundles = vec!["a-run".into()];
        assert!(given.find().parts.is_empty(), "a finished run has no stack");
    }

    #[test]
    fn every_process_of_a_service_is_asked_and_the_first_of_it_first() {
        let stacks = tempfile::tempdir().expect("a folder");
        write(stacks.path(), "up", 1, ProcessId::own());
        let record = stacks.path().join("up/stack.json");
        let more = r#""addresses":[{"what":"REST of distribution-2","url":"http://127.0.0.1:7"},
            {"what":"WebSocket of distribution-2","url":"ws://127.0.0.1:8"},
            {"what":"processors-hockey-2","url":"http://127.0.0.1:9"},"#;
        let text = fs::read_to_string(&record).expect("read");
        fs::write(&record, text.replace(r#""addresses":["#, more)).expect("written");
        let found = Given { stacks: Some(stacks.path().to_owned()), ..Given::default() }.find();
        assert_eq!(found.parts[&Part::Distribution], ["http://127.0.0.1:4002", "http://127.0.0.1:7"]);
        let hockey = &found.parts[&Part::Processors(Sport::Hockey)];
        assert_eq!(*hockey, ["http://127.0.0.1:4104", "http://127.0.0.1:9"]);
        assert_eq!(found.rest.as_deref(), Some("http://127.0.0.1:4002"));
    }

    #[test]
    fn what_a_crash_left_behind_is_passed_over_unless_it_is_named() {
        let own = ProcessId::own();
        // No process has such a number; this one's is another's, who started at another time.
        let gone = [
            ProcessId { pid: 999_999_999, ..own },
            ProcessId { started_ticks: own.started_ticks + 1, ..own },
        ];
        for gone in gone {
            let stacks = tempfile::tempdir().expect("a folder");
            write(stacks.path(), "demo-7", 2, own);
            write(stacks.path(), "up", 1, gone);
            // Without the container nothing of it may run.
            let record = stacks.path().join("up/stack.json");
            let text = fs::read_to_string(&record).expect("read");
            fs::write(&record, text.replace(r#"{"name":"kafka","id":"f00"},"#, "")).expect("written");
            let mut given = Given { stacks: Some(stacks.path().to_owned()), ..Given::default() };
            assert_eq!(given.find().name, "demo-7 (containers)");
            given.stack = Some("up".to_owned());
            assert_eq!(given.find().name, "up (containers)");
        }
    }

    #[test]
    fn a_stack_of_stores_alone_is_passed_over_unless_it_is_named() {
        let stacks = tempfile::tempdir().expect("a folder");
        write(stacks.path(), "demo-7", 2, ProcessId::own());
        write(stacks.path(), "stores-9", 3, ProcessId::own());
        let record = stacks.path().join("stores-9/stack.json");
        let kafka = r#"{"stores":"containers","addresses":[{"what":"Kafka","url":"127.0.0.1:9093"}]}"#;
        fs::write(record, kafka).expect("written");
        let mut given = Given { stacks: Some(stacks.path().to_owned()), ..Given::default() };
        assert_eq!(given.find().name, "demo-7 (containers)");
        fs::remove_dir_all(stacks.path().join("demo-7")).expect("removed");
        assert_eq!(given.find().name, "documented ports");
        given.stack = Some("stores-9".to_owned());
        assert_eq!(given.find().kafka.as_deref(), Some("127.0.0.1:9093"));
    }
}
