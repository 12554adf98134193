//! Which producers can be trusted, for whoever is connected: the database is asked once a second, and every session says
//! what has changed since it last said anything of a producer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::lifecycle::Shutdown;
use domain::producer::State;
use tokio::sync::watch;

use crate::protocol::{ProducerStatus, ServerMessage, Status};
use crate::store::Store;
use crate::store::database::{Producer, Trust};

/// How often the database is asked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Producers by provider and name. One that cannot be told from a dead one, having never said that it is alive, is none.
type Standing = BTreeMap<(String, String), Trust>;

/// Where each producer stands. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Producers(watch::Sender<Arc<Standing>>);

impl Producers {
    /// Asks the database until the process stops. While it does not answer, what was known is what is said.
    pub async fn watch(self, store: Store, shutdown: Shutdown) -> anyhow::Result<()> {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.begun() => return Ok(()),
            }
            match store.producers().await {
                Ok(producers) => self.note(producers),
                Err(error) => tracing::debug!(%error, "producers are not known"),
            }
        }
    }

    /// What a session that begins now has to say.
    #[must_use]
    pub fn news(&self) -> News {
        let mut now = self.0.subscribe();
        now.mark_changed();
        News { now, said: Arc::default() }
    }

    fn note(&self, producers: Vec<Producer>) {
        let stands = |producer: Producer| Some(((producer.provider, producer.producer), producer.trust?));
        let standing: Standing = producers.into_iter().filter_map(stands).collect();
        self.0.send_if_modified(|known| {
            let is_news = **known != standing;
            if is_news {
                *known = Arc::new(standing);
            }
            is_news
        });
    }
}

/// What one session has to say of producers. Of each only the latest: one entry per producer, however long nobody reads.
#[derive(Debug)]
pub struct News {
    now: watch::Receiver<Arc<Standing>>,
    /// What the client was told. One of which it was told nothing is up for all it knows.
    said: Arc<Standing>,
}

impl News {
    /// Waits until there may be something to say.
    pub async fn changed(&mut self) {
        // Ends well: the server to which the session belongs holds the other end.
        if self.now.changed().await.is_ok() {
            self.now.mark_changed();
        }
    }

    /// The frames that bring the client up to date.
    pub fn frames(&mut self) -> Vec<Vec<u8>> {
        if !self.now.has_changed().unwrap_or(false) {
            return Vec::new();
        }
        let now = Arc::clone(&self.now.borrow_and_update());
        let said = std::mem::replace(&mut self.said, Arc::clone(&now));
        let is_known = |source: &(String, String), trust: &Trust| {
            let told = said.get(source);
            // Why somebody is up again says nothing to who has not heard that it was not.
            let is_same_reason = told.is_none_or(|told| told.reason == trust.reason);
            told.map_or(State::Up, |told| told.state) == trust.state
                && (trust.state == State::Up || is_same_reason)
        };
        let news = now.iter().filter(|(source, trust)| !is_known(source, trust));
        let frame = |((provider, producer), trust): (&(String, String), &Trust)| {
            let Trust { state, reason, since } = *trust;
            let status = ProducerStatus { provider, producer, state, reason, since };
            ServerMessage::Status(Status::Producer(status)).encode()
        };
        news.map(frame).collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::producer::Reason;
    use serde_json::{Value, json};

    use super::*;

    fn producer(name: &str, state: Option<State>) -> Producer {
        let trust = |state| Trust { state, reason: Reason::AliveInterval, since: Timestamp(7) };
        let (provider, producer) = ("md".to_owned(), name.to_owned());
        Producer {
            provider,
            producer,
            subscribed: None,
            last_alive: None,
            last_message_at: 9,
            trust: state.map(trust),
            recovery_rest: None,
            heard_at: BTreeMap::new(),
        }
    }

    fn said(news: &mut News) -> Vec<(String, String)> {
        let text = |frame: &Value, name: &str| frame[name].as_str().unwrap().to_owned();
        let frames = news.frames().into_iter().map(|frame| serde_json::from_slice::<Value>(&frame).unwrap());
        frames.map(|frame| (text(&frame, "producer"), text(&frame, "state"))).collect()
    }

    fn pair(producer: &str, state: &str) -> (String, String) {
        (producer.to_owned(), state.to_owned())
    }

    #[test]
    fn a_session_hears_first_of_whoever_is_not_up_and_then_of_every_change() {
        let producers = Producers::default();
        producers.note(vec![producer("live", Some(State::Down)), producer("pre", Some(State::Up))]);
        let mut news = producers.news();
        assert_eq!(said(&mut news), [pair("live", "down")]);
        assert!(news.frames().is_empty());
        producers.note(vec![producer("live", Some(State::Recovering)), producer("pre", Some(State::Up))]);
        assert_eq!(said(&mut news), [pair("live", "recovering")]);
        producers.note(vec![producer("live", Some(State::Up)), producer("pre", None)]);
        assert_eq!(said(&mut news), [pair("live", "up")]);
        assert!(producers.news().frames().is_empty());
    }

    #[test]
    fn another_reason_for_the_same_state_is_said_too() {
        let producers = Producers::default();
        let for_reason = |state, reason| {
            let mut producer = producer("live", Some(state));
            producer.trust = producer.trust.map(|trust| Trust { reason, ..trust });
            vec![producer]
        };
        let mut news = producers.news();
        let mut reasons = |state, reason| {
            producers.note(for_reason(state, reason));
            let frames = news.frames().into_iter();
            let frames = frames.map(|frame| serde_json::from_slice::<Value>(&frame).unwrap());
            frames.map(|frame| frame["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(reasons(State::Down, Reason::Delayed), ["delayed"]);
        assert_eq!(reasons(State::Down, Reason::AliveInterval), ["alive_interval"]);
        assert_eq!(reasons(State::Down, Reason::AliveInterval), [""; 0]);
        assert_eq!(reasons(State::Up, Reason::AliveAgain), ["alive_again"]);
        assert_eq!(reasons(State::Up, Reason::DelayOver), [""; 0], "it was never told to be anything else");
    }

    #[test]
    fn of_what_changed_often_only_the_latest_is_said() {
        let producers = Producers::default();
        let mut news = producers.news();
        for state in [State::Down, State::Recovering, State::Up, State::Down] {
            producers.note(vec![producer("live", Some(state))]);
        }
        let frames = news.frames();
        let [frame] = frames.as_slice() else { panic!("{} frames", frames.len()) };
        let expected = json!({
            "type": "status", "subject": "producer", "provider": "md", "producer": "live", "state": "down",
            "reason": "alive_interval", "since": 7,
        });
        assert_eq!(serde_json::from_slice::<Value>(frame).unwrap(), expected);
        producers.note(vec![producer("live", Some(State::Up))]);
        producers.note(vec![producer("live", Some(State::Down))]);
        assert!(news.frames().is_empty(), "what was said last is so again");
    }
}
