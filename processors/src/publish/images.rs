//! Redis: one hash per event with the public value of every key, written only where the version fits.

use std::time::Duration;

use anyhow::Context;
use domain::Sport;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, Pipeline, RedisResult};

use crate::store::load::StoredImage;
use crate::store::rows::EventRows;

/// Writes one event's hash. KEYS: the hash. ARGV: how, version before, version after, then field and value in turn.
///
/// `delta` writes changed fields where the stored version is the one before; `whole` replaces an older hash;
/// `force` replaces any. Returns 1 when written, 0 when the hash is as new already, -1 when it is not the one the
/// delta builds on.
const WRITE: &str = r"
local how, before, after = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local stored = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if how ~= 'force' and stored >= after then return 0 end
if how == 'delta' and stored ~= before then return -1 end
if how ~= 'delta' then redis.call('DEL', KEYS[1]) end
for field = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[field], ARGV[field + 1]) end
redis.call('HSET', KEYS[1], 'version', ARGV[3])
return 1
";

/// Events per pipeline.
const PIPELINE_MAX: usize = 200;
/// Redis is a cache: what does not answer within this time is down.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// The images of one sport in Redis.
pub struct Images {
    client: Client,
    store_id: String,
    sport: Sport,
    connection: Option<Connection>,
}

struct Connection {
    redis: MultiplexedConnection,
    script: String,
}

/// How a hash is replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Only an older one.
    Older,
    /// Whatever is there.
    Any,
}

impl Images {
    /// Connects at the first use.
    pub fn new(url: &str, store_id: String, sport: Sport) -> anyhow::Result<Self> {
        // Without it each small command waits 40 ms for the acknowledgement of the one before.
        let nodelay = TcpSettings::default().set_nodelay(true);
        let info =
            url.into_connection_info().context("the Redis address is not valid")?.set_tcp_settings(nodelay);
        let client = Client::open(info)?;
        Ok(Self { client, store_id, sport, connection: None })
    }

    /// Writes what a batch changed. Returns the indices of events whose hash is missing or too old for that.
    pub async fn write(&mut self, events: &[&EventRows]) -> RedisResult<Vec<usize>> {
        let mut misfits = Vec::new();
        for (chunk, events) in events.chunks(PIPELINE_MAX).enumerate() {
            let answers = self
                .run(events, |call, event| {
                    call.begin("delta", event.version_before, event.version, event.event_id.as_str());
                    for (name, value) in [("fixture", &event.fixture_value), ("status", &event.status_value)]
                    {
                        if let Some((version, value)) = value {
                            call.field(name, *version, Some(value));
                        }
                    }
                    for market in event.markets.iter().filter(|market| market.version > event.version_before)
                    {
                        call.field(
                            &format!("market:{}", market.key),
                            market.version,
                            market.value.as_deref(),
                        );
                    }
                    for incident in event.incidents.iter().filter(|row| row.version > event.version_before) {
                        call.field(
                            &format!("incident:{}", incident.id),
                            incident.version,
                            incident.value.as_deref(),
                        );
                    }
                })
                .await?;
            let unfit = answers.iter().enumerate().filter(|(_, answer)| **answer < 0);
            misfits.extend(unfit.map(|(index, _)| chunk * PIPELINE_MAX + index));
        }
        Ok(misfits)
    }

    /// Writes whole images.
    pub async fn replace(&mut self, images: &[StoredImage], replace: Replace) -> RedisResult<()> {
        let how = match replace {
            Replace::Older => "whole",
            Replace::Any => "force",
        };
        for images in images.chunks(PIPELINE_MAX) {
            self.run(images, |call, image| {
                call.begin(how, 0, image.version, &image.event_id);
                for (name, version, value) in &image.entries {
                    call.field(name, *version, value.as_deref());
                }
            })
            .await?;
        }
        Ok(())
    }

    /// Whether the images of a partition have been written since this Redis began: a Redis that restarted, or was
    /// emptied, has lost the mark or carries another run id.
    pub async fn is_warm(&mut self, partition: i32) -> RedisResult<bool> {
        let run_id = self.run_id().await?;
        let key = self.mark(partition);
        let marked: Option<String> = self.query(redis::cmd("GET").arg(key)).await?;
        Ok(marked.as_deref() == Some(run_id.as_str()))
    }

    /// Notes that all images of a partition are there.
    pub async fn mark_warm(&mut self, partition: i32) -> RedisResult<()> {
        let run_id = self.run_id().await?;
        let key = self.mark(partition);
        self.query(redis::cmd("SET").arg(key).arg(run_id)).await
    }

    fn mark(&self, partition: i32) -> String {
        format!("{}:warm:{}:{partition}", self.store_id, self.sport)
    }

    async fn run_id(&mut self) -> RedisResult<String> {
        let info: String = self.query(redis::cmd("INFO").arg("server")).await?;
        let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        Ok(run_id.unwrap_or_default().trim().to_owned())
    }

    async fn run<T>(&mut self, events: &[T], write: impl Fn(&mut Call<'_>, &T)) -> RedisResult<Vec<i64>> {
        let store_id = self.store_id.clone();
        let connection = self.connect().await?;
        let mut pipeline = Pipeline::with_capacity(events.len());
        for event in events {
            let mut call = Call { pipeline: &mut pipeline, script: &connection.script, store_id: &store_id };
            write(&mut call, event);
        }
        let answers = pipeline.query_async(&mut connection.redis).await;
        self.keep_if_ok(answers)
    }

    async fn query<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd) -> RedisResult<T> {
        let connection = self.connect().await?;
        let answer = command.query_async(&mut connection.redis).await;
        self.keep_if_ok(answer)
    }

    /// After any error the connection is made anew, and with it the script loaded.
    fn keep_if_ok<T>(&mut self, answer: RedisResult<T>) -> RedisResult<T> {
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    async fn connect(&mut self) -> RedisResult<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(ANSWER_MAX))
                    .set_response_timeout(Some(ANSWER_MAX));
                let mut redis = self.client.get_multiplexed_async_connection_with_config(&config).await?;
                let write = WRITE;
                // PLANTED skip-version-guard
                #[cfg(feature = "planted")]
                let write = if domain::planted::is(domain::planted::Bug::SkipVersionGuard) {
                    &WRITE.replace("and stored ~= before then", "and false then")
                } else {
                    write
                };
                let script = redis::cmd("SCRIPT").arg("LOAD").arg(write).query_async(&mut redis).await?;
                Connection { redis, script }
            }
        };
        Ok(self.connection.insert(connection))
    }
}

/// One call of the script, being written into a pipeline.
struct Call<'a> {
    pipeline: &'a mut Pipeline,
    script: &'a str,
    store_id: &'a str,
}

impl Call<'_> {
    fn begin(&mut self, how: &str, before: u64, after: u64, event_id: &str) {
        self.pipeline
            .cmd("EVALSHA")
            .arg(self.script)
            .arg(1)
            .arg(format!("{}:event:{event_id}", self.store_id))
            .arg(how)
            .arg(before)
            .arg(after);
    }

    fn field(&mut self, name: &str, version: u64, value: Option<&str>) {
        let value = value.unwrap_or("null");
        self.pipeline.arg(name).arg(format!(r#"{{"version":{version},"value":{value}}}"#));
    }
}
