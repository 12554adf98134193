//! A feed topic into MySQL: the processors, which apply every message, and a program that inserts it as it came, Benthos with
//! `rows.yaml` or Debezium's JDBC sink.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use domain::Sport;
use sqlx::MySqlPool;
use sqlx::mysql::MySqlPoolOptions;

use super::pairs::{Better, Metric, Side};
use super::work::Work;
use super::{BENTHOS, DEBEZIUM, PeersArgs, benthos, debezium};
use crate::float::count;
use crate::stack::{DISTRIBUTION, Process, Say, Stack, pipeline, processors_name};

const SPORT: Sport = Sport::Hockey;

/// How often it is looked how many rows there are.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long nothing may come.
const STANDSTILL_MAX: Duration = Duration::from_secs(60);

/// A program that makes rows of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserter {
    /// Benthos.
    Benthos,
    /// Debezium's JDBC sink, in Kafka Connect.
    Debezium,
}

impl Inserter {
    /// Its name in the stack.
    pub fn name(self) -> &'static str {
        match self {
            Self::Benthos => BENTHOS,
            Self::Debezium => DEBEZIUM,
        }
    }

    /// What a round comes to.
    pub fn metrics(self) -> [Metric; 2] {
        let goal = Some(match self {
            Self::Benthos => 1.5,
            Self::Debezium => 5.0,
        });
        [
            Metric { name: "rows a second", better: Better::More, goal },
            Metric { name: "CPU per row, µs", better: Better::Less, goal: None },
        ]
    }

    /// What tells one row from another: Debezium's sink does not look into the message.
    fn key(self) -> &'static str {
        match self {
            Self::Benthos => {
                "event_id VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, sequence BIGINT NOT NULL,
                 message_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, UNIQUE KEY (event_id, sequence)"
            }
            Self::Debezium => {
                "__connect_topic VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, __connect_partition INT NOT NULL,
                 __connect_offset BIGINT NOT NULL, UNIQUE KEY (__connect_topic, __connect_partition, __connect_offset)"
            }
        }
    }

    /// The table that it fills: with two indexes, as the update log has; the first of them counts the rows without reading them.
    fn table(self) -> String {
        format!(
            "CREATE TABLE peer_rows (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, {}, payload MEDIUMTEXT CHARACTER SET utf8mb4 \
             COLLATE utf8mb4_bin NOT NULL) ENGINE = InnoDB",
            self.key()
        )
    }

    /// Starts it, on this feed topic.
    async fn start(self, stack: &Stack, topic: String) -> Result<()> {
        let database = Database::of(&stack.mysql_url())?;
        match self {
            Self::Benthos => {
                let env = [("TOPIC", topic), ("GROUP", "peer-rows".to_owned()), ("DSN", database.for_go())];
                benthos(stack, "rows.yaml", &env).await.map(drop)
            }
            Self::Debezium => {
                let url = database.for_java();
                let Database { user, password, .. } = database;
                let env = [("TOPIC", topic), ("JDBC", url), ("DB_USER", user), ("DB_PASSWORD", password)];
                debezium(stack, &env).await
            }
        }
    }
}

/// Both sides on one stack, one of them running at a time, each with the same backlogs.
pub struct Rows<'a> {
    stack: &'a Stack,
    args: PeersArgs,
    inserter: Inserter,
    pool: MySqlPool,
    processors: String,
    /// How many messages each backlog has that was laid into the topic.
    backlogs: Vec<u64>,
    /// How many of them each side has worked off.
    ours: usize,
    peer: usize,
}

