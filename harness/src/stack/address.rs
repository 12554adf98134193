//! Where a stack is reached.

use super::folder::Address;
use super::service::{DISTRIBUTION, INGESTION, processors_name};
use super::{Stack, State};
use crate::observe::Places;
use anyhow::{Context, Result};
use domain::{Sport, Topics};

impl Stack {
    pub(super) fn list_addresses(&self, state: &State) -> Vec<Address> {
        let mut addresses = Vec::new();
        for (spec, ports) in state.services.iter().rev() {
            for (listener, port) in spec.listeners.iter().zip(ports) {
                let what = match listener.label {
                    // One that was added is beside the first, not in its place.
                    Some(label) if spec.name != spec.binary => format!("{label} of {}", spec.name),
                    label => label.unwrap_or(&spec.name).to_owned(),
                };
                addresses.push(Address { what, url: listener.scheme.url(*port) });
            }
        }
        let stores = [("Kafka", self.kafka()), ("MySQL", self.mysql_url()), ("Redis", self.redis_url())];
        addresses.extend(stores.map(|(what, url)| Address { what: what.to_owned(), url }));
        addresses
    }

    /// Every address, the services' first.
    pub fn addresses(&self) -> Vec<Address> {
        self.list_addresses(&self.state())
    }

    /// Kafka's bootstrap server: `127.0.0.1:9092`.
    pub fn kafka(&self) -> String {
        self.stores.kafka.clone()
    }

    /// The names of its topics there.
    pub fn topics(&self) -> &Topics {
        &self.stores.topics
    }

    /// The database, with user and password: `mysql://matchday:…@127.0.0.1:3307/matchday`. That user may make more databases
    /// whose names begin with `matchday`.
    pub fn mysql_url(&self) -> String {
        self.stores.mysql.clone()
    }

    /// Redis: `redis://127.0.0.1:6379`.
    pub fn redis_url(&self) -> String {
        self.stores.redis.clone()
    }

    /// Where it is looked at what a run came to.
    ///
    /// # Errors
    /// When distribution was not started.
    pub fn places(&self) -> Result<Places> {
        Ok(Places { mysql: self.mysql_url(), redis: self.redis_url(), rest: self.rest_url()? })
    }

    /// Where feeds are pushed to: `http://127.0.0.1:4000`.
    ///
    /// # Errors
    /// When ingestion was not started.
    pub fn ingestion_url(&self) -> Result<String> {
        self.url(INGESTION, 0)
    }

    /// REST: `http://127.0.0.1:4002`.
    ///
    /// # Errors
    /// When distribution was not started.
    pub fn rest_url(&self) -> Result<String> {
        self.url(DISTRIBUTION, 0)
    }

    /// The socket: `ws://127.0.0.1:4003/v1/socket`.
    ///
    /// # Errors
    /// When distribution was not started.
    pub fn socket_url(&self) -> Result<String> {
        self.url(DISTRIBUTION, 1)
    }

    /// The admin routes of a sport's first processors: `http://127.0.0.1:4104`.
    ///
    /// # Errors
    /// When the sport has no processors in this stack.
    pub fn processor_url(&self, sport: Sport) -> Result<String> {
        self.url(&processors_name(sport), 0)
    }

    /// The address of the listener number `index` of a service.
    ///
    /// # Errors
    /// When there is none.
    pub fn url(&self, service: &str, index: usize) -> Result<String> {
        let state = self.state();
        let found = state.services.iter().find(|(spec, _)| spec.name == service);
        let (spec, ports) = found.with_context(|| format!("{service} was not started"))?;
        let at = spec.listeners.get(index).zip(ports.get(index));
        let (listener, port) = at.with_context(|| format!("{service} has no listener {index}"))?;
        Ok(listener.scheme.url(*port))
    }
}
