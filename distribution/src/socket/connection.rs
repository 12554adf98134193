//! One session's life: hears the client, writes what the session has to say, ends with a reason.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::{FutureExt, SinkExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite;

use super::SocketServer;
use super::loads::{Loaded, Loads};
use super::pace::{Pace, Written};
use crate::clock;
use crate::hub::FollowError;
use crate::metrics;
use crate::producers::News;
use crate::protocol::{Close, ErrorCode, ServerMessage, Status};
use crate::session::{Batch, Session};
use crate::sessions::Listed;

/// How long the close frame may take to be written and answered.
const CLOSE_MAX: Duration = Duration::from_secs(5);
/// Answers that wait, beyond which no event is loaded that may lead to another.
const REPLIES_MAX: usize = 64;

/// One client.
pub(super) struct Connection {
    pub(super) server: Arc<SocketServer>,
    pub(super) store_id: Arc<str>,
    pub(super) session: Session,
    /// Answers that go before any event frame.
    pub(super) replies: VecDeque<Vec<u8>>,
    /// Events that subscriptions wait for.
    pub(super) loads: Loads,
    producers: News,
    socket: WebSocket,
    heard_at: Instant,
    ping_at: Instant,
    budget: Budget,
    pace: Pace,
    pub(super) listed: Listed,
}

/// How many messages the client may send: a bucket that fills with time.
struct Budget {
    per_second: f64,
    left: f64,
    filled_at: Instant,
}

/// Serves one client until it leaves or has to.
pub(super) async fn run(socket: WebSocket, peer: SocketAddr, server: Arc<SocketServer>) {
    let number = server.number();
    // Known since the hub is filled, and that it is was asked at the door.
    let Ok(store_id) = server.hub.store().id().await else { return };
    let now = Instant::now();
    let metrics = server.metrics.clone();
    metrics.sessions.increment(1);
    let session = Session::new();
    let listed = server.sessions.list(number, peer, clock::now(), session.outbox());
    let mut connection = Connection {
        store_id,
        session,
        replies: VecDeque::new(),
        loads: Loads::new(Arc::clone(&server.hub)),
        producers: server.producers.news(),
        socket,
        heard_at: now,
        ping_at: now + server.limits.idle_time() / 3,
        budget: Budget::new(server.limits.socket_messages_per_second, now),
        pace: Pace::default(),
        listed,
        server,
    };
    let Err(close) = connection.serve().await;
    #[expect(clippy::cast_precision_loss, reason = "a session has few subscriptions")]
    metrics.subscriptions.decrement(connection.session.subscriptions() as f64);
    if connection.pace.is_behind() {
        metrics.sessions_behind.decrement(1);
    }
    metrics.sessions.decrement(1);
    metrics::closed(close.reason());
    tracing::debug!(session = number, reason = close.reason(), "session ends");
    connection.end(close, number).await;
}

impl Connection {
    async fn serve(&mut self) -> Result<Infallible, Close> {
        let mut batch = Batch::default();
        loop {
            let now = Instant::now();
            if now >= self.heard_at + self.server.limits.idle_time() {
                return Err(Close::Idle);
            }
            batch.reset();
            self.tell_producers();
            while !batch.is_full()
                && let Some(reply) = self.replies.pop_front()
            {
                batch.push(&[&reply]);
            }
            if self.replies.is_empty() {
                self.session.fill(&mut batch, now, clock::now())?;
            }
            if batch.is_empty() && now < self.ping_at {
                // Who waits holds no memory: most sessions wait most of the time.
                batch = Batch::default();
                self.wait().await?;
                continue;
            }
            self.write(&mut batch, now).await?;
            if self.server.shutdown.has_begun() {
                return Err(Close::Restart);
            }
            if let Some(heard) = self.socket.recv().now_or_never() {
                self.hear(heard)?;
            }
            // A session with much to say must not keep what it waits for from beginning; of one that does not hear what
            // was wrong with the last events, the next ones wait.
            while self.replies.len() < REPLIES_MAX
                && let Some(Some(loaded)) = self.loads.next().now_or_never()
            {
                self.loaded(loaded);
            }
        }
    }

    /// Not before earlier answers are on their way: whoever reads late hears where each producer stands by then.
    fn tell_producers(&mut self) {
        if self.replies.is_empty() {
            self.replies.extend(self.producers.frames());
        }
    }

    /// Waits for whatever comes first: the client, news, an event that was loaded, time, the end.
    async fn wait(&mut self) -> Result<(), Close> {
        let idle_at = self.heard_at + self.server.limits.idle_time();
        let due = [Some(self.ping_at), Some(idle_at), self.session.next_due()].into_iter().flatten().min();
        tokio::select! {
            heard = self.socket.recv() => self.hear(heard)?,
            () = self.session.outbox().filled() => {}
            Some(loaded) = self.loads.next() => self.loaded(loaded),
            () = self.producers.changed() => {}
            () = sleep_until(due.unwrap_or(idle_at)) => {}
            () = self.server.shutdown.begun() => return Err(Close::Restart),
        }
        Ok(())
    }

