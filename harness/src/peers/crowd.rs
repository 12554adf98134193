//! Clients by the hundred that read whatever comes and count it, at either side.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::pairs::Side;

/// How long anything that clients wait for may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing more comes when nothing has come for so long.
const QUIET: Duration = Duration::from_secs(1);
/// What a client reads at once, in bytes. The library's own choice is 128 KiB, of each of a thousand.
const READ_BYTES: usize = 16 << 10;
/// Clients that connect at once.
const AT_ONCE: usize = 50;

/// The channel at the peer's that clients subscribe to.
pub const CHANNEL: &str = "hockey";

/// A frame that one client was sent, and when.
#[derive(Debug, Clone)]
pub struct Said {
    /// How long after the recording began.
    pub after: Duration,
    /// Its text.
    pub text: Utf8Bytes,
}

/// Connected and subscribed clients; they leave when it is dropped.
#[derive(Debug)]
pub struct Crowd {
    readers: JoinSet<Result<()>>,
    received: Arc<AtomicU64>,
    /// What the first of them was sent.
    recording: Arc<Recording>,
}

#[derive(Debug, Default)]
struct Recording {
    /// When it began; nothing is kept before.
    said: Mutex<Option<(Instant, Vec<Said>)>>,
}

type Connection = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Crowd {
    /// So many clients at `url`, each subscribed to all hockey.
    ///
    /// # Errors
    /// When one cannot connect, or its subscription is not confirmed.
    pub async fn gather(side: Side, url: &str, size: usize) -> Result<Self> {
        let (received, recording) = (Arc::new(AtomicU64::new(0)), Arc::new(Recording::default()));
        let mut readers = JoinSet::new();
        let mut connecting = futures_util::stream::iter(0..size)
            .map(|_| async {
                tokio::time::timeout(PATIENCE, connect(side, url)).await.context("no answer in time")?
            })
            .buffer_unordered(AT_ONCE);
        while let Some(connection) = connecting.next().await {
            let connection = connection.with_context(|| format!("connecting {size} clients to {url}"))?;
            let is_first = readers.is_empty();
            let recording = is_first.then(|| Arc::clone(&recording));
            readers.spawn(read(side, connection, Arc::clone(&received), recording));
        }
        drop(connecting);
        Ok(Self { readers, received, recording })
    }

    /// How many frames with news all of them together have been sent.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Keeps what the first of them is sent from now on.
    pub fn record(&self) {
        *self.recording.said.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), Vec::new()));
    }

    /// What was kept.
    pub fn recorded(&self) -> Vec<Said> {
        let said = self.recording.said.lock().unwrap_or_else(PoisonError::into_inner).take();
        said.map(|(_, said)| said).unwrap_or_default()
    }

    /// Waits until nothing comes any more.
    ///
    /// # Errors
    /// When something always comes, or a client is no longer connected.
    pub async fn quiet(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            let before = self.received();
            tokio::time::sleep(QUIET).await;
            self.all_there()?;
            if self.received() == before {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "clients are still being sent frames after {PATIENCE:?}");
        }
    }

    /// Waits until they have been sent so many frames.
    ///
    /// # Errors
    /// When they are not in time, or a client is no longer connected.
    pub async fn reach(&mut self, frames: u64) -> Result<()> {
        let start = Instant::now();
        while self.received() < frames {
            self.all_there()?;
            ensure!(
                start.elapsed() < PATIENCE,
                "{} of {frames} frames have come after {PATIENCE:?}",
                self.received()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// A client that has left is work that is not done.
    fn all_there(&mut self) -> Result<()> {
        match self.readers.try_join_next() {
            None => Ok(()),
            Some(ended) => {
                ended.context("a reader panicked")?.context("a client was disconnected")?;
                bail!("a client was disconnected")
            }
        }
    }
}

async fn connect(side: Side, url: &str) -> Result<Connection> {
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    let (mut connection, _) = connect_async_with_config(url, Some(config), true).await?;
    let (request, confirmation) = match side {
        Side::Ours => (
            r#"{"type":"subscribe","id":"a","sports":["hockey"],"heartbeat_ms":60000}"#.to_owned(),
            r#"{"type":"subscribed""#,
        ),
        Side::Peer => (
            format!(
                "{{\"id\":1,\"connect\":{{}}}}\n{{\"id\":2,\"subscribe\":{{\"channel\":\"{CHANNEL}\"}}}}"
            ),
            r#"{"id":2,"subscribe""#,
        ),
    };
    connection.send(Message::text(request)).await?;
    while let Some(message) = connection.next().await {
        let Message::Text(text) = message? else { continue };
        ensure!(!text.contains("\"error\""), "the subscription is refused: {text}");
        if text.lines().any(|line| line.starts_with(confirmation)) {
            return Ok(connection);
        }
    }
    bail!("the connection ended before the subscription was confirmed")
}

async fn read(
    side: Side,
    mut connection: Connection,
    received: Arc<AtomicU64>,
    recording: Option<Arc<Recording>>,
) -> Result<()> {
    while let Some(message) = connection.next().await {
        match message? {
            Message::Text(text) => {
                if side == Side::Peer && text.lines().any(|line| line == "{}") {
                    // A ping, which has to be answered in kind.
                    connection.send(Message::text("{}")).await?;
                }
                let frames = text.lines().filter(|line| is_news(side, line)).count() as u64;
                received.fetch_add(frames, Ordering::Relaxed);
                if let Some(recording) = recording.as_ref().filter(|_| frames > 0) {
                    let said = &mut *recording.said.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some((start, said)) = said {
                        said.push(Said { after: start.elapsed(), text });
                    }
                }
            }
            Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a line tells something of an event: ours is a frame of its own, the peer may put several lines into one.
fn is_news(side: Side, line: &str) -> bool {
    match side {
        Side::Ours => line.starts_with(r#"{"type":"delta""#) || line.starts_with(r#"{"type":"image""#),
        Side::Peer => line.starts_with(r#"{"push""#),
    }
}
