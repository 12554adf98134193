//! What the stack knows of our own services: values, so that one more sport is one more line.

use domain::Sport;

use crate::recoveries::SETTING;

/// Processors are named after their sport: `processors-hockey`.
const PROCESSORS: &str = "processors";

/// The service that takes feeds; its name in a stack.
pub const INGESTION: &str = "ingestion";

/// The service that serves REST and sockets; its name in a stack.
pub const DISTRIBUTION: &str = "distribution";

/// One service process: which binary, with which arguments, listening where.
#[derive(Clone, Debug)]
pub struct ServiceSpec {
    /// Its name in the stack.
    pub name: String,
    /// The binary, beside this program's own.
    pub binary: &'static str,
    /// Arguments other than those of the listeners.
    pub args: Vec<String>,
    /// Where it listens. The first answers `/readyz` as well.
    pub listeners: Vec<Listener>,
    /// Added to the environment that every service has.
    pub env: Vec<(String, String)>,
}

/// One address on which a service listens.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// What it is called where addresses are shown; without it, as the service.
    pub label: Option<&'static str>,
    /// The argument that sets it.
    pub flag: &'static str,
    /// The port that the documentation gives.
    pub port: u16,
    /// What is spoken there.
    pub scheme: Scheme,
}

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP.
    Http,
    /// WebSocket.
    Socket,
}

impl Scheme {
    /// The address of a port of this machine: `http://127.0.0.1:4002`, `ws://127.0.0.1:4003/v1/socket`.
    pub(super) fn url(self, port: u16) -> String {
        match self {
            Self::Http => format!("http://127.0.0.1:{port}"),
            Self::Socket => format!("ws://127.0.0.1:{port}/v1/socket"),
        }
    }
}

/// Every sport's processors and the port that the documentation gives them.
const PROCESSOR_PORTS: [(Sport, u16); Sport::ALL.len()] =
    [(Sport::Football, 4101), (Sport::Basketball, 4102), (Sport::Tennis, 4103), (Sport::Hockey, 4104)];

/// The services of one pipeline for these sports, downstream first: what is pushed into the first that is ready finds all
/// others, and stopping in reverse order stops the source first.
pub fn pipeline(sports: &[Sport]) -> Vec<ServiceSpec> {
    let processors = PROCESSOR_PORTS.iter().filter(|(sport, _)| sports.contains(sport));
    let processors = processors.map(|(sport, port)| {
        let listeners = vec![Listener::http("--listen", *port)];
        let mut spec = ServiceSpec::new(&processors_name(*sport), PROCESSORS, listeners);
        spec.args = vec!["--sport".to_owned(), sport.to_string()];
        spec
    });
    let rest = Listener { label: Some("REST"), ..Listener::http("--rest-listen", 4002) };
    let socket =
        Listener { label: Some("WebSocket"), flag: "--socket-listen", port: 4003, scheme: Scheme::Socket };
    let mut services = vec![ServiceSpec::new(DISTRIBUTION, DISTRIBUTION, vec![rest, socket])];
    services.extend(processors);
    services.push(ServiceSpec::new(INGESTION, INGESTION, vec![Listener::http("--listen", 4000)]));
    services
}

/// Services whose processors ask providers so for what they lack, unless this process's environment says otherwise.
#[must_use]
pub fn asking(services: Vec<ServiceSpec>, recovery: &str) -> Vec<ServiceSpec> {
    let is_said = std::env::var_os(SETTING).is_some();
    let told = |mut service: ServiceSpec| {
        if service.binary == PROCESSORS && !is_said {
            service.env.push((SETTING.to_owned(), recovery.to_owned()));
        }
        service
    };
    services.into_iter().map(told).collect()
}

impl ServiceSpec {
    fn new(name: &str, binary: &'static str, listeners: Vec<Listener>) -> Self {
        Self { name: name.to_owned(), binary, args: Vec::new(), listeners, env: Vec::new() }
    }
}

impl Listener {
    const fn http(flag: &'static str, port: u16) -> Self {
        Self { label: None, flag, port, scheme: Scheme::Http }
    }
}

/// The name in a stack of the processors of a sport.
pub fn processors_name(sport: Sport) -> String {
    format!("{PROCESSORS}-{sport}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_alone_are_told_whom_to_ask() {
        let services = asking(pipeline(&[Sport::Hockey]), "md=alive@http://127.0.0.1:4004");
        let told: Vec<&str> =
            services.iter().filter(|spec| !spec.env.is_empty()).map(|spec| spec.name.as_str()).collect();
        let expected = if std::env::var_os(SETTING).is_some() { vec![] } else { vec!["processors-hockey"] };
        assert_eq!(told, expected);
    }

    #[test]
    fn every_sport_has_processors_with_a_name_and_a_port_of_their_own() {
        let services = pipeline(&Sport::ALL);
        for sport in Sport::ALL {
            assert!(services.iter().any(|spec| spec.name == processors_name(sport)), "{sport}");
        }
        let mut ports: Vec<u16> =
            services.iter().flat_map(|spec| &spec.listeners).map(|listener| listener.port).collect();
        let count = ports.len();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), count);
    }
}