    /// Writes a batch with as few system calls as the kernel allows.
    async fn write(&mut self, batch: &mut Batch, now: Instant) -> Result<(), Close> {
        let ping = now >= self.ping_at;
        if ping {
            self.ping_at = now + self.server.limits.idle_time() / 3;
        }
        let (bytes, everything) = (batch.bytes(), !batch.is_full());
        self.listed.waits(self.session.taken());
        let (slow, longer) = self.server.limits.write_time();
        let since = clock::now();
        let mut promptly = true;
        let sent = {
            let mut sending = pin!(send(&mut self.socket, batch, ping));
            match timeout(slow, sending.as_mut()).await {
                Ok(sent) => sent,
                Err(_) => {
                    promptly = false;
                    if let Some(began) = self.pace.stalled(since) {
                        self.server.metrics.sessions_behind.increment(1);
                        self.listed.is_behind(true);
                        self.replies.push_back(ServerMessage::Status(Status::Conflation(began)).encode());
                    }
                    let sent = timeout(longer, sending).await;
                    sent.map_err(|_| Close::Slow { reason: "the client does not read" })?
                }
            }
        };
        let frames = sent.map_err(close_for)?;
        self.server.metrics.written(frames, bytes, batch.conflated);
        self.listed.written(frames, bytes, batch.conflated);
        self.server.metrics.reached(&batch.generated_at, clock::now());
        if let Some(ended) = self.pace.written(Written { promptly, everything, merged: batch.conflated }) {
            self.server.metrics.sessions_behind.decrement(1);
            self.listed.is_behind(false);
            self.replies.push_back(ServerMessage::Status(Status::Conflation(ended)).encode());
        }
        Ok(())
    }

    fn hear(&mut self, heard: Option<Result<Message, Error>>) -> Result<(), Close> {
        let message = heard.ok_or(Close::Gone)?.map_err(close_for)?;
        self.heard_at = Instant::now();
        if !self.budget.spend(self.heard_at) {
            return Err(Close::TooMany);
        }
        match message {
            Message::Text(text) => self.obey(text.as_str()),
            Message::Binary(_) => {
                self.refuse(ErrorCode::Malformed, None, "binary frames mean nothing here");
                Err(Close::Protocol)
            }
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(Close::Gone),
        }
    }

    fn loaded(&mut self, loaded: Loaded) {
        let (Err(error), Some(id)) = (loaded.outcome, self.session.id(loaded.subscription)) else { return };
        let code = match error {
            FollowError::Unknown => ErrorCode::UnknownEvent,
            FollowError::Excluded(_) => ErrorCode::ExcludedEvent,
            FollowError::Unavailable(_) => ErrorCode::Unavailable,
        };
        let (id, event_id, detail) = (Some(id), Some(&loaded.event_id), error.to_string());
        self.replies.push_back(ServerMessage::Error { code, id, event_id, detail }.encode());
    }

    /// Says why, then waits a moment for the client to have read it.
    async fn end(mut self, close: Close, number: u64) {
        let reconnect_after_ms = self.server.limits.reconnect_after_ms(number);
        let parting = async {
            for reply in self.replies.drain(..) {
                if let Ok(text) = String::from_utf8(reply) {
                    self.socket.feed(Message::Text(text.into())).await?;
                }
            }
            if close != Close::Gone {
                let reason = close.hint(reconnect_after_ms).into();
                self.socket.send(Message::Close(Some(CloseFrame { code: close.code(), reason }))).await?;
            }
            while let Some(Ok(_)) = self.socket.recv().await {}
            Ok::<(), Error>(())
        };
        // A client that is gone or does not read cannot be told.
        let _ = timeout(CLOSE_MAX, parting).await;
    }
}

/// Hands a batch to the kernel. Returns how many messages it had.
async fn send(socket: &mut WebSocket, batch: &mut Batch, ping: bool) -> Result<u64, Error> {
    if ping {
        socket.feed(Message::Ping(bytes::Bytes::new())).await?;
    }
    let mut frames = 0;
    for message in batch.drain() {
        let text = Utf8Bytes::try_from(message).map_err(Error::new)?;
        socket.feed(Message::Text(text)).await?;
        frames += 1;
    }
    socket.flush().await?;
    Ok(frames)
}

impl Budget {
    fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, left: per_second, filled_at: now }
    }

    fn spend(&mut self, now: Instant) -> bool {
        let gained = now.duration_since(self.filled_at).as_secs_f64() * self.per_second;
        self.left = (self.left + gained).min(self.per_second) - 1.0;
        self.filled_at = now;
        self.left >= 0.0
    }
}

fn close_for(error: Error) -> Close {
    let inner = error.into_inner();
    match inner.downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => Close::TooBig,
        Some(tungstenite::Error::WriteBufferFull(_)) => Close::Slow { reason: "a frame exceeds the buffer" },
        Some(tungstenite::Error::Utf8(_)) => Close::Protocol,
        _ => Close::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_allows_a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut budget = Budget::new(2, start);
        assert!(budget.spend(start) && budget.spend(start));
        assert!(!budget.spend(start));
        let mut budget = Budget::new(2, start);
        for step in 0..10 {
            assert!(budget.spend(start + Duration::from_millis(500 * step)), "{step}");
        }
    }
}
