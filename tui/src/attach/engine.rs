//! What the containers of a Compose project publish, as the engine tells: also those that were added, whose ports nobody can know
//! beforehand.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use domain::Sport;
use tokio::process::Command;
use tokio::sync::watch;

use super::dotenv::Settings;
use crate::source::Part;

/// How often it is asked: containers come and go seldom.
const EVERY: Duration = Duration::from_secs(15);

/// How long one answer may take.
const WITHIN: Duration = Duration::from_secs(5);

/// What stands at the end of the name of a service whose containers are added to those of another.
const MORE: &str = "-more";

/// Where the processes of each service are reached from this machine.
pub type Published = BTreeMap<Part, Processes>;

/// Those of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// The one with the documented port, where it runs.
    pub first: Option<String>,
    /// Those that were added.
    pub more: Vec<String>,
}

/// Asks again and again; the first answer is told even where there is none to be had.
pub async fn follow(docker: &Path, project: &Path, told: watch::Sender<Option<Published>>) {
    let name = Settings::read(Some(project)).project();
    loop {
        let published = ask(docker, &name).await;
        told.send_modify(|told| match published {
            Ok(published) => *told = Some(published),
            // An engine that is away says nothing of what runs.
            Err(_) => *told = Some(told.take().unwrap_or_default()),
        });
        tokio::time::sleep(EVERY).await;
    }
}

async fn ask(docker: &Path, project: &str) -> anyhow::Result<Published> {
    let label = format!("label=com.docker.compose.project={project}");
    let format = "{{.Label \"com.docker.compose.service\"}}\t{{.Ports}}";
    let mut command = Command::new(docker);
    command.args(["ps", "--filter", &label, "--format", format]).stdin(Stdio::null()).kill_on_drop(true);
    let output =
        tokio::time::timeout(WITHIN, command.output()).await.context("the engine does not answer")??;
    ensure!(output.status.success(), "the engine answers {}", output.status);
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

/// A line for each container: its service, a tab, `127.0.0.1:4101->4100/tcp, …`.
fn read(text: &str) -> Published {
    let mut found = Published::new();
    for (service, ports) in text.lines().filter_map(|line| line.split_once('\t')) {
        let added = service.strip_suffix(MORE);
        let Some((part, inside)) = part_of(added.unwrap_or(service)) else { continue };
        let Some(port) = ports.split(',').find_map(|ports| outside(ports, inside)) else { continue };
        let (processes, url) = (found.entry(part).or_default(), format!("http://127.0.0.1:{port}"));
        match added {
            Some(_) => processes.more.push(url),
            None => processes.first = Some(url),
        }
    }
    // The engine tells of the newest first, whichever that is.
    found.values_mut().for_each(|processes| processes.more.sort_unstable());
    found
}

/// The port of this machine that leads to the port `inside`, among `127.0.0.1:4101->4100/tcp` or `0.0.0.0:4002-4003->4002-4003/tcp`.
fn outside(ports: &str, inside: u16) -> Option<u16> {
    let (address, target) = ports.trim().split_once("->")?;
    let first = |range: &str| range.split('-').next()?.parse::<u16>().ok();
    let range = target.strip_suffix("/tcp")?;
    let (from, to) = (first(range)?, range.rsplit('-').next()?.parse::<u16>().ok()?);
    let (_, outside) = address.rsplit_once(':')?;
    (from..=to).contains(&inside).then(|| first(outside)?.checked_add(inside - from))?
}

/// The service of this name, and where it listens within its container.
fn part_of(service: &str) -> Option<(Part, u16)> {
    let processors = Sport::ALL.map(|sport| (Part::Processors(sport), 4100));
    let others = [(Part::Simulator, 4004), (Part::Ingestion, 4000)];
    let mut parts = others.into_iter().chain(processors).chain([(Part::Distribution, 4002)]);
    parts.find(|(part, _)| part.to_string() == service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_of_a_service_is_found_at_the_port_that_it_has_outside() {
        let told = "processors-football-more\t127.0.0.1:32770->4100/tcp\n\
                    processors-football\t127.0.0.1:14101->4100/tcp\n\
                    distribution-more\t127.0.0.1:4211->4002/tcp, 127.0.0.1:4311->4003/tcp\n\
                    distribution\t127.0.0.1:4002-4003->4002-4003/tcp\n\
                    simulator\t0.0.0.0:5004->4004/tcp, [::]:5004->4004/tcp\n\
                    kafka\t127.0.0.1:9092->9092/tcp\nprocessors-hockey\t\n";
        let found = read(told);
        let football = &found[&Part::Processors(Sport::Football)];
        assert_eq!(football.first.as_deref(), Some("http://127.0.0.1:14101"));
        assert_eq!(football.more, ["http://127.0.0.1:32770"]);
        let distribution = &found[&Part::Distribution];
        assert_eq!(distribution.first.as_deref(), Some("http://127.0.0.1:4002"));
        assert_eq!(distribution.more, ["http://127.0.0.1:4211"]);
        assert_eq!(found[&Part::Simulator].first.as_deref(), Some("http://127.0.0.1:5004"));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn what_is_found_is_what_compose_publishes() {
        let compose = include_str!("../../../docker-compose.yml");
        for part in ["ingestion", "simulator", "distribution", "processors-hockey"] {
            let (_, inside) = part_of(part).expect("a service");
            let (_, service) = compose.split_once(&format!("\n  {part}:")).expect("it is there");
            let (service, _) = service.split_once("\n\n").expect("another");
            assert!(service.contains(&format!(":{inside}\"")), "{part}");
        }
        for sport in Sport::ALL {
            let more = compose.lines().find(|line| line.starts_with(&format!("  processors-{sport}-more:")));
            assert!(more.is_some_and(|line| line.contains("ports: [\"127.0.0.1::4100\"]")), "{sport}");
        }
    }
}
