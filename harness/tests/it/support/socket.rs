//! Clients of the socket that see every frame and hold each to the contract.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use harness::stack::Stack;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::contract::Contract;
use super::event::{Event, PATIENCE};

/// One client.
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    contract: Arc<Contract>,
}

impl Client {
    /// Connects, and brings its own judge.
    pub async fn connect(stack: &Stack) -> Self {
        Self::judged_by(stack, &Arc::new(Contract::of(stack).await)).await
    }

    /// Connects; what it sees, others may have a share in.
    pub async fn judged_by(stack: &Stack, contract: &Arc<Contract>) -> Self {
        Self::open(stack, contract, None).await
    }

    /// Connects with little room in the kernel, so that not reading is soon felt.
    pub async fn with_little_room(stack: &Stack, contract: &Arc<Contract>) -> Self {
        Self::open(stack, contract, Some(4_096)).await
    }

    /// As the server asks, one that is not let in because the server catches up comes again.
    async fn open(stack: &Stack, contract: &Arc<Contract>, room: Option<u32>) -> Self {
        let url = stack.socket_url().unwrap();
        let address = url.trim_start_matches("ws://").split('/').next().unwrap().parse().unwrap();
        let start = Instant::now();
        loop {
            let socket = TcpSocket::new_v4().unwrap();
            if let Some(bytes) = room {
                socket.set_recv_buffer_size(bytes).unwrap();
            }
            let stream = socket.connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            match client_async(&url, stream).await {
                Ok((socket, _)) => return Self { socket, contract: Arc::clone(contract) },
                Err(error) => {
                    assert!(start.elapsed() < PATIENCE && error.to_string().contains("503"), "{error}");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Says what the contract allows.
    pub async fn say(&mut self, message: &Value) {
        self.contract.received(message).unwrap();
        self.say_anything(message).await;
    }

    /// Says what the contract does not allow.
    pub async fn say_wrong(&mut self, message: &Value) {
        assert!(self.contract.received(message).is_err(), "{message} is as documented");
        self.say_anything(message).await;
    }

    /// Says any text.
    pub async fn say_anything(&mut self, text: impl ToString) {
        self.socket.send(Message::text(text.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Result<Message> {
        let message = timeout(PATIENCE, self.socket.next()).await.context("nothing comes")?;
        Ok(message.context("the connection ended")??)
    }

    /// The next frame, or how the session ended.
    pub async fn next(&mut self) -> Result<Result<Value, (u16, Value)>> {
        loop {
            match self.message().await? {
                Message::Text(text) => {
                    let frame = serde_json::from_str(&text)?;
                    self.contract.sent(&frame)?;
                    return Ok(Ok(frame));
                }
                Message::Close(frame) => {
                    let CloseFrame { code, reason } = frame.context("the close frame says nothing")?;
                    let reason = serde_json::from_str(&reason)?;
                    self.contract.closed(code.into(), &reason)?;
                    return Ok(Err((code.into(), reason)));
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => bail!("{other:?}"),
            }
        }
    }

    /// The first of what comes, or of how the session ends, that is wanted.
    async fn first<T>(&mut self, wanted: impl Fn(Result<Value, (u16, Value)>) -> Option<T>) -> Result<T> {
        let mut last = "nothing at all".to_owned();
        let search = async {
            loop {
                let next = self.next().await?;
                let shown = format!("{next:?}");
                if let Some(found) = wanted(next) {
                    return Ok(found);
                }
                last = shown;
            }
        };
        let found = timeout(PATIENCE, search).await;
        found.with_context(|| format!("what is wanted does not come; the last that came is {last}"))?
    }

    async fn first_frame(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let frame = self.first(|frame| {
            let frame = frame.expect("the session goes on");
            wanted(&frame).then_some(frame)
        });
        frame.await.unwrap()
    }

    /// The next frame that is no heartbeat, and tells of no producer: whoever shares the stack may have some that are down.
    pub async fn frame(&mut self) -> Value {
        self.first_frame(|frame| frame["type"] != "heartbeat" && frame["subject"] != "producer").await
    }

    /// The next frame that is no heartbeat, whatever it tells of.
    pub async fn any_frame(&mut self) -> Value {
        self.first_frame(|frame| frame["type"] != "heartbeat").await
    }

    /// The next frame that says that a producer stands so.
    pub async fn hears_of(&mut self, producer: &str, state: &str) {
        self.first_frame(|frame| frame["producer"] == producer && frame["state"] == state).await;
    }

    /// The next frame of this type.
    pub async fn frame_of(&mut self, kind: &str) -> Value {
        self.first_frame(|frame| frame["type"] == kind).await
    }

    /// The next frame of an event, which must reach version `to`.
    pub async fn reaches(&mut self, event: &Event, to: u64) -> Value {
        self.first_frame(|frame| frame["event_id"] == event.id && frame["to"].as_u64() >= Some(to)).await
    }

    /// How the server ends the session, after whatever frames were on their way. Whoever reads is alive: one that is to
    /// be closed for not reading must have been before.
    pub async fn closed(&mut self) -> Result<(u16, Value)> {
        self.first(Result::err).await
    }
}
