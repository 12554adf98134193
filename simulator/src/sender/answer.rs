//! What an answer of ingestion means for the messages that it is about.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

/// Why the receiver refuses a message: what counts of an RFC 9457 problem.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// The HTTP status that goes with it.
    pub status: u16,
    /// What kind of problem it is, as a URI.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The same in words.
    #[serde(default)]
    pub title: String,
    /// What is wrong with this message.
    #[serde(default)]
    pub detail: String,
    /// JSON pointer to what is wrong, where it is one place.
    #[serde(default)]
    pub pointer: Option<String>,
}

/// An answer, as far as it is read: that of a batch, or of a request as a whole.
#[derive(Debug, Deserialize)]
struct Answer {
    accepted: Option<usize>,
    #[serde(default)]
    problems: Vec<Indexed>,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    pointer: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Indexed {
    pub(super) index: usize,
    #[serde(flatten)]
    pub(super) problem: Problem,
}

/// What one attempt led to.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Every message has its answer: these were not accepted.
    Answered { problems: Vec<Indexed>, retry_after: Option<Duration> },
    /// Refused as a whole, for good.
    Refused(Problem),
    /// It may pass.
    Again { why: String, retry_after: Option<Duration>, unanswered: bool },
}

/// What an answer means for a request of `messages` messages.
pub(super) fn read(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
    messages: usize,
) -> Attempt {
    let answer: Option<Answer> = serde_json::from_slice(body).ok();
    match answer {
        Some(Answer { accepted: Some(accepted), problems, .. }) => {
            let in_order = problems.windows(2).all(|two| two[0].index < two[1].index);
            let within = problems.last().is_none_or(|last| last.index < messages);
            if in_order && within && accepted + problems.len() == messages {
                return Attempt::Answered { problems, retry_after };
            }
            let why = format!("{status} speaks of other messages than the {messages} that were sent");
            Attempt::Again { why, retry_after, unanswered: true }
        }
        answer if status.is_client_error() && !passes(status.as_u16()) => {
            let refusal = answer.map(|it| (it.kind, it.title, it.detail, it.pointer));
            let (kind, title, detail, pointer) = refusal.unwrap_or_default();
            Attempt::Refused(Problem { status: status.as_u16(), kind, title, detail, pointer })
        }
        answer => {
            let detail = answer.map(|answer| answer.detail).unwrap_or_default();
            let unanswered = !passes(status.as_u16());
            Attempt::Again { why: format!("{status} {detail}").trim().to_owned(), retry_after, unanswered }
        }
    }
}

/// Whether a status says that the same request may be taken later.
pub(crate) fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// Which messages of a request an answer tells its sender to repeat, by their places in it: those whose own status may pass.
pub(crate) fn again(body: &[u8]) -> BTreeSet<usize> {
    let answer: Option<Answer> = serde_json::from_slice(body).ok();
    let problems = answer.map(|answer| answer.problems).unwrap_or_default();
    problems.iter().filter(|it| passes(it.problem.status)).map(|it| it.index).collect()
}

impl Problem {
    /// Whether the receiver could not read the message at all.
    pub(crate) fn is_unread(&self) -> bool {
        self.kind == "urn:matchday:problem:malformed"
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)?;
        for part in
            [Some(&self.title), Some(&self.detail)].into_iter().flatten().filter(|part| !part.is_empty())
        {
            write!(f, " {part}")?;
        }
        match &self.pointer {
            Some(pointer) => write!(f, " (at `{pointer}`)"),
            None => Ok(()),
        }
    }
}
