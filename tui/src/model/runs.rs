//! Run bundles: those that are there, the run that goes on, and those that are looked at.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use harness::compare::Row;

use super::contact::Contact;
use crate::bundle::{Run, Verdict, Verifying};
use crate::source::RunList;
use crate::text::Text;

/// All that is known of runs.
#[derive(Clone, Debug)]
pub struct Runs {
    /// Whether the folder is read.
    pub contact: Contact,
    /// Whether it is known.
    pub is_asked: bool,
    /// The run that goes on.
    pub verifying: Option<Verifying>,
    /// Those that are over, the newest first.
    pub finished: Vec<Arc<Verdict>>,
    /// Those that are looked at: one, or two that are compared.
    pub open: Vec<OpenBundle>,
    /// The figures of two, the worst change first; or why they cannot be compared.
    pub compared: Option<Result<Vec<Row>, Text>>,
}

/// A bundle that is looked at.
#[derive(Clone, Debug)]
pub struct OpenBundle {
    /// Where it is.
    pub folder: PathBuf,
    /// The run, or why it cannot be shown; nothing until it was read.
    pub found: Option<Result<Arc<Run>, Text>>,
}

impl Runs {
    pub(super) fn new(interval: Duration, is_asked: bool) -> Self {
        Self {
            contact: Contact::new(interval),
            is_asked,
            verifying: None,
            finished: Vec::new(),
            open: Vec::new(),
            compared: None,
        }
    }

    pub(super) fn take(&mut self, list: RunList) {
        (self.verifying, self.finished) = (list.verifying, list.finished);
    }

    pub(super) fn take_bundle(&mut self, folder: &Path, found: Result<Arc<Run>, Text>) {
        for open in self.open.iter_mut().filter(|open| open.folder == folder) {
            open.found = Some(found.clone());
        }
        self.compared = match self.shown()[..] {
            [before, after] => Some(before.compare(after)),
            _ => None,
        };
    }

    /// Looks at these, or at none.
    pub fn open(&mut self, folders: &[PathBuf]) {
        self.open = folders.iter().map(|folder| OpenBundle { folder: folder.clone(), found: None }).collect();
        self.compared = None;
    }

    /// Those that are looked at, and were read.
    #[must_use]
    pub fn shown(&self) -> Vec<&Run> {
        let found = self.open.iter().filter_map(|open| open.found.as_ref()?.as_ref().ok());
        found.map(|run| &**run).collect()
    }

    /// The run that was over last.
    #[must_use]
    pub fn last(&self) -> Option<&Verdict> {
        self.finished.first().map(|verdict| &**verdict)
    }
}
