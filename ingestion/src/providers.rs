//! Who may push, and how much: the providers file.
//!
//! ```toml
//! [providers.md]
//! tokens = ["the-token-in-use", "the-one-that-follows-it"]
//! messages_per_second = 5000
//! burst = 20000
//! format = "uof" # where its messages are Unified Odds Feed XML
//! ```

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result, anyhow, bail, ensure};
use axum::http::HeaderMap;
use domain::Name;
use serde::Deserialize;

use crate::rate::{Bucket, Rate};
use crate::reading::Dialect;
use crate::token::Token;

/// Whoever may push, now.
pub struct Providers {
    file: Option<PathBuf>,
    /// None: anyone, as any provider.
    known: RwLock<Option<Arc<Known>>>,
}

type Known = BTreeMap<Name, Provider>;

struct Provider {
    tokens: Vec<Token>,
    sender: Sender,
}

/// What is settled with a provider.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    /// How much it may send; none: as much as it likes.
    pub bucket: Option<Arc<Bucket>>,
    /// In what it writes.
    pub dialect: Dialect,
}

/// The sender is not who may push there.
#[derive(Debug)]
pub struct Unauthorised {
    /// Whether there is such a provider: for our own numbers, never for the sender.
    pub is_known: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    providers: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    tokens: Tokens,
    messages_per_second: NonZeroU32,
    burst: NonZeroU32,
    #[serde(default)]
    format: Dialect,
}

impl Providers {
    /// Those of `file`; without one, anyone.
    ///
    /// # Errors
    /// When the file cannot be read, or says what it must not: names the file, the line and the key, never a token.
    pub fn new(file: Option<PathBuf>) -> Result<Self> {
        let known = file.as_deref().map(|path| load(path, None)).transpose()?;
        if known.is_none() {
            tracing::warn!("no providers file: anyone may push as any provider, without a token");
        }
        Ok(Self { file, known: RwLock::new(known.map(Arc::new)) })
    }

    /// What is settled with a provider whose token a request presents; where anyone may push, nothing is. A provider that
    /// is not known is refused as a wrong token is: whoever has none learns no names.
    pub fn authorise(&self, provider: &Name, headers: &HeaderMap) -> Result<Sender, Unauthorised> {
        let Some(known) = self.known() else { return Ok(Sender::default()) };
        let unauthorised = || Unauthorised { is_known: known.contains_key(provider) };
        let token = Token::of(headers).ok_or_else(unauthorised)?;
        // Every token of everyone is looked at, so that the time tells neither which was close nor whose there are.
        let mut authorised = None;
        for (name, entry) in known.iter() {
            if token.is_one_of(&entry.tokens) & (name == provider) {
                authorised = Some(entry.sender.clone());
            }
        }
        authorised.ok_or_else(unauthorised)
    }

    /// Reads the file again. A provider whose rate is what it was keeps its bucket as full as it is.
    ///
    /// # Errors
    /// As when it was read first; then what was known stays.
    pub fn reload(&self) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let known = load(path, self.known().as_deref())?;
        tracing::info!(providers = known.len(), file = %path.display(), "providers read again");
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
        Ok(())
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn load(path: &Path, before: Option<&Known>) -> Result<Known> {
    let at = || format!("providers file {}", path.display());
    let text = std::fs::read_to_string(path).with_context(at)?;
    parse(&text, before).with_context(at)
}

fn parse(text: &str, before: Option<&Known>) -> Result<Known> {
    let document = toml::Deserializer::parse(text).map_err(|error| plain(text, "", &error))?;
    let file: File = serde_path_to_error::deserialize(document)
        .map_err(|error| plain(text, &error.path().to_string(), error.inner()))?;
    let mut known = Known::new();
    let mut seen = BTreeMap::new();
    for (name, entry) in file.providers {
        let key = format!("`providers.{name}`");
        let provider = Name::new(&*name).map_err(|error| anyhow!("{key}: {error}"))?;
        ensure!(!entry.tokens.0.is_empty(), "{key}: `tokens` is empty, so nobody could push");
        for token in &entry.tokens.0 {
            if let Some(other) = seen.insert(token.clone(), name.clone()) {
                bail!("{key}: one of its tokens stands twice, first in `providers.{other}`");
            }
        }
        let rate = Rate { messages_per_second: entry.messages_per_second, burst: entry.burst };
        let known_before = before.and_then(|before| before.get(&provider)?.sender.bucket.clone());
        let kept = known_before.filter(|bucket| bucket.rate() == rate);
        let bucket = kept.unwrap_or_else(|| Arc::new(Bucket::new(rate)));
        let sender = Sender { bucket: Some(bucket), dialect: entry.format };
        known.insert(provider, Provider { tokens: entry.tokens.0, sender });
    }
    ensure!(!known.is_empty(), "`providers` is empty, so nobody could push");
    Ok(known)
}

/// The error without the lines of the file that it would quote: tokens stand in them.
fn plain(text: &str, path: &str, error: &toml::de::Error) -> anyhow::Error {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
    let key = if path.is_empty() || path == "." { String::new() } else { format!(", key `{path}`") };
    anyhow!("line {line}{key}: {}", error.message())
}

/// An array of tokens; anything else is named by what it should be, not by what it says.
struct Tokens(Vec<Token>);

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Tokens;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an array of tokens")
            }

            fn visit_str<E: serde::de::Error>(self, _secret: &str) -> Result<Tokens, E> {
                Err(E::custom("expected an array of tokens, found a string"))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Tokens, A::Error> {
                let mut tokens = Vec::new();
                while let Some(token) = sequence.next_element()? {
                    tokens.push(token);
                }
                Ok(Tokens(tokens))
            }
        }

        deserializer.deserialize_seq(Visitor)
    }
}

#[cfg(test)]
mod tests;
