//! Questions over HTTP, with a limit on what is read of the answers.

use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use reqwest::{Client, Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Bytes that are read of one answer: thousands of games, or a large game with its log.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Distribution does not count what is asked by whoever says this.
const WHO: &str = concat!("matchday-top/", env!("CARGO_PKG_VERSION"));

/// A client for all sources, which keep one connection to each service.
pub(super) fn client(within: Duration) -> anyhow::Result<Client> {
    let client = Client::builder().connect_timeout(within).timeout(within).pool_max_idle_per_host(2);
    client.user_agent(WHO).no_proxy().build().context("making a client for HTTP")
}

/// Asks, whatever the status of the answer.
pub(super) async fn get(client: &Client, url: Url) -> anyhow::Result<(StatusCode, Vec<u8>)> {
    send(client, Method::GET, url, None).await
}

/// Asks for something to be done, with a body of JSON where there is one, whatever the status of the answer.
pub(super) async fn send(
    client: &Client,
    method: Method,
    url: Url,
    body: Option<&Value>,
) -> anyhow::Result<(StatusCode, Vec<u8>)> {
    let mut request = client.request(method, url);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let mut answer = request.send().await.map_err(cause)?;
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(cause)? {
        ensure!(
            body.len() + piece.len() <= BODY_BYTES_MAX,
            "the answer has more than {BODY_BYTES_MAX} bytes"
        );
        body.extend_from_slice(&piece);
    }
    Ok((answer.status(), body))
}

/// The innermost reason, which is the one that tells something: `Connection refused`.
fn cause(error: reqwest::Error) -> anyhow::Error {
    anyhow!("{}", anyhow::Error::from(error).root_cause())
}

/// Asks for JSON.
pub(super) async fn get_json<T: DeserializeOwned>(client: &Client, url: Url) -> anyhow::Result<T> {
    let (status, body) = get(client, url).await?;
    ensure!(status.is_success(), "the answer is {status}");
    serde_json::from_slice(&body).context("reading the answer")
}

/// The address `path`, under another address.
pub(super) fn join(base: &str, path: &str) -> anyhow::Result<Url> {
    let base = base.trim_end_matches('/');
    Url::parse(&format!("{base}{path}")).with_context(|| format!("{base} is no address"))
}
