//! What a client on the WebSocket sees, and whether it could have missed anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

use super::names::Names;
use super::{Picture, Pictures};
use crate::oracle::hash_value;

pub use end::{End, Ended};
pub use member::{Member, Role, Times};
pub use offers::{Offers, Span};

mod end;
mod member;
mod offers;

/// How long the server may take to answer a subscription, or to send anything at all.
pub const SILENCE_MAX: Duration = Duration::from_secs(15);

/// How much of a frame is quoted that cannot be read, in characters.
const QUOTED_MAX: usize = 400;

/// Between attempts to connect to a server that is not ready.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// A frame's arrival: what [`Client`] notes for the latency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The event.
    pub event_id: Arc<str>,
    /// Whether it replaces whatever the client knew of the event.
    pub is_image: bool,
    /// The frame's first version but one.
    pub from: u64,
    /// The frame's last version.
    pub to: u64,
    /// When it was read, in microseconds since the epoch.
    pub at_micros: i64,
    /// The keys that it names, each with the hash of its value: 0 where that is null, absent where the value is of no version.
    pub changes: Box<[(Arc<str>, Option<u64>)]>,
}

/// A frame that did not go on where the one before had ended, or an image that went back behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The event.
    pub event_id: String,
    /// From which version the frame goes.
    pub from: u64,
    /// To which.
    pub to: u64,
    /// At which the client was.
    pub was: u64,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event_id, from, to, was } = self;
        write!(f, "{event_id}: a frame goes from {from} to {to}, the client was at {was}")
    }
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
    /// When it was shown markets open.
    pub offers: Offers,
    /// Frames that did not go on where the one before had ended.
    pub breaks: Vec<Break>,
    /// Its connections that ended without its doing.
    pub ends: Vec<Ended>,
    /// Whether it reads slowly, and so may be closed for that.
    pub is_slow: bool,
    /// Events whose last frame was of no version, for nobody processed them: they are not gone on from.
    pub silent: BTreeSet<String>,
    /// The events and keys that were seen. There may be millions of frames, and each names some.
    names: Names,
    /// How many images came.
    pub images: u64,
}

impl Seen {
    /// Both together: what two clients have seen, each of events of its own.
    pub fn merge(&mut self, other: Self) {
        self.store = self.store.take().or(other.store);
        self.pictures.extend(other.pictures);
        self.arrivals.extend(other.arrivals);
        self.offers.extend(other.offers);
        self.breaks.extend(other.breaks);
        self.ends.extend(other.ends);
        self.is_slow |= other.is_slow;
        self.silent.extend(other.silent);
        self.images += other.images;
    }
}

/// What a client subscribes to, and how it reads.
#[derive(Debug, Clone)]
pub struct Wish {
    /// All events of these sports.
    pub sports: Vec<String>,
    /// How long it does nothing after each frame; until told otherwise.
    pub pause: Option<watch::Receiver<Duration>>,
    /// Counts frames that did not go on where the one before had ended, for whoever watches.
    pub breaks: Arc<AtomicU64>,
}

/// One client, connected and subscribed.
#[derive(Debug)]
pub struct Client {
    task: JoinHandle<(Seen, Result<(), End>)>,
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
        let wish = Wish { sports: vec![sport.to_owned()], pause: None, breaks: Arc::default() };
        let (versions, _) = watch::channel(BTreeMap::new());
        let connection = Self::connect(url, &wish, &seen).await?;
        Ok(Self::read(connection, wish, seen, Arc::new(versions)))
    }

    /// Connects, subscribes and waits until the server has confirmed.
    async fn connect(url: &str, wish: &Wish, seen: &Seen) -> anyhow::Result<(Connection, String)> {
        let mut connection = connect(url).await.with_context(|| format!("connecting to {url}"))?;
        let mut request =
            json!({"type": "subscribe", "id": "observer", "sports": wish.sports, "heartbeat_ms": 2_000});
        if let Some(store) = &seen.store {
            let known = seen.pictures.iter().filter(|(id, _)| !seen.silent.contains(*id));
            let versions: BTreeMap<&String, u64> = known.map(|(id, picture)| (id, picture.version)).collect();
            request["resume"] = json!({"store": store, "versions": versions});
        }
        connection.send(Message::text(request.to_string())).await?;
        let store = confirmed(&mut connection).await?;
        Ok((connection, store))
    }

    /// Reads what comes from now on.
    fn read(
        (mut connection, store): (Connection, String),
        mut wish: Wish,
        mut seen: Seen,
        versions_out: Arc<watch::Sender<BTreeMap<String, u64>>>,
    ) -> Self {
        seen.store = Some(store);
        let versions = versions_out.subscribe();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let ended = read(&mut connection, &mut wish, &mut seen, &versions_out, stopped).await;
            if let Err(end) = &ended {
                seen.ends.push(Ended { at_micros: now_micros(), end: end.clone() });
            }
            (seen, ended)
        });
        Self { task, versions, stop }
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
        let (seen, ended) = self.end().await?;
        ended?;
        Ok(seen)
    }

    /// Waits until the connection ends without the client's doing, as when its server dies, and hands over what was seen, and how
    /// it ended.
    ///
    /// # Errors
    /// When the reader panicked.
    pub async fn ended(self) -> anyhow::Result<(Seen, End)> {
        let Self { task, stop: _told_nothing, .. } = self;
        let (seen, ended) = task.await.context("the reader panicked")?;
        Ok((seen, ended.err().context("nobody has told the reader to stop")?))
    }

    /// As [`Self::cut`]; how the connection ended, where it had, comes beside it.
    async fn end(self) -> anyhow::Result<(Seen, Result<(), End>)> {
        // The reader may have ended already; joining it tells.
        let _ = self.stop.send(true);
        self.task.await.context("the reader panicked")
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
    let answer = async {
        loop {
            let (frame, _) = next(connection).await.context("before the subscription was confirmed")?;
            match frame.get("type").and_then(Value::as_str) {
                Some("subscribed") => {
                    let store = frame.get("store").and_then(Value::as_str);
                    return Ok(store.context("`subscribed` names no store")?.to_owned());
                }
                // It tells whoever connects of every producer that is not up, whatever is asked.
                Some("status" | "heartbeat") => {}
                _ => bail!("the server answered the subscription with {frame}"),
            }
        }
    };
    let answer = tokio::time::timeout(SILENCE_MAX, answer).await;
    answer.context("the server does not confirm the subscription")?
}

