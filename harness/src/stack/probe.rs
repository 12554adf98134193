//! Asks a process whether it really works: a port that is open proves little.

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};
use sqlx::{Connection, MySqlConnection};
use std::sync::LazyLock;
use std::time::Duration;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// One question, and where to ask it.
#[derive(Clone, Debug)]
pub(super) enum Probe {
    /// The broker is among the brokers of its own metadata, so it takes part.
    Kafka { bootstrap: String },
    /// A user of the database gets an answer to `SELECT 1`.
    Database { url: String },
    /// `PING` is answered.
    Redis { url: String },
    /// `/readyz` says 200; what it says otherwise is the reason.
    Service { url: String },
    /// A GET is answered with a 2xx.
    Page { url: String },
}

impl Probe {
    /// Asks once.
    ///
    /// # Errors
    /// The reason why it is not ready, for a person.
    pub async fn ask(&self) -> Result<(), String> {
        let answer = async {
            match self {
                Self::Kafka { bootstrap } => ask_kafka(bootstrap.clone()).await,
                Self::Database { url } => ask_database(url).await.map_err(|error| error.to_string()),
                Self::Redis { url } => ask_redis(url).await.map_err(|error| error.to_string()),
                Self::Service { url } => ask_service(url).await,
                Self::Page { url } => ask_page(url).await,
            }
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let answer = answer.unwrap_or_else(|_| Err("it does not answer".to_owned()));
        answer.map_err(|reason| format!("{}: {reason}", self.address()))
    }

    /// Where is asked, without what lets one in.
    fn address(&self) -> String {
        let url = match self {
            Self::Kafka { bootstrap } => return bootstrap.clone(),
            Self::Database { url } | Self::Redis { url } | Self::Service { url } | Self::Page { url } => url,
        };
        let Ok(url) = reqwest::Url::parse(url) else { return url.clone() };
        let port = url.port_or_known_default().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}{port}", url.host_str().unwrap_or_default())
    }
}

async fn ask_kafka(bootstrap: String) -> Result<(), String> {
    // A refused connection is known at once; the client library would try again and again until its time is over.
    tokio::net::TcpStream::connect(&bootstrap).await.map_err(|error| error.to_string())?;
    tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &bootstrap)
            .create()
            .map_err(|error| error.to_string())?;
        let metadata =
            producer.client().fetch_metadata(None, PATIENCE / 2).map_err(|error| error.to_string())?;
        if metadata.brokers().is_empty() {
            return Err("the broker does not take part yet".to_owned());
        }
        Ok(())
    })
    .await
    .map_err(|error| error.to_string())?
}

async fn ask_database(url: &str) -> sqlx::Result<()> {
    let mut connection = MySqlConnection::connect(url).await?;
    sqlx::query("SELECT 1").execute(&mut connection).await?;
    connection.close().await
}

async fn ask_redis(url: &str) -> redis::RedisResult<()> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async(&mut connection).await
}

/// Asks a service at `url`, such as `http://127.0.0.1:4000`, whether it can work.
///
/// # Errors
/// Why it cannot, in its own words where it has any.
pub async fn ask_service(url: &str) -> Result<(), String> {
    ask_page(&format!("{url}/readyz")).await
}

async fn ask_page(url: &str) -> Result<(), String> {
    // A proxy of the environment has no business between two processes of one machine; and an idle connection must not
    // outlive the runtime in which it was opened.
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build();
        client.expect("a client without TLS needs nothing that may be missing")
    });
    let answer = CLIENT.get(url).send().await;
    let response = answer.map_err(|error| error.without_url().to_string())?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let reasons = response.text().await.unwrap_or_default();
    Err(format!("{status} {}", reasons.trim()))
}
