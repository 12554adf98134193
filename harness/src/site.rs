//! Where a run takes place: every address of a stack, be it one of our own or one that is up.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::{Sport, Topics};
use simulator::faults::{Fault, HOLD_MS, Kind as FaultKind};

use crate::again::Again;
use crate::case::Case;
use crate::observe::Places;
use crate::stack::{DISTRIBUTION, INGESTION, PartId, ProcessId, Record, Stack, processors_name};

/// After which silence processors take a producer for down that were told nothing else, in milliseconds.
const SILENCE_MS: u32 = 20_000;
/// After which silence of a partition distribution shuts what it has, that was told nothing else, in milliseconds.
const PARTITION_SILENCE_MS: u32 = 4_000;

/// A stack as a run sees it.
pub struct Site<'a> {
    /// The name of its record, where it has one.
    pub record: Option<String>,
    /// Where its stores and REST are.
    pub places: Places,
    /// Kafka's bootstrap servers.
    pub kafka: String,
    /// The names of its topics.
    pub topics: Topics,
    /// The WebSocket.
    pub socket: String,
    /// Where feeds are pushed to.
    pub ingestion: String,
    /// The first provider's token, where the stack is guarded.
    pub token: Option<String>,
    /// The database server, as it names itself.
    pub database: String,
    /// Whether it may have events of other runs: they are no phantoms then.
    pub is_shared: bool,
    parts: Parts<'a>,
}

/// What is known of its processes.
enum Parts<'a> {
    Own(&'a Stack),
    Recorded(Record),
    Unknown,
}

/// What is said of a stack that is up; what is left out is looked up.
#[derive(Debug, Clone, clap::Args)]
pub struct SiteArgs {
    /// Kafka's bootstrap servers
    #[arg(long, env = "MATCHDAY_KAFKA", value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// The database: `mysql://user:password@host:port/database`
    #[arg(long, env = "MATCHDAY_MYSQL", hide_env_values = true, value_name = "URL")]
    mysql: Option<String>,
    /// Redis: `redis://host:port`
    #[arg(long, env = "MATCHDAY_REDIS", value_name = "URL")]
    redis: Option<String>,
    /// REST: `http://host:port`
    #[arg(long, env = "MATCHDAY_REST", value_name = "URL")]
    rest: Option<String>,
    /// The WebSocket: `ws://host:port/v1/socket`
    #[arg(long, env = "MATCHDAY_SOCKET", value_name = "URL")]
    socket: Option<String>,
    /// Ingestion: `http://host:port`
    #[arg(long, env = "MATCHDAY_INGESTION", value_name = "URL")]
    ingestion: Option<String>,
    /// What the first provider shows to be let in
    #[arg(long, env = "MATCHDAY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// What all topics' names begin with
    #[arg(long = "topic-prefix", env = "MATCHDAY_TOPIC_PREFIX", default_value = "", value_name = "PREFIX")]
    topics: Topics,
    /// After which silence its processors take a producer for down, in milliseconds: what they were told
    #[arg(long, env = "MATCHDAY_PRODUCER_SILENCE_MS", default_value_t = SILENCE_MS, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..))]
    silence_ms: u32,
    /// How long its processors wait for a message that is missing, in milliseconds: what they were told
    #[arg(long, env = "MATCHDAY_HOLD_MS", default_value_t = HOLD_MS, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..))]
    hold_ms: u32,
    /// After which silence of a partition its distribution shuts what it has, in milliseconds: what that was told
    #[arg(long, env = "MATCHDAY_PARTITION_SILENCE_MS", default_value_t = PARTITION_SILENCE_MS, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..))]
    partition_silence_ms: u32,
}

impl SiteArgs {
    /// Whether an address of it is said, or what one shows to be let in.
    #[must_use]
    pub fn is_said(&self) -> bool {
        let Self { kafka, mysql, redis, rest, socket, ingestion, token, .. } = self;
        [kafka, mysql, redis, rest, socket, ingestion, token].into_iter().any(Option::is_some)
    }

