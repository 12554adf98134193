//! Market descriptions as the provider's API tells them: how markets and outcomes are called, and in which groups markets
//! are.
//!
//! Only that is read; what else the API knows of a market is neither kept nor counted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::tree::Tree;
use crate::codec::xml::reader::{Fault, Read};
use crate::id::{Name, OutcomeId, Text};

/// The element that holds them.
const ROOT: &str = "market_descriptions";

/// What a provider says of all markets of one id, or of one variant of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The markets' id.
    pub id: u32,
    /// The value of the specifier `variant` of the markets that this describes; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Text>,
    /// How they are called; specifiers and competitors stand in braces.
    pub name: Text,
    /// In which groups they are; none where that is not told, or not in names that can be kept.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Name>,
    /// Their outcomes, where all have the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<OutcomeDescription>,
}

/// What a provider says of an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeDescription {
    /// Its id.
    pub id: OutcomeId,
    /// How it is called.
    pub name: Text,
}

impl Description {
    /// The key under which its topic keeps it: the last one of each market and variant of a provider stands.
    #[must_use]
    pub fn key(&self, provider: &Name) -> String {
        format!("{provider}/{}/{}", self.id, self.variant.as_ref().map_or("", Text::as_str))
    }

    /// Reads a record of that topic: whose it is, and what it says; `None` where it describes no market.
    #[must_use]
    pub fn of_record(key: &[u8], payload: &[u8]) -> Option<(Name, Self)> {
        let provider = key.split(|byte| *byte == b'/').next()?;
        let provider = Name::new(str::from_utf8(provider).ok()?).ok()?;
        Some((provider, serde_json::from_slice(payload).ok()?))
    }
}

/// Reads a document of descriptions.
pub(super) fn all(text: &str) -> Read<Vec<Description>> {
    let tree = &mut Tree::new(text);
    let root = tree.reader.root()?;
    if root != ROOT {
        let detail = format_args!("`{root}` is not `{ROOT}`");
        return Err(Fault::schema(tree.reader.element_at(), "", detail));
    }
    let mut descriptions = Vec::new();
    tree.pick_all("market", |tree| {
        descriptions.push(description(tree)?);
        Ok(())
    })?;
    tree.reader.end()?;
    Ok(descriptions)
}

fn description(tree: &mut Tree) -> Read<Description> {
    let id = tree.reader.required("id")?;
    let name = tree.reader.required("name")?;
    let variant = tree.reader.optional("variant")?;
    let groups = tree.reader.text("groups").unwrap_or_default().split('|');
    let groups = groups.map(Name::new).collect::<Result<_, _>>().unwrap_or_default();
    let mut outcomes = Vec::new();
    tree.pick_all("outcomes", |tree| {
        tree.pick_all("outcome", |tree| {
            outcomes.push(OutcomeDescription {
                id: tree.reader.required("id")?,
                name: tree.reader.required("name")?,
            });
            tree.reader.close()
        })
    })?;
    Ok(Description { id, variant, name, groups, outcomes })
}
