//! Answers the processors of a stack that is driven from this process when they ask for what they lack: the simulator's own
//! routes, and behind them the drive that goes.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use chassis::http::{self, Limits};
use chassis::lifecycle::Shutdown;
use domain::Name;
use simulator::control;
use simulator::recovery::{self, Inbox};
use simulator::{Format, Schedule};
use tokio::sync::Mutex;

/// Where ingestion takes feeds on a stack with the documented ports, and where the simulator is asked.
const INGESTION_PORT: u16 = 4000;
const CONTROL_PORT: u16 = 4004;

/// What processors find how producers come up in.
pub const SETTING: &str = "MATCHDAY_RECOVERY";

/// Those who ask are the processors of one stack.
const ASKERS: Limits = Limits { connections: 16, head_seconds: 15, head_bytes: 16 << 10, write_seconds: 30 };

/// Where is asked, until this is dropped.
#[derive(Debug)]
pub struct Recoveries {
    address: SocketAddr,
    /// What was asked; held by the drive that answers.
    pub inbox: Mutex<Inbox>,
    shutdown: Shutdown,
}

impl Recoveries {
    /// Listens on this port of this machine; 0: on any that is free.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn listen(port: u16) -> Result<Self> {
        let (desk, inbox) = recovery::desk();
        let routes = control::recoveries(desk);
        let listener = http::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let address = listener.local_addr().context("asking where recoveries are answered")?;
        let shutdown = Shutdown::default();
        tokio::spawn(http::serve(listener, routes, ASKERS, shutdown.clone()));
        Ok(Self { address, inbox: Mutex::new(inbox), shutdown })
    }

    /// Listens where a stack that is up asks the simulator, by where its ingestion is.
    ///
    /// # Errors
    /// When that is not known, or somebody else listens there.
    pub async fn beside(ingestion: &str) -> Result<Self> {
        let port = control_port(ingestion).with_context(|| format!("`{ingestion}` has no port"))?;
        let listening = Self::listen(port).await;
        listening.context("the stack asks there for what a Unified Odds Feed lacks, and nobody would answer")
    }

    /// What the processors are told of the providers of a schedule: who writes without sequences is asked here. What others
    /// lose stays lost, so that what must come of it is known.
    #[must_use]
    pub fn setting(&self, schedule: &Schedule) -> String {
        let settled = |provider: &Name| format!("{provider}=uof@http://{}", self.address);
        unnumbered(schedule).iter().map(settled).collect::<Vec<_>>().join(",")
    }
}

impl Drop for Recoveries {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

/// Where the simulator listens, or would, that plays into a stack whose ingestion is there.
#[must_use]
pub fn simulator_url(ingestion: &str) -> Option<String> {
    control_port(ingestion).map(|port| format!("http://127.0.0.1:{port}"))
}

/// The port on which the simulator is asked of a stack whose ingestion is there: all are shifted alike.
fn control_port(ingestion: &str) -> Option<u16> {
    let port = reqwest::Url::parse(ingestion).ok()?.port_or_known_default()?;
    port.checked_sub(INGESTION_PORT)?.checked_add(CONTROL_PORT)
}

/// The providers whose messages have no sequence.
#[must_use]
pub fn unnumbered(schedule: &Schedule) -> BTreeSet<Name> {
    let channels = schedule.channels().iter().filter(|channel| channel.format == Format::Uof);
    channels.map(|channel| channel.provider.clone()).collect()
}

/// What the processors of a stack are told that is up for whoever plays into it: the simulator is asked where it listens.
#[must_use]
pub fn of_simulator(port_offset: u16) -> String {
    let url = format!("http://127.0.0.1:{}", CONTROL_PORT.saturating_add(port_offset));
    format!("md=alive@{url},second=alive@{url},uof=uof@{url}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use simulator::scenario::READY;
    use simulator::{DriveOptions, Scenario, drive_and_answer};
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

    use super::*;

    fn schedule(name: &str) -> Schedule {
        let ready = READY.iter().find(|ready| ready.name == name).unwrap();
        let scenario = Scenario::parse(ready.text).unwrap();
        scenario.play(domain::Timestamp(1_767_225_600_000_000)).unwrap().schedule
    }

    #[tokio::test]
    async fn only_who_writes_without_sequences_is_asked() {
        let recoveries = Recoveries::listen(0).await.unwrap();
        let expected = format!("uof=uof@http://{}", recoveries.address);
        assert_eq!(recoveries.setting(&schedule("many-providers")), expected);
        assert_eq!(recoveries.setting(&schedule("steady-hockey")), "");
        assert_eq!(control_port("http://127.0.0.1:14000"), Some(14_004));
        assert_eq!(control_port("http://127.0.0.1:80"), None);
        assert!(of_simulator(10_000).ends_with("uof=uof@http://127.0.0.1:14004"));
    }

    /// Answers every request with 202, as ingestion does; says what came.
    async fn ingestion() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (came, coming) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let came = came.clone();
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    loop {
                        let (mut line, mut length) = (String::new(), 0);
                        while stream.read_line(&mut line).await.unwrap() > 2 {
                            let header = line.to_ascii_lowercase();
                            if let Some(value) = header.strip_prefix("content-length:") {
                                length = value.trim().parse().unwrap();
                            }
                            line.clear();
                        }
                        let mut body = vec![0; length];
                        if length == 0 || stream.read_exact(&mut body).await.is_err() {
                            return;
                        }
                        let _ = came.send(String::from_utf8_lossy(&body).into_owned());
                        let answer = "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\n\
                                      content-length: 14\r\n\r\n{\"accepted\":1}";
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        (address, coming)
    }

    #[tokio::test]
    async fn a_request_is_answered_by_the_drive_that_goes_and_by_nobody_before() {
        let recoveries = Recoveries::listen(0).await.unwrap();
        // As the processors ask for its producer `1`.
        let url = format!(
            "http://{}/v1/liveodds/recovery/initiate_request?request_id=77&node_id=3",
            recoveries.address
        );
        let ask = async || reqwest::Client::new().post(&url).send().await.unwrap().status().as_u16();
        assert_eq!(ask().await, 503);
        let (target, mut coming) = ingestion().await;
        let options = DriveOptions::to(target);
        let schedule = Arc::new(schedule("unified-odds-feed"));
        let mut inbox = recoveries.inbox.lock().await;
        let driving = drive_and_answer(schedule, &options, &mut inbox, |_| {});
        let answered = async {
            while ask().await != 202 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            loop {
                let came = coming.recv().await.unwrap();
                if came.contains("<snapshot_complete") && came.contains(r#"request_id="77""#) {
                    return;
                }
            }
        };
        let deadline = tokio::time::sleep(std::time::Duration::from_secs(30));
        tokio::select! {
            ended = driving => panic!("the drive ended first: {ended:?}"),
            () = answered => {}
            () = deadline => panic!("no answer, {} other messages", coming.len()),
        }
    }
}
