//! Another row, pane, chart, part or second: what the keys that move do on each screen.

use super::{Pane, RunsUi, Ui, View, places};
use crate::keys::Action;
use crate::model::Model;
use crate::model::pipeline::Figure;
use crate::text::Text;

/// Rows of a screen that are no rows of a list.
const ROWS_AROUND: u16 = 6;

impl Ui {
    /// Rows of a screenful.
    pub(super) fn page(&self) -> isize {
        isize::try_from(self.rows.saturating_sub(ROWS_AROUND).max(1)).unwrap_or(1)
    }

    /// A screenful on or back; where a run is looked at, a twentieth of it.
    pub(super) fn leaf(&mut self, model: &Model, direction: isize) {
        let page = match self.view {
            View::Runs if self.runs.is_open() => {
                return self.scrub(model, direction * RunsUi::stride(model));
            }
            View::Games if self.is_open => self.scrolled[self.pane as usize].page(),
            View::Clients => self.sockets.page(),
            View::Faults => self.faults.page(),
            View::Logs => self.logs.page(),
            _ => self.page(),
        };
        self.walk(model, direction * page);
    }

    /// Other lines of everything that needs attention.
    pub(super) fn walk_warnings(&mut self, action: Action) {
        let Some(scroll) = &mut self.warnings else { return };
        scroll.walk(match action {
            Action::Up => -1,
            Action::Down => 1,
            Action::PageUp => -scroll.page(),
            Action::PageDown => scroll.page(),
            Action::First => isize::MIN,
            _ => isize::MAX,
        });
    }

    /// To one of the ends: of time, where a run is looked at, else of the rows.
    pub(super) fn go_far(&mut self, model: &Model, by: isize) {
        match self.view {
            View::Runs if self.runs.is_open() => self.scrub(model, by),
            _ => self.walk(model, by),
        }
    }

    /// Another pane, chart or part.
    pub(super) fn turn(&mut self, model: &Model, by: isize) {
        match self.view {
            View::Pipeline => {
                self.figure = neighbour(&[Figure::Rate, Figure::P99, Figure::Lag], self.figure, by);
            }
            View::Games if self.is_open => self.pane = neighbour(&Pane::ALL, self.pane, by),
            View::Runs => self.scrub(model, by),
            View::Logs => {
                let parts = model.logs.parts().into_iter().cloned().map(Some);
                let parts: Vec<Option<Text>> = std::iter::once(None).chain(parts).collect();
                self.logs_of = neighbour(&parts, self.logs_of.clone(), by);
            }
            _ => {}
        }
    }

    /// Another row.
    pub(super) fn walk(&mut self, model: &Model, by: isize) {
        match self.view {
            View::Pipeline => self.place = moved(self.place, by, places(model).len()),
            View::Games if self.is_open => self.scrolled[self.pane as usize].walk(by),
            View::Games => {
                let games = self.games(model);
                let index = moved(self.game_index(&games), by, games.len());
                self.game = games.get(index).map(|game| game.event_id.clone());
            }
            View::Kafka => {
                let topics = self.topics(model);
                let index = moved(self.topic_index(&topics), by, topics.len());
                self.topic = topics.get(index).map(|topic| (*topic).to_owned());
            }
            View::Clients => self.sockets.walk(by),
            View::Faults => self.faults.walk(by),
            View::Runs => self.walk_runs(model, by),
            View::Logs => {
                let lines = self.lines(model);
                let first = self.logs.beside(self.first_line(&lines), by);
                // At the end they are followed again.
                let is_end = self.logs.is_end(first);
                self.logs_from = lines.get(first).filter(|_| !is_end).map(|(number, _)| *number);
            }
        }
    }
}

/// The one `by` places from `current` in a circle.
fn neighbour<T: Clone + PartialEq>(all: &[T], current: T, by: isize) -> T {
    let length = isize::try_from(all.len()).unwrap_or(isize::MAX);
    let index = all.iter().position(|one| *one == current).and_then(|index| isize::try_from(index).ok());
    let next = index.map_or(0, |index| (index + by).rem_euclid(length.max(1)));
    usize::try_from(next).ok().and_then(|next| all.get(next)).cloned().unwrap_or(current)
}

/// The row `by` rows from `row`, of so many.
pub(super) fn moved(row: usize, by: isize, rows: usize) -> usize {
    row.saturating_add_signed(by).min(rows.saturating_sub(1))
}
