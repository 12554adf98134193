//! What the simulator can be told, as lists to choose from; what cannot be taken back is asked for twice.

use domain::EventId;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::moves::moved;
use super::{Effect, Ui, View};
use crate::keys::{self, Action};
use crate::model::Model;
use crate::order::{Mishap, Order, RATE_STEP};
use crate::simulator::{Run, RunState};

/// A list to choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Menu {
    /// Which.
    pub panel: Panel,
    /// The row that is chosen.
    pub index: usize,
    /// The order that was chosen, and is to be confirmed.
    pub asked: Option<Order>,
}

/// The lists there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Everything.
    Control,
    /// Scenarios to play.
    Scenarios,
    /// What can go wrong with a message.
    Mishaps,
    /// Whose feed is to be silent.
    Providers,
}

/// A row of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it does.
    pub label: String,
    /// More about it.
    pub note: String,
    /// What comes of it.
    pub choice: Choice,
}

/// What comes of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// The simulator is told.
    Tell(Order),
    /// Another list is shown.
    Go(Panel),
}

impl Panel {
    /// What stands above the list.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Control => "Tell the simulator to",
            Self::Scenarios => "Play a scenario",
            Self::Mishaps => "Inject a fault",
            Self::Providers => "Silence a producer",
        }
    }
}

impl Menu {
    fn of(panel: Panel) -> Self {
        Self { panel, index: 0, asked: None }
    }
}

impl Ui {
    /// The rows of a list.
    #[must_use]
    pub fn items(&self, panel: Panel, model: &Model) -> Vec<Item> {
        match panel {
            Panel::Control => controls(model),
            Panel::Scenarios => {
                let scenarios = model.control.scenarios.iter();
                scenarios
                    .map(|scenario| Item {
                        label: scenario.name.to_string(),
                        note: format!("{} s  {}", scenario.seconds, scenario.description),
                        choice: Choice::Tell(Order::Start(scenario.name.clone())),
                    })
                    .collect()
            }
            Panel::Mishaps => Mishap::ALL
                .into_iter()
                .map(|mishap| item(Order::Inject(mishap, self.event_looked_at()), ""))
                .collect(),
            Panel::Providers => {
                let speakers = model.control.speakers().into_iter();
                speakers
                    .map(|(provider, producer)| item(Order::Silence(provider.clone(), producer.cloned()), ""))
                    .collect()
            }
        }
    }

    /// The game that a fault is to concern: the one that is open.
    fn event_looked_at(&self) -> Option<EventId> {
        self.game.clone().filter(|_| self.view == View::Games && self.is_open)
    }

    pub(super) fn open_menu(&mut self) {
        self.menu = Some(Menu::of(Panel::Control));
    }

    /// A key was pressed while a list is shown.
    pub(super) fn press_in_menu(&mut self, key: KeyEvent, model: &Model) -> Effect {
        let Some(menu) = self.menu.take() else { return Effect::None };
        let action = keys::action(key);
        if action == Some(Action::Quit) {
            return Effect::Quit;
        }
        if let Some(order) = menu.asked {
            return match key.code {
                // Enter chose it: pressed twice it would be no second thought.
                KeyCode::Char('y' | 'Y') => Effect::Tell(order),
                KeyCode::Esc | KeyCode::Char('n' | 'N') => {
                    self.menu = Some(Menu { asked: None, ..menu });
                    Effect::None
                }
                _ => {
                    self.menu = Some(Menu { asked: Some(order), ..menu });
                    Effect::None
                }
            };
        }
        let items = self.items(menu.panel, model);
        let walk = |by| Some(Menu { index: moved(menu.index, by, items.len()), ..menu.clone() });
        self.menu = match action {
            Some(Action::Up) => walk(-1),
            Some(Action::Down) => walk(1),
            Some(Action::PageUp) => walk(-self.page()),
            Some(Action::PageDown) => walk(self.page()),
            Some(Action::First) => walk(isize::MIN),
            Some(Action::Last) => walk(isize::MAX),
            Some(Action::Back | Action::Left) if menu.panel != Panel::Control => {
                Some(Menu::of(Panel::Control))
            }
            Some(Action::Back | Action::Control) => None,
            Some(Action::Open | Action::Right) => {
                let choice =
                    items.get(menu.index.min(items.len().saturating_sub(1))).map(|item| &item.choice);
                match choice {
                    Some(Choice::Tell(order)) if order.is_grave() => {
                        Some(Menu { asked: Some(order.clone()), ..menu })
                    }
                    Some(Choice::Tell(order)) => return Effect::Tell(order.clone()),
                    Some(Choice::Go(panel)) => Some(Menu::of(*panel)),
                    None => Some(menu),
                }
            }
            _ => Some(menu),
        };
        Effect::None
    }

