//! A stack: Kafka, a database and Redis, as processes of this machine or in containers, and our services; started, disturbed
//! and ended.
//!
//! [`Stack::infrastructure`], [`Stack::init`] and [`Stack::start_services`] are its three steps, [`Stack::up`] is all of them.
//! Everything that a stack writes lies in `.matchday/<name>`, and every process of it carries that folder's name in its
//! environment, every container as a label, so that whatever happens to the process that started it, the next
//! `matchday down` finds all of it.

mod address;
mod compose;
mod condition;
mod container;
mod control;
mod database;
pub(crate) mod docker;
mod end;
mod folder;
mod kafka;
mod link;
mod maven;
mod native;
mod peer;
mod ports;
mod probe;
mod process;
mod process_id;
mod program;
mod project;
mod providers;
mod proxy;
mod redis;
mod service;
mod stores;
mod trust;
mod watcher;

pub use self::compose::ComposeProject;
pub(crate) use self::compose::PROJECT_LABEL;
pub use self::condition::{Condition, survey};
pub(crate) use self::condition::{LeftContainer, left_containers};
pub(crate) use self::container::store_images;
pub use self::database::{DATABASE, DatabaseChoice};
pub(crate) use self::database::{MYSQL_8, Server};
pub(crate) use self::docker::LABEL;
pub use self::end::{Ended, down};
pub use self::folder::{Address, RUNS, Record, RecordedProcess};
pub use self::kafka::KAFKA;
pub(crate) use self::kafka::{JARS, java};
pub use self::link::{CLIENTS, Link, PROVIDER};
pub(crate) use self::maven::Download;
pub use self::peer::PeerSpec;
pub use self::ports::Ports;
pub(crate) use self::ports::is_free;
pub use self::probe::ask_service;
pub(crate) use self::process::part_log;
pub use self::process::{Lifetime, PartId, PartState, Process};
pub use self::process_id::ProcessId;
pub use self::program::own as own_binary;
pub use self::project::Project;
pub use self::proxy::{Flow, Proxy};
pub use self::redis::REDIS;
pub use self::service::{
    DISTRIBUTION, INGESTION, Listener, Scheme, ServiceSpec, asking, pipeline, processors_name,
};
pub use self::stores::{StoresChoice, StoresKind};

use self::folder::Folder;
use self::link::Links;
use self::native::{Native, Program};
use self::ports::PortPicker;
use self::probe::Probe;
use self::process::Body;
use self::stores::{OwnStores, Stores};
use self::watcher::Watcher;
use crate::init::{self, InitConfig};
use anyhow::{Context, Result, bail, ensure};
use futures_util::future::try_join_all;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take until it is ready. A slow machine needs seconds.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// The ports that the documentation gives the stores.
pub(crate) const KAFKA_PORT: u16 = 9092;
pub(crate) const DATABASE_PORT: u16 = 3307;
pub(crate) const REDIS_PORT: u16 = 6379;

/// Says one line to a person about what is going on.
pub type Say = fn(&str);

/// What a stack is to be.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// The project whose services it runs.
    pub project: Project,
    /// The folder of all stacks, usually [`Project::stacks`].
    pub stacks: PathBuf,
    /// The name of this one. An attached stack adds the number of its process, so that many can run at once.
    pub name: String,
    /// Whether it ends with this process.
    pub lifetime: Lifetime,
    /// Where it listens.
    pub ports: Ports,
    /// Where its stores run; a guest's are its host's.
    pub stores: StoresChoice,
    /// Its database server, where that runs as a process of this machine.
    pub database: DatabaseChoice,
    /// Whether ingestion takes a feed only from who shows the stack's token.
    pub is_guarded: bool,
    /// Ways between its parts that are to be disturbed: each has a proxy on it, which lives as long as this process.
    pub links: Vec<Link>,
    /// Hears what is being started and how long it took.
    pub say: Say,
}

/// A running stack. Dropped, it ends and leaves nothing, unless [`Stack::leave_running`] took it over.
#[derive(Debug)]
pub struct Stack {
    config: StackConfig,
    folder: Folder,
    stores: Stores,
    links: Links,
    /// What the provider must show, where the stack is guarded.
    token: Option<String>,
    /// Known once it runs.
    database: OnceLock<String>,
    state: Mutex<State>,
    /// Whether somebody has already decided how it ends.
    is_released: bool,
    /// Ends what does not end by itself with this process.
    watcher: Option<Watcher>,
}

#[derive(Debug)]
struct State {
    ports: PortPicker,
    /// In the order in which they were started.
    processes: Vec<Arc<Process>>,
    /// The services among them, each with the ports of its listeners.
    services: Vec<(ServiceSpec, Vec<u16>)>,
    record: Record,
}

impl Stack {
    /// Starts a whole stack: the stores, topics and tables, the services.
    ///
    /// # Errors
    /// When a part of it does not become ready: with its reasons and the end of its log. Nothing is left then.
    pub async fn up(config: StackConfig, services: Vec<ServiceSpec>) -> Result<Self> {
        let stack = Self::infrastructure(config).await?;
        stack.init().await?;
        stack.start_services(services).await?;
        Ok(stack)
    }

