//! Loads what a provider's API says of events into a feed: the work of `matchday load-uof`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::stack::{Record, Stack};

/// What is loaded: how its documents begin, where in the feed they are taken, and how they are called.
const KINDS: [Kind; 2] = [
    Kind { element: "fixtures_fixture", path: "", name: "fixtures" },
    Kind { element: "market_descriptions", path: "/descriptions", name: "market descriptions" },
];

/// Where a stack's ingestion listens where nothing else is said of it.
const INGESTION: &str = "http://127.0.0.1:4000";

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
    /// The provider's feed [default: `/feeds/uof` of the stack that is up, else of http://127.0.0.1:4000]
    #[arg(long, env = "MATCHDAY_FEED", value_name = "URL")]
    to: Option<String>,
    /// What the provider shows to be let in
    #[arg(long, env = "MATCHDAY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

/// What the XML files of a folder are, each in the order of their names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Of each kind.
    kinds: [Vec<PathBuf>; KINDS.len()],
    /// Folders, and what is readable and of no kind.
    others: Vec<PathBuf>,
    /// Not readable, and why.
    unreadable: Vec<(PathBuf, String)>,
}

/// Sends every fixture and all market descriptions of the folder to the feed, in the order of the files' names: to the one
/// given, else to that of the stack `name` among `stacks`.
///
/// # Errors
/// When the folder cannot be read or has neither, or ingestion is away, or a file cannot be read or is refused: all others are
/// loaded, and `say` tells why.
pub async fn load(args: LoadArgs, (stacks, name): (&Path, &str), say: impl Fn(&str)) -> Result<()> {
    let LoadArgs { folder, to, token } = args;
    let to = feed(to, Stack::find(stacks, name).as_ref());
    let client = Client::builder().timeout(PATIENCE).build()?;
    let Found { kinds, others, unreadable } = look_through(&folder)?;
    ensure!(
        !unreadable.is_empty() || kinds.iter().any(|files| !files.is_empty()),
        "no XML file in {} is a fixture or a list of market descriptions",
        folder.display()
    );
    for (file, why) in &unreadable {
        say(&format!("{}: {why}", file.display()));
    }
    let mut failed = unreadable.len();
    for (kind, files) in KINDS.iter().zip(kinds) {
        let to = format!("{}{}", to.trim_end_matches('/'), kind.path);
        let mut loaded = 0;
        for file in files {
            let name = file.display();
            let xml = std::fs::read(&file).with_context(|| format!("reading {name}"))?;
            let sent = send(&client, &to, token.as_deref(), xml).await;
            match sent.with_context(|| format!("sending {name}"))? {
                Sent::Taken(count) => loaded += count,
                Sent::Refused(why) => {
                    say(&format!("{name}: {why}"));
                    failed += 1;
                }
            }
        }
        say(&format!("{loaded} {} are loaded.", kind.name));
    }
    if !others.is_empty() {
        let name = |file: &PathBuf| {
            let name = file.file_name().unwrap_or_default().display();
            if file.is_dir() { format!("{name}/") } else { name.to_string() }
        };
        let names = others.iter().map(name).collect::<Vec<_>>();
        say(&format!("{} are neither, and were left alone: {}", others.len(), names.join(", ")));
    }
    ensure!(failed == 0, "{failed} files were refused or cannot be read");
    Ok(())
}

/// The feed that is given, else that of the stack that is up.
fn feed(given: Option<String>, record: Option<&Record>) -> String {
    let mut addresses = record.iter().flat_map(|record| &record.addresses);
    let ingestion = addresses.find(|address| address.what == "ingestion").map(|address| address.url.as_str());
    given.unwrap_or_else(|| format!("{}/feeds/uof", ingestion.unwrap_or(INGESTION)))
}

