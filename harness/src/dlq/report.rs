//! Dead letters as a person reads them.

use std::fmt;

use domain::letter::RedriveOutcome;
use domain::{EventId, MessageType};

use super::letter::{Letter, RefusedBy};
use super::state::State;
use super::{bytes, columns};

/// One block a letter: what, of whom, when and where, and why.
pub fn list(letters: &[(Letter, State)], say: fn(&str)) {
    let cut = |line: String| match columns() {
        Some(columns) if line.chars().count() > columns => {
            line.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
        }
        _ => line,
    };
    for (letter, state) in letters {
        let head = [
            letter.id.to_string(),
            at(letter.refused_at),
            letter.provider().map_or("-", |provider| provider.as_str()).to_owned(),
            events(letter).unwrap_or_else(|| "-".to_owned()),
            what(letter),
            state.to_string(),
        ];
        say(&cut(bytes::line(&head.join("  "))));
        say(&cut(bytes::line(&format!("    {}", why(letter)))));
        say(&cut(bytes::line(&format!("    {}", place(letter)))));
    }
    let open = letters.iter().filter(|(_, state)| state.is_open()).count();
    say(&format!("{} dead letters, {open} of them open", letters.len()));
}

/// All of one letter.
pub fn show(letter: &Letter, state: &State, as_hex: bool, say: fn(&str)) {
    let content_type = if letter.content_type.is_empty() { "application/json" } else { &letter.content_type };
    let rows = [
        ("letter", letter.id.to_string()),
        ("state", state.to_string()),
        ("refused", format!("{} by {}", at(letter.refused_at), place(letter))),
        ("reason", why(letter)),
        ("provider", letter.provider().map_or("unknown", |provider| provider.as_str()).to_owned()),
        ("event", events(letter).unwrap_or_else(|| "unknown".to_owned())),
        ("message", what(letter)),
        ("bytes", format!("{} of {content_type}", letter.bytes.len())),
    ];
    for (name, value) in rows {
        say(&format!("{name:<9} {}", bytes::line(&value)));
    }
    if letter.refused_by == RefusedBy::Processor {
        say(
            "form      as it stood in the feed, not as its provider wrote it; put it right as native JSON or XML",
        );
    }
    if let Some(key) = &letter.routing_key {
        say(&format!("{:<9} {}", "routing", bytes::line(key)));
    }
    say("");
    say(bytes::block(&letter.bytes, as_hex).trim_end_matches('\n'));
}

/// All that it may be about.
fn events(letter: &Letter) -> Option<String> {
    let ids: Vec<&str> = letter.event_ids().map(EventId::as_str).collect();
    (!ids.is_empty()).then(|| ids.join(" or "))
}

fn what(letter: &Letter) -> String {
    let Some(about) = &letter.about else { return "not readable".to_owned() };
    let kind = about.message_type.map_or("not readable", MessageType::as_str);
    about.position.map_or_else(|| kind.to_owned(), |position| format!("{kind}, {position}"))
}

fn why(letter: &Letter) -> String {
    match letter.pointer.as_str() {
        "" => letter.reason.clone(),
        pointer => format!("{} at {pointer}", letter.reason),
    }
}

fn place(letter: &Letter) -> String {
    match letter.refused_by {
        RefusedBy::Ingestion => format!("ingestion, {}", letter.position),
        RefusedBy::Processor => format!("processor, {}", letter.position),
    }
}

/// UTC, to the second.
pub(super) fn at(micros: Option<i64>) -> String {
    let at = micros.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    at.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(None) => f.write_str("open"),
            Self::Open(Some(reason)) => write!(f, "open, refused again: {reason}"),
            Self::Superseded => f.write_str("superseded"),
            Self::Again(first) => write!(f, "{first} sent again"),
            Self::Redriven(outcome @ (RedriveOutcome::Superseded | RedriveOutcome::Closed), reason, _) => {
                write!(f, "{}: {reason}", outcome.as_str())
            }
            Self::Redriven(outcome, ..) => f.write_str(outcome.as_str()),
        }
    }
}
