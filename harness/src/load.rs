//! Loads what a provider's API says of events into a feed: the work of `matchday load-uof`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde_json::Value;

/// What is loaded: how its documents begin, where in the feed they are taken, and how they are called.
const KINDS: [Kind; 2] = [
    Kind { element: "<fixtures_fixture", path: "", name: "fixtures" },
    Kind { element: "<market_descriptions", path: "/descriptions", name: "market descriptions" },
];

struct Kind {
    element: &'static str,
    path: &'static str,
    name: &'static str,
}

/// How often a file is sent that is not taken for the moment.
const ATTEMPTS: u32 = 10;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What to load, and where to.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// The folder of XML files
    folder: PathBuf,
    /// The provider's feed
    #[arg(
        long,
        env = "MATCHDAY_FEED",
        default_value = "http://127.0.0.1:4000/feeds/uof",
        value_name = "URL"
    )]
    to: String,
    /// What the provider shows to be let in
    #[arg(long, env = "MATCHDAY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

/// Sends every fixture and all market descriptions of the folder to the feed, in the order of the files' names.
///
/// # Errors
/// When the folder cannot be read, or ingestion is away, or refuses one of them: all others are loaded, and `say` tells why.
pub async fn load(args: LoadArgs, say: impl Fn(&str)) -> Result<()> {
    let LoadArgs { folder, to, token } = args;
    let client = Client::builder().timeout(PATIENCE).build()?;
    let files = xml_files(&folder)?;
    let mut refused = 0_u32;
    for kind in KINDS {
        let to = format!("{}{}", to.trim_end_matches('/'), kind.path);
        let mut loaded = 0;
        for file in &files {
            let name = file.display();
            let xml = std::fs::read(file).with_context(|| format!("reading {name}"))?;
            if !String::from_utf8_lossy(&xml).contains(kind.element) {
                continue;
            }
            let sent = send(&client, &to, token.as_deref(), xml).await;
            match sent.with_context(|| format!("sending {name}"))? {
                Sent::Taken(count) => loaded += count,
                Sent::Refused(why) => {
                    say(&format!("{name}: {why}"));
                    refused += 1;
                }
            }
        }
        say(&format!("{loaded} {} are loaded.", kind.name));
    }
    ensure!(refused == 0, "{refused} files were refused");
    Ok(())
}

fn xml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()
        .context("reading the folder")?;
    let mut files: Vec<PathBuf> = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .collect();
    files.sort();
    Ok(files)
}

/// What became of a file.
enum Sent {
    /// So much of it was taken.
    Taken(u64),
    /// Nothing of it, for this reason.
    Refused(String),
}

/// Sends one file.
async fn send(client: &Client, to: &str, token: Option<&str>, xml: Vec<u8>) -> Result<Sent> {
    for _ in 0..ATTEMPTS {
        let mut request = client.post(to).header(CONTENT_TYPE, "application/xml").body(xml.clone());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        let status = answer.status();
        match status {
            StatusCode::ACCEPTED => {
                let answer: Value = answer.json().await?;
                return Ok(Sent::Taken(answer["accepted"].as_u64().unwrap_or_default()));
            }
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                let problem: Value = answer.json().await?;
                let why = problem["detail"].as_str().unwrap_or("refused without a reason");
                return Ok(Sent::Refused(why.to_owned()));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let seconds =
                    answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                tokio::time::sleep(Duration::from_secs(seconds.unwrap_or(1)).min(PATIENCE)).await;
            }
            _ => bail!("{to} answers {status}: {}", answer.text().await.unwrap_or_default()),
        }
    }
    bail!("{to} has been asked {ATTEMPTS} times, and takes nothing for the moment")
}
