//! A tap: stands between providers and ingestion, passes everything on, and writes down the messages that pass.
//!
//! Each feed becomes a recording of its own in one folder, `{provider}-{format}.rec`, all with the same start: replaying
//! the folder replays everything as it came. What is written is what arrived, byte for byte, cut into its messages and
//! unpacked where it was compressed, at the time at which its request was complete. What ingestion tells its sender to
//! repeat (408, 429, 5xx), a request or some of its messages, or does not answer, is not written: it will come again.
//!
//! Where a game had begun before, the stack is asked how it stood, and that stands in front of its first message (`images`).
//!
//! A recording can be read up to its last whole message at any time, also when the tap was killed. Why it is a proxy and
//! not a reader of Kafka is in docs/adr/0008-the-tap-is-a-proxy.md.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chassis::http::{self, BodyError, BodyLimits, read_body};
use chassis::lifecycle::Shutdown;
use chassis::problem::Problem;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::sender::{again, passes, with_causes};
use images::Images;
use scribe::{Arrival, Content, Scribe};

pub use images::Headless;
pub use passed::Passed;
pub use scribe::{Feed, Written};

mod images;
mod passed;
mod scribe;

/// A request's or an answer's largest body, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long ingestion may take to answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests that wait to be written; senders wait with them.
const WAITING_MAX: usize = 256;
/// Bytes of their bodies.
const WAITING_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;
/// How long a body may take to begin, and to come.
const BODY: BodyLimits = BodyLimits {
    max_bytes: BODY_BYTES_MAX,
    first_byte: Duration::from_secs(30),
    whole: Duration::from_secs(60),
};
/// Requests at once: with [`BODY_BYTES_MAX`], what bounds the memory. Others wait with their bodies unread.
const REQUESTS_MAX: usize = 64;
/// Connections, most of which are idle: providers keep them.
const CONNECTIONS_MAX: usize = 1_024;

/// Where to, and where it is written down.
#[derive(Debug, Clone)]
pub struct TapOptions {
    /// Ingestion's address, such as `http://127.0.0.1:4000`.
    pub target: String,
    /// The folder for the recordings; made where it is not there, and without recordings before.
    pub folder: PathBuf,
    /// The address of REST, such as `http://127.0.0.1:4002`, which is asked how games stood that had begun before; `None`: nobody
    /// is, and such games are recorded without their beginning.
    pub images: Option<String>,
    /// What has passed so far, for whoever wants to see it.
    pub passed: Arc<Passed>,
    /// After so many bytes of messages nothing more is written; everything is passed on still.
    pub bytes_max: u64,
}

/// What handles a request.
#[derive(Clone)]
struct Tap {
    client: reqwest::Client,
    target: Arc<str>,
    arrivals: mpsc::Sender<Arrival>,
    images: Arc<Images>,
    passed: Arc<Passed>,
    /// Whether nothing more is written.
    is_over: Arc<AtomicBool>,
    /// Requests that may be under way.
    turns: Arc<Semaphore>,
    /// Bytes of bodies that may still wait to be written.
    room: Arc<Semaphore>,
}

/// Passes on and writes down until `shutdown` begins. Returns what was written.
///
/// # Errors
/// When the target is no `http` address, or the folder cannot be made or has recordings.
pub async fn tap(listener: TcpListener, options: &TapOptions, shutdown: Shutdown) -> anyhow::Result<Written> {
    let target = options.target.trim_end_matches('/');
    ensure!(target.starts_with("http://"), "`{target}` is no address such as http://127.0.0.1:4000");
    let scribe = Scribe::new(options, Instant::now())?;
    let is_over = scribe.is_over();
    let (arrivals, waiting) = mpsc::channel(WAITING_MAX);
    // A file is written on a thread that may wait for the disk.
    let writing = tokio::task::spawn_blocking(move || scribe.write(waiting));
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER_TIMEOUT)
        .build()
        .context("cannot make an HTTP client")?;
    let limits = http::Limits {
        connections: CONNECTIONS_MAX,
        head_seconds: 30,
        head_bytes: 64 << 10,
        write_seconds: 30,
    };
    let room = Arc::new(Semaphore::new(WAITING_BYTES_MAX));
    let turns = Arc::new(Semaphore::new(REQUESTS_MAX));
    let images = Arc::new(Images::new(client.clone(), options.images.as_deref()));
    let passed = Arc::clone(&options.passed);
    let tap = Tap { client, target: target.into(), arrivals, images, passed, is_over, turns, room };
    let routes = Router::new().fallback(pass).with_state(tap);
    http::serve(listener, routes, limits, shutdown).await?;
    // All that is left of the tap is gone with the routes, so the writing ends.
    writing.await.context("the recordings could not be finished")
}

