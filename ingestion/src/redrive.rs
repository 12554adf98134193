//! A message that is sent in a dead letter's place: its request says so, comes alone, and is not kept once more.

use axum::http::HeaderMap;
use chassis::problem::Problem;
use domain::letter::{REDRIVE_HEADER, Redrive};

use crate::refusal;

/// The letter whose place the request's message takes, where it says so.
///
/// # Errors
/// A problem for its sender, where the header is unreadable or stands twice.
pub fn of(headers: &HeaderMap) -> Result<Option<Redrive>, Problem> {
    let mut values = headers.get_all(REDRIVE_HEADER).iter();
    let (value, more) = (values.next(), values.next());
    let Some(value) = value else { return Ok(None) };
    let redrive = value.to_str().ok().filter(|_| more.is_none()).and_then(|text| text.parse().ok());
    let wrong = || {
        refusal::malformed(format!(
            "the header {REDRIVE_HEADER} must stand once, as in `0/17/00c0ffee00c0ffee`"
        ))
    };
    redrive.ok_or_else(wrong).map(Some)
}

/// A letter is one message.
pub fn not_alone() -> Problem {
    refusal::malformed(format!("a request with the header {REDRIVE_HEADER} has one message, not a batch"))
}

/// What was true of a producer once is no news of it now.
pub fn of_a_producer() -> Problem {
    refusal::invalid("a dead letter about a producer is not sent again: its next `alive` says how it is")
        .at("/type")
}
