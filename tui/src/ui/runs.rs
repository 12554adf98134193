//! What was chosen among run bundles, and where in time the open ones are looked at.

use std::path::PathBuf;

use super::moves::moved;
use super::{Effect, RunPage, Scroll, Ui, View};
use crate::keys::Action;
use crate::model::Model;

/// What was chosen.
#[derive(Clone, Debug, Default)]
pub struct RunsUi {
    /// The bundle that is chosen in the list.
    pub chosen: Option<PathBuf>,
    /// The one that another is to be compared with.
    pub marked: Option<PathBuf>,
    /// Those that are open: none, one, or two that are compared.
    pub opened: Vec<PathBuf>,
    /// The second that is looked at.
    pub second: usize,
    /// The curve that is drawn large.
    pub curve: usize,
    /// What is shown of it; where there is room, its curves stand beside that.
    pub page: RunPage,
    /// How far a page is scrolled that has more lines than there is room for: of two runs beside each other, that of each.
    pub scrolled: [Scroll; 2],
}

impl RunsUi {
    /// Whether a bundle is looked at.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.opened.is_empty()
    }

    /// Another page, from its beginning.
    pub(super) fn turn_page(&mut self) {
        (self.page, self.scrolled) = (self.page.next(self.opened.len() > 1), Default::default());
    }

    /// Seconds of the longest run that is looked at.
    fn seconds(model: &Model) -> usize {
        model.runs.shown().iter().map(|run| run.seconds).max().unwrap_or_default()
    }

    /// A twentieth of them.
    pub(super) fn stride(model: &Model) -> isize {
        isize::try_from(Self::seconds(model) / 20).unwrap_or(isize::MAX).max(1)
    }

    /// Where the chosen bundle stands in the list: at the top, where it is not there.
    #[must_use]
    pub fn index(&self, model: &Model) -> usize {
        let is_chosen = |folder: &PathBuf| Some(folder) == self.chosen.as_ref();
        model.runs.finished.iter().position(|verdict| is_chosen(&verdict.folder)).unwrap_or_default()
    }
}

impl Ui {
    /// Opens the chosen run, beside the marked one where there is one.
    pub(super) fn open_run(&mut self, model: &Model) -> Effect {
        let chosen = model.runs.finished.get(self.runs.index(model));
        let Some(chosen) = chosen.map(|verdict| verdict.folder.clone()) else { return Effect::None };
        let before = self.runs.marked.clone().filter(|marked| *marked != chosen);
        self.look_at_runs(before.into_iter().chain([chosen]).collect())
    }

    /// Looks at these bundles, from their beginning.
    pub fn look_at_runs(&mut self, folders: Vec<PathBuf>) -> Effect {
        self.view = View::Runs;
        self.runs.chosen = folders.last().cloned().or_else(|| self.runs.chosen.take());
        (self.runs.second, self.runs.curve) = (0, 0);
        (self.runs.page, self.runs.scrolled) = (RunPage::Curves, Default::default());
        self.runs.opened = folders.clone();
        // Of a picture that is held, nothing of them is known.
        self.is_held = false;
        Effect::OpenRuns(folders)
    }

    /// Marks the chosen run, or takes the mark back.
    pub(super) fn mark(&mut self, model: &Model) {
        let chosen = model.runs.finished.get(self.runs.index(model)).map(|verdict| verdict.folder.clone());
        self.runs.marked = if self.runs.marked == chosen { None } else { chosen };
    }

    /// Another row: of the list, of the page of what is open, or another of its curves.
    pub(super) fn walk_runs(&mut self, model: &Model, by: isize) {
        if self.runs.is_open() && self.runs.page != RunPage::Curves {
            self.runs.scrolled.iter_mut().for_each(|scroll| scroll.walk(by));
        } else if self.runs.is_open() {
            let curves = model.runs.shown().first().map_or(0, |run| run.curves.len());
            self.runs.curve = moved(self.runs.curve, by, curves);
        } else {
            let index = moved(self.runs.index(model), by, model.runs.finished.len());
            self.runs.chosen = model.runs.finished.get(index).map(|verdict| verdict.folder.clone());
        }
    }

    /// Another second of what is open.
    pub(super) fn scrub(&mut self, model: &Model, by: isize) {
        self.runs.second = moved(self.runs.second, by, RunsUi::seconds(model));
    }

    /// To the next moment at which something went wrong on purpose, or the one before.
    pub(super) fn jump(&mut self, model: &Model, action: Action) {
        let runs = model.runs.shown();
        let second = self.runs.second;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
        let moments = || {
            let happened = runs.iter().flat_map(|run| &run.happened);
            happened.filter(|happened| happened.at >= 0.0).map(|happened| happened.at as usize)
        };
        let found = match action {
            Action::NextFault => moments().filter(|moment| *moment > second).min(),
            _ => moments().filter(|moment| *moment < second).max(),
        };
        self.runs.second = found.unwrap_or(second).min(RunsUi::seconds(model).saturating_sub(1));
    }
}