async fn pass(State(tap): State<Tap>, request: Request) -> Response {
    let _turn = tap.turns.acquire().await.expect("nobody closes it");
    let (head, body) = request.into_parts();
    let body = match read_body(body, BODY).await {
        Ok(body) => body,
        Err(error @ BodyError::TooLarge { .. }) => {
            let kind = "urn:matchday:problem:tap-too-large";
            return problem(StatusCode::PAYLOAD_TOO_LARGE, kind, "Too large", error.to_string());
        }
        Err(error) => {
            let kind = "urn:matchday:problem:tap-unread-body";
            return problem(
                StatusCode::REQUEST_TIMEOUT,
                kind,
                "The body did not come whole",
                error.to_string(),
            );
        }
    };
    let at = Instant::now();
    let feed = Feed::of(&head.method, &head.uri, &head.headers);
    let encoding = text(&head.headers, header::CONTENT_ENCODING).unwrap_or_default().to_ascii_lowercase();
    let mut content = feed.as_ref().map(|feed| Content::of(feed, &encoding, &body));
    let feed = match (feed, &content) {
        (Some(feed), Some(Ok(content))) => Some(feed.told_by(content)),
        (feed, _) => feed,
    };
    let mut beginnings = match (&feed, &content) {
        // Where nothing more is written nobody has to be asked.
        (Some(feed), Some(Ok(content))) if !tap.is_over.load(Ordering::Relaxed) => {
            tap.images.before(feed, &content.messages()).await
        }
        _ => images::Beginnings::default(),
    };
    let (answer, said) = match tap.forward(&head.method, &head.uri, &head.headers, body.clone()).await {
        Ok(answered) => answered,
        Err(error) => {
            tap.images.forget(&beginnings);
            let detail = format!("ingestion does not answer: {}", with_causes(&error));
            return problem(
                StatusCode::BAD_GATEWAY,
                "urn:matchday:problem:tap-no-answer",
                "No answer",
                detail,
            );
        }
    };
    if let (Some(feed), Some(Ok(content))) = (&feed, &mut content) {
        let again = again(&said);
        if !again.is_empty() {
            content.leave_out(&again);
            tap.images.forget_all_but(&mut beginnings, feed, &content.messages());
        }
    }
    let is_empty = matches!(&content, Some(Ok(content)) if content.messages().is_empty());
    match (feed, content) {
        _ if passes(answer.status().as_u16()) => tap.images.forget(&beginnings),
        _ if is_empty => {}
        (Some(feed), Some(content)) => {
            tap.passed.request(content.as_ref().map_or(0, |content| content.messages().len()), body.len());
            let bytes = content.as_ref().map_or(body.len(), Content::len);
            let bytes = u32::try_from(bytes).expect("a body has at most 16 MiB");
            let room = tap.room.acquire_many_owned(bytes).await.expect("nobody closes it");
            // Whoever listens no more has said why.
            let _ = tap.arrivals.send(Arrival { at, feed, content, beginnings, _room: room }).await;
        }
        _ => {}
    }
    answer
}

impl Tap {
    async fn forward(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(Response, Bytes), reqwest::Error> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = self.client.request(method.clone(), format!("{}{path}", self.target));
        let mut answer = request.headers(end_to_end(headers)).body(body).send().await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answer.status();
        *response.headers_mut() = end_to_end(answer.headers());
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if bytes.len() + chunk.len() > BODY_BYTES_MAX {
                let detail = format!("ingestion's answer has over {BODY_BYTES_MAX} bytes");
                let kind = "urn:matchday:problem:tap-answer-too-large";
                let problem = problem(StatusCode::BAD_GATEWAY, kind, "Answer too large", detail);
                return Ok((problem, Bytes::new()));
            }
            bytes.extend_from_slice(&chunk);
        }
        let bytes = Bytes::from(bytes);
        *response.body_mut() = Body::from(bytes.clone());
        Ok((response, bytes))
    }
}

/// Headers that are not about one connection (RFC 9110, 7.6.1), nor said anew by whoever sends them on.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    const OF_A_CONNECTION: [header::HeaderName; 6] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::HOST,
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    let mut kept = headers.clone();
    for name in OF_A_CONNECTION {
        kept.remove(name);
    }
    kept
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn problem(status: StatusCode, kind: &'static str, title: &'static str, detail: String) -> Response {
    Problem::new(status, kind, title, detail).into_response()
}