/// Tells the files of a folder apart by their documents' elements.
fn look_through(folder: &Path) -> Result<Found> {
    let mut found = Found::default();
    for file in xml_files(folder)? {
        if file.is_dir() {
            found.others.push(file);
            continue;
        }
        let xml = match std::fs::read(&file) {
            Ok(xml) => xml,
            Err(error) => {
                found.unreadable.push((file, error.to_string()));
                continue;
            }
        };
        let Ok(text) = std::str::from_utf8(&xml) else {
            found.unreadable.push((file, "it is not UTF-8, and no other encoding is read".to_owned()));
            continue;
        };
        let Some(element) = element(text) else {
            found.unreadable.push((file, "it is no XML document".to_owned()));
            continue;
        };
        match KINDS.iter().position(|kind| kind.element == element) {
            Some(kind) => found.kinds[kind].push(file),
            None => found.others.push(file),
        }
    }
    Ok(found)
}

/// The name of a document's element.
fn element(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ => break,
        };
        rest = rest.split_once(end)?.1.trim_start();
    }
    let name = rest.strip_prefix('<')?;
    let name = &name[..name.find(|character: char| character.is_whitespace() || "/>".contains(character))?];
    name.starts_with(|first: char| first.is_alphabetic() || first == '_').then_some(name)
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
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                // What stands before ingestion may refuse what is too large in words of its own.
                let problem: Value = answer.json().await.unwrap_or_default();
                let why = problem["detail"].as_str().map_or_else(|| status.to_string(), str::to_owned);
                return Ok(Sent::Refused(why));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let seconds =
                    answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                tokio::time::sleep(Duration::from_secs(seconds.unwrap_or(1)).min(PATIENCE)).await;
            }
            StatusCode::UNAUTHORIZED => {
                bail!("{to} answers {status}: it takes a token of its provider, which --token shows")
            }
            _ => bail!("{to} answers {status}: {}", answer.text().await.unwrap_or_default()),
        }
    }
    bail!("{to} has been asked {ATTEMPTS} times, and takes nothing for the moment")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::DefaultBodyLimit;
    use axum::response::IntoResponse as _;
    use axum::routing::post;
    use chassis::problem::Problem;

    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    async fn load_from(folder: &Path) -> (String, Vec<String>) {
        // Port 9 answers nothing: what would be sent fails.
        load_into("http://127.0.0.1:9/feeds/uof", folder).await
    }

    async fn load_into(to: &str, folder: &Path) -> (String, Vec<String>) {
        let to = Some(to.to_owned());
        let said = RefCell::new(Vec::new());
        let args = LoadArgs { folder: folder.to_owned(), to, token: None };
        let say = |line: &str| said.borrow_mut().push(line.to_owned());
        let error = load(args, (Path::new("nowhere"), "up"), say).await.expect_err("not all is loaded");
        (format!("{error:#}"), said.into_inner())
    }

    #[test]
    fn files_are_told_apart_by_their_elements_and_none_is_passed_over() {
        let folder = folder(&[
            ("a.xml", b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- of <market_descriptions> --><fixtures_fixture\ta='1'/>"),
            ("b.xml", b"<market_descriptions><market/></market_descriptions>"),
            ("c.xml", b"<bet_stop note='<fixtures_fixture'/>"),
            ("d.xml", b"\xff\xfe<\0f\0"),
            ("e.xml", b"hi"),
            ("f.xml", b""),
            ("g.txt", b"hi"),
        ]);
        std::fs::create_dir(folder.path().join("h.xml")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("i.xml")).unwrap();
        let Found { kinds, others, unreadable } = look_through(folder.path()).unwrap();
        let names = |files: &[PathBuf]| {
            files
                .iter()
                .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!([names(&kinds[0]), names(&kinds[1])], [["a.xml"], ["b.xml"]]);
        assert_eq!(names(&others), ["c.xml", "h.xml"], "a folder is no file");
        let (files, why): (Vec<_>, Vec<_>) = unreadable.into_iter().unzip();
        assert_eq!(names(&files), ["d.xml", "e.xml", "f.xml", "i.xml"]);
        assert!(why[0].contains("UTF-8") && why[1] == why[2] && why[1].contains("no XML"), "{why:?}");
        assert!(why[3].contains("No such file"), "{why:?}");
    }

    #[tokio::test]
    async fn a_folder_with_nothing_to_load_is_an_error_and_what_cannot_be_read_is_named() {
        let nothing = folder(&[("c.xml", b"<bet_stop/>")]);
        let (error, said) = load_from(nothing.path()).await;
        assert!(error.contains("is a fixture or a list") && said.is_empty(), "{error}");
        let broken = folder(&[("c.xml", b"<bet_stop/>"), ("e.xml", b"hi")]);
        std::fs::create_dir(broken.path().join("dir.xml")).unwrap();
        let (error, said) = load_from(broken.path()).await;
        assert_eq!(error, "1 files were refused or cannot be read");
        assert!(said[0].ends_with("e.xml: it is no XML document"), "{said:?}");
        assert_eq!(said.last().unwrap(), "2 are neither, and were left alone: c.xml, dir.xml/");
    }

    #[tokio::test]
    async fn a_file_that_is_too_large_keeps_no_other_from_being_loaded() {
        const BYTES_MAX: usize = 100;
        let (came, mut coming) = tokio::sync::mpsc::unbounded_channel();
        let take = async move |body: Bytes| {
            if body.len() > BYTES_MAX {
                let (status, kind) = (StatusCode::PAYLOAD_TOO_LARGE, "urn:matchday:problem:body-too-large");
                return Problem::new(status, kind, "Body too large", "it is too large".to_owned())
                    .into_response();
            }
            came.send(body).unwrap();
            (StatusCode::ACCEPTED, r#"{"accepted":1}"#).into_response()
        };
        // Its own limit is in its own words.
        let limit = DefaultBodyLimit::max(10 * BYTES_MAX);
        let routes = Router::new().route("/feeds/uof", post(take)).layer(limit);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = format!("http://{}/feeds/uof", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, routes).into_future());

        let fixture = |bytes: usize| format!("<fixtures_fixture a='{}'/>", "x".repeat(bytes)).into_bytes();
        let [large, huge, small] = [fixture(BYTES_MAX), fixture(10 * BYTES_MAX), fixture(1)];
        let folder = folder(&[("a.xml", &large), ("b.xml", &huge), ("c.xml", &small)]);
        let (error, said) = load_into(&to, folder.path()).await;
        assert_eq!(error, "2 files were refused or cannot be read");
        assert!(said[0].ends_with("a.xml: it is too large"), "{said:?}");
        assert!(said[1].ends_with("b.xml: 413 Payload Too Large"), "{said:?}");
        assert_eq!(said[2], "1 fixtures are loaded.");
        assert_eq!((coming.recv().await, coming.try_recv().is_err()), (Some(small.into()), true));
    }

    #[tokio::test]
    async fn whoever_is_not_let_in_is_told_with_what_he_would_be() {
        let routes = Router::new().route("/feeds/uof", post(async || StatusCode::UNAUTHORIZED));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = format!("http://{}/feeds/uof", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, routes).into_future());
        let (error, _) = load_into(&to, folder(&[("a.xml", b"<fixtures_fixture/>")]).path()).await;
        assert!(error.contains("401") && error.contains("--token"), "{error}");
    }

    #[test]
    fn the_feed_is_that_of_the_stack_that_is_up() {
        let record = serde_json::json!({
            "lifetime": "detached", "owner": {"pid": 1, "started_ticks": 1}, "is_complete": true, "processes": [],
            "addresses": [{"what": "REST", "url": "http://x:1"}, {"what": "ingestion", "url": "http://x:2"}],
        });
        let record: Record = serde_json::from_value(record).unwrap();
        assert_eq!(feed(None, Some(&record)), "http://x:2/feeds/uof");
        assert_eq!(feed(None, None), "http://127.0.0.1:4000/feeds/uof");
        assert_eq!(feed(Some("http://y/feeds/z".to_owned()), Some(&record)), "http://y/feeds/z");
    }
}