async fn read(
    connection: &mut Connection,
    wish: &mut Wish,
    seen: &mut Seen,
    versions: &watch::Sender<BTreeMap<String, u64>>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), End> {
    loop {
        let (frame, at_micros) = tokio::select! {
            frame = next(connection) => frame?,
            _ = stopped.changed() => return Ok(()),
        };
        match frame.get("type").and_then(Value::as_str) {
            Some(kind @ ("image" | "delta")) => {
                let breaks = seen.breaks.len();
                let arrival = apply(seen, kind, &frame, at_micros)
                    .map_err(|error| End::Unreadable(format!("{error:#} in {}", quoted(&frame))))?;
                versions.send_modify(|versions| {
                    versions.insert(arrival.event_id.to_string(), arrival.to);
                });
                wish.breaks.fetch_add((seen.breaks.len() - breaks) as u64, Ordering::Relaxed);
                seen.arrivals.push(arrival);
                if let Some(pause) = wish.pause.as_mut() {
                    idle(pause).await;
                }
            }
            Some("heartbeat" | "status" | "subscribed") => {}
            _ => return Err(End::Unreadable(format!("an unexpected one: {}", quoted(&frame)))),
        }
    }
}

/// Waits as long as a client does nothing, or until it is told to do something.
async fn idle(pause: &mut watch::Receiver<Duration>) {
    let length = *pause.borrow_and_update();
    if !length.is_zero() {
        // Whoever told it may have gone: then it reads on.
        let _ = tokio::time::timeout(length, pause.changed()).await;
    }
}

fn apply(seen: &mut Seen, kind: &str, frame: &Value, at_micros: i64) -> anyhow::Result<Arrival> {
    let event_id = frame.get("event_id").and_then(Value::as_str).context("no `event_id`")?.to_owned();
    let number = |name: &str| frame.get(name).and_then(Value::as_u64).with_context(|| format!("no `{name}`"));
    let (from, to) = (number("from")?, number("to")?);
    let picture = seen.pictures.entry(event_id.clone()).or_default();
    let (is_image, was) = (kind == "image", picture.version);
    // An image may come at any time, but with nothing older than the client has.
    let is_broken = if is_image { to < was } else { from != was || to < from };
    if is_broken {
        seen.breaks.push(Break { event_id: event_id.clone(), from, to, was });
    }
    if is_image {
        seen.images += 1;
        *picture = Picture::default();
    }
    let is_silent = frame.get("silent").and_then(Value::as_bool).unwrap_or_default();
    let (mut changes, mut offers) = (Vec::new(), Vec::new());
    for change in frame.get("changes").and_then(Value::as_array).context("no `changes`")? {
        let key = change.get("key").and_then(Value::as_str).context("a change has no `key`")?;
        let value = change.get("value").cloned().unwrap_or_default();
        // What nobody processes is shown otherwise than it is at the version, and shown as it is again later.
        let is_of_version = !is_silent && value["suspension"] != "processor_silent";
        let interned = seen.names.kept(key);
        offers.extend(offers::told(&interned, &value));
        changes.push((interned, is_of_version.then(|| hash_value(&value))));
        picture.set(key, value);
    }
    seen.offers.note(&event_id, is_image, &offers, at_micros);
    picture.version = to;
    if is_silent {
        seen.silent.insert(event_id.clone());
    } else {
        seen.silent.remove(&event_id);
    }
    let event_id = seen.names.kept(&event_id);
    Ok(Arrival { event_id, is_image, from, to, at_micros, changes: changes.into_boxed_slice() })
}

