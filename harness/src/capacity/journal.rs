//! What a search has found so far, on disk after every step: whatever ends it, that stays, and is said.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::paper::{CAPACITY, Limit, Paper, Step};
use super::search::Search;
use crate::exit::Exit;
use crate::page;
use crate::stack::Say;

/// The notes of a search that goes on.
pub(super) struct Journal {
    pub(super) folder: PathBuf,
    pub(super) paper: Paper,
    say: Say,
}

impl Journal {
    /// Makes the folder.
    pub(super) fn begin(folder: PathBuf, paper: Paper, say: Say) -> Result<Self> {
        fs::create_dir_all(folder.join("steps")).with_context(|| format!("making {}", folder.display()))?;
        Ok(Self { folder, paper, say })
    }

    /// A step is over.
    pub(super) fn note(&mut self, step: Step, search: &Search) -> Result<()> {
        self.paper.steps.push(step);
        self.paper.sum_up(search, false);
        self.write()
    }

    /// The search is over.
    pub(super) fn finish(mut self, search: &Search) -> Result<Exit> {
        self.paper.sum_up(search, true);
        self.write()?;
        Ok(self.paper.exit)
    }

    fn write(&self) -> Result<()> {
        let paper = &self.paper;
        let files = [
            (CAPACITY, serde_json::to_string_pretty(paper)?),
            ("capacity.md", paper.markdown()),
            ("capacity.html", page::capacity::page(paper)),
        ];
        for (name, text) in files {
            let path = self.folder.join(name);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Journal {
    /// Says what was found, also where the search was interrupted.
    fn drop(&mut self) {
        if self.paper.steps.is_empty() {
            // Nothing is known: nothing is left of it. Where it cannot be removed an empty folder stays.
            let _ = fs::remove_dir(self.folder.join("steps"));
            let _ = fs::remove_dir(&self.folder);
            return;
        }
        (self.say)(&format!("\n{}", self.paper.table()));
        if self.paper.limit == Limit::Open {
            (self.say)("The search ended before its time. So far:");
        }
        (self.say)(&self.paper.summary);
        (self.say)(&format!("Everything that is known of it: {}", self.folder.display()));
    }
}
