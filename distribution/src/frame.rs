//! Event frames: what a subscription is told of an event, from one version to a later one.
//!
//! Everything but the subscription's id is the same for all clients of one market filter, so it is encoded once per
//! step of an event and shared; a session puts its own opening in front.

use bytes::Bytes;
use domain::{Key, MarketStatus, Timestamp};

use crate::filter::Markets;
use crate::image::{Image, Origin, RawJson, RawUpdate, read_market_status, write_json};

/// The kind of an event frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// The whole event; whatever the client knew of it is replaced.
    Image,
    /// What changed since the last frame.
    Delta,
}

impl FrameKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Delta => "delta",
        }
    }
}

/// One frame, but for its opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Image or delta.
    pub kind: FrameKind,
    /// The version it goes on from; 0 of an image.
    pub from: u64,
    /// The version it reaches.
    pub to: u64,
    /// Whether it is the first of a subscription: then it tells of the past, and its age says nothing of how fast
    /// news are.
    pub is_first: bool,
    /// Updates that it tells together with a later one.
    pub merged: u64,
    /// When the provider made the message that led to `to`, where that is known.
    pub generated_at: Option<Timestamp>,
    /// JSON from the event id on, the closing brace included.
    pub body: Bytes,
}

/// `{"type":…,"id":…,` of both kinds of frame: what differs between subscriptions.
#[derive(Debug, Clone)]
pub struct Openings {
    image: Vec<u8>,
    delta: Vec<u8>,
}

impl Openings {
    /// The openings of the frames of a subscription.
    #[must_use]
    pub fn new(subscription_id: &str) -> Self {
        let opening = |kind: FrameKind| {
            let mut out = format!("{{\"type\":\"{}\",\"id\":", kind.as_str()).into_bytes();
            write_json(&mut out, &subscription_id);
            out.push(b',');
            out
        };
        Self { image: opening(FrameKind::Image), delta: opening(FrameKind::Delta) }
    }

    /// The opening that goes before a body of this kind.
    #[must_use]
    pub fn of(&self, kind: FrameKind) -> &[u8] {
        match kind {
            FrameKind::Image => &self.image,
            FrameKind::Delta => &self.delta,
        }
    }
}

/// Why a frame is sent.
#[derive(Debug, Clone, Copy)]
enum Cause {
    /// The version was reached before anybody here saw it.
    Unknown,
    /// The update that led to its last version.
    Update(Origin),
    /// Nobody processes the event's part of the feed.
    Silence,
    /// Somebody does again.
    SilenceOver,
}

impl Cause {
    fn of(origin: Option<Origin>) -> Self {
        origin.map_or(Self::Unknown, Self::Update)
    }
}

impl Frame {
    /// The whole event as it is now, tombstones left out.
    #[must_use]
    pub fn image(image: &Image, markets: &Markets) -> Self {
        let present = image.entries().filter(|(key, entry)| entry.value.is_some() && markets.takes(key));
        let changes = present.map(|(key, entry)| (key, &entry.value));
        Self::encode(FrameKind::Image, image, (0, image.version()), Cause::of(image.origin()), changes)
    }

    /// Everything that changed after version `from`.
    #[must_use]
    pub fn delta(image: &Image, from: u64, markets: &Markets) -> Self {
        let to = image.version();
        let changes = image.changed(from, to).filter(|(key, _)| markets.takes(key));
        Self::encode(FrameKind::Delta, image, (from, to), Cause::of(image.origin()), changes)
    }

    /// Everything that changed after version `from` up to an update that must be seen by itself. A key that has
    /// changed again since comes with a later frame, but what the update itself said is all there.
    #[must_use]
    pub fn urgent(image: &Image, from: u64, update: &RawUpdate, markets: &Markets) -> Self {
        let superseded = update.changes.iter().filter(|(key, _)| image.version_of(key) > update.version);
        let changes = image.changed(from, update.version).chain(superseded.map(|(key, value)| (key, value)));
        let changes = changes.filter(|(key, _)| markets.takes(key));
        // PLANTED leave-out-stopped
        #[cfg(feature = "planted")]
        let changes = {
            use domain::MessageType::BetStop;
            let is_stop = update.origin.cause == Some(domain::update::CauseKind::Message(BetStop));
            let is_planted = is_stop && domain::planted::is(domain::planted::Bug::LeaveOutStopped);
            let stopped = update.changes.iter().map(|(key, _)| key);
            let left_out = stopped.filter(|key| matches!(key, Key::Market(_))).find(|_| is_planted);
            changes.filter(move |(key, _)| Some(*key) != left_out)
        };
        let cause = Cause::of(Some(update.origin));
        Self::encode(FrameKind::Delta, image, (from, update.version), cause, changes)
    }

