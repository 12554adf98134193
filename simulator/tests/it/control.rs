//! Control over HTTP, on a simulator that sends to a receiver.

use std::path::Path;
use std::time::Duration;

use chassis::http::{Limits, serve};
use chassis::lifecycle::Shutdown;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use simulator::DriveOptions;
use simulator::control::{Control, recoveries, routes};
use simulator::recording::Shelf;
use simulator::recovery;
use tokio::time::Instant;

use super::drive::{Receiver, accept};

mod contract;
mod ctl;
mod faults;
mod replay;
mod run;
mod watched;

const DEADLINE: Duration = Duration::from_secs(90);

/// A simulator under control, and what it sends to.
struct Desk {
    url: String,
    receiver: Receiver,
    client: reqwest::Client,
}

impl Desk {
    async fn new() -> Self {
        Self::with(None).await
    }

    /// One that has recordings, too.
    async fn with(recordings: Option<&Path>) -> Self {
        let receiver = Receiver::new(|_, lines| Some(accept(lines)));
        let target = receiver.listen("127.0.0.1:0").await;
        let shelf = recordings.map(Shelf::of);
        let (desk, requests) = recovery::desk();
        let control = Control::new(DriveOptions::to(target), requests, None, shelf);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let limits = Limits { connections: 16, head_seconds: 5, head_bytes: 16 << 10, write_seconds: 5 };
        tokio::spawn(serve(listener, routes(control).merge(recoveries(desk)), limits, Shutdown::default()));
        Self { url, receiver, client: reqwest::Client::new() }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// The answer in JSON, which must have this status.
    async fn json(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        let (found, text) = self.ask(method, path, body).await;
        assert_eq!(found, status, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn xml(&self, method: Method, path: &str) -> String {
        let (status, text) = self.ask(method, path, None).await;
        assert_eq!(status, 200, "{path}: {text}");
        text.split_once("?>\n").unwrap().1.trim_end().to_owned()
    }

    /// Sends what is due next, once there is something to step to.
    async fn step(&self) {
        let deadline = Instant::now() + DEADLINE;
        while self.ask(Method::POST, "/v1/run/step", None).await.0 != 200 {
            assert!(Instant::now() < deadline, "its messages are made at some time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The run, once it is as it should be.
    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let run = self.json(Method::GET, "/v1/run", None, 200).await["run"].clone();
            if is_so(&run) {
                return run;
            }
            assert!(Instant::now() < deadline, "{what}: {run}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

const GAMES: &str =
    "description = \"Games\"\nseed = 5\nseconds = 1200\n[sports.hockey]\ngames = 4\nrate = 100\n";
