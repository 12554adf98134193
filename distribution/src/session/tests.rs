use std::collections::BTreeMap;

use domain::update::CauseKind;
use domain::{Key, Sport};
use serde_json::Value;

use super::*;
use crate::cell::{Cell, FrameBudget, Taken};
use crate::filter::{FilterLimits, Markets, Sports};
use crate::image::{Image, Origin, RawJson, RawUpdate};
use crate::protocol::ClientMessage;

mod anything;
mod holes;
mod markets;
mod silence;

const KEYS: [&str; 5] = ["fixture", "status", "market:406", "market:412:total=5.5", "incident:9"];
const LATER: Duration = Duration::from_secs(1);

/// An event that produces updates, and the truth about it.
struct Event {
    cell: Arc<Cell>,
    version: u64,
    /// The versions that must be seen by themselves, and what changed in each.
    urgent: Vec<(u64, Vec<Key>)>,
}

impl Event {
    fn new(number: usize) -> Self {
        Self::with_urgent_max(number, 1_000)
    }

    /// One whose followers may be behind by so many urgent updates.
    fn with_urgent_max(number: usize, urgent_max: usize) -> Self {
        let event_id = format!("md:match:{number}").parse().expect("a URN");
        let image = Image::empty(event_id, Sport::Hockey);
        let cell = Cell::new(image, urgent_max, FrameBudget::new(1 << 20), Instant::now());
        Self { cell, version: 0, urgent: Vec::new() }
    }

    fn next(&mut self, urgent: bool, changes: Vec<(usize, RawJson)>) -> RawUpdate {
        self.version += 1;
        let changes: Vec<(Key, RawJson)> =
            changes.into_iter().map(|(key, value)| (KEYS[key].parse().expect("a key"), value)).collect();
        if urgent {
            self.urgent.push((self.version, changes.iter().map(|(key, _)| key.clone()).collect()));
        }
        RawUpdate {
            event_id: self.cell.event_id().clone(),
            sport: Sport::Hockey,
            version: self.version,
            previous_version: self.version - 1,
            origin: Origin {
                cause: Some(if urgent {
                    CauseKind::Gap
                } else {
                    CauseKind::Message(domain::MessageType::OddsChange)
                }),
                generated_at: None,
                applied_at: Timestamp(0),
            },
            fixture_change: None,
            changes,
        }
    }

    fn update(&mut self, urgent: bool, changes: &[(usize, u32)]) {
        let changes: BTreeMap<usize, RawJson> = changes
            .iter()
            .map(|&(key, value)| (key, (value > 0).then(|| value.to_string().into())))
            .collect();
        let update = self.next(urgent, changes.into_iter().collect());
        assert_eq!(self.cell.take(update, Instant::now()), Ok(Taken::Applied));
    }

    fn truth(&self) -> BTreeMap<String, Value> {
        self.truth_of(&Markets::default())
    }

    /// What a client of these markets should know.
    fn truth_of(&self, markets: &Markets) -> BTreeMap<String, Value> {
        self.cell.with_image(|image| {
            let taken = image.entries().filter(|(key, _)| markets.takes(key));
            let present = taken.filter_map(|(key, entry)| Some((key.to_string(), entry.value.as_deref()?)));
            present.map(|(key, json)| (key, serde_json::from_str(json).expect("JSON"))).collect()
        })
    }
}

/// A client that believes only what frames tell it.
#[derive(Default)]
struct Client {
    events: BTreeMap<String, (u64, BTreeMap<String, Value>)>,
    frames: BTreeMap<String, Vec<Seen>>,
    /// The keys that each frame named, and whether it was a delta.
    told: BTreeMap<String, Vec<(bool, Vec<String>)>>,
    /// Whether the last frame said that the event is silent.
    is_silent: BTreeMap<String, bool>,
    /// How often it was told a whole event.
    images: usize,
    /// How often it has connected.
    connections: usize,
}

/// A frame as a client saw it.
#[derive(Clone, Copy)]
struct Seen {
    from: u64,
    to: u64,
    connection: usize,
}

impl Client {
    fn read(&mut self, message: &[u8]) {
        let frame: Value = serde_json::from_slice(message).expect("a frame is JSON");
        if frame["type"] == "heartbeat" {
            return;
        }
        let event_id = frame["event_id"].as_str().expect("an event").to_owned();
        self.is_silent.insert(event_id.clone(), frame["silent"] == true);
        let (version, keys) = self.events.entry(event_id.clone()).or_default();
        if frame["type"] == "image" {
            assert_eq!(frame["from"], 0);
            keys.clear();
            self.images += 1;
        } else {
            assert_eq!(frame["from"], *version, "the chain is unbroken");
        }
        let changes = frame["changes"].as_array().expect("changes");
        let told = changes.iter().map(|change| change["key"].as_str().expect("a key").to_owned());
        self.told.entry(event_id.clone()).or_default().push((frame["type"] == "delta", told.collect()));
        let (from, to) = (*version, frame["to"].as_u64().expect("a version"));
        *version = to;
        self.frames.entry(event_id).or_default().push(Seen { from, to, connection: self.connections });
        for change in changes {
            let key = change["key"].as_str().expect("a key").to_owned();
            match &change["value"] {
                Value::Null => keys.remove(&key),
                value => keys.insert(key, value.clone()),
            };
        }
    }

