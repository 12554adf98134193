//! The stores of a stack: where they run, how they are started, and how another stack becomes their guest.

use super::container::{Container, IMAGES, Image, Recipe};
use super::database::{self, DATABASE, DatabaseChoice, MATCHDAY};
use super::kafka::{self, KAFKA};
use super::native::{Native, Program};
use super::ports::PortPicker;
use super::probe::Probe;
use super::process::{Body, Process};
use super::redis::{self, REDIS};
use super::{DATABASE_PORT, KAFKA_PORT, READY_DEADLINE, REDIS_PORT, Say, Stack, StackConfig, docker};
use anyhow::{Context, Result, bail, ensure};
use domain::Topics;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, MySqlConnection};
use std::env;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The environment variable that chooses.
const VARIABLE: &str = "MATCHDAY_STORES";

/// How long the images of all stores may take to come.
const PULL_MAX: Duration = Duration::from_secs(1_200);

/// Where Kafka, the database and Redis are to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoresChoice {
    /// In containers where an engine answers that has the images or gets them, and no database server was chosen.
    #[default]
    Auto,
    /// As processes of this machine.
    Native,
    /// In containers: the official images.
    Containers,
}

/// Where they run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoresKind {
    /// As processes of this machine.
    #[default]
    Native,
    /// In containers.
    Containers,
}

/// How the stores of a stack are reached. They may be another stack's, of which it is a guest.
#[derive(Clone, Debug)]
pub(super) struct Stores {
    /// Bootstrap servers.
    pub kafka: String,
    /// The names of the topics there.
    pub topics: Topics,
    /// The database, with user and password.
    pub mysql: String,
    /// The cache.
    pub redis: String,
}

/// What a stack with stores of its own starts them with.
#[derive(Debug)]
pub(super) struct OwnStores {
    kind: StoresKind,
    kafka: u16,
    kafka_controller: u16,
    database: u16,
    redis: u16,
    password: String,
}

impl StoresChoice {
    /// What `MATCHDAY_STORES` says; the default where it says nothing.
    ///
    /// # Errors
    /// When it says something else than the command line takes.
    pub fn of_environment() -> Result<Self> {
        match env::var(VARIABLE) {
            Ok(text) if !text.is_empty() => text.parse().context(VARIABLE),
            _ => Ok(Self::default()),
        }
    }

    /// Whether this goes with the database that was chosen.
    ///
    /// # Errors
    /// When it does not: containers run MySQL 8.4 and no other.
    pub(crate) fn check(self, database: &DatabaseChoice) -> Result<()> {
        let is_other = matches!(database, DatabaseChoice::MariaDb | DatabaseChoice::Folder(_));
        ensure!(
            self != Self::Containers || !is_other,
            "stores in containers are Kafka, MySQL 8.4 and Redis: another database than mysql (--database, \
             MATCHDAY_DATABASE) needs stores that run natively (--stores native, MATCHDAY_STORES=native)"
        );
        Ok(())
    }

    /// Whether stores run in containers as far as that is known before one is started: images may have to be fetched.
    pub(crate) fn expects_containers(self, database: &DatabaseChoice) -> bool {
        match self {
            Self::Native => false,
            Self::Containers => true,
            Self::Auto => Self::may_be_containers(database) && docker::engine().is_some(),
        }
    }

    /// Whether [`Self::Auto`] may take containers: who chose a server means that of this machine.
    fn may_be_containers(database: &DatabaseChoice) -> bool {
        *database == DatabaseChoice::Installed
    }

    /// Where the stores of this process's stacks run.
    ///
    /// # Errors
    /// When containers were chosen and cannot be had, or do not go with the database that was chosen.
    pub async fn decide(self, database: &DatabaseChoice, say: Say) -> Result<StoresKind> {
        // Asking takes longer than a stack may, where a registry is out of reach.
        static AUTO: OnceCell<StoresKind> = OnceCell::const_new();
        match self {
            Self::Native => Ok(StoresKind::Native),
            Self::Containers => {
                self.check(database)?;
                docker::engine().context("no Docker engine answers: `matchday doctor` says more")?;
                blocking(move || fetch_images(say)).await?;
                Ok(StoresKind::Containers)
            }
            Self::Auto if !Self::may_be_containers(database) => Ok(StoresKind::Native),
            Self::Auto => AUTO.get_or_try_init(|| blocking(move || Ok(whichever(say)))).await.copied(),
        }
    }
}

impl FromStr for StoresChoice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "native" => Ok(Self::Native),
            "containers" => Ok(Self::Containers),
            other => bail!("`{other}` is none of auto, native and containers"),
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("asking the Docker engine")?
}

fn whichever(say: Say) -> StoresKind {
    if docker::engine().is_none() {
        return StoresKind::Native;
    }
    match fetch_images(say) {
        Ok(()) => StoresKind::Containers,
        Err(error) => {
            say(&format!("  Docker has no images for the stores, so they run without it: {error:#}"));
            StoresKind::Native
        }
    }
}

fn fetch_images(say: Say) -> Result<()> {
    let missing = |image: &Image| docker::ask(&["image", "inspect", &image.full_name()]).is_err();
    for image in IMAGES.iter().filter(|image| missing(image)) {
        let name = image.full_name();
        say(&format!("  fetching the image {name}"));
        docker::run(&["pull", "--quiet", &name], PULL_MAX)?;
    }
    Ok(())
}