    /// Everything that changed after version `from`, and every market that is active but for a silence: what begins or
    /// ends with it changes no version.
    #[must_use]
    pub fn turn(image: &Image, from: u64, markets: &Markets) -> Self {
        let cause = if image.is_silent() { Cause::Silence } else { Cause::SilenceOver };
        let versions = (from, image.version());
        Self::encode(FrameKind::Delta, image, versions, cause, Self::turned(image, from, markets))
    }

    /// Whether such a frame would say anything.
    #[must_use]
    pub fn turns(image: &Image, from: u64, markets: &Markets) -> bool {
        Self::turned(image, from, markets).next().is_some()
    }

    fn turned<'a>(
        image: &'a Image,
        from: u64,
        markets: &'a Markets,
    ) -> impl Iterator<Item = (&'a Key, &'a RawJson)> {
        let is_active =
            |json: &RawJson| json.as_deref().and_then(read_market_status) == Some(MarketStatus::Active);
        let active = image.entries().filter(move |(key, entry)| {
            matches!(key, Key::Market(_)) && entry.version <= from && is_active(&entry.value)
        });
        let changed = image.changed(from, image.version());
        changed.chain(active.map(|(key, entry)| (key, &entry.value))).filter(|(key, _)| markets.takes(key))
    }

    fn encode<'a>(
        kind: FrameKind,
        image: &Image,
        (from, to): (u64, u64),
        cause: Cause,
        changes: impl Iterator<Item = (&'a Key, &'a RawJson)>,
    ) -> Self {
        let mut body = b"\"event_id\":".to_vec();
        write_json(&mut body, image.event_id());
        body.extend_from_slice(b",\"sport\":");
        write_json(&mut body, &image.sport());
        body.extend_from_slice(format!(",\"from\":{from},\"to\":{to}").as_bytes());
        if image.is_silent() {
            body.extend_from_slice(b",\"silent\":true");
        }
        match cause {
            Cause::Unknown | Cause::Update(_) => {}
            Cause::Silence => body.extend_from_slice(b",\"cause\":\"processor_silent\""),
            Cause::SilenceOver => body.extend_from_slice(b",\"cause\":\"processor_heard\""),
        }
        if let Cause::Update(origin) = cause {
            if let Some(cause) = origin.cause {
                body.extend_from_slice(b",\"cause\":");
                write_json(&mut body, &cause);
            }
            if let Some(generated_at) = origin.generated_at {
                body.extend_from_slice(format!(",\"generated_at\":{}", generated_at.0).as_bytes());
            }
            body.extend_from_slice(format!(",\"applied_at\":{}", origin.applied_at.0).as_bytes());
        }
        if let Some(change) = image.fixture_change(from, to) {
            body.extend_from_slice(b",\"fixture_change\":");
            write_json(&mut body, &change);
        }
        body.extend_from_slice(b",\"changes\":[");
        for (index, (key, value)) in changes.enumerate() {
            body.extend_from_slice(if index > 0 { b",{\"key\":" } else { b"{\"key\":" });
            write_key(&mut body, key);
            body.extend_from_slice(b",\"value\":");
            let shown = value.as_deref().map(|value| image.shown(key, value));
            body.extend_from_slice(shown.as_deref().unwrap_or("null").as_bytes());
            body.push(b'}');
        }
        body.extend_from_slice(b"]}");
        let generated_at = match cause {
            Cause::Update(origin) => origin.generated_at,
            Cause::Unknown | Cause::Silence | Cause::SilenceOver => None,
        };
        Self { kind, from, to, is_first: false, merged: 0, generated_at, body: body.into() }
    }
}

/// Appends a key as JSON, as [`write_json`] would; formatted the general way, keys are more than half the work of a frame.
fn write_key(out: &mut Vec<u8>, key: &Key) {
    let Key::Market(market) = key else { return write_json(out, key) };
    out.extend_from_slice(b"\"market:");
    write_json(out, &market.id);
    if market.specifiers.is_empty() {
        return out.push(b'"');
    }
    // Its opening quote gives way to the colon, its closing one ends the key.
    let colon = out.len();
    write_json(out, &market.specifiers);
    out[colon] = b':';
}