impl<'a> Rows<'a> {
    /// Starts both sides, and ends them until it is their turn.
    ///
    /// # Errors
    /// When one of them does not become ready.
    pub async fn prepare(inserter: Inserter, stack: &'a Stack, args: &PeersArgs) -> Result<Self> {
        let pool = MySqlPoolOptions::new().max_connections(1).connect(&stack.mysql_url()).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(inserter.table()))
            .execute(&pool)
            .await
            .context("making the peer's table")?;
        let services = pipeline(&[SPORT]).into_iter().filter(|service| service.name != DISTRIBUTION);
        stack.start_services(services.collect()).await?;
        let processors = processors_name(SPORT);
        stack.process(&processors)?.stop().await?;
        inserter.start(stack, stack.topics().feed(SPORT)).await?;
        stack.process(inserter.name())?.stop().await?;
        let backlogs = Vec::new();
        Ok(Self { stack, args: args.clone(), inserter, pool, processors, backlogs, ours: 0, peer: 0 })
    }

    /// Starts one side, lets it work off the next backlog, and ends it.
    ///
    /// # Errors
    /// When the rows stand still, or are not as many as there were messages.
    pub async fn round(&mut self, side: Side, say: Say) -> Result<Vec<f64>> {
        let (name, number) = match side {
            Side::Ours => (self.processors.clone(), self.ours),
            Side::Peer => (self.inserter.name().to_owned(), self.peer),
        };
        if number == self.backlogs.len() {
            self.lay_backlog(say).await?;
        }
        let messages = self.backlogs[number];
        // What a side had done before this backlog.
        let before: u64 = match side {
            Side::Ours => self.backlogs[..number].iter().sum(),
            Side::Peer => {
                sqlx::query("TRUNCATE TABLE peer_rows").execute(&self.pool).await?;
                0
            }
        };
        self.stack.restart(&name).await?;
        let process = self.stack.process(&name)?;
        let rate = self.work_off(side, &process, (before, messages)).await?;
        let cpu_micros = process.cpu_micros().with_context(|| format!("{name} does not run"))?;
        process.stop().await?;
        match side {
            Side::Ours => self.ours += 1,
            Side::Peer => {
                self.peer += 1;
                let (rows,): (i64,) =
                    sqlx::query_as("SELECT COUNT(*) FROM peer_rows").fetch_one(&self.pool).await?;
                ensure!(u64::try_from(rows)? == messages, "{messages} messages became {rows} rows");
            }
        }
        Ok(vec![rate, count(cpu_micros) / count(messages)])
    }

    /// Puts games that nobody has heard of into the feed topic, through ingestion.
    async fn lay_backlog(&mut self, say: Say) -> Result<()> {
        let suffix = format!("-backlog{}", self.backlogs.len());
        let work = Work::play(self.args.seed, &[SPORT], self.args.rows, &suffix)?;
        work.post(&format!("{}/feeds/md", self.stack.ingestion_url()?)).await?;
        if self.backlogs.is_empty() {
            let size = work.bytes / work.messages.max(1);
            say(&format!(
                "  a round: {} messages of {size} bytes on average, all there before it",
                work.messages
            ));
        }
        self.backlogs.push(work.messages);
        Ok(())
    }

    /// Waits until so many messages are done after those `before`; how many a second, from the first that were seen to be.
    async fn work_off(&self, side: Side, process: &Process, (before, messages): (u64, u64)) -> Result<f64> {
        let mut first: Option<(Instant, u64)> = None;
        let (mut last, mut moved) = (before, Instant::now());
        loop {
            let done = self.done(side).await?;
            let now = Instant::now();
            if done > before {
                let (since, at_first) = *first.get_or_insert((now, done));
                if done >= before + messages {
                    let counted = count(before + messages - at_first);
                    ensure!(
                        counted > 0.0,
                        "all {messages} rows were there at the first look: ask for more --rows"
                    );
                    return Ok(counted / now.duration_since(since).as_secs_f64());
                }
            }
            if done != last {
                (last, moved) = (done, now);
            } else if moved.elapsed() > STANDSTILL_MAX || !process.is_running() {
                bail!("{} of {messages} rows, and no more come\n{}", done - before, end_of(&process.log()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How many messages are committed: of ours those that the offsets say, which are of the same transaction.
    async fn done(&self, side: Side) -> Result<u64> {
        let query = match side {
            Side::Ours => "SELECT CAST(COALESCE(SUM(next_offset), 0) AS SIGNED) FROM feed_offsets",
            Side::Peer => "SELECT COALESCE(MAX(id), 0) FROM peer_rows",
        };
        let (done,): (i64,) = sqlx::query_as(query).fetch_one(&self.pool).await.context("counting rows")?;
        Ok(u64::try_from(done)?)
    }
}

/// A database, as its address names it.
struct Database {
    user: String,
    password: String,
    /// `host:port`
    host: String,
    name: String,
}

impl Database {
    fn of(url: &str) -> Result<Self> {
        let url = reqwest::Url::parse(url).context("the database's address is no URL")?;
        let host = url.host_str().context("the database's address names no host")?;
        let port = url.port().context("the database's address names no port")?;
        Ok(Self {
            user: url.username().to_owned(),
            password: url.password().unwrap_or_default().to_owned(),
            host: format!("{host}:{port}"),
            name: url.path().trim_start_matches('/').to_owned(),
        })
    }

    fn for_go(&self) -> String {
        let Self { user, password, host, name } = self;
        format!("{user}:{password}@tcp({host})/{name}?interpolateParams=true")
    }

    fn for_java(&self) -> String {
        let Self { host, name, .. } = self;
        format!("jdbc:mysql://{host}/{name}?rewriteBatchedStatements=true")
    }
}

fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn an_address_is_told_as_each_driver_wants_it() {
        let database = Database::of("mysql://matchday:secret@127.0.0.1:3307/sports").unwrap();
        assert_eq!(database.for_go(), "matchday:secret@tcp(127.0.0.1:3307)/sports?interpolateParams=true");
        assert_eq!(database.for_java(), "jdbc:mysql://127.0.0.1:3307/sports?rewriteBatchedStatements=true");
        let error = Database::of("mysql://matchday@127.0.0.1/sports").map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("no port"), "{error}");
    }
}
