//! The OpenAPI document of this port: a file, with the sports that this build knows.

use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::response::Response;
use chassis::problem::Problem;
use domain::Sport;
use serde_json::{Value, json};

use super::answer::by_content;
use super::request::{NoParams, Params};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document: Value =
        serde_json::from_str(include_str!("../../openapi.json")).expect("a test reads the file");
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["components"]["schemas"]["Sport"]["enum"] = json!(Sport::ALL);
    document
});

pub(super) async fn get_document(
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(by_content(&headers, &*DOCUMENT))
}
