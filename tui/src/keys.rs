//! The key map: what each key does. The help and the footer are made from it, so they cannot say anything else.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// End.
    Quit,
    /// Leave what is open.
    Back,
    /// Show or hide the help.
    Help,
    /// Hold the picture, or let it go on.
    Pause,
    /// The row above.
    Up,
    /// The row below.
    Down,
    /// The pane or choice to the left.
    Left,
    /// The pane or choice to the right.
    Right,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// The first row.
    First,
    /// The last row.
    Last,
    /// The next view.
    NextView,
    /// The view before.
    PreviousView,
    /// A view by its number, from 1.
    View(u8),
    /// Open the row.
    Open,
    /// Ask for a filter.
    Filter,
    /// Sort by something else.
    Sort,
    /// Look further back.
    Wider,
    /// Look at less, closer.
    Narrower,
}

/// One line of the key map.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The keys, any of which does it.
    keys: &'static [Key],
    /// As the help names them.
    pub label: &'static str,
    /// What it does, for the help; empty where a line above tells of it.
    pub help: &'static str,
    /// In a word, for the footer; empty where it is not told there.
    pub hint: &'static str,
    /// What it asks for.
    pub action: Action,
}

/// A key with or without Control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Plain(KeyCode),
    Control(char),
}

const fn letter(letter: char) -> Key {
    Key::Plain(KeyCode::Char(letter))
}

const fn binding(
    keys: &'static [Key],
    label: &'static str,
    hint: &'static str,
    help: &'static str,
    action: Action,
) -> Binding {
    Binding { keys, label, help, hint, action }
}

/// Every key, in the order of the help.
pub const KEYS: &[Binding] = &[
    binding(&[letter('q'), Key::Control('c')], "q, Ctrl-C", "quit", "quit", Action::Quit),
    binding(
        &[letter('?'), Key::Plain(KeyCode::F(1))],
        "?, F1",
        "help",
        "show or hide these keys",
        Action::Help,
    ),
    binding(&[Key::Plain(KeyCode::Tab)], "Tab", "view", "next view", Action::NextView),
    binding(&[Key::Plain(KeyCode::BackTab)], "Shift-Tab", "", "the view before", Action::PreviousView),
    binding(&[letter('1')], "1 to 5", "", "the view of this number", Action::View(1)),
    binding(&[letter('2')], "2", "", "", Action::View(2)),
    binding(&[letter('3')], "3", "", "", Action::View(3)),
    binding(&[letter('4')], "4", "", "", Action::View(4)),
    binding(&[letter('5')], "5", "", "", Action::View(5)),
    binding(&[letter(' ')], "Space", "pause", "hold the picture; figures are still collected", Action::Pause),
    binding(&[letter('k'), Key::Plain(KeyCode::Up)], "k, Up", "", "row above", Action::Up),
    binding(&[letter('j'), Key::Plain(KeyCode::Down)], "j, Down", "", "row below", Action::Down),
    binding(
        &[letter('h'), Key::Plain(KeyCode::Left)],
        "h, Left",
        "",
        "pane, chart or part before",
        Action::Left,
    ),
    binding(
        &[letter('l'), Key::Plain(KeyCode::Right)],
        "l, Right",
        "pane",
        "next pane, chart or part",
        Action::Right,
    ),
    binding(
        &[Key::Plain(KeyCode::PageUp), Key::Control('b')],
        "PgUp, Ctrl-B",
        "",
        "screenful up",
        Action::PageUp,
    ),
    binding(
        &[Key::Plain(KeyCode::PageDown), Key::Control('f')],
        "PgDn, Ctrl-F",
        "",
        "screenful down",
        Action::PageDown,
    ),
    binding(&[letter('g'), Key::Plain(KeyCode::Home)], "g, Home", "", "first row", Action::First),
    binding(
        &[letter('G'), Key::Plain(KeyCode::End)],
        "G, End",
        "",
        "last row; of the logs, follow",
        Action::Last,
    ),
    binding(&[Key::Plain(KeyCode::Enter)], "Enter", "open", "open the game", Action::Open),
    binding(&[Key::Plain(KeyCode::Esc)], "Esc", "back", "leave what is open, drop the filter", Action::Back),
    binding(&[letter('/')], "/", "filter", "show only rows with this text", Action::Filter),
    binding(&[letter('s')], "s", "sort", "sort by something else", Action::Sort),
    binding(
        &[letter('+'), letter('=')],
        "+",
        "window",
        "look further back: 1, 2, 5, 15 minutes",
        Action::Wider,
    ),
    binding(&[letter('-')], "-", "", "look at less", Action::Narrower),
];

/// What the key asks for, if anything.
#[must_use]
pub fn action(event: KeyEvent) -> Option<Action> {
    let is_control = event.modifiers.contains(KeyModifiers::CONTROL);
    let pressed = match event.code {
        KeyCode::Char(letter) if is_control => Key::Control(letter.to_ascii_lowercase()),
        code => Key::Plain(code),
    };
    KEYS.iter().find(|binding| binding.keys.contains(&pressed)).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        let keys: Vec<Key> = KEYS.iter().flat_map(|binding| binding.keys).copied().collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
        }
    }

    #[test]
    fn control_is_part_of_the_key() {
        let press = |code, modifiers| action(KeyEvent::new(code, modifiers));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
        assert_eq!(press(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Action::Last));
    }
}
