//! What the person at the keyboard has chosen, and what a key changes about that. Pure, as the model is.

use std::path::PathBuf;
use std::time::Duration;

use domain::EventId;
use ratatui::crossterm::event::KeyEvent;

use crate::keys::{self, Action};
use crate::model::pipeline::{Figure, Place};
use crate::model::{Gone, Model};
use crate::order::Order;
use crate::text::Text;
use crate::view::{HEIGHT_MIN, WIDTH_MIN};

mod drill;
mod filter;
mod menu;
mod moves;
mod rows;
mod runs;
mod screen;
mod scroll;
mod useful;

pub use menu::{Choice, Item, Menu, Panel};
pub use runs::RunsUi;
pub use screen::{Pane, RunPage, Sort, View};
pub use scroll::Scroll;

/// The windows that can be chosen, in minutes.
const WINDOWS: [u64; 4] = [1, 2, 5, 15];

/// What a key asks of those around.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Nothing.
    None,
    /// End.
    Quit,
    /// Look at this game, or at none.
    Open(Option<EventId>),
    /// Look at these run bundles, or at none.
    OpenRuns(Vec<PathBuf>),
    /// Tell the simulator.
    Tell(Order),
    /// Turn to the stack that is there in the place of the one that is gone.
    Attach,
    /// Draw every character anew.
    Redraw,
}

/// Everything that was chosen.
#[derive(Clone, Debug)]
pub struct Ui {
    /// The screen.
    pub view: View,
    /// Whether the keys are shown.
    pub shows_help: bool,
    /// How far everything that needs attention is scrolled, while that is shown.
    pub warnings: Option<Scroll>,
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
    pub scrolled: [Scroll; 3],
    /// The topic that is chosen.
    pub topic: Option<String>,
    /// What games are sorted by.
    pub games_by: Sort,
    /// What topics are sorted by.
    pub topics_by: Sort,
    /// Whose lines are shown; all without.
    pub logs_of: Option<Text>,
    /// The first line of the log that is shown, by its number; where it is none, the newest are followed.
    pub logs_from: Option<u64>,
    /// How the log was drawn.
    pub logs: Scroll,
    /// How far sockets are scrolled.
    pub sockets: Scroll,
    /// How far faults are scrolled; else those of now are shown.
    pub faults: Scroll,
    /// What was chosen among run bundles.
    pub runs: RunsUi,
    /// The list that is shown, of what the simulator can be told.
    pub menu: Option<Menu>,
    /// Why the last key did nothing.
    pub remark: Option<&'static str>,
    /// Rows of the terminal.
    pub rows: u16,
    /// Whether the terminal is too small for anything to be shown: then all that a key does is to end.
    pub is_cramped: bool,
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
            warnings: None,
            is_held: false,
            is_typing: false,
            // The processors: there it shows first what cannot keep up.
            place: 3,
            figure: Figure::Rate,
            game: None,
            is_open: false,
            pane: Pane::Markets,
            scrolled: Default::default(),
            topic: None,
            games_by: Sort::Name,
            topics_by: Sort::Name,
            logs_of: None,
            logs_from: None,
            logs: Scroll::default(),
            sockets: Scroll::default(),
            faults: Scroll::default(),
            runs: RunsUi::default(),
            menu: None,
            remark: None,
            rows,
            is_cramped: false,
            window: 0,
            filters: Default::default(),
        }
    }

    /// The terminal has another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.rows = rows;
        self.is_cramped = columns < WIDTH_MIN || rows < HEIGHT_MIN;
    }

    /// How far back charts look.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(WINDOWS[self.window] * 60)
    }

    /// A key was pressed; `model` is what is shown.
    pub fn press(&mut self, key: KeyEvent, model: &Model) -> Effect {
        if keys::action(key) == Some(Action::Redraw) {
            return Effect::Redraw;
        }
        if self.is_cramped {
            let is_end = keys::action(key) == Some(Action::Quit);
            return if is_end { Effect::Quit } else { Effect::None };
        }
        if self.is_typing {
            return self.type_filter(key);
        }
        self.remark = None;
        if self.menu.is_some() {
            return self.press_in_menu(key, model);
        }
        let Some(action) = keys::action(key) else { return Effect::None };
        match action {
            Action::Quit => return Effect::Quit,
            Action::Help => self.shows_help = !self.shows_help,
            Action::Back => return self.back(),
            _ if self.shows_help => {}
            Action::Warnings => {
                self.warnings = if self.warnings.is_some() { None } else { Some(Scroll::default()) };
            }
            Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::First | Action::Last
                if self.warnings.is_some() =>
            {
                self.walk_warnings(action);
            }
            _ if self.warnings.is_some() && !self.is_useful(action) => {}
            Action::Attach => return self.attach(model),
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
            Action::PageUp => self.leaf(model, -1),
            Action::PageDown => self.leaf(model, 1),
            Action::First => self.go_far(model, isize::MIN),
            Action::Last => self.go_far(model, isize::MAX),
            Action::Control => self.open_menu(),
            Action::Faster | Action::Slower | Action::Hold | Action::Burst => {
                return self.steer(action, model);
            }
            Action::Mark if self.is_useful(action) => self.mark(model),
            Action::NextFault | Action::PreviousFault if self.is_useful(action) => self.jump(model, action),
            Action::Page if self.is_useful(action) => self.runs.turn_page(),
            Action::Mark | Action::NextFault | Action::PreviousFault | Action::Page | Action::Redraw => {}
        }
        Effect::None
    }

    fn attach(&mut self, model: &Model) -> Effect {
        self.remark = match &model.gone {
            Some(Gone { other: Some(_) }) => return Effect::Attach,
            Some(Gone { other: None }) => Some("there is no other stack"),
            None => Some("this stack is still there"),
        };
        Effect::None
    }

    fn go_to(&mut self, index: usize) {
        self.view = View::ALL.get(index).copied().unwrap_or(self.view);
        self.warnings = None;
    }

    fn back(&mut self) -> Effect {
        if self.shows_help {
            self.shows_help = false;
        } else if self.warnings.is_some() {
            self.warnings = None;
        } else if self.view == View::Games && self.is_open {
            self.is_open = false;
            return Effect::Open(None);
        } else if self.view == View::Runs && self.runs.is_open() {
            self.runs.opened.clear();
            return Effect::OpenRuns(Vec::new());
        } else if self.view == View::Faults {
            self.faults = Scroll::default();
        } else {
            self.filters[self.view.index()].clear();
        }
        Effect::None
    }

    fn open(&mut self, model: &Model) -> Effect {
        if !self.is_useful(Action::Open) {
            return Effect::None;
        }
        match self.view {
            View::Runs => return self.open_run(model),
            View::Pipeline => {
                self.drill(model);
                return Effect::None;
            }
            _ => {}
        }
        let games = self.games(model);
        let Some(chosen) = games.get(self.game_index(&games)) else { return Effect::None };
        self.game = Some(chosen.event_id.clone());
        (self.is_open, self.scrolled) = (true, Default::default());
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
}

/// The rows of the pipeline: its hops, then the sports.
#[must_use]
pub fn places(model: &Model) -> Vec<Place> {
    Place::HOPS.into_iter().chain(model.sports().map(Place::Sport)).collect()
}
