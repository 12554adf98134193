//! The WebSocket port: who may come in, and that everybody is told when the process stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chassis::lifecycle::Shutdown;
use chassis::problem::Problem;
use clap::Args;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;

use crate::filter::FilterLimits;
use crate::hub::Hub;
use crate::metrics::{self, SocketMetrics};
use crate::producers::Producers;
use crate::rest;
use crate::session::BATCH_BYTES_MAX;
use crate::sessions::Sessions;
use crate::updates::CaughtUp;

mod commands;
mod connection;
mod loads;
mod pace;

/// Every message, error and close code, for programs: what `docs/socket.md` says for people.
const ASYNCAPI: &str = include_str!("../asyncapi.json");
/// Connections that the kernel accepts before this process does.
const BACKLOG: u32 = 1_024;
/// Sessions that are to come again do so in this many steps, so that not all come at once.
const RECONNECT_STEPS: u64 = 40;
/// Bytes read from a socket at once: clients say little.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// What clients of the socket are granted.
#[derive(Args, Clone, Copy, Debug)]
pub struct SocketLimits {
    /// Sessions open at once
    #[arg(long, env = "MATCHDAY_SOCKET_SESSIONS", default_value_t = 10_000)]
    pub socket_sessions: u32,

    /// Subscriptions of one session
    #[arg(long, env = "MATCHDAY_SOCKET_SUBSCRIPTIONS", default_value_t = 16)]
    pub socket_subscriptions: usize,

    /// Events that one subscription may name or resume
    #[arg(long, env = "MATCHDAY_SOCKET_EVENTS", default_value_t = 1_000)]
    pub socket_events: usize,

    /// Market ids that one subscription may name
    #[arg(long, env = "MATCHDAY_SOCKET_MARKETS", default_value_t = 100)]
    pub socket_markets: usize,

    /// Bytes of one message of a client
    #[arg(long, env = "MATCHDAY_SOCKET_MESSAGE_BYTES", default_value_t = 64 << 10)]
    pub socket_message_bytes: usize,

    /// Messages a client may send per second, and at once
    #[arg(long, env = "MATCHDAY_SOCKET_MESSAGES_PER_SECOND", default_value_t = 20)]
    pub socket_messages_per_second: u32,

    /// Bytes that one session may buffer; a single frame must fit
    #[arg(
        long,
        env = "MATCHDAY_SOCKET_BUFFER_BYTES",
        default_value_t = 16 << 20,
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(2 * BATCH_BYTES_MAX as u64..)
    )]
    pub socket_buffer_bytes: usize,

    /// Bytes that the kernel keeps for a client that does not read: what waits there can no longer be merged
    #[arg(long, env = "MATCHDAY_SOCKET_SEND_BUFFER_BYTES", default_value_t = 256 << 10)]
    pub socket_send_buffer_bytes: u32,

    /// Milliseconds that a write may wait for a client before it is told that it is behind
    #[arg(long, env = "MATCHDAY_SOCKET_SLOW_MS", default_value_t = 250)]
    pub socket_slow_ms: u64,

    /// Seconds in which a client must take 64 KiB, or one frame that is larger
    #[arg(long, env = "MATCHDAY_SOCKET_WRITE_SECONDS", default_value_t = 10)]
    pub socket_write_seconds: u64,

    /// Seconds without a sign of life, pongs included, after which a session is closed
    #[arg(long, env = "MATCHDAY_SOCKET_IDLE_SECONDS", default_value_t = 60)]
    pub socket_idle_seconds: u64,

    /// Milliseconds over which those who are to come again are spread
    #[arg(long, env = "MATCHDAY_SOCKET_RECONNECT_MS", default_value_t = 2_000)]
    pub socket_reconnect_ms: u64,
}

impl SocketLimits {
    fn filter(&self) -> FilterLimits {
        FilterLimits { events: self.socket_events, markets: self.socket_markets }
    }

    /// How long a write may take before the client counts as slow, and how much longer before it is closed.
    fn write_time(&self) -> (Duration, Duration) {
        let slow = Duration::from_millis(self.socket_slow_ms);
        pace::patience(slow, Duration::from_secs(self.socket_write_seconds))
    }

    /// When the session with this number, if it is to come again, should.
    fn reconnect_after_ms(&self, number: u64) -> u64 {
        (number % RECONNECT_STEPS + 1) * (self.socket_reconnect_ms / RECONNECT_STEPS)
    }

    fn idle_time(&self) -> Duration {
        Duration::from_secs(self.socket_idle_seconds)
    }
}

/// What all sessions share.
pub struct SocketServer {
    hub: Arc<Hub>,
    caught_up: CaughtUp,
    producers: Producers,
    limits: SocketLimits,
    shutdown: Shutdown,
    metrics: SocketMetrics,
    sessions: Sessions,
    /// One permit per session that may still come; all are back when no session is left.
    places: Arc<Semaphore>,
    sessions_begun: AtomicU64,
}

impl SocketServer {
    /// A server without sessions.
    #[must_use]
    pub fn new(
        hub: Arc<Hub>,
        caught_up: CaughtUp,
        producers: Producers,
        sessions: Sessions,
        limits: SocketLimits,
        shutdown: Shutdown,
    ) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(limits.socket_sessions as usize));
        let metrics = SocketMetrics::new();
        Arc::new(Self {
            hub,
            caught_up,
            producers,
            limits,
            shutdown,
            metrics,
            sessions,
            places,
            sessions_begun: AtomicU64::new(0),
        })
    }

    /// The routes of the port.
    pub fn routes(self: Arc<Self>) -> Router {
        let routes = Router::new().route("/v1/socket", get(upgrade)).route("/asyncapi.json", get(contract));
        rest::with_fallbacks(routes.with_state(self))
    }

    /// Waits until the process is to stop and every session has been told and has ended.
    pub async fn ended(&self) {
        self.shutdown.begun().await;
        // Nobody closes the semaphore, so the permits come.
        let _ = self.places.acquire_many(self.limits.socket_sessions).await;
    }

    /// A number that differs between sessions.
    fn number(&self) -> u64 {
        self.sessions_begun.fetch_add(1, Ordering::Relaxed)
    }
}

/// Listens on `address`. What the kernel keeps for a client is bounded, else news would grow old there, where nothing
/// can be merged; connections inherit that from the listener.
pub fn listen(address: SocketAddr, limits: SocketLimits) -> anyhow::Result<TcpListener> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_send_buffer_size(limits.socket_send_buffer_bytes)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().with_context(|| format!("cannot listen on {address}"))
}

async fn contract() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], ASYNCAPI)
}

async fn upgrade(
    State(server): State<Arc<SocketServer>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let detail = format!("{}: speak WebSocket here", rejection.body_text());
            return Problem::new(
                rejection.status(),
                "urn:matchday:problem:not-a-websocket",
                "Not a WebSocket",
                detail,
            )
            .into_response();
        }
    };
    if !server.caught_up.get() || server.shutdown.has_begun() {
        metrics::refused("not_ready");
        return rest::not_ready().into_response();
    }
    let Ok(place) = Arc::clone(&server.places).try_acquire_owned() else {
        metrics::refused("sessions");
        return rest::away(
            "urn:matchday:problem:too-many-sessions",
            "Too many sessions",
            "every place is taken",
        )
        .into_response();
    };
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(BATCH_BYTES_MAX)
        .max_write_buffer_size(server.limits.socket_buffer_bytes)
        .max_message_size(server.limits.socket_message_bytes)
        .max_frame_size(server.limits.socket_message_bytes)
        .on_upgrade(async move |socket| {
            connection::run(socket, peer, server).await;
            drop(place);
        })
}
