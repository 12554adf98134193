//! How markets and outcomes are called, as providers describe them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chassis::problem::Problem;
use domain::Name;
use domain::codec::uof::Description;
use serde::{Deserialize, Serialize};

use super::Sources;
use super::answer::by_content;
use super::request::{Params, page_limit};
use crate::descriptions::Wanted;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    provider: Option<Name>,
    id: Option<u32>,
    after: Option<u32>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
struct DescriptionList {
    descriptions: Vec<ListedDescription>,
    /// The `after` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
}

#[derive(Debug, Serialize)]
struct ListedDescription {
    provider: Name,
    #[serde(flatten)]
    description: Arc<Description>,
}

pub(super) async fn list(
    State(Sources { descriptions, .. }): State<Sources>,
    Params(ListParams { provider, id, after, limit }): Params<ListParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ids_max = page_limit(limit)? as usize;
    let (page, has_more) = descriptions.page(&Wanted { provider, id, after }, ids_max);
    let last = page.last().map(|(_, description)| description.id);
    let listed = |(provider, description)| ListedDescription { provider, description };
    let descriptions = page.into_iter().map(listed).collect();
    Ok(by_content(&headers, &DescriptionList { descriptions, next: last.filter(|_| has_more) }))
}
