//! What a client on the WebSocket sees, and whether it could have missed anything.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{Picture, Pictures};

/// How long the server may take to answer a subscription, or to send anything at all.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// Between attempts to connect to a server that is not ready.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// A frame's arrival: what [`Client`] notes for the latency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The event.
    pub event_id: String,
    /// The frame's first version but one.
    pub from: u64,
    /// The frame's last version.
    pub to: u64,
    /// When it was read, in microseconds since the epoch.
    pub at_micros: i64,
}

/// What a client has seen so far. Survives a dropped connection: a new one goes on from here.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The store that the versions belong to.
    pub store: Option<String>,
    /// The events, as the frames left them.
    pub pictures: Pictures,
    /// Every frame that carried an event.
    pub arrivals: Vec<Arrival>,
    /// Frames that did not go on where the one before had ended, in words.
    pub breaks: Vec<String>,
    /// How many images came.
    pub images: u64,
}

impl Seen {
    /// Both together: what two clients have seen, each of events of its own.
    pub fn merge(&mut self, other: Self) {
        self.store = self.store.take().or(other.store);
        self.pictures.extend(other.pictures);
        self.arrivals.extend(other.arrivals);
        self.breaks.extend(other.breaks);
        self.images += other.images;
    }
}

/// One client, connected and subscribed to a sport.
#[derive(Debug)]
pub struct Client {
    task: JoinHandle<(Seen, anyhow::Result<()>)>,
    versions: watch::Receiver<BTreeMap<String, u64>>,
    stop: watch::Sender<bool>,
}

type Connection = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Client {
    /// Connects to `url`, subscribes to all events of `sport`, and waits until the server has confirmed. What was
    /// `seen` before is gone on from.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn subscribe(url: &str, sport: &str, seen: Seen) -> anyhow::Result<Self> {
        let mut connection = connect(url).await.with_context(|| format!("connecting to {url}"))?;
        let mut request =
            json!({"type": "subscribe", "id": "observer", "sport": sport, "heartbeat_ms": 2_000});
        if let Some(store) = &seen.store {
            let versions: BTreeMap<&String, u64> =
                seen.pictures.iter().map(|(id, picture)| (id, picture.version)).collect();
            request["resume"] = json!({"store": store, "versions": versions});
        }
        connection.send(Message::text(request.to_string())).await?;
        let mut seen = seen;
        seen.store = Some(confirmed(&mut connection).await?);
        let (versions_out, versions) = watch::channel(BTreeMap::new());
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let ended = read(&mut connection, &mut seen, &versions_out, stopped).await;
            (seen, ended)
        });
        Ok(Self { task, versions, stop })
    }

    /// The version each event has reached here; changes as frames come.
    #[must_use]
    pub fn versions(&self) -> watch::Receiver<BTreeMap<String, u64>> {
        self.versions.clone()
    }

    /// Cuts the connection without a word, as a network does, and hands over what was seen.
    ///
    /// # Errors
    /// When the connection had ended before, or a frame could not be understood.
    pub async fn cut(self) -> anyhow::Result<Seen> {
        // The reader may have ended already; joining it tells.
        let _ = self.stop.send(true);
        let (seen, ended) = self.task.await.context("the reader panicked")?;
        ended?;
        Ok(seen)
    }
}

/// Connects; a server that is not ready at the moment is asked again, as any client would.
async fn connect(url: &str) -> Result<Connection, tungstenite::Error> {
    let start = Instant::now();
    loop {
        match tokio_tungstenite::connect_async(url).await {
            Ok((connection, _)) => return Ok(connection),
            Err(tungstenite::Error::Http(answer))
                if answer.status() == StatusCode::SERVICE_UNAVAILABLE && start.elapsed() < SILENCE_MAX => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

async fn confirmed(connection: &mut Connection) -> anyhow::Result<String> {
    let frame = next(connection).await?.context("the server closed before it confirmed the subscription")?;
    match frame.get("type").and_then(Value::as_str) {
        Some("subscribed") => {
            let store = frame.get("store").and_then(Value::as_str);
            Ok(store.context("`subscribed` names no store")?.to_owned())
        }
        _ => bail!("the server answered the subscription with {frame}"),
    }
}

async fn read(
    connection: &mut Connection,
    seen: &mut Seen,
    versions: &watch::Sender<BTreeMap<String, u64>>,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    loop {
        let frame = tokio::select! {
            frame = next(connection) => frame?,
            _ = stopped.changed() => return Ok(()),
        };
        let at_micros = now_micros();
        let frame = frame.context("the server closed the connection")?;
        match frame.get("type").and_then(Value::as_str) {
            Some(kind @ ("image" | "delta")) => {
                let arrival = apply(seen, kind, &frame, at_micros).with_context(|| format!("in {frame}"))?;
                versions.send_modify(|versions| {
                    versions.insert(arrival.event_id.clone(), arrival.to);
                });
                seen.arrivals.push(arrival);
            }
            Some("heartbeat" | "status" | "subscribed") => {}
            _ => bail!("an unexpected frame: {frame}"),
        }
    }
}

fn apply(seen: &mut Seen, kind: &str, frame: &Value, at_micros: i64) -> anyhow::Result<Arrival> {
    let event_id = frame.get("event_id").and_then(Value::as_str).context("no `event_id`")?.to_owned();
    let number = |name: &str| frame.get(name).and_then(Value::as_u64).with_context(|| format!("no `{name}`"));
    let (from, to) = (number("from")?, number("to")?);
    let picture = seen.pictures.entry(event_id.clone()).or_default();
    if kind == "image" {
        seen.images += 1;
        *picture = Picture::default();
    } else if from != picture.version || to < from {
        seen.breaks.push(format!(
            "{event_id}: a frame goes from {from} to {to}, the client was at {}",
            picture.version
        ));
    }
    for change in frame.get("changes").and_then(Value::as_array).context("no `changes`")? {
        let key = change.get("key").and_then(Value::as_str).context("a change has no `key`")?;
        picture.set(key, change.get("value").cloned().unwrap_or_default());
    }
    picture.version = to;
    Ok(Arrival { event_id, from, to, at_micros })
}

/// The next text frame; `None` where the server closed.
async fn next(connection: &mut Connection) -> anyhow::Result<Option<Value>> {
    loop {
        let message = tokio::time::timeout(SILENCE_MAX, connection.next()).await;
        match message.context("the server is silent, not even a heartbeat came")? {
            None | Some(Ok(Message::Close(_))) => return Ok(None),
            Some(Ok(Message::Text(text))) => return Ok(Some(serde_json::from_str(&text)?)),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error).context("the connection broke"),
        }
    }
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
