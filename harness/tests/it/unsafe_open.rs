//! For how long markets are open at a client that should not be, measured by hand:
//! `cargo test --release -p harness --test it -- --ignored --nocapture unsafe_open`, after `make build`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::Sport;
use harness::stack::{DISTRIBUTION, Stack, pipeline, processors_name};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::producers::{of_producer, post};
use crate::support::socket::Client;
use crate::support::{guest, until};

/// After which silence a producer is down, and a partition.
const SILENCE: Duration = Duration::from_secs(3);
/// For how long a message that is early waits before a gap is declared.
const HOLD: Duration = Duration::from_secs(1);
const ALIVE_EVERY: Duration = Duration::from_millis(300);
const EVENTS: usize = 480;
const SILENCES: usize = 3;
const GAPS: usize = 10;
const DEADLINE: Duration = Duration::from_secs(60);

/// Which markets a client has open, and since when each is as it is.
type Shown = Arc<Mutex<BTreeMap<String, (bool, Instant)>>>;

struct Desk {
    stack: Stack,
    url: String,
    events: Vec<String>,
    sequences: BTreeMap<String, u64>,
    shown: Shown,
    /// When the producer last said that it is alive.
    alive_at: Arc<Mutex<Instant>>,
}

/// What became of one kind of trouble.
#[derive(Default)]
struct Measured {
    /// From the trouble's beginning to the market's being shut at the client.
    exposed: Vec<Duration>,
    /// From the moment at which it had to be noticed.
    unsafe_open: Vec<Duration>,
}

impl Measured {
    /// Of markets that were shut at these times.
    fn note(&mut self, began: Instant, noticed_by: Instant, shut: &[Instant]) {
        self.exposed.extend(shut.iter().map(|at| at.saturating_duration_since(began)));
        self.unsafe_open.extend(shut.iter().map(|at| at.saturating_duration_since(noticed_by)));
    }

    fn print(&self, what: &str) {
        let ms = |durations: &[Duration]| {
            let all: Vec<u128> = durations.iter().map(Duration::as_millis).collect();
            (all.iter().sum::<u128>() / all.len().max(1) as u128, all.iter().max().copied().unwrap_or(0))
        };
        let ((exposed, exposed_max), (open, open_max)) = (ms(&self.exposed), ms(&self.unsafe_open));
        println!(
            "{what:<28} {:>4} markets  exposed {exposed:>5} ms, at most {exposed_max:>5}  after the deadline {open:>4} ms, at most {open_max:>4}",
            self.exposed.len()
        );
    }
}

impl Desk {
    async fn new(folder: &tempfile::TempDir) -> Self {
        let mut services = pipeline(&[Sport::Hockey]);
        let (silence, hold) = (SILENCE.as_millis().to_string(), HOLD.as_millis().to_string());
        for service in &mut services {
            let settings = match service.name.as_str() {
                DISTRIBUTION => vec![("MATCHDAY_PARTITION_SILENCE_MS", &silence)],
                name if name.starts_with("processors") => {
                    vec![("MATCHDAY_PRODUCER_SILENCE_MS", &silence), ("MATCHDAY_HOLD_MS", &hold)]
                }
                _ => Vec::new(),
            };
            service.env.extend(settings.into_iter().map(|(name, value)| (name.to_owned(), value.clone())));
        }
        let stack = guest(folder.path().join("stacks"), "unsafe", services).await;
        let url = format!("{}/feeds/md", stack.ingestion_url().unwrap());
        let events = (1..=EVENTS).map(|number| format!("md:match:{number}")).collect();
        let alive_at = Arc::new(Mutex::new(Instant::now()));
        Self { stack, url, events, sequences: BTreeMap::new(), shown: Shown::default(), alive_at }
    }

