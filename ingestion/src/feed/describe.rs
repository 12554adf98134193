//! The endpoint: `POST /feeds/{provider}/descriptions`. What a provider's API says of its markets is taken whole or not at
//! all.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use chassis::http::discard_body;
use chassis::problem::Problem;
use domain::codec::batch::SplitError;
use domain::codec::uof;
use serde::Serialize;

use super::{Feeds, Head, answered, not_split};
use crate::descriptions::{KINDS_MAX, record};
use crate::reading::Reading;
use crate::{body, refusal};

#[derive(Serialize)]
struct Described {
    accepted: usize,
}

pub(super) async fn describe(
    State(feeds): State<std::sync::Arc<Feeds>>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(feeds.describe(provider, &headers, body)).await
}

impl Feeds {
    async fn describe(
        &self,
        provider: Result<Path<String>, PathRejection>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Problem> {
        let head = self.head(provider, headers).and_then(of_unified_feed);
        let Head { provider, bucket, place, encoding, .. } = match head {
            Ok(head) => head,
            Err(problem) => {
                discard_body(body, self.limits.body().whole);
                return Err(problem);
            }
        };
        let received = body::receive(body, encoding, &self.limits, &self.admission, &place).await?;
        let descriptions = uof::descriptions(&received.bytes).map_err(|error| refusal::decode_xml(&error))?;
        let max = self.limits.max_messages;
        match descriptions.len() {
            0 => return Err(not_split(&SplitError::Empty)),
            count if count > max => return Err(not_split(&SplitError::TooMany { max })),
            count => Self::admit_rate(&provider, bucket.as_deref(), count)?,
        }
        if !self.loaded.descriptions.has_room(&provider, &descriptions) {
            let detail = format!(
                "there would be more than the {KINDS_MAX} kinds of markets that are kept of one provider"
            );
            return Err(refusal::invalid(&detail));
        }
        let topic = &self.topics.descriptions;
        let records = descriptions.iter().map(|description| record(topic, &provider, description)).collect();
        let results = self.producer.send_all(records).await;
        if let Some(error) = results.iter().find_map(|result| result.as_ref().err()) {
            return Err(refusal::not_stored(error));
        }
        for description in &descriptions {
            // Whoever was taken at the same time may have filled what there was room for; the topic has it all the same.
            if !self.loaded.descriptions.note(&provider, description) {
                tracing::warn!(%provider, market = description.id, "a market is described, and there is no room for it");
            }
        }
        Ok((StatusCode::ACCEPTED, Json(Described { accepted: descriptions.len() })).into_response())
    }
}

/// Only such a feed has descriptions of this form.
fn of_unified_feed(head: Head) -> Result<Head, Problem> {
    match head.reading {
        Reading::Uof { .. } => Ok(head),
        Reading::Native(_) => Err(refusal::no_such_feed(
            "only the feed of a provider whose format is `uof` has descriptions".to_owned(),
        )),
    }
}