    /// That it was told nothing that its filter leaves out, and not woken for nothing.
    fn assert_concerned(&self, event_id: &str, markets: &Markets) {
        for (is_delta, keys) in &self.told[event_id] {
            assert!(markets.is_all() || !is_delta || !keys.is_empty());
            assert!(keys.iter().all(|key| markets.takes(&key.parse().expect("a key"))), "{keys:?}");
        }
    }

    /// The version that each frame of an event reached.
    fn reached(&self, event_id: &str) -> Vec<u64> {
        self.frames[event_id].iter().map(|frame| frame.to).collect()
    }

    /// Whether a version was seen by itself, or merged into the first frame of a connection, which tells all that
    /// happened before.
    fn was_told(&self, event_id: &str, version: u64) -> bool {
        let frames = &self.frames[event_id];
        let is_first = |frame: &Seen| {
            let mut same = frames.iter().filter(|other| other.connection == frame.connection);
            same.next().is_some_and(|first| first.to == frame.to)
        };
        frames.iter().any(|frame| {
            frame.to == version || (frame.from < version && version < frame.to && is_first(frame))
        })
    }

    fn versions(&self) -> HashMap<EventId, u64> {
        self.events.iter().map(|(id, (version, _))| (id.parse().expect("a URN"), *version)).collect()
    }
}

/// A session, its client, and a clock that the test moves.
struct Link {
    session: Session,
    client: Client,
    conflate: Duration,
    filter: Filter,
    now: Instant,
}

impl Link {
    fn open(client: Client, conflate: Duration, events: &[Event]) -> Self {
        Self::open_filtered(client, conflate, everything(), events)
    }

    fn open_filtered(client: Client, conflate: Duration, filter: Filter, events: &[Event]) -> Self {
        let mut link = Self { session: Session::new(), client, conflate, filter, now: Instant::now() };
        link.subscribe(events);
        link
    }

    fn subscribe(&mut self, events: &[Event]) {
        let resume = self.client.versions();
        let (id, filter) = ("a".to_owned(), self.filter.clone());
        let terms = Terms { id, conflate: self.conflate, heartbeat: LATER, filter, resume };
        let subscriber = self.session.open(terms, self.now);
        for event in events {
            event.cell.follow(&subscriber).expect("the event is there");
        }
    }

    /// The connection breaks; the client comes back with what it has.
    fn reconnect(&mut self, events: &[Event]) {
        self.client.connections += 1;
        self.session = Session::new();
        self.subscribe(events);
    }

    /// Writes until there is nothing left to write at this moment. Returns how many batches it took.
    fn flush(&mut self) -> usize {
        let mut batch = Batch::default();
        for batches in 0.. {
            batch.reset();
            self.session.fill(&mut batch, self.now, Timestamp(0)).expect("the session goes on");
            if batch.is_empty() {
                return batches;
            }
            for message in batch.drain() {
                self.client.read(&message);
            }
        }
        unreachable!("a session has only so much to say")
    }
}

/// All of the events that were named.
fn everything() -> Filter {
    Filter { sports: Sports::default(), events: Some(Vec::new()), markets: Markets::default() }
}

