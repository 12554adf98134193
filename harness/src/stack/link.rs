//! The ways between parts of a stack that can be disturbed: each has a proxy on it.
//!
//! A service is told the proxy's address in the place of the store's. That is not enough for Kafka, which tells its clients
//! where to connect to: there each way ends at a listener of its own, which advertises the address of its proxy.

use super::ports::PortPicker;
use super::proxy::Proxy;
use super::service::{DISTRIBUTION, INGESTION};
use super::{DATABASE, KAFKA, REDIS, Stack};
use anyhow::{Context, Result, ensure};
use std::sync::OnceLock;

/// Who pushes a feed to a stack, where the ways to it are named.
pub const PROVIDER: &str = "provider";

/// Who listens to a stack, where the ways to it are named.
pub const CLIENTS: &str = "clients";

/// A way from one part of a stack to another, or between a stack and who uses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// Who connects: a service by its name, [`PROVIDER`] or [`CLIENTS`].
    pub from: String,
    /// To whom: a store by its name, for a provider ingestion, for clients distribution's socket.
    pub to: String,
}

/// All ways of a stack that have a proxy.
#[derive(Debug)]
pub(super) struct Links(Vec<Way>);

#[derive(Debug)]
struct Way {
    link: Link,
    /// Where its proxy listens.
    port: u16,
    /// Where Kafka listens behind it.
    listener: Option<u16>,
    proxy: OnceLock<Proxy>,
}

/// A listener that Kafka has for one way alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct KafkaListener {
    /// Where it listens.
    pub port: u16,
    /// The port that it tells its clients: the proxy's.
    pub advertised: u16,
}

impl Links {
    /// Takes ports for these ways.
    pub(super) fn new(links: &[Link], ports: &PortPicker) -> Result<Self> {
        let way = |link: &Link| {
            let is_known = match link.to.as_str() {
                KAFKA | DATABASE | REDIS => ![PROVIDER, CLIENTS].contains(&link.from.as_str()),
                INGESTION => link.from == PROVIDER,
                DISTRIBUTION => link.from == CLIENTS,
                _ => false,
            };
            ensure!(is_known, "there is no way from {} to {}", link.from, link.to);
            let who = format!("{} to {}", link.from, link.to);
            let listener = if link.to == KAFKA { Some(ports.pick(&who, None)?) } else { None };
            Ok(Way { link: link.clone(), port: ports.pick(&who, None)?, listener, proxy: OnceLock::new() })
        };
        Ok(Self(links.iter().map(way).collect::<Result<_>>()?))
    }

    /// The listeners that Kafka needs for them.
    pub(super) fn kafka_listeners(&self) -> Vec<KafkaListener> {
        let listener = |way: &Way| Some(KafkaListener { port: way.listener?, advertised: way.port });
        self.0.iter().filter_map(listener).collect()
    }

    /// Opens the ways to a part that is reached on this port.
    pub(super) fn open(&self, to: &str, target: u16) -> Result<()> {
        for way in self.0.iter().filter(|way| way.link.to == to && way.proxy.get().is_none()) {
            let proxy = Proxy::open(way.port, way.listener.unwrap_or(target))?;
            // Nobody else opens it: a stack's parts are started one after the other.
            let _ = way.proxy.set(proxy);
        }
        Ok(())
    }

    /// Where a part is reached from another, if there is a proxy on that way. All processes of a service go the same way.
    fn port(&self, from: &str, to: &str) -> Option<u16> {
        let service = from.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches('-');
        self.0.iter().find(|way| way.link.from == service && way.link.to == to).map(|way| way.port)
    }

    /// An address as `from` has to use it to reach `to`.
    pub(super) fn address(&self, from: &str, to: &str, address: String) -> String {
        match self.port(from, to).zip(address.rsplit_once(HOST)) {
            None => address,
            Some((port, (before, after))) => {
                let rest = after.trim_start_matches(|letter: char| letter.is_ascii_digit());
                format!("{before}{HOST}{port}{rest}")
            }
        }
    }
}

/// What stands before the port in the address of every part.
const HOST: &str = "127.0.0.1:";

/// The port in the address of a part.
fn port_of(address: &str) -> Result<u16> {
    let after = address.rsplit_once(HOST).map(|(_, after)| after).unwrap_or_default();
    let digits = after.find(|letter: char| !letter.is_ascii_digit()).map_or(after, |end| &after[..end]);
    digits.parse().context("a part of a stack is reached on a port of this machine")
}

impl Stack {
    /// Opens the ways to the stores.
    pub(super) fn open_links(&self) -> Result<()> {
        for (name, address) in
            [(KAFKA, self.kafka()), (DATABASE, self.mysql_url()), (REDIS, self.redis_url())]
        {
            self.links.open(name, port_of(&address)?)?;
        }
        Ok(())
    }

    /// What is on a way, to disturb it.
    ///
    /// # Errors
    /// When the stack was started without that way, or nobody listens at its end yet.
    pub fn proxy(&self, link: &Link) -> Result<&Proxy> {
        let Link { from, to } = link;
        let way = self.links.0.iter().find(|way| way.link == *link);
        let way = way.with_context(|| {
            format!("nothing can be done to the way from {from} to {to}: the stack was started without a proxy on it")
        })?;
        way.proxy.get().with_context(|| format!("{to} was not started"))
    }

    /// Where clients reach the socket: through the proxy on their way, where there is one.
    ///
    /// # Errors
    /// When distribution was not started.
    pub fn client_url(&self) -> Result<String> {
        Ok(self.links.address(CLIENTS, DISTRIBUTION, self.socket_url()?))
    }

    /// Where a provider pushes its feed to: through the proxy on its way, where there is one.
    ///
    /// # Errors
    /// When ingestion was not started.
    pub fn provider_url(&self) -> Result<String> {
        Ok(self.links.address(PROVIDER, INGESTION, self.ingestion_url()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Ports;

    fn link(from: &str, to: &str) -> Link {
        Link { from: from.to_owned(), to: to.to_owned() }
    }

    #[test]
    fn who_goes_a_way_is_told_its_proxy_and_everybody_else_the_part_itself() {
        let picker = PortPicker::new(Ports::Free, |_| {});
        let links =
            Links::new(&[link("processors-hockey", DATABASE), link("ingestion", KAFKA)], &picker).unwrap();
        let address =
            |from: &str, to: &str| links.address(from, to, "mysql://u:127@127.0.0.1:33/base".to_owned());
        let proxied = format!("mysql://u:127@127.0.0.1:{}/base", links.0[0].port);
        assert_eq!(address("processors-hockey", DATABASE), proxied);
        assert_eq!(address("processors-hockey-2", DATABASE), proxied, "a second one of the service");
        assert_eq!(address("processors-tennis", DATABASE), "mysql://u:127@127.0.0.1:33/base");
        assert_eq!(address("processors-hockey", REDIS), "mysql://u:127@127.0.0.1:33/base");
        let [listener] = links.kafka_listeners()[..] else { panic!("one way leads to Kafka") };
        assert_eq!(Some(listener.advertised), links.port("ingestion", KAFKA));
        assert_ne!(listener.port, listener.advertised);
        assert_eq!(port_of("mysql://u:p@127.0.0.1:3307/base").unwrap(), 3_307);
    }

    #[test]
    fn a_way_that_nobody_goes_is_refused() {
        let picker = PortPicker::new(Ports::Free, |_| {});
        let error = Links::new(&[link(CLIENTS, KAFKA)], &picker).unwrap_err().to_string();
        assert_eq!(error, "there is no way from clients to kafka");
    }
}
