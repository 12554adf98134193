//! The text that rows must contain, of each screen its own, and how it is typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Effect, Ui};
use crate::keys::{self, Action};
use crate::text::Text;

/// The longest filter, in characters.
const FILTER_MAX: usize = 60;

impl Ui {
    /// What rows of this screen must contain.
    #[must_use]
    pub fn filter(&self) -> &str {
        &self.filters[self.view.index()]
    }

    /// A key was pressed while it is typed.
    pub(super) fn type_filter(&mut self, key: KeyEvent) -> Effect {
        let filter = &mut self.filters[self.view.index()];
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                filter.clear();
                self.is_typing = false;
            }
            KeyCode::Backspace => {
                filter.pop();
            }
            _ if has_control && keys::action(key) == Some(Action::Quit) => return Effect::Quit,
            KeyCode::Char(_) if has_control || key.modifiers.contains(KeyModifiers::ALT) => {}
            KeyCode::Char(letter) if filter.chars().count() < FILTER_MAX => {
                // What is pasted may be anything.
                filter.push_str(Text::new(letter.encode_utf8(&mut [0; 4])).as_str());
            }
            _ => {}
        }
        Effect::None
    }
}
