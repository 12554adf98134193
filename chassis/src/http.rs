//! Serving HTTP so that no client can hold what it does not use: deadlines for head, body and
//! answer, limits on connections and sizes, an end that lets requests in hand finish.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::ConnectInfo;
use axum::middleware::AddExtension;
use axum::{Extension, Router};
use clap::Args;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tower::Layer;

use crate::lifecycle::Shutdown;

mod body;
mod limit;
mod stall;

use limit::Ended;
use stall::{Stall, Watched};

pub use body::{BodyError, BodyLimits, discard_body, read_body};

/// How long to rest after `accept` failed, for want of file descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What one listener grants its clients.
#[derive(Args, Clone, Copy, Debug)]
#[group(id = "http_limits")] // Not its type's name: a service may have limits of its own beside these.
pub struct Limits {
    /// Connections open at once; others wait in the kernel's backlog
    #[arg(
        id = "http_connections",
        long = "http-connections",
        env = "MATCHDAY_HTTP_CONNECTIONS",
        default_value_t = 1024
    )]
    pub connections: usize,

    /// Seconds a client has to send a request's head, and a kept-alive connection may be idle
    #[arg(
        id = "http_head_seconds",
        long = "http-head-seconds",
        env = "MATCHDAY_HTTP_HEAD_SECONDS",
        default_value_t = 15
    )]
    pub head_seconds: u64,

    /// Bytes of a request's head, at least 8192
    #[arg(
        id = "http_head_bytes",
        long = "http-head-bytes",
        env = "MATCHDAY_HTTP_HEAD_BYTES",
        default_value_t = 16 << 10,
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(8192..=1 << 20)
    )]
    pub head_bytes: usize,

    /// Seconds for which a client may take nothing of its answer
    #[arg(
        id = "http_write_seconds",
        long = "http-write-seconds",
        env = "MATCHDAY_HTTP_WRITE_SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub write_seconds: u64,
}