    /// Starts Kafka, the database and Redis, all empty, and waits until each does its work.
    ///
    /// # Errors
    /// As [`Stack::up`], and when a stack of this name is there already.
    pub async fn infrastructure(config: StackConfig) -> Result<Self> {
        let kind = Box::pin(config.stores.decide(&config.database, config.say)).await?;
        ensure!(
            kind == StoresKind::Native || !leads_to_kafka(&config.links),
            "a proxy before Kafka needs a Kafka that runs natively (MATCHDAY_STORES=native): it has a listener for each, and a \
             container has one port"
        );
        let claim = move || {
            let ports = PortPicker::new(config.ports, config.say);
            let own = OwnStores::new(kind, providers::new_secret(), &ports)?;
            let stack = Self::claim(config, ports, own.reached(), kind)?;
            anyhow::Ok((stack, own))
        };
        let (stack, own) = tokio::task::spawn_blocking(claim).await.context("claiming a folder")??;
        // Boxed, as below: the compiler gives up on futures that nest too deep.
        Box::pin(stack.start_stores(&own)).await?;
        if let Some(watcher) = &stack.watcher {
            watcher.all_started();
        }
        Ok(stack)
    }

    /// Starts a stack that uses the stores of `host`, with a database, topics and keys of its own there. It starts no store and
    /// ends none, and what it wrote there stays until `host` ends.
    ///
    /// # Errors
    /// As [`Stack::up`].
    pub async fn guest_of(host: &Self, config: StackConfig, services: Vec<ServiceSpec>) -> Result<Self> {
        ensure!(
            !leads_to_kafka(&config.links),
            "a proxy before Kafka needs a stack with a Kafka of its own: another stack's has no listener for it"
        );
        let stores = host.stores.place_for_guest().await?;
        let claim = move || {
            let ports = PortPicker::new(config.ports, config.say);
            Self::claim(config, ports, stores, StoresKind::Native)
        };
        let stack = tokio::task::spawn_blocking(claim).await.context("claiming a folder")??;
        stack.database.get_or_init(|| host.database().to_owned());
        Box::pin(async {
            stack.init().await?;
            stack.start_services(services).await
        })
        .await?;
        Ok(stack)
    }

    /// Takes a folder for a new stack.
    fn claim(config: StackConfig, ports: PortPicker, stores: Stores, kind: StoresKind) -> Result<Self> {
        ensure!(
            config.links.is_empty() || config.lifetime == Lifetime::Attached,
            "a stack that outlives this process cannot have proxies in it"
        );
        let links = Links::new(&config.links, &ports)?;
        let name = match config.lifetime {
            Lifetime::Attached => format!("{}-{}", config.name, std::process::id()),
            Lifetime::Detached => config.name.clone(),
        };
        let lock = folder::lock(&config.stacks)?;
        end::sweep(&config.stacks)?;
        let folder = Folder::of(&config.stacks, &name);
        let record = Record::new(config.lifetime, kind);
        if let Some(other) = folder.read() {
            bail!("a stack in {} was started by process {}", folder.path().display(), other.owner.pid);
        }
        folder.create(&record)?;
        drop(lock);
        let is_watched = kind == StoresKind::Containers && config.lifetime == Lifetime::Attached;
        let watcher = if is_watched { Some(Watcher::start(folder.path())?) } else { None };
        let token = if config.is_guarded { Some(providers::write(&folder)?) } else { None };
        Ok(Self {
            config,
            folder,
            stores,
            links,
            token,
            database: OnceLock::new(),
            state: Mutex::new(State { ports, processes: Vec::new(), services: Vec::new(), record }),
            is_released: false,
            watcher,
        })
    }

