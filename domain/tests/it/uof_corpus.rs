//! Every attribute of every real message is found again in what it becomes, but for what is said to be dropped.
//! `harness/tests/it/uof.rs` walks the same way over what a stack has stored.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use domain::Sport;
use domain::codec::json;
use domain::codec::uof::DROPPED;
use serde_json::Value;

use crate::uof::{decode_as, goldens, sport_of};

use walk::{find, tree};

#[path = "uof_corpus/walk.rs"]
mod walk;

fn walk(file: &str, sport: Sport, bytes: &[u8]) -> usize {
    let decoded = decode_as(sport, bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(decoded.unusable_status, None, "{file}");
    assert_eq!(domain::check_apart_from_times(&decoded.message), Ok(()), "{file}");
    let stored = serde_json::from_slice(&json::encode(&decoded.message)).expect("JSON");
    let found = find(&tree(bytes), "", "", &stored, file);
    assert!(found >= 2, "{file}: {found} attributes");
    found
}

/// Where messages are that nobody of us wrote.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/uof")
}

/// The names and the bytes of real messages, all of football; says where there are none.
pub fn real_messages() -> Vec<(String, Vec<u8>)> {
    let folder = folder();
    let Ok(entries) = fs::read_dir(&folder) else {
        say(&format!("SKIPPED: there are no real messages in {}\n", folder.display()));
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let named = files.into_iter().map(|file| {
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        (name, fs::read(&file).expect("a file"))
    });
    // What describes fixtures and markets is no message.
    named.filter(|(name, _)| !name.starts_with("fixture-") && !name.starts_with("markets-")).collect()
}

#[test]
fn every_attribute_of_our_samples_is_found_again() {
    for (name, bytes) in goldens() {
        walk(&name, sport_of(&name), &bytes);
    }
}

#[test]
fn every_attribute_of_real_messages_is_found_again() {
    let real = real_messages();
    if real.is_empty() {
        return;
    }
    let messages = real.len();
    let attributes: usize = real.iter().map(|(name, bytes)| walk(name, Sport::Football, bytes)).sum();
    assert!(messages >= 14, "{messages} messages");
    say(&format!("{messages} real messages, {attributes} attributes found again\n"));
}

#[test]
fn every_real_fixture_names_who_plays() {
    let files = (0..4).map(|number| folder().join(format!("fixture-{number}.xml")));
    for file in files {
        let Ok(bytes) = fs::read(&file) else {
            say(&format!("SKIPPED: there is no {}\n", file.display()));
            return;
        };
        // One of them names no tournament, and so no sport: its event is known by then.
        let decoded =
            decode_as(Sport::Tennis, &bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let stored: Value = serde_json::from_slice(&json::encode(&decoded.message)).expect("JSON");
        let text = String::from_utf8(bytes).expect("UTF-8");
        for side in ["home", "away"] {
            let name = stored.pointer(&format!("/body/{side}/name")).and_then(Value::as_str).expect("a name");
            assert!(text.contains(&format!("name=\"{name}\"")), "{name}");
        }
    }
}

#[test]
fn the_page_says_what_is_dropped_and_why() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/uof.md");
    let page = fs::read_to_string(page).expect("the page");
    let of_page: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for known in DROPPED {
        let row = format!("| `{}` | `{}` | {} |", known.element, known.attribute, known.reason);
        assert!(of_page.contains(row.as_str()), "the page lacks: {row}");
    }
    let rows = page.split("## What is dropped").nth(1).expect("the section").lines();
    assert_eq!(rows.filter(|line| line.starts_with("| `")).count(), DROPPED.len(), "and no other row");
}

/// Says it also where a test's output is kept back.
fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).expect("stderr takes text");
}