/// Listens on `address`; port 0 takes any free port.
///
/// # Errors
/// Names the address: taken already, or not this machine's.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Serves `router` until `shutdown` begins, then stops accepting, lets requests in hand finish, closes idle
/// connections and returns. A connection that was upgraded leaves both the count and this wait: whoever took it
/// over limits it and ends it.
///
/// # Errors
/// When the listener has no address, which happens only to one that is closed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");
    let open = metrics::gauge!("matchday_http_connections", "port" => address.port().to_string());
    let accepted = metrics::counter!("matchday_http_accepted_total", "port" => address.port().to_string());
    let limited = limit::Struck::new(address.port());

    let http = connection_builder(limits);
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    loop {
        if places.available_permits() == 0 {
            limited.connections.increment(1);
        }
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            (place, stream) = accept => (place, stream),
            () = shutdown.begun() => break,
        };
        let (stream, peer) = match stream {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%address, %error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        accepted.increment(1);
        open.increment(1);
        let write_limit = Duration::from_secs(limits.write_seconds);
        // A handler may ask for its `ConnectInfo`.
        let service = Extension(ConnectInfo(peer)).layer(router.clone());
        let connection = converse(http.clone(), stream, service, write_limit, shutdown.clone());
        let (open, limited) = (open.clone(), limited.clone());
        connections.spawn(async move {
            if let Err(error) = connection.await {
                // What clients do wrong is theirs; it must not fill our log.
                tracing::debug!(%error, "connection ended early");
                limited.count(&error);
            }
            open.decrement(1);
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

fn connection_builder(limits: Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.head_seconds))
        .max_header_size(limits.head_bytes)
        // A client that closes its sending half still wants its answer.
        .half_close(true);
    http
}

async fn converse(
    http: http1::Builder,
    stream: TcpStream,
    service: AddExtension<Router, ConnectInfo<SocketAddr>>,
    write_limit: Duration,
    shutdown: Shutdown,
) -> Result<(), Ended> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let stall = Arc::new(Stall::default());
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&stall)));
    let mut connection =
        pin!(http.serve_connection(stream, TowerToHyperService::new(service)).with_upgrades());
    let conversation = async {
        tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = shutdown.begun() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    tokio::select! {
        outcome = conversation => Ok(outcome?),
        () = stall.lasts(write_limit) => Err(Ended::Unread),
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const LIMITS: Limits = Limits { connections: 2, head_seconds: 1, head_bytes: 8192, write_seconds: 1 };
    const PATIENCE: Duration = Duration::from_secs(5);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    async fn start(router: Router) -> (SocketAddr, Shutdown, JoinHandle<anyhow::Result<()>>) {
        start_within(LIMITS, router).await
    }

    async fn start_within(
        limits: Limits,
        router: Router,
    ) -> (SocketAddr, Shutdown, JoinHandle<anyhow::Result<()>>) {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::default();
        let server = tokio::spawn(serve(listener, router, limits, shutdown.clone()));
        (address, shutdown, server)
    }

    fn hello() -> Router {
        Router::new().route("/", get(|| async { "hello" }))
    }

    async fn read_some(stream: &mut TcpStream) -> String {
        let mut buffer = vec![0; 4096];
        let length = timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[tokio::test]
    async fn a_silent_client_and_a_half_sent_head_are_cut_off() {
        let (address, _shutdown, _server) = start(hello()).await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut halting = TcpStream::connect(address).await.unwrap();
        halting.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        for client in [&mut silent, &mut halting] {
            let mut answer = Vec::new();
            timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("still open").unwrap();
            assert!(!answer.starts_with(b"HTTP/1.1 200"));
        }
    }

    #[tokio::test]
    async fn a_connection_beyond_the_limit_waits_for_a_place() {
        let (address, _shutdown, _server) = start(hello()).await;
        let first = TcpStream::connect(address).await.unwrap();
        let _second = TcpStream::connect(address).await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(REQUEST).await.unwrap();
        let mut buffer = [0; 16];
        assert!(timeout(Duration::from_millis(200), third.read(&mut buffer)).await.is_err());
        drop(first);
        assert!(read_some(&mut third).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn an_oversized_head_is_refused() {
        let (address, _shutdown, _server) = start(hello()).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nhost: x\r\nfill: {}\r\n\r\n", "x".repeat(LIMITS.head_bytes));
        client.write_all(head.as_bytes()).await.unwrap();
        assert!(read_some(&mut client).await.starts_with("HTTP/1.1 431"));
    }

    /// What a counter of one listener says; 0 before it was counted.
    fn counted(metrics: &metrics_exporter_prometheus::PrometheusHandle, name: &str) -> u64 {
        let text = metrics.render();
        let line = text.lines().find(|line| !line.starts_with('#') && line.contains(name));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    #[tokio::test]
    async fn a_limit_that_strikes_is_counted() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let _counting = metrics::set_default_local_recorder(&recorder);
        let (address, _shutdown, _server) = start(hello()).await;
        let reaches = async |name: &str, count: u64| {
            let reaching = async {
                while counted(&metrics, name) < count {
                    tokio::task::yield_now().await;
                }
            };
            timeout(PATIENCE, reaching).await.expect(name);
        };
        // Two silent ones take all places; only with the second of them is none left.
        let mut clients = vec![TcpStream::connect(address).await.unwrap()];
        reaches("http_accepted", 1).await;
        tokio::task::yield_now().await;
        assert_eq!(counted(&metrics, "limit=\"connections\""), 0);
        clients.push(TcpStream::connect(address).await.unwrap());
        reaches("limit=\"connections\"", 1).await;
        // The third waits, and its head is too large.
        clients.push(TcpStream::connect(address).await.unwrap());
        clients[2].write_all(&b"x".repeat(2 * LIMITS.head_bytes)).await.unwrap();
        for client in &mut clients {
            let mut answer = Vec::new();
            // A reset ends a connection as well as its regular end does.
            let _ = timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("still open");
        }
        assert_eq!(counted(&metrics, "limit=\"head_seconds\""), 2);
        assert_eq!(counted(&metrics, "limit=\"head_bytes\""), 1);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_its_answer_is_cut_off_and_one_that_reads_slowly_is_not() {
        // More than the kernel's buffers of both sides hold.
        const ANSWER: usize = 64 << 20;
        let large = Router::new().route("/", get(|| async { vec![b' '; ANSWER] }));
        // Long enough for a machine that stalls, short enough to be waited for.
        let limits = Limits { write_seconds: 3, ..LIMITS };
        let (address, shutdown, server) = start_within(limits, large).await;
        let mut deaf = TcpStream::connect(address).await.unwrap();
        deaf.write_all(REQUEST).await.unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(REQUEST).await.unwrap();
        let reading = async {
            let (mut buffer, mut read) = (vec![0; 4 << 20], 0);
            while read < ANSWER {
                // Slow, but never as long as the limit.
                tokio::time::sleep(Duration::from_millis(100)).await;
                read += slow.read(&mut buffer).await.unwrap();
            }
        };
        timeout(6 * PATIENCE, reading).await.expect("all of the answer");
        shutdown.begin();
        // The end waits for connections, and nobody reads from this one.
        timeout(2 * PATIENCE, server).await.expect("cut off").unwrap().unwrap();
        drop(deaf);
    }

    #[tokio::test]
    async fn shutdown_finishes_requests_in_hand_and_closes_idle_connections() {
        let (release, gate) = tokio::sync::watch::channel(false);
        let (entered, mut in_hand) = tokio::sync::mpsc::channel(1);
        let slow = move || {
            let (mut gate, entered) = (gate.clone(), entered.clone());
            async move {
                entered.send(()).await.unwrap();
                gate.wait_for(|open| *open).await.unwrap();
                "finished"
            }
        };
        let (address, shutdown, server) = start(hello().route("/slow", get(slow))).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(REQUEST).await.unwrap();
        read_some(&mut idle).await;
        let mut busy = TcpStream::connect(address).await.unwrap();
        busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        timeout(PATIENCE, in_hand.recv()).await.unwrap();

        shutdown.begin();
        assert_eq!(read_some(&mut idle).await, "");
        assert!(!server.is_finished());
        release.send(true).unwrap();
        assert!(read_some(&mut busy).await.ends_with("finished"));
        timeout(PATIENCE, server).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let holder = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = holder.local_addr().unwrap();
        let error = format!("{:#}", bind(address).await.unwrap_err());
        assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    }
}
