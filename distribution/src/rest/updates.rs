//! The update log of one event: what was published, byte for byte, from a version on.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Json, Response};
use chassis::problem::Problem;
use domain::EventId;
use serde::{Deserialize, Serialize};

use super::Sources;
use super::answer::document;
use super::problems::{log_too_short, no_such_event, unavailable};
use super::request::{EventPath, Params, page_limit};
use crate::image::write_json;
use crate::store::database::{LogPage, LogRange};

/// Bytes of updates in one answer, but for the first one.
const BYTES_MAX: u64 = 4 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogParams {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

/// Why the log cannot be read from where it was asked for, and from where it can.
#[derive(Debug, Serialize)]
struct LogTooShort {
    #[serde(flatten)]
    problem: Problem,
    /// The oldest version in the log; nothing where it has none.
    oldest: Option<u64>,
}

pub(super) async fn list(
    State(Sources { hub, .. }): State<Sources>,
    EventPath(event_id): EventPath,
    Params(LogParams { after, limit }): Params<LogParams>,
) -> Result<Response, Problem> {
    let limit = page_limit(limit)?;
    let range = LogRange { after, updates_max: limit, bytes_max: BYTES_MAX };
    let page = hub.store().log(&event_id, range).await.map_err(unavailable)?;
    let page = page.ok_or_else(|| no_such_event(&event_id))?;
    Ok(match page.oldest {
        oldest if after < page.version && oldest.is_none_or(|oldest| oldest > after + 1) => {
            too_short(&event_id, after, oldest)
        }
        _ => document(written(&event_id, &page)),
    })
}

fn too_short(event_id: &EventId, after: u64, oldest: Option<u64>) -> Response {
    let detail = match oldest {
        Some(oldest) => {
            format!("the log of {event_id} begins with version {oldest}, not with {}", after + 1)
        }
        None => format!("the log of {event_id} is kept no longer; its last state is"),
    };
    let problem = log_too_short(detail);
    let status = problem.status;
    let content_type = [(header::CONTENT_TYPE, Problem::CONTENT_TYPE)];
    (status, content_type, Json(LogTooShort { problem, oldest })).into_response()
}

/// `{"event_id":…,"version":…,"updates":[…],"next":…}`; `next` only where there are more.
fn written(event_id: &EventId, page: &LogPage) -> Vec<u8> {
    let bytes: usize = page.updates.iter().map(|(_, payload)| payload.len() + 1).sum();
    let mut out = Vec::with_capacity(bytes + 256);
    out.extend_from_slice(b"{\"event_id\":");
    write_json(&mut out, event_id);
    out.extend_from_slice(b",\"version\":");
    write_json(&mut out, &page.version);
    out.extend_from_slice(b",\"updates\":[");
    for (index, (_, payload)) in page.updates.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(payload);
    }
    out.push(b']');
    if let Some((last, _)) = page.updates.last().filter(|(last, _)| *last < page.version) {
        out.extend_from_slice(b",\"next\":");
        write_json(&mut out, last);
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(version: u64, updates: &[(u64, &str)]) -> String {
        let updates = updates.iter().map(|(version, json)| (*version, json.as_bytes().to_vec())).collect();
        let page = LogPage { version, oldest: Some(1), updates };
        String::from_utf8(written(&"md:match:1".parse().expect("a URN"), &page)).expect("text")
    }

    #[test]
    fn updates_stand_there_as_published_and_next_only_where_there_are_more() {
        assert_eq!(
            log(3, &[(1, r#"{"a": 1.50}"#), (2, "{}")]),
            r#"{"event_id":"md:match:1","version":3,"updates":[{"a": 1.50},{}],"next":2}"#
        );
        assert_eq!(log(2, &[(2, "{}")]), r#"{"event_id":"md:match:1","version":2,"updates":[{}]}"#);
        assert_eq!(log(2, &[]), r#"{"event_id":"md:match:1","version":2,"updates":[]}"#);
    }
}