    /// After which silence its processors take a producer for down.
    #[must_use]
    pub fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms.into())
    }

    /// Lets a case wait as long as the stack does.
    ///
    /// # Errors
    /// When its faults were planned for processors that wait otherwise for what is missing.
    pub fn fit(&self, case: &mut Case) -> Result<()> {
        let planned = case.feed.faults.hold_ms;
        let waits = |fault: &Fault| {
            matches!(
                fault.kind,
                FaultKind::Reorder { .. }
                    | FaultKind::ReorderBeyond { .. }
                    | FaultKind::Gap { .. }
                    | FaultKind::GapFilled { .. }
            )
        };
        ensure!(
            planned == self.hold_ms || !case.feed.faults.faults.iter().any(waits),
            "what goes wrong in `{}` is planned for processors that wait {planned} ms for what is missing (`hold_ms`), and those of \
             this stack wait {} ms: say --hold-ms where they were told otherwise, or change one of both",
            case.name,
            self.hold_ms
        );
        case.feed.patience.hold_micros = i64::from(self.hold_ms) * 1_000;
        case.feed.patience.partition_micros = i64::from(self.partition_silence_ms) * 1_000;
        Ok(())
    }

    /// The same arguments once more. Who reads it has the password and the token where they were.
    #[must_use]
    pub fn again(&self, again: Again) -> Again {
        let Self {
            kafka,
            mysql,
            redis,
            rest,
            socket,
            ingestion,
            token,
            topics,
            silence_ms,
            hold_ms,
            partition_silence_ms,
        } = self;
        let otherwise = |ms: &u32, usual: u32| (*ms != usual).then_some(*ms);
        let topics = topics.to_string();
        again
            .option("--kafka", kafka.as_ref())
            .secret("--mysql", "MATCHDAY_MYSQL", mysql.is_some())
            .option("--redis", redis.as_ref())
            .option("--rest", rest.as_ref())
            .option("--socket", socket.as_ref())
            .option("--ingestion", ingestion.as_ref())
            .secret("--token", "MATCHDAY_TOKEN", token.is_some())
            .option("--topic-prefix", (!topics.is_empty()).then_some(topics))
            .option("--silence-ms", otherwise(silence_ms, SILENCE_MS))
            .option("--hold-ms", otherwise(hold_ms, HOLD_MS))
            .option("--partition-silence-ms", otherwise(partition_silence_ms, PARTITION_SILENCE_MS))
    }
}

impl<'a> Site<'a> {
    /// A stack of our own.
    ///
    /// # Errors
    /// When it has no ingestion or no distribution.
    pub fn of(stack: &'a Stack) -> Result<Self> {
        Ok(Self {
            record: stack.folder().file_name().map(|name| name.to_string_lossy().into_owned()),
            places: stack.places()?,
            kafka: stack.kafka(),
            topics: stack.topics().clone(),
            socket: stack.client_url()?,
            ingestion: stack.provider_url()?,
            token: stack.token().map(str::to_owned),
            database: stack.database().to_owned(),
            is_shared: false,
            parts: Parts::Own(stack),
        })
    }

    /// A stack that is up: at the addresses given, else those of the record of this name.
    ///
    /// # Errors
    /// When an address is neither given nor recorded.
    pub fn attach(args: &SiteArgs, name: &str, record: Option<Record>) -> Result<Self> {
        let known = |given: &Option<String>, what: &str, flag: &str| {
            let mut addresses = record.iter().flat_map(|record| &record.addresses);
            let recorded = addresses.find(|address| address.what == what).map(|address| address.url.clone());
            given.clone().or(recorded).with_context(|| {
                format!("no stack of `matchday up` is up: start one, or say where {what} is with {flag}")
            })
        };
        let ingestion = known(&args.ingestion, "ingestion", "--ingestion")?;
        let is_its = |record: &Record| record.addresses.iter().any(|address| address.url == ingestion);
        Ok(Self {
            // Who gives the addresses of another stack does not mean the one that is recorded.
            record: record.as_ref().filter(|record| is_its(record)).map(|_| name.to_owned()),
            places: Places {
                mysql: known(&args.mysql, "MySQL", "--mysql")?,
                redis: known(&args.redis, "Redis", "--redis")?,
                rest: known(&args.rest, "REST", "--rest")?,
            },
            kafka: known(&args.kafka, "Kafka", "--kafka")?,
            topics: args.topics.clone(),
            socket: known(&args.socket, "WebSocket", "--socket")?,
            ingestion,
            token: args.token.clone(),
            database: "a database that was there".to_owned(),
            is_shared: true,
            parts: record.map_or(Parts::Unknown, Parts::Recorded),
        })
    }