    /// Makes topics and tables. Doing it again changes nothing.
    ///
    /// # Errors
    /// When a store refuses, or the binary `processors` was not built.
    pub async fn init(&self) -> Result<()> {
        let start = Instant::now();
        let config = InitConfig::new(self.kafka(), self.topics().clone(), self.mysql_url());
        init::init(&config).await?;
        self.say(&format!("  {:<22} made in {:.1} s", "topics and tables", start.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Starts services, all at once, and waits until each says that it is ready.
    ///
    /// # Errors
    /// When one ends or does not become ready: with the reasons that it gives and the end of its log.
    pub async fn start_services(&self, services: Vec<ServiceSpec>) -> Result<()> {
        let start = Instant::now();
        self.open_links()?;
        let started: Vec<_> =
            services.into_iter().map(|spec| self.launch_service(spec)).collect::<Result<_>>()?;
        try_join_all(started.iter().map(|process| self.wait_ready(process, start))).await?;
        Ok(())
    }

    fn launch_service(&self, spec: ServiceSpec) -> Result<Arc<Process>> {
        let ports: Vec<u16> = {
            let state = &mut *self.state();
            let pick = |listener: &Listener| state.ports.pick(&spec.name, Some(listener.port));
            spec.listeners.iter().map(pick).collect::<Result<_>>()?
        };
        // A part is reached on its last listener: distribution's is the socket.
        self.links.open(&spec.name, ports.last().copied().unwrap_or_default())?;
        let mut args = spec.args.clone();
        for (listener, port) in spec.listeners.iter().zip(&ports) {
            args.extend([listener.flag.to_owned(), format!("127.0.0.1:{port}")]);
        }
        let first = ports.first().with_context(|| format!("{} listens nowhere", spec.name))?;
        let probe = Probe::Service { url: Scheme::Http.url(*first) };
        let way = |to: &str, address| self.links.address(&spec.name, to, address);
        let mut env = vec![
            ("MATCHDAY_KAFKA".to_owned(), way(KAFKA, self.kafka())),
            ("MATCHDAY_TOPIC_PREFIX".to_owned(), self.topics().to_string()),
            ("MATCHDAY_MYSQL".to_owned(), way(DATABASE, self.mysql_url())),
            ("MATCHDAY_REDIS".to_owned(), way(REDIS, self.redis_url())),
            // A little less than they are given, so that one that does not manage can still say what was left.
            ("MATCHDAY_GRACE_SECONDS".to_owned(), (process::GRACE.as_secs() - 2).to_string()),
        ];
        if self.token.is_some() {
            env.push(("MATCHDAY_PROVIDERS".to_owned(), providers::file(&self.folder).display().to_string()));
        }
        env.extend(spec.env.iter().cloned());
        let path = program::own(spec.binary)?;
        let program = Program { path, args: args.into_iter().map(Into::into).collect(), env };
        let name = spec.name.clone();
        // Recorded under the same lock, so that nobody sees a stack of which one process is not told yet.
        let mut state = self.state();
        let native = Native::spawn(&name, program, &self.folder, self.config.lifetime)?;
        self.add(&mut state, Process::new(&name, Body::Native(Box::new(native)), probe), Some((spec, ports)))
    }

    /// Records what was started, so that it can be found before anything else may fail.
    fn add(
        &self,
        state: &mut State,
        process: Process,
        service: Option<(ServiceSpec, Vec<u16>)>,
    ) -> Result<Arc<Process>> {
        let process = Arc::new(process);
        state.processes.push(Arc::clone(&process));
        state.services.extend(service);
        self.write_record(state)?;
        Ok(process)
    }

    async fn wait_ready(&self, process: &Process, since: Instant) -> Result<()> {
        process.ready(READY_DEADLINE).await?;
        self.say_ready(process.name(), since);
        Ok(())
    }

    fn say_ready(&self, what: &str, since: Instant) {
        self.say(&format!("  {what:<22} ready after {:.1} s", since.elapsed().as_secs_f64()));
    }

    fn write_record(&self, state: &mut State) -> Result<()> {
        let is_service = |name: &str| state.services.iter().any(|(spec, _)| spec.name == name);
        let recorded = |process: &Arc<Process>| RecordedProcess {
            name: process.name().to_owned(),
            id: process.part_id(),
            is_service: is_service(process.name()),
        };
        state.record.processes = state.processes.iter().map(recorded).collect();
        state.record.addresses = self.list_addresses(state);
        self.folder.write(&state.record)
    }

    /// The folder in which everything lies that this stack wrote, with one `<process>.log` for each process.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a provider of a guarded stack must show as its bearer token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The database server that runs, as it names itself: `MariaDB 10.11.6`, `MySQL 8.0.15`.
    pub fn database(&self) -> &str {
        self.database.get().map_or("no database", String::as_str)
    }

    /// What another process reads of the stack `name` among `stacks`, if there is one.
    pub fn find(stacks: &Path, name: &str) -> Option<Record> {
        Folder::of(stacks, name).read()
    }

    /// Leaves a detached stack to itself: from now on only [`down`] ends it.
    ///
    /// # Errors
    /// When it is attached, or its record cannot be written; the stack ends then.
    pub fn leave_running(mut self) -> Result<()> {
        if self.config.lifetime == Lifetime::Attached {
            bail!("an attached stack cannot outlive its process");
        }
        {
            let mut state = self.state();
            state.record.is_complete = true;
            self.write_record(&mut state)?;
        }
        self.is_released = true;
        Ok(())
    }

    /// Ends it: services in order, the last one started first, each within its grace time, then the stores; and removes its
    /// folder. Says which had to be killed.
    ///
    /// # Errors
    /// When something is left.
    pub async fn down(mut self) -> Result<Ended> {
        self.is_released = true;
        let (stacks, folder) = (self.config.stacks.clone(), self.folder.clone());
        tokio::task::spawn_blocking(move || end::end_one(&stacks, &folder)).await.context("ending a stack")?
    }

    fn say(&self, line: &str) {
        (self.config.say)(line);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leads_to_kafka(links: &[Link]) -> bool {
    links.iter().any(|link| link.to == KAFKA)
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.is_released {
            return;
        }
        if let Err(error) = end::end_one(&self.config.stacks, &self.folder) {
            tracing::error!(error = format!("{error:#}"), "a stack could not be ended");
        }
    }
}
