//! Disturbs a running stack: its processes are reached by name, ended, started again and joined by others.

use super::process::Process;
use super::service::{DISTRIBUTION, ServiceSpec, processors_name};
use super::{READY_DEADLINE, Stack};
use anyhow::{Context, Result};
use domain::Sport;
use std::sync::Arc;

/// How often a process that ends before it is ready is started.
const STARTS_MAX: u32 = 3;

impl Stack {
    /// A process of this stack by its name: to look at it, kill it, pause it.
    ///
    /// # Errors
    /// When there is none of this name: with the names there are.
    pub fn process(&self, name: &str) -> Result<Arc<Process>> {
        let processes = self.processes();
        let names = || processes.iter().map(|process| process.name()).collect::<Vec<_>>().join(", ");
        let found = processes.iter().find(|process| process.name() == name);
        found.cloned().with_context(|| format!("there is no process {name} in this stack, only {}", names()))
    }

    /// Every process, in the order in which they were started.
    pub fn processes(&self) -> Vec<Arc<Process>> {
        self.state().processes.clone()
    }

    /// The services that have ended though nobody has ended them, each with how.
    pub fn deaths(&self) -> Vec<(String, String)> {
        let state = self.state();
        let is_service = |name: &str| state.services.iter().any(|(spec, _)| spec.name == name);
        let services = state.processes.iter().filter(|process| is_service(process.name()));
        services.filter_map(|process| Some((process.name().to_owned(), process.death()?))).collect()
    }

    /// Starts a process that has ended again, on the same ports and with the same data, without waiting for it.
    ///
    /// # Errors
    /// When it still runs, or cannot be started.
    pub fn start(&self, name: &str) -> Result<Arc<Process>> {
        let process = self.process(name)?;
        let mut state = self.state();
        process.start_again()?;
        self.write_record(&mut state)?;
        Ok(process)
    }

    /// Ends a process in order if it runs, starts it again as [`Stack::start`] does, and waits until it is ready.
    ///
    /// # Errors
    /// When it had to be killed, or does not become ready.
    pub async fn restart(&self, name: &str) -> Result<()> {
        let process = self.process(name)?;
        if process.is_running() {
            process.stop().await?;
        }
        // A store's port may be held by somebody else at the very moment when it comes back; then it ends at once.
        for _ in 1..STARTS_MAX {
            let started = self.start(name)?;
            match started.ready(READY_DEADLINE).await {
                Err(_) if !started.is_running() => {}
                outcome => return outcome,
            }
        }
        self.start(name)?.ready(READY_DEADLINE).await
    }

    /// Ends in order a process that [`Stack::add_processors`] started, and forgets it.
    ///
    /// # Errors
    /// When there is none of this name, or it had to be killed.
    pub async fn remove_processors(&self, name: &str) -> Result<()> {
        let stopped = self.process(name)?.stop().await;
        let mut state = self.state();
        state.processes.retain(|process| process.name() != name);
        state.services.retain(|(spec, _)| spec.name != name);
        self.write_record(&mut state)?;
        stopped.map(|_| ())
    }

    /// Starts one more process of a sport's processors, on a port of its own, and waits until it is ready; it shares the
    /// partitions with the others. Its name is returned: `processors-hockey-2`.
    ///
    /// # Errors
    /// When the sport has no processors in this stack, or the new one does not become ready.
    pub async fn add_processors(&self, sport: Sport) -> Result<String> {
        self.add_another(&processors_name(sport)).await
    }

    /// Starts one more distribution, on ports of its own, and waits until it is ready; each reads all updates. Its name is
    /// returned: `distribution-2`.
    ///
    /// # Errors
    /// When this stack has no distribution, or the new one does not become ready.
    pub async fn add_distribution(&self) -> Result<String> {
        self.add_another(DISTRIBUTION).await
    }

    /// Starts one more process like the service of this name.
    async fn add_another(&self, first: &str) -> Result<String> {
        let spec = {
            let state = self.state();
            let with_name = |spec: &ServiceSpec, name: &str| spec.name == name;
            let known = |name: &str| state.services.iter().find(|(spec, _)| with_name(spec, name));
            let (spec, _) = known(first).with_context(|| format!("there is no {first} in this stack"))?;
            let name = (2..).map(|number| format!("{first}-{number}")).find(|name| known(name).is_none());
            ServiceSpec { name: name.context("every number is taken")?, ..spec.clone() }
        };
        let name = spec.name.clone();
        self.start_services(vec![spec]).await?;
        Ok(name)
    }
}
