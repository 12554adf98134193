//! What the person at the keyboard has chosen, and what a key changes about that. Pure, as the model is.

use std::time::Duration;

use domain::EventId;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::keys::{self, Action};
use crate::model::Model;
use crate::model::summary::{Figure, Place};
use crate::text::Text;

mod rows;

/// The windows that can be chosen, in minutes.
const WINDOWS: [u64; 4] = [1, 2, 5, 15];

/// The longest filter, in characters.
const FILTER_MAX: usize = 60;

/// Rows of a screen that are no rows of a list.
const ROWS_AROUND: u16 = 6;

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Every hop.
    Pipeline,
    /// Games that are live, or the one that is open.
    Games,
    /// Topics and partitions.
    Kafka,
    /// Sockets and REST.
    Clients,
    /// What was logged.
    Logs,
}

impl View {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Pipeline, Self::Games, Self::Kafka, Self::Clients, Self::Logs];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pipeline => "Pipeline",
            Self::Games => "Games",
            Self::Kafka => "Kafka",
            Self::Clients => "Clients",
            Self::Logs => "Logs",
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|view| *view == self).unwrap_or_default()
    }
}

/// What games or topics are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// By name; games by sport first.
    Name,
    /// What is longest on, or waits most, first.
    Most,
    /// What changes most often first.
    Busiest,
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Name => Self::Most,
            Self::Most => Self::Busiest,
            Self::Busiest => Self::Name,
        }
    }
}

/// A part of the screen of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// Its markets.
    Markets,
    /// What happened.
    Incidents,
    /// Its update log.
    Log,
}

impl Pane {
    /// All, from left to right.
    pub const ALL: [Self; 3] = [Self::Markets, Self::Incidents, Self::Log];
}

/// What a key asks of those around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// End.
    Quit,
    /// Look at this game, or at none.
    Open(Option<EventId>),
}

/// Everything that was chosen.
#[derive(Clone, Debug)]
pub struct Ui {
    /// The screen.
    pub view: View,
    /// Whether the keys are shown.
    pub shows_help: bool,
    /// Whether the picture is held.
    pub is_held: bool,
    /// Whether a filter is being typed.
    pub is_typing: bool,
    /// The row of the pipeline whose chart is drawn, as an index of [`places`].
    pub place: usize,
    /// What that chart shows.
    pub figure: Figure,
    /// The game that is chosen.
    pub game: Option<EventId>,
    /// Whether it is open.
    pub is_open: bool,
    /// The part of it that is scrolled.
    pub pane: Pane,
    /// How far each part of it is scrolled.
    pub scrolled: [usize; 3],
    /// The topic that is chosen.
    pub topic: Option<String>,
    /// What games are sorted by.
    pub games_by: Sort,
    /// What topics are sorted by.
    pub topics_by: Sort,
    /// Whose lines are shown; all without.
    pub logs_of: Option<Text>,
    /// How many lines the log is scrolled back.
    pub logs_back: usize,
    /// Rows of the terminal.
    pub rows: u16,
    window: usize,
    filters: [String; View::ALL.len()],
}

impl Ui {
    /// The first screen, of a terminal with so many rows.
    #[must_use]
    pub fn new(rows: u16) -> Self {
        Self {
            view: View::Pipeline,
            shows_help: false,
            is_held: false,
            is_typing: false,
            // The processors: there it shows first what cannot keep up.
            place: 3,
            figure: Figure::Rate,
            game: None,
            is_open: false,
            pane: Pane::Markets,
            scrolled: [0; 3],
            topic: None,
            games_by: Sort::Name,
            topics_by: Sort::Name,
            logs_of: None,
            logs_back: 0,
            rows,
            window: 0,
            filters: Default::default(),
        }
    }

