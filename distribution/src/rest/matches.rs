//! What is being played, from memory: the list that a scoreboard asks for again and again.

use axum::extract::State;
use axum::response::Response;
use chassis::problem::Problem;

use super::Sources;
use super::answer::document;
use super::problems::not_ready;
use super::request::{NoParams, Params};
use crate::live;

pub(super) async fn list_live(
    State(Sources { hub, caught_up, .. }): State<Sources>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    // A list that is still being put together looks like a day without matches.
    if !caught_up.get() {
        return Err(not_ready());
    }
    let mut body = Vec::with_capacity(4 << 10);
    live::write_matches(&hub.cells(), &mut body);
    Ok(document(body))
}