impl OwnStores {
    /// Takes a port for each.
    pub(super) fn new(kind: StoresKind, password: String, ports: &PortPicker) -> Result<Self> {
        Ok(Self {
            kind,
            kafka: ports.pick(KAFKA, Some(KAFKA_PORT))?,
            kafka_controller: ports.pick("kafka's controller", None)?,
            database: ports.pick(DATABASE, Some(DATABASE_PORT))?,
            redis: ports.pick(REDIS, Some(REDIS_PORT))?,
            password,
        })
    }

    /// How they will be reached.
    pub(super) fn reached(&self) -> Stores {
        let Self { kafka, database, redis, password, .. } = self;
        Stores {
            kafka: format!("127.0.0.1:{kafka}"),
            topics: Topics::default(),
            mysql: format!("mysql://{MATCHDAY}:{password}@127.0.0.1:{database}/{MATCHDAY}"),
            redis: format!("redis://127.0.0.1:{redis}"),
        }
    }
}

impl Stores {
    /// Makes a place for one more stack: a database and names of topics that no other has. Redis needs none, for every key
    /// there begins with what the database calls itself.
    pub(super) async fn place_for_guest(&self) -> Result<Self> {
        let name = format!("{MATCHDAY}_{:08x}", rand::random::<u32>());
        let mut database = MySqlConnection::connect(&self.mysql).await.context("asking for a database")?;
        // It is made of letters and digits.
        let sql = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut database).await.context("making a database")?;
        database.close().await?;
        let (server, _) = self.mysql.rsplit_once('/').context("a database has a name")?;
        let topics = format!("{name}.").parse()?;
        Ok(Self { topics, mysql: format!("{server}/{name}"), ..self.clone() })
    }
}

impl Stack {
    /// Starts Kafka, the database and Redis, and waits until each does its work.
    pub(super) async fn start_stores(&self, own: &OwnStores) -> Result<()> {
        if own.kind == StoresKind::Containers {
            self.say(
                "  Kafka, MySQL and Redis run in containers (MATCHDAY_STORES=native would run them without)",
            );
        }
        tokio::try_join!(self.start_kafka(own), self.start_database(own), self.start_redis(own))?;
        Ok(())
    }

    async fn start_kafka(&self, own: &OwnStores) -> Result<()> {
        let start = Instant::now();
        let StackConfig { project, say, .. } = &self.config;
        let body = match own.kind {
            StoresKind::Native => {
                let ports = (own.kafka, own.kafka_controller);
                self.native(
                    KAFKA,
                    kafka::prepare(project, &self.folder, ports, &self.links.kafka_listeners(), *say).await?,
                )?
            }
            StoresKind::Containers => self.container(KAFKA, kafka::recipe(own.kafka), own.kafka).await?,
        };
        let process = self.add_store(KAFKA, body, Probe::Kafka { bootstrap: self.kafka() })?;
        self.wait_ready(&process, start).await
    }

    async fn start_database(&self, own: &OwnStores) -> Result<()> {
        let start = Instant::now();
        let StackConfig { project, database, say, .. } = &self.config;
        let (port, password) = (own.database, &own.password);
        let body = match own.kind {
            StoresKind::Native => {
                let program =
                    database::prepare(database, project, &self.folder, port, password, *say).await?;
                self.native(DATABASE, program)?
            }
            StoresKind::Containers => self.container(DATABASE, database::recipe(password), port).await?,
        };
        let process = self.add_store(DATABASE, body, Probe::Database { url: self.mysql_url() })?;
        process.ready(READY_DEADLINE).await?;
        let version = database::version(&self.mysql_url()).await?;
        self.say_ready(self.database.get_or_init(|| version), start);
        Ok(())
    }

    async fn start_redis(&self, own: &OwnStores) -> Result<()> {
        let start = Instant::now();
        let body = match own.kind {
            StoresKind::Native => self.native(REDIS, redis::prepare(&self.folder, own.redis)?)?,
            StoresKind::Containers => self.container(REDIS, redis::recipe(), own.redis).await?,
        };
        let process = self.add_store(REDIS, body, Probe::Redis { url: self.redis_url() })?;
        self.wait_ready(&process, start).await
    }

    fn native(&self, name: &str, program: Program) -> Result<Body> {
        let native = Native::spawn(name, program, &self.folder, self.config.lifetime)?;
        Ok(Body::Native(Box::new(native)))
    }

    async fn container(&self, name: &str, recipe: Recipe, port: u16) -> Result<Body> {
        Ok(Body::Container(Container::start(name, recipe, &self.folder, port).await?))
    }

    fn add_store(&self, name: &str, body: Body, probe: Probe) -> Result<Arc<Process>> {
        self.add(&mut self.state(), Process::new(name, body, probe), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_chosen_by_name() {
        for (text, choice) in [
            ("auto", StoresChoice::Auto),
            ("native", StoresChoice::Native),
            ("containers", StoresChoice::Containers),
        ] {
            assert_eq!(text.parse::<StoresChoice>().unwrap(), choice);
        }
        let error = "podman".parse::<StoresChoice>().unwrap_err().to_string();
        assert!(error.contains("`podman`") && error.contains("native"), "{error}");
    }

    #[test]
    fn containers_do_not_go_with_a_database_that_they_are_not() {
        let error = StoresChoice::Containers.check(&DatabaseChoice::MariaDb).unwrap_err().to_string();
        assert!(error.contains("MySQL 8.4") && error.contains("MATCHDAY_STORES=native"), "{error}");
        assert!(StoresChoice::Containers.check(&DatabaseChoice::MySql).is_ok());
        assert!(StoresChoice::Auto.check(&DatabaseChoice::MariaDb).is_ok());
    }
}
