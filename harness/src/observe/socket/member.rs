//! A client among several, as clients are: one reads at once, one slowly, one drops and resumes, one comes late.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Client, Connection, End, Ended, Seen, Wish, now_micros};

/// How long a slow client does nothing after each frame.
const SLOW: Duration = Duration::from_millis(20);
/// How long one that drops stays connected.
const CONNECTED: Duration = Duration::from_secs(3);
/// Between attempts to come back.
const COME_BACK: Duration = Duration::from_millis(200);
/// How long a server may be away at least before a client gives up.
const AWAY_MAX: Duration = Duration::from_secs(90);

/// When members do something.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When a late one subscribes.
    pub late: Duration,
    /// How long the server may be away before a client gives up, where that is longer than a minute and a half.
    pub away_max: Duration,
}

/// How a client behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads at once, and stays.
    Steady,
    /// Does nothing for a while after each frame, so that its news are merged.
    Slow,
    /// Drops the connection every few seconds, and resumes.
    Reconnecting,
    /// Subscribes when half of the messages are sent.
    Late,
}

impl Role {
    /// All of them, in the order in which clients are given them.
    pub const ALL: [Self; 4] = [Self::Steady, Self::Slow, Self::Reconnecting, Self::Late];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Slow => "slow",
            Self::Reconnecting => "reconnecting",
            Self::Late => "late",
        }
    }
}

/// A client that stays until it is told to end, whatever becomes of its connections.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// How it behaves.
    pub role: Role,
    versions: watch::Receiver<BTreeMap<String, u64>>,
    /// Behaves as all do from now on.
    calm: watch::Sender<Duration>,
    end: watch::Sender<bool>,
    task: JoinHandle<Result<Seen>>,
}

impl Member {
    /// Subscribes to all events of these sports; a late one when it is time, the others before this returns.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn join(
        url: &str,
        name: String,
        role: Role,
        sports: &[String],
        breaks: Arc<AtomicU64>,
        Times { late, away_max }: Times,
    ) -> Result<Self> {
        let pause = if role == Role::Slow { SLOW } else { Duration::ZERO };
        let (calm, pauses) = watch::channel(pause);
        let (end, ended) = watch::channel(false);
        let (versions_out, versions) = watch::channel(BTreeMap::new());
        let wish = Wish { sports: sports.to_vec(), pause: Some(pauses.clone()), breaks };
        let mut course = Course {
            url: url.to_owned(),
            wish,
            versions_out: Arc::new(versions_out),
            role,
            away_max: away_max.max(AWAY_MAX),
            pauses,
            ended,
        };
        let first = match role {
            Role::Late => None,
            _ => Some(course.connect(&Seen::default()).await?),
        };
        let task = tokio::spawn(async move {
            if role == Role::Late {
                course.wait(late).await;
            }
            course.live(first).await
        });
        Ok(Self { name, role, versions, calm, end, task })
    }

    /// The version each event has reached here.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<String, u64> {
        self.versions.borrow().clone()
    }

    /// From now on it reads at once and stays, so that it can be waited for.
    pub fn be_steady(&self) {
        let _ = self.calm.send(Duration::ZERO);
    }

    /// Ends it, and hands over what it has seen.
    ///
    /// # Errors
    /// When the server could not be reached for long.
    pub async fn end(self) -> Result<Seen> {
        let _ = self.end.send(true);
        let seen = self.task.await.context("a client panicked")?;
        seen.with_context(|| self.name.clone())
    }
}

/// A connection that has been subscribed to the store of this name.
type Subscribed = (Connection, String);

/// What a member does.
struct Course {
    url: String,
    wish: Wish,
    versions_out: Arc<watch::Sender<BTreeMap<String, u64>>>,
    role: Role,
    away_max: Duration,
    /// Changes once it is to be steady.
    pauses: watch::Receiver<Duration>,
    ended: watch::Receiver<bool>,
}

impl Course {
    async fn connect(&self, seen: &Seen) -> Result<Subscribed> {
        Client::connect(&self.url, &self.wish, seen).await
    }

    /// Until it is time, or it has to be steady or to end.
    async fn wait(&mut self, late: Duration) {
        tokio::select! {
            () = tokio::time::sleep(late) => {}
            _ = self.pauses.changed() => {}
            _ = self.ended.changed() => {}
        }
    }

    async fn live(&mut self, mut first: Option<Subscribed>) -> Result<Seen> {
        let mut seen = Seen { is_slow: self.role == Role::Slow, ..Seen::default() };
        loop {
            let subscribed = match first.take() {
                Some(subscribed) => subscribed,
                None => match self.come_back(&mut seen).await? {
                    Some(subscribed) => subscribed,
                    None => return Ok(seen),
                },
            };
            let client = Client::read(subscribed, self.wish.clone(), seen, Arc::clone(&self.versions_out));
            let is_over = self.stay(&client).await;
            // However a connection ends, a client resumes from what it has; it has seen how, too.
            (seen, _) = client.end().await?;
            if is_over {
                return Ok(seen);
            }
        }
    }

    /// Connects again; `None` where it is to end meanwhile. A server that takes the connection and does not keep it ends one.
    async fn come_back(&mut self, seen: &mut Seen) -> Result<Option<Subscribed>> {
        let away = Instant::now();
        loop {
            let error = match self.connect(seen).await {
                Ok(subscribed) => return Ok(Some(subscribed)),
                Err(error) => error,
            };
            if let Some(end) = error.downcast_ref::<End>() {
                seen.ends.push(Ended { at_micros: now_micros(), end: end.clone() });
            }
            if away.elapsed() > self.away_max {
                return Err(error);
            }
            tokio::select! {
                () = tokio::time::sleep(COME_BACK) => {}
                _ = self.ended.changed() => return Ok(None),
            }
        }
    }

    /// Until the connection ends or is to be dropped; whether all is over.
    async fn stay(&mut self, client: &Client) -> bool {
        let drops = self.role == Role::Reconnecting && !*self.ended.borrow() && !self.is_calm();
        let connected = async {
            if drops {
                tokio::time::sleep(CONNECTED).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let broken = async {
            while !client.task.is_finished() {
                tokio::time::sleep(COME_BACK).await;
            }
        };
        if *self.ended.borrow() {
            return true;
        }
        tokio::select! {
            () = connected => false,
            () = broken => false,
            _ = self.ended.changed() => true,
        }
    }

    /// Whether it has been told to be steady.
    fn is_calm(&self) -> bool {
        self.pauses.has_changed().unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::is_panic;

    /// A client whose reader does this.
    fn member(task: JoinHandle<Result<Seen>>) -> Member {
        let (_, versions) = watch::channel(BTreeMap::new());
        let (calm, end) = (watch::channel(Duration::ZERO).0, watch::channel(false).0);
        Member { name: "socket".to_owned(), role: Role::Steady, versions, calm, end, task }
    }

    #[tokio::test]
    async fn a_client_that_panics_is_told_from_one_that_could_not_come_back() {
        let away = member(tokio::spawn(async { anyhow::bail!("connecting: refused") })).end().await;
        assert!(!is_panic(&away.unwrap_err()));
        let panicked = member(tokio::spawn(async { panic!("on purpose") })).end().await;
        assert!(is_panic(&panicked.unwrap_err()));
        let reader = tokio::spawn(async { panic!("on purpose") });
        let within = async move { reader.await.context("the reader panicked") };
        let panicked = member(tokio::spawn(within)).end().await;
        assert!(is_panic(&panicked.unwrap_err()), "what it reads with, too");
    }
}
