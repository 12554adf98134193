//! Opens a bundle that is there, and draws what people look at in it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

use super::{Document, REPORT, SCHEMA, SERIES, Series, VERDICT, hgrm};
use crate::page::page;

/// Reads the two documents of a bundle.
///
/// # Errors
/// When there is no bundle, or one of another major version.
pub fn open(folder: &Path) -> Result<(Document, Series)> {
    let document: Document = read(folder, VERDICT)?;
    let major = |schema: &str| schema.split('.').next().map(str::to_owned);
    ensure!(
        major(&document.schema) == major(SCHEMA),
        "{} is of version {}, and this program reads {SCHEMA}",
        folder.join(VERDICT).display(),
        document.schema
    );
    Ok((document, read(folder, SERIES)?))
}

fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T> {
    let path = folder.join(name);
    let text =
        fs::read(&path).with_context(|| format!("{} is no run bundle: no {name}", folder.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
}

/// Writes the page and the `.hgrm` files of a bundle into its folder.
///
/// # Errors
/// When a file cannot be written.
pub fn draw(folder: &Path, document: &Document, series: &Series) -> Result<()> {
    let writing = || format!("drawing the run bundle {}", folder.display());
    for (name, part) in hgrm::parts(document) {
        fs::write(folder.join(format!("{name}.hgrm")), hgrm::hgrm(part)).with_context(writing)?;
    }
    fs::write(folder.join(REPORT), page(document, series)).with_context(writing)
}
