//! What many sockets cost, measured by hand:
//! `cargo test --release -p harness --test it -- --ignored --nocapture many_idle_sockets`, after `make build`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Sport;
use futures_util::stream::{self, SplitSink};
use futures_util::{SinkExt, StreamExt};
use harness::stack::DISTRIBUTION;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::event::{Event, served};
use crate::support::metric::{metric_is, resident_bytes};
use crate::support::{stack_with, until};

const SOCKETS: u64 = 5_000;
/// Updates that are told to each of them.
const UPDATES: u64 = 40;
/// How long the whole crowd may take for a step.
const PATIENCE: Duration = Duration::from_secs(120);

type Sink = SplitSink<WebSocketStream<MaybeTlsStream<TcpStream>>, Message>;

/// Connects one client, which counts the frames that it reads.
async fn connect(url: &str, frames: &Arc<AtomicU64>) -> Sink {
    let (socket, _) = connect_async(url).await.unwrap();
    let (sink, mut stream) = socket.split();
    let frames = Arc::clone(frames);
    tokio::spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            frames.fetch_add(u64::from(message.is_text()), Ordering::Relaxed);
        }
    });
    sink
}

async fn all_have_read(frames: &AtomicU64, each: u64) {
    let all = each * SOCKETS;
    until("all clients to have read", PATIENCE, async || Ok(frames.load(Ordering::Relaxed) >= all))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of half a minute, for a person to read"]
async fn many_idle_sockets_cost_little() {
    let folder = tempfile::tempdir().unwrap();
    let stack = stack_with(&folder, &[Sport::Hockey], &[("IDLE_SECONDS", 600)]).await;
    let mut event = Event::begin(&stack, "md:match:idle").await;
    served(&stack, &event).await.unwrap();
    let url = stack.socket_url().unwrap();
    let frames = Arc::new(AtomicU64::new(0));
    let bytes_each = |before: u64| resident_bytes(&stack).saturating_sub(before) / SOCKETS;

    let empty = resident_bytes(&stack);
    let connects = stream::iter(0..SOCKETS).map(|_| connect(&url, &frames));
    let mut sinks: Vec<Sink> = connects.buffer_unordered(64).collect().await;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    metric_is(&stack, "matchday_distribution_sessions", SOCKETS as f64).await;
    let connected = bytes_each(empty);

    let subscribe =
        json!({"type": "subscribe", "id": "a", "sport": "hockey", "heartbeat_ms": 60_000}).to_string();
    for sink in &mut sinks {
        sink.send(Message::text(subscribe.clone())).await.unwrap();
    }
    all_have_read(&frames, 2).await;
    let subscribed = bytes_each(empty);

    let cpu = || stack.process(DISTRIBUTION).unwrap().cpu_micros().unwrap();
    let cpu_before = cpu();
    for update in 0..UPDATES {
        event.tell_odds(1_500 + u32::try_from(update).unwrap()).await;
        // One by one: a crowd that is behind would be told fewer, larger frames.
        all_have_read(&frames, 3 + update).await;
    }
    let cpu_nanos = (cpu() - cpu_before) * 1_000 / (UPDATES * SOCKETS);
    println!("{SOCKETS} sockets; VmRSS of distribution before: {} KiB", empty >> 10);
    println!("  connected  {connected} bytes each");
    println!("  subscribed {subscribed} bytes each");
    println!("  after {UPDATES} updates {} bytes each; {cpu_nanos} ns of CPU a frame", bytes_each(empty));
    assert!(subscribed < 64 << 10, "{subscribed} bytes are not little");
    drop(sinks);
    stack.down().await.unwrap();
}