    fn odds(&mut self, event_id: &str) -> Value {
        let sequence = self.sequences.entry(event_id.to_owned()).or_default();
        *sequence += 1;
        let outcomes = json!([{"id": "4", "odds": 1_500 + *sequence}, {"id": "5", "odds": 2_000}]);
        json!({
            "schema": "1.0", "message_id": format!("{event_id}/{sequence}"), "provider": "md", "producer": "live",
            "sport": "hockey", "event_id": event_id, "epoch": 1, "sequence": sequence, "type": "odds_change",
            "generated_at": 1_767_225_600_000_000_i64,
            "body": {"markets": [{"id": 406, "status": "active", "outcomes": outcomes}]},
        })
    }

    fn heart(&self) -> JoinHandle<()> {
        let (url, alive_at) = (self.url.clone(), Arc::clone(&self.alive_at));
        tokio::spawn(async move {
            loop {
                if post(&url, &[of_producer("live", "alive", &json!({"subscribed": true}))]).await.is_ok() {
                    *alive_at.lock().unwrap() = Instant::now();
                }
                tokio::time::sleep(ALIVE_EVERY).await;
            }
        })
    }

    /// A client that writes down what it is shown.
    async fn watch(&self) -> JoinHandle<()> {
        let mut client = Client::connect(&self.stack).await;
        client.say(&json!({"type": "subscribe", "id": "a", "sport": "hockey"})).await;
        let shown = Arc::clone(&self.shown);
        tokio::spawn(async move {
            loop {
                let frame = client.frame().await;
                let at = Instant::now();
                let Some(event_id) = frame["event_id"].as_str() else { continue };
                for change in frame["changes"].as_array().into_iter().flatten() {
                    let is_open = change["value"]["status"] == "active";
                    let mut shown = shown.lock().unwrap();
                    let known = shown.entry(event_id.to_owned()).or_insert((!is_open, at));
                    if known.0 != is_open {
                        *known = (is_open, at);
                    }
                }
            }
        })
    }

    /// Waits until the markets of these events are open at the client, or shut; since when each is.
    async fn all(&self, events: &[String], open: bool) -> Vec<Instant> {
        let so = || {
            let shown = self.shown.lock().unwrap();
            let since = |id: &String| shown.get(id).filter(|known| known.0 == open).map(|known| known.1);
            events.iter().map(since).collect::<Option<Vec<Instant>>>()
        };
        let what = if open { "the markets to be open" } else { "the markets to be shut" };
        until(what, DEADLINE, async || Ok(so().is_some())).await.unwrap();
        so().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of a minute, for a person to read"]
async fn unsafe_open_and_exposure() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::new(&folder).await;
    let events = desk.events.clone();
    let mut heart = desk.heart();
    let opening: Vec<Value> = events.iter().map(|id| desk.odds(id)).collect();
    post(&desk.url, &opening).await.unwrap();
    let watching = desk.watch().await;
    desk.all(&events, true).await;

    let mut silences = Measured::default();
    for _ in 0..SILENCES {
        heart.abort();
        let began = *desk.alive_at.lock().unwrap();
        let shut = desk.all(&events, false).await;
        silences.note(began, began + SILENCE, &shut);
        heart = desk.heart();
        desk.all(&events, true).await;
    }

    let mut gaps = Measured::default();
    for event_id in events.iter().take(GAPS) {
        let one = std::slice::from_ref(event_id);
        let (missing, early) = (desk.odds(event_id), desk.odds(event_id));
        let began = Instant::now();
        post(&desk.url, &[early]).await.unwrap();
        let shut = desk.all(one, false).await;
        gaps.note(began, began + HOLD, &shut);
        post(&desk.url, &[missing]).await.unwrap();
        desk.all(one, true).await;
    }

    let mut deaths = Measured::default();
    let name = processors_name(Sport::Hockey);
    desk.stack.process(&name).unwrap().kill().unwrap();
    let began = Instant::now();
    let shut = desk.all(&events, false).await;
    deaths.note(began, began + SILENCE, &shut);
    desk.stack.restart(&name).await.unwrap();
    desk.all(&events, true).await;

    silences.print(&format!("{SILENCES} silences of a producer"));
    gaps.print(&format!("{GAPS} gaps"));
    deaths.print("1 dead processor");
    watching.abort();
    heart.abort();
    desk.stack.down().await.unwrap();
}
