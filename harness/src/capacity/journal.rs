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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::paper::tests::found;
    use crate::capacity::search::Bounds;

    #[test]
    fn what_was_found_stays_however_a_search_ends() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("search");
        let mut paper = found();
        let step = paper.steps.remove(0);
        paper.steps.clear();
        let begin = || Journal::begin(folder.clone(), paper.clone(), |_| ()).unwrap();
        drop(begin());
        assert!(!folder.exists(), "nothing is known, and nothing is left");
        let mut search = Search::new(Bounds { from: step.asked, most: 4_000, resolution: 0.05 });
        search.note(step.answer);
        let mut journal = begin();
        journal.note(step, &search).unwrap();
        drop(journal);
        let paper: Paper = serde_json::from_slice(&fs::read(folder.join(CAPACITY)).unwrap()).unwrap();
        assert_eq!((paper.held, paper.limit, paper.steps.len()), (Some(1_000), Limit::Open, 1));
        assert!(paper.summary.starts_with("1,000 messages a second hold"), "{}", paper.summary);
        assert!(folder.join("capacity.md").is_file() && folder.join("capacity.html").is_file());
    }
}
