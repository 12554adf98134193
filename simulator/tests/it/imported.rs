//! What the tests of the importers have in common: samples, and a game played as a processor would play it.

use std::path::{Path, PathBuf};

use domain::message::Content;
use domain::{
    Body, EventState, FeedMessage, IncidentKind, Key, MatchStatus, Side, Status, Timestamp, update::Value,
};
use simulator::import::Imported;

use super::aloud::real_games;
pub use super::aloud::tell;

/// Where a game of our own making lies, in the samples of the project.
pub fn sample_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(format!("{name}.json"))
}

pub fn sample(name: &str) -> Vec<u8> {
    std::fs::read(sample_path(name)).unwrap()
}

/// A sample that is no JSON, by its whole name.
pub fn sample_file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)).unwrap()
}

/// The real games of a sport whose files begin with `prefix`; where there are none, that is said aloud.
pub fn corpus(sport: &str, prefix: &str) -> Vec<PathBuf> {
    let Some(folder) = real_games(sport) else { return Vec::new() };
    let mut games: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    games.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)));
    assert!(!games.is_empty(), "the folder is there, so games are");
    games
}

pub fn body(message: &FeedMessage) -> &Body {
    match &message.content {
        Content::Event(event) => &event.body,
        Content::Producer(_) => panic!("a game's messages are about the game"),
    }
}

pub fn statuses(imported: &Imported) -> impl Iterator<Item = &Status> {
    imported.messages.iter().filter_map(|(_, message)| match body(message) {
        Body::EventStatus(status) => Some(status),
        _ => None,
    })
}

/// The parts of the game, as its statuses tell them.
pub fn phases(imported: &Imported) -> Vec<MatchStatus> {
    let mut phases: Vec<MatchStatus> = statuses(imported).map(|status| status.match_status).collect();
    phases.dedup();
    phases
}

/// Every message, from its encoded form, in the state that a processor would keep.
pub fn play(imported: &Imported) -> EventState {
    let Content::Event(first) = &imported.messages[0].1.content else { panic!("a fixture comes first") };
    let mut state = EventState::new(first.event_id.clone(), first.sport);
    for (_, message) in &imported.messages {
        let bytes = domain::codec::json::encode(message);
        let decoded = domain::codec::json::decode(&bytes).unwrap();
        assert_eq!(decoded, *message);
        state.apply(&decoded, Timestamp(0)).unwrap_or_else(|refusal| panic!("{refusal}: {message:?}"));
    }
    assert_eq!(state.version(), imported.messages.len() as u64);
    assert!(imported.messages.is_sorted_by_key(|(offset_ns, _)| *offset_ns));
    assert!(imported.messages.is_sorted_by_key(|(_, message)| message.generated_at));
    state
}

pub fn final_status(state: &EventState) -> Status {
    match state.entries().find(|(key, ..)| *key == Key::Status) {
        Some((_, _, Some(Value::Status(status)))) => status,
        other => panic!("no status: {other:?}"),
    }
}

/// How often each kind of incident is told.
pub fn incidents(imported: &Imported) -> std::collections::BTreeMap<String, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for (_, message) in &imported.messages {
        if let Body::Incident(incident) = body(message) {
            *counts.entry(format!("{:?}", incident.kind)).or_default() += 1;
        }
    }
    counts
}

/// Who of a side was named for the game, and with what, in order.
pub fn line_up(imported: &Imported, side: Side) -> Vec<(String, Option<String>)> {
    let named = imported.messages.iter().filter_map(|(_, message)| match body(message) {
        Body::Incident(it) if it.kind == IncidentKind::LineUp && it.side == Some(side) => Some(it),
        _ => None,
    });
    named
        .map(|it| (it.player.as_ref().unwrap().to_string(), it.detail.as_ref().map(ToString::to_string)))
        .collect()
}