/// One market of the events that were named.
fn of_market(id: u32) -> Filter {
    let text = format!(r#"{{"type":"subscribe","id":"a","events":["md:match:0"],"markets":[{id}]}}"#);
    let Ok(ClientMessage::Subscribe(subscribe)) = serde_json::from_str(&text) else { panic!("a subscribe") };
    Filter::new(&subscribe, FilterLimits { events: 1, markets: 1 }).expect("a filter")
}

#[test]
fn what_waits_for_a_slow_client_is_merged() {
    let mut events = [Event::new(0)];
    let mut link = Link::open(Client::default(), Duration::ZERO, &events);
    for value in 1..=100 {
        events[0].update(false, &[(1, value), (2, value)]);
    }
    link.flush();
    for value in 1..=100 {
        events[0].update(false, &[(1, value)]);
    }
    link.flush();
    assert_eq!(link.client.reached("md:match:0"), [100, 200]);
}

#[test]
fn urgent_updates_go_first_and_come_one_by_one() {
    let mut events = [Event::new(0), Event::new(1)];
    for event in &mut events {
        event.update(false, &[(1, 1)]);
    }
    let mut link = Link::open(Client::default(), Duration::from_millis(500), &events);
    link.flush();
    events[0].update(false, &[(1, 2)]);
    events[1].update(false, &[(1, 2)]);
    events[1].update(true, &[(2, 1)]);
    events[1].update(true, &[(2, 2)]);
    events[1].update(false, &[(2, 3)]);
    link.flush();
    assert_eq!(link.client.reached("md:match:1"), [1, 3, 4], "urgent updates do not wait");
    assert_eq!(link.client.reached("md:match:0"), [1], "others wait for their time");
    link.now += Duration::from_millis(500);
    link.flush();
    assert_eq!(link.client.reached("md:match:1"), [1, 3, 4, 5]);
    assert_eq!(link.client.reached("md:match:0"), [1, 2]);
}

#[test]
fn resuming_sends_only_what_changed_since() {
    let mut events = [Event::new(0)];
    events[0].update(false, &[(0, 1), (1, 1), (2, 1)]);
    let mut link = Link::open(Client::default(), Duration::ZERO, &events);
    link.flush();
    events[0].update(false, &[(2, 0)]);
    let subscriber = Subscriber::new(
        Arc::clone(link.session.outbox()),
        99,
        &everything(),
        HashMap::from([(events[0].cell.event_id().clone(), 1)]),
    );
    events[0].cell.follow(&subscriber).expect("the event is there");
    let mut pending = Pending::default();
    link.session.outbox().take(&mut pending);
    let follower = pending.dirty.iter().find(|follower| follower.subscriber().number() == 99).expect("news");
    let mut frames = Vec::new();
    events[0].cell.write_frames(follower, Scope::All, &mut frames).expect("no overflow");
    assert_eq!(frames.len(), 1);
    assert_eq!((frames[0].from, frames[0].to), (1, 2));
    assert!(frames[0].body.ends_with(br#""changes":[{"key":"market:406","value":null}]}"#));
}

#[test]
fn an_event_is_followed_once_however_often_it_comes() {
    let mut events = [Event::new(0)];
    events[0].update(false, &[(1, 1)]);
    let mut link = Link::open(Client::default(), Duration::ZERO, &[]);
    let subscriber = Arc::clone(&link.session.subscriptions[0].subscriber);
    events[0].cell.list(std::slice::from_ref(&subscriber));
    events[0].cell.follow(&subscriber).expect("the event is there");
    events[0].cell.list(std::slice::from_ref(&subscriber));
    link.flush();
    events[0].update(false, &[(1, 2)]);
    link.flush();
    assert_eq!(link.client.reached("md:match:0"), [1, 2]);
}

#[test]
fn a_client_from_the_future_gets_an_image() {
    let mut events = [Event::new(0)];
    events[0].update(false, &[(1, 1)]);
    let mut client = Client::default();
    client
        .events
        .insert("md:match:0".to_owned(), (7, BTreeMap::from([("market:1".to_owned(), Value::from(1))])));
    let mut link = Link::open(client, Duration::ZERO, &events);
    link.flush();
    assert_eq!(link.client.events["md:match:0"], (1, events[0].truth()));
}

#[test]
fn a_client_that_is_behind_by_too_many_urgent_updates_is_closed() {
    let mut event = Event::with_urgent_max(0, 3);
    event.update(false, &[(1, 1)]);
    let mut events = [event];
    let mut link = Link::open(Client::default(), Duration::ZERO, &events);
    link.flush();
    for value in 1..=4 {
        events[0].update(true, &[(1, value)]);
    }
    let closed = link.session.fill(&mut Batch::default(), link.now, Timestamp(0));
    assert_eq!(closed, Err(Close::Slow { reason: "too many urgent updates wait" }));
    link.reconnect(&events);
    link.flush();
    assert_eq!(link.client.events["md:match:0"].0, 5, "coming back it goes on");
}

#[test]
fn a_heartbeat_comes_when_nothing_else_did() {
    let mut events = [Event::new(0)];
    events[0].update(false, &[(1, 1)]);
    let mut link = Link::open(Client::default(), Duration::ZERO, &events);
    assert_eq!(link.flush(), 1);
    assert_eq!(link.session.next_due(), Some(link.now + LATER));
    assert_eq!(link.flush(), 0);
    link.now += LATER;
    assert_eq!(link.flush(), 1);
    assert_eq!(link.session.next_due(), Some(link.now + LATER));
}

#[test]
fn an_ended_subscription_is_forgotten() {
    let mut events = [Event::new(0)];
    events[0].update(false, &[(1, 1)]);
    let mut link = Link::open(Client::default(), Duration::ZERO, &events);
    assert_eq!(events[0].cell.idle(), None, "a named event stays");
    assert!(link.session.close("a"));
    assert_eq!(link.flush(), 0);
    assert!(events[0].cell.idle().is_some());
    assert!(events[0].cell.evict());
    let late = events[0].next(false, Vec::new());
    assert!(events[0].cell.take(late, Instant::now()).is_err());
}