    /// How far back charts look.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(WINDOWS[self.window] * 60)
    }

    /// What rows of this screen must contain.
    #[must_use]
    pub fn filter(&self) -> &str {
        &self.filters[self.view.index()]
    }

    /// Whether the key for it does something on this screen, so that the footer tells of it.
    #[must_use]
    pub fn is_useful(&self, action: Action) -> bool {
        let is_list = !(self.view == View::Games && self.is_open);
        match action {
            Action::Open => self.view == View::Games && is_list,
            Action::Back => self.shows_help || !is_list || !self.filter().is_empty(),
            Action::Filter => matches!(self.view, View::Games | View::Kafka | View::Logs) && is_list,
            Action::Sort => matches!(self.view, View::Games | View::Kafka) && is_list,
            Action::Left | Action::Right => matches!(self.view, View::Pipeline | View::Logs) || !is_list,
            Action::Wider | Action::Narrower => {
                matches!(self.view, View::Pipeline | View::Kafka | View::Clients)
            }
            _ => true,
        }
    }

    /// A key was pressed; `model` is what is shown.
    pub fn press(&mut self, key: KeyEvent, model: &Model) -> Effect {
        if self.is_typing {
            self.type_filter(key);
            return Effect::None;
        }
        let Some(action) = keys::action(key) else { return Effect::None };
        match action {
            Action::Quit => return Effect::Quit,
            Action::Help => self.shows_help = !self.shows_help,
            Action::Back => return self.back(),
            _ if self.shows_help => {}
            Action::Pause => self.is_held = !self.is_held,
            Action::NextView => self.go_to((self.view.index() + 1) % View::ALL.len()),
            Action::PreviousView => self.go_to((self.view.index() + View::ALL.len() - 1) % View::ALL.len()),
            Action::View(number) => self.go_to(usize::from(number).saturating_sub(1)),
            Action::Wider => self.window = (self.window + 1).min(WINDOWS.len() - 1),
            Action::Narrower => self.window = self.window.saturating_sub(1),
            Action::Filter => self.is_typing = self.is_useful(Action::Filter),
            Action::Sort => self.sort(),
            Action::Open => return self.open(model),
            Action::Left => self.turn(model, -1),
            Action::Right => self.turn(model, 1),
            Action::Up => self.walk(model, -1),
            Action::Down => self.walk(model, 1),
            Action::PageUp => self.walk(model, -self.page()),
            Action::PageDown => self.walk(model, self.page()),
            Action::First => self.walk(model, isize::MIN),
            Action::Last => self.walk(model, isize::MAX),
        }
        Effect::None
    }

    fn page(&self) -> isize {
        isize::try_from(self.rows.saturating_sub(ROWS_AROUND).max(1)).unwrap_or(1)
    }

    fn go_to(&mut self, index: usize) {
        self.view = View::ALL.get(index).copied().unwrap_or(self.view);
    }

    fn type_filter(&mut self, key: KeyEvent) {
        let filter = &mut self.filters[self.view.index()];
        match key.code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                filter.clear();
                self.is_typing = false;
            }
            KeyCode::Backspace => {
                filter.pop();
            }
            KeyCode::Char(letter)
                if !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
                    && filter.chars().count() < FILTER_MAX =>
            {
                // What is pasted may be anything.
                filter.push_str(Text::new(letter.encode_utf8(&mut [0; 4])).as_str());
            }
            _ => {}
        }
    }

    fn back(&mut self) -> Effect {
        if self.shows_help {
            self.shows_help = false;
        } else if self.view == View::Games && self.is_open {
            self.is_open = false;
            return Effect::Open(None);
        } else {
            self.filters[self.view.index()].clear();
        }
        Effect::None
    }

    fn open(&mut self, model: &Model) -> Effect {
        if !self.is_useful(Action::Open) {
            return Effect::None;
        }
        let games = self.games(model);
        let Some(chosen) = games.get(self.game_index(&games)) else { return Effect::None };
        self.game = Some(chosen.event_id.clone());
        (self.is_open, self.scrolled) = (true, [0; 3]);
        // Of a picture that is held, nothing of the game is known.
        self.is_held = false;
        Effect::Open(self.game.clone())
    }

    fn sort(&mut self) {
        match self.view {
            View::Games if !self.is_open => self.games_by = self.games_by.next(),
            View::Kafka => self.topics_by = self.topics_by.next(),
            _ => {}
        }
    }

    /// Another pane, chart or part.
    fn turn(&mut self, model: &Model, by: isize) {
        match self.view {
            View::Pipeline => {
                self.figure = neighbour(&[Figure::Rate, Figure::P99, Figure::Lag], self.figure, by);
            }
            View::Games if self.is_open => self.pane = neighbour(&Pane::ALL, self.pane, by),
            View::Logs => {
                let parts = model.logs.parts().into_iter().cloned().map(Some);
                let parts: Vec<Option<Text>> = std::iter::once(None).chain(parts).collect();
                self.logs_of = neighbour(&parts, self.logs_of.clone(), by);
                self.logs_back = 0;
            }
            _ => {}
        }
    }

    /// Another row.
    fn walk(&mut self, model: &Model, by: isize) {
        match self.view {
            View::Pipeline => self.place = moved(self.place, by, places(model).len()),
            View::Games if self.is_open => {
                let rows = model.games.open.as_ref().map_or(0, |open| match (self.pane, &open.game) {
                    (Pane::Log, _) => open.log.len(),
                    (Pane::Markets, Some(game)) => game.markets.len(),
                    (Pane::Incidents, Some(game)) => game.incidents.len(),
                    (_, None) => 0,
                });
                let scrolled = &mut self.scrolled[self.pane as usize];
                *scrolled = moved(*scrolled, by, rows);
            }
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
            View::Clients => {}
            View::Logs => {
                let back =
                    moved(self.logs_back, by.checked_neg().unwrap_or(isize::MAX), self.lines(model).len());
                self.logs_back = back;
            }
        }
    }
}

/// The rows of the pipeline: its hops, then the sports.
#[must_use]
pub fn places(model: &Model) -> Vec<Place> {
    Place::HOPS.into_iter().chain(model.sports().map(Place::Sport)).collect()
}

/// The one `by` places from `current` in a circle.
fn neighbour<T: Clone + PartialEq>(all: &[T], current: T, by: isize) -> T {
    let length = isize::try_from(all.len()).unwrap_or(isize::MAX);
    let index = all.iter().position(|one| *one == current).and_then(|index| isize::try_from(index).ok());
    let next = index.map_or(0, |index| (index + by).rem_euclid(length.max(1)));
    usize::try_from(next).ok().and_then(|next| all.get(next)).cloned().unwrap_or(current)
}

/// The row `by` rows from `row`, of so many.
fn moved(row: usize, by: isize, rows: usize) -> usize {
    row.saturating_add_signed(by).min(rows.saturating_sub(1))
}