/// The next text frame, and when it was read, in microseconds since the epoch: what is done with it is not its way's.
async fn next(connection: &mut Connection) -> Result<(Value, i64), End> {
    loop {
        let message = tokio::time::timeout(SILENCE_MAX, connection.next()).await;
        let silent = |_| End::Broke("the server is silent, not even a heartbeat came".to_owned());
        match message.map_err(silent)? {
            None => return Err(End::Broke("it is over, and nobody closed it".to_owned())),
            Some(Ok(Message::Close(close))) => return Err(end::closed(close)),
            Some(Ok(Message::Text(text))) => {
                let at_micros = now_micros();
                let frame =
                    serde_json::from_str(&text).map_err(|error| End::Unreadable(error.to_string()))?;
                return Ok((frame, at_micros));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(end::broken(&error)),
        }
    }
}

fn quoted(frame: &Value) -> String {
    frame.to_string().chars().take(QUOTED_MAX).collect()
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;

    use super::*;
    use crate::observe::socket::end::SLOW;

    /// A server that answers a subscription with these frames; its address.
    async fn server(frames: &[Message]) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let frames = frames.to_vec();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = tokio_tungstenite::accept_async(stream).await.unwrap();
            // What it says of producers need not wait for what it is asked.
            for frame in frames {
                connection.send(frame).await.unwrap();
            }
            while let Some(Ok(_)) = connection.next().await {}
        });
        url
    }

    const DOWN: &str = r#"{"type":"status","subject":"producer","provider":"md","producer":"live","state":"down","reason":"alive_interval","since":1}"#;

    #[tokio::test]
    async fn a_producer_that_is_down_is_no_refusal_of_a_subscription() {
        let url = server(&[DOWN, DOWN, SUBSCRIBED].map(Message::text)).await;
        let client = Client::subscribe(&url, "hockey", Seen::default()).await.unwrap();
        assert_eq!(client.cut().await.unwrap().store.as_deref(), Some("s"));
        let refusal = r#"{"type":"error","code":"unknown_sport","detail":"none"}"#;
        let url = server(&[DOWN, refusal].map(Message::text)).await;
        let refused = Client::subscribe(&url, "curling", Seen::default()).await.unwrap_err();
        assert!(format!("{refused:#}").contains("unknown_sport"), "{refused:#}");
    }

    const SUBSCRIBED: &str = r#"{"type":"subscribed","id":"observer","store":"s"}"#;

    #[tokio::test]
    async fn how_a_connection_ends_that_its_client_did_not_end_is_kept() {
        let ended = async |frame: Message| {
            let url = server(&[Message::text(SUBSCRIBED), frame]).await;
            let client = Client::subscribe(&url, "hockey", Seen::default()).await.unwrap();
            let (seen, end) = tokio::time::timeout(SILENCE_MAX, client.ended()).await.unwrap().unwrap();
            let ends: Vec<End> = seen.ends.into_iter().map(|ended| ended.end).collect();
            assert_eq!(ends, [end]);
            ends[0].clone()
        };
        let reason = r#"{"reason":"too slow","reconnect_after_ms":7}"#.into();
        let slow = ended(Message::Close(Some(CloseFrame { code: SLOW.into(), reason }))).await;
        assert_eq!((slow.name().as_str(), slow.is_for_slowness()), ("closed with 4008 (too slow)", true));
        let closed = ended(Message::Close(None)).await;
        assert_eq!(
            (closed.name().as_str(), closed.is_for_slowness()),
            ("closed with 1005 (no code was given)", false)
        );
        for text in ["{", r#"{"type":"delta"}"#, r#"{"type":"news"}"#] {
            let unreadable = ended(Message::text(text)).await;
            assert!(matches!(unreadable, End::Unreadable(_)), "{text}: {unreadable}");
        }
    }

    #[test]
    fn an_image_may_come_at_any_time_but_not_from_the_past() {
        let mut seen = Seen::default();
        let mut show = |kind: &str, from: u64, to: u64| {
            let frame = json!({"event_id": "md:match:1", "from": from, "to": to, "changes": []});
            drop(apply(&mut seen, kind, &frame, 1).unwrap());
            std::mem::take(&mut seen.breaks)
        };
        assert_eq!(show("image", 0, 5), []);
        assert_eq!(show("image", 0, 5), []);
        assert_eq!(show("delta", 5, 7), []);
        let back = Break { event_id: "md:match:1".to_owned(), from: 0, to: 6, was: 7 };
        assert_eq!(show("image", 0, 6), [back]);
        assert_eq!(show("delta", 6, 7), []);
    }
}