#[cfg(test)]
mod tests {
    use domain::Sport;
    use domain::update::CauseKind;

    use super::*;

    fn update(version: u64, key: &str, value: Option<&str>) -> RawUpdate {
        RawUpdate {
            event_id: "md:match:1".parse().expect("a URN"),
            sport: Sport::Hockey,
            version,
            previous_version: version - 1,
            origin: Origin { cause: Some(CauseKind::Gap), generated_at: None, applied_at: Timestamp(7) },
            fixture_change: None,
            changes: vec![(key.parse().expect("a key"), value.map(Into::into))],
        }
    }

    fn text(frame: &Frame) -> String {
        let mut text = Openings::new("a\"b").of(frame.kind).to_vec();
        text.extend_from_slice(&frame.body);
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn frames_read_as_documented() {
        let mut image = Image::empty("md:match:1".parse().expect("a URN"), Sport::Hockey);
        image.apply(&update(1, "status", Some(r#"{"status":"live"}"#)));
        image.apply(&update(2, "incident:9", None));
        assert_eq!(
            text(&Frame::image(&image, &Markets::default())),
            r#"{"type":"image","id":"a\"b","event_id":"md:match:1","sport":"hockey","from":0,"to":2,"cause":"gap","applied_at":7,"changes":[{"key":"status","value":{"status":"live"}}]}"#
        );
        assert_eq!(
            text(&Frame::delta(&image, 1, &Markets::default())),
            r#"{"type":"delta","id":"a\"b","event_id":"md:match:1","sport":"hockey","from":1,"to":2,"cause":"gap","applied_at":7,"changes":[{"key":"incident:9","value":null}]}"#
        );
    }

    #[test]
    fn a_key_is_written_as_it_reads() {
        for text in
            ["fixture", "status", "incident:9", "market:406", "market:412:total=5.5", "market:1:a=\"\\"]
        {
            let key: Key = text.parse().expect("a key");
            let mut written = Vec::new();
            write_key(&mut written, &key);
            assert_eq!(serde_json::from_slice::<Key>(&written).expect("a key"), key);
            assert_eq!(String::from_utf8(written).expect("text"), serde_json::to_string(&key).expect("JSON"));
        }
    }

    #[test]
    fn a_fixture_change_is_told_however_much_has_come_since() {
        let mut image = Image::empty("md:match:1".parse().expect("a URN"), Sport::Hockey);
        image.apply(&update(1, "status", Some("1")));
        // Of a fixture that is not known: no key changes.
        let moved = r#"{"event_id":"md:match:1","sport":"hockey","version":2,"previous_version":1,"cause":{"type":"fixture_change","provider":"md","producer":"live","message_id":"m","fixture_change":{"change":"start_time","scheduled_start":9},"generated_at":5},"applied_at":6,"changes":[]}"#;
        image.apply(&RawUpdate::parse(moved.as_bytes()).expect("an update"));
        image.apply(&update(3, "status", Some("2")));
        let told = |from| {
            let body = Frame::delta(&image, from, &Markets::default()).body.to_vec();
            String::from_utf8(body).expect("text").contains(
                r#""applied_at":7,"fixture_change":{"change":"start_time","scheduled_start":9},"changes":[{"key":"status","value":2}]"#,
            )
        };
        assert!(told(1));
        assert!(!told(2), "the client has heard of it");
        assert!(text(&Frame::image(&image, &Markets::default())).contains(r#""fixture_change":{"change""#));
    }

    #[test]
    fn an_urgent_frame_says_what_its_update_said_even_where_that_is_history() {
        let mut image = Image::empty("md:match:1".parse().expect("a URN"), Sport::Hockey);
        let stop = update(2, "market:406", Some("\"suspended\""));
        for update in
            [update(1, "status", Some("1")), stop.clone(), update(3, "market:406", Some("\"active\""))]
        {
            image.apply(&update);
        }
        let frame = Frame::urgent(&image, 0, &stop, &Markets::default());
        assert_eq!((frame.from, frame.to), (0, 2));
        let body = String::from_utf8(frame.body.to_vec()).expect("text");
        assert!(
            body.ends_with(r#"[{"key":"status","value":1},{"key":"market:406","value":"suspended"}]}"#),
            "{body}"
        );
    }
}