    /// The stack, where it is our own.
    #[must_use]
    pub fn own(&self) -> Option<&'a Stack> {
        match self.parts {
            Parts::Own(stack) => Some(stack),
            Parts::Recorded(_) | Parts::Unknown => None,
        }
    }

    /// The processes that run now, in the order in which they were started. Containers are not told of.
    #[must_use]
    pub fn processes(&self) -> Vec<(String, ProcessId)> {
        match &self.parts {
            Parts::Own(stack) => {
                let named = |process: &std::sync::Arc<crate::stack::Process>| {
                    Some((process.name().to_owned(), process.id()?))
                };
                stack.processes().iter().filter_map(named).collect()
            }
            Parts::Recorded(record) => {
                let id = |id: &PartId| match id {
                    PartId::Process(id) => Some(*id),
                    PartId::Container(_) => None,
                };
                record.processes.iter().filter_map(|part| Some((part.name.clone(), id(&part.id)?))).collect()
            }
            Parts::Unknown => Vec::new(),
        }
    }

    /// The services of our own stack that have ended though nobody has ended them, each with how.
    #[must_use]
    pub fn deaths(&self) -> Vec<(String, String)> {
        self.own().map(Stack::deaths).unwrap_or_default()
    }

    /// Whether a part of this name is a service of ours, and no store.
    #[must_use]
    pub fn is_service(name: &str) -> bool {
        [DISTRIBUTION, INGESTION, "processors-"].iter().any(|service| name.starts_with(service))
    }

    /// The admin routes of a sport's first processors, where it has any.
    #[must_use]
    pub fn processor(&self, sport: Sport) -> Option<String> {
        match &self.parts {
            Parts::Own(stack) => stack.processor_url(sport).ok(),
            Parts::Recorded(record) => {
                let name = processors_name(sport);
                let found = record.addresses.iter().find(|address| address.what == name);
                found.map(|address| address.url.clone())
            }
            Parts::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::case::Asked;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        site: SiteArgs,
    }

    #[test]
    fn what_was_planned_for_processors_that_wait_otherwise_is_refused() {
        let case = |scenario: &str| Case::of(Asked::load(scenario, None, Some(90)).unwrap(), None).unwrap();
        let site = |arguments: &[&str]| Command::parse_from([&["verify"], arguments].concat()).site;
        let (told, mut faulty) =
            (site(&["--hold-ms", "1500", "--partition-silence-ms", "900"]), case("all-faults"));
        assert_eq!(site(&[]).fit(&mut faulty).map_err(|error| error.to_string()), Ok(()));
        let error = told.fit(&mut faulty).unwrap_err().to_string();
        assert!(error.contains("wait 3000 ms") && error.contains("wait 1500 ms"), "{error}");
        let mut steady = case("steady-hockey");
        told.fit(&mut steady).unwrap();
        let patience = steady.feed.patience;
        assert_eq!((patience.hold_micros, patience.partition_micros), (1_500_000, 900_000));
    }

    #[test]
    fn a_stack_has_the_name_of_its_record_unless_another_ones_addresses_are_given() {
        let record = || -> Option<Record> {
            let addresses = ["MySQL", "Redis", "REST", "Kafka", "WebSocket", "ingestion"];
            let addresses =
                addresses.map(|what| serde_json::json!({"what": what, "url": format!("{what}.up")}));
            let record = serde_json::json!({
                "lifetime": "detached", "owner": {"pid": 1, "started_ticks": 1}, "is_complete": true, "processes": [],
                "addresses": addresses});
            Some(serde_json::from_value(record).unwrap())
        };
        let name = |ingestion: &str| {
            let arguments = ["verify", "--ingestion", ingestion];
            Site::attach(&Command::parse_from(arguments).site, "up", record()).unwrap().record
        };
        assert_eq!(name("ingestion.up").as_deref(), Some("up"));
        assert_eq!(name("http://127.0.0.1:9"), None);
    }
}