    /// What a key that steers the feed at once asks for.
    pub(super) fn steer(&mut self, action: Action, model: &Model) -> Effect {
        if !self.is_useful(action) {
            self.remark = Some("the feed is steered where it is shown, in view 5; c tells the simulator");
            return Effect::None;
        }
        if model.takes_no_orders() {
            self.remark = Some("this simulator takes no orders: `simulator serve` starts one that does");
            return Effect::None;
        }
        let run = model.control.run.as_ref().filter(|run| !run.state.is_over());
        let Some(run) = run else {
            self.remark = Some("the simulator plays nothing that could be steered: c tells it to");
            return Effect::None;
        };
        let changes_rate = matches!(action, Action::Faster | Action::Slower);
        if changes_rate && model.control.is_in_burst(model.now) {
            self.remark = Some("it goes faster for a while: its rate can be changed once that is over");
            return Effect::None;
        }
        let order = match action {
            Action::Faster => faster(model),
            Action::Slower => slower(model),
            Action::Hold => Some(hold(run)),
            _ => Some(Order::Burst),
        };
        match order {
            Some(order) => Effect::Tell(order),
            None => {
                self.remark = Some("at top speed, or while it is made, it has no rate that could be changed");
                Effect::None
            }
        }
    }
}

fn faster(model: &Model) -> Option<Order> {
    model.control.rate().map(|rate| Order::Rate(rate * RATE_STEP))
}

fn slower(model: &Model) -> Option<Order> {
    model.control.rate().map(|rate| Order::Rate(rate / RATE_STEP))
}

fn hold(run: &Run) -> Order {
    if run.state == RunState::Paused { Order::Resume } else { Order::Pause }
}

fn item(order: Order, note: &str) -> Item {
    Item { label: order.words(), note: note.to_owned(), choice: Choice::Tell(order) }
}

/// Everything that can be told now.
fn controls(model: &Model) -> Vec<Item> {
    if model.takes_no_orders() {
        return Vec::new();
    }
    let go = |panel: Panel, note: &str| Item {
        label: format!("{} …", panel.title().to_lowercase()),
        note: note.to_owned(),
        choice: Choice::Go(panel),
    };
    let run = model.control.run.as_ref().filter(|run| !run.state.is_over());
    let Some(run) = run else { return vec![go(Panel::Scenarios, "")] };
    let mut items: Vec<Item> = Vec::new();
    if !model.control.is_in_burst(model.now) {
        items.extend(faster(model).map(|order| item(order, ">  a quarter more")));
        items.extend(slower(model).map(|order| item(order, "<  a fifth less")));
    }
    items.push(item(Order::Burst, "b"));
    items.push(item(hold(run), "p"));
    if run.state == RunState::Paused {
        items.push(item(Order::Step, ""));
    }
    items.push(go(Panel::Scenarios, "what is played is ended first"));
    items.push(go(Panel::Mishaps, "with the next message that it fits"));
    items.push(go(Panel::Providers, "or all of a feed"));
    items.push(item(Order::Stop, "games that are on are told to be abandoned"));
    items
}
