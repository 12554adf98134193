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
    /// Draw every character anew.
    Redraw,
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
    /// Open the row, or show more of it.
    Open,
    /// Ask for a filter.
    Filter,
    /// Sort by something else.
    Sort,
    /// Look further back.
    Wider,
    /// Look at less, closer.
    Narrower,
    /// Show what the simulator can be told.
    Control,
    /// Show everything that needs attention.
    Warnings,
    /// Turn to another stack, once this one is gone.
    Attach,
    /// Let the feed go faster.
    Faster,
    /// Let it go slower.
    Slower,
    /// Let it stand still, or go on.
    Hold,
    /// Let it go faster for a while.
    Burst,
    /// Mark the run that another is to be compared with.
    Mark,
    /// The next moment at which something went wrong on purpose.
    NextFault,
    /// The one before.
    PreviousFault,
    /// Of a run its gates and anomalies, its figures, or its curves.
    Page,
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

const fn code(code: KeyCode) -> Key {
    Key::Plain(code)
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
    binding(&[letter('?'), code(KeyCode::F(1))], "?, F1", "help", "show or hide these keys", Action::Help),
    binding(&[code(KeyCode::Tab)], "Tab", "view", "next view", Action::NextView),
    binding(&[code(KeyCode::BackTab)], "Shift-Tab", "", "the view before", Action::PreviousView),
    binding(&[letter('1')], "1 to 7", "", "the view of this number", Action::View(1)),
    binding(&[letter('2')], "2", "", "", Action::View(2)),
    binding(&[letter('3')], "3", "", "", Action::View(3)),
    binding(&[letter('4')], "4", "", "", Action::View(4)),
    binding(&[letter('5')], "5", "", "", Action::View(5)),
    binding(&[letter('6')], "6", "", "", Action::View(6)),
    binding(&[letter('7')], "7", "", "", Action::View(7)),
    binding(&[letter(' ')], "Space", "pause", "hold the picture", Action::Pause),
    binding(&[Key::Control('l')], "Ctrl-L", "", "draw everything anew", Action::Redraw),
    binding(&[letter('c')], "c", "control", "tell the simulator", Action::Control),
    binding(&[letter('w')], "w", "warnings", "all that needs attention", Action::Warnings),
    binding(&[letter('a')], "a", "", "stack gone: take another", Action::Attach),
    binding(&[letter('>'), letter('.')], ">", "faster", "feed: a quarter faster", Action::Faster),
    binding(&[letter('<'), letter(',')], "<", "slower", "feed: slower", Action::Slower),
    binding(&[letter('p')], "p", "hold feed", "feed: stand still, go on", Action::Hold),
    binding(&[letter('b')], "b", "burst", "feed: a burst", Action::Burst),
    binding(&[letter('k'), code(KeyCode::Up)], "k, Up", "", "row above", Action::Up),
    binding(&[letter('j'), code(KeyCode::Down)], "j, Down", "", "row below", Action::Down),
    binding(&[letter('h'), code(KeyCode::Left)], "h, Left", "", "pane before; back in time", Action::Left),
    binding(&[letter('l'), code(KeyCode::Right)], "l, Right", "next", "next pane; on in time", Action::Right),
    binding(
        &[code(KeyCode::PageUp), Key::Control('b')],
        "PgUp, Ctrl-B",
        "",
        "screenful up; run: leap",
        Action::PageUp,
    ),
    binding(
        &[code(KeyCode::PageDown), Key::Control('f')],
        "PgDn, Ctrl-F",
        "",
        "screenful down; run: leap",
        Action::PageDown,
    ),
    binding(&[letter('g'), code(KeyCode::Home)], "g, Home", "", "first row, or second", Action::First),
    binding(&[letter('G'), code(KeyCode::End)], "G, End", "", "last; of logs, follow", Action::Last),
    binding(&[code(KeyCode::Enter)], "Enter", "open", "more of this row", Action::Open),
    binding(&[code(KeyCode::Esc)], "Esc", "back", "leave it, drop the filter", Action::Back),
    binding(&[letter('/')], "/", "filter", "only rows with this text", Action::Filter),
    binding(&[letter('s')], "s", "sort", "sort by something else", Action::Sort),
    binding(&[letter('+'), letter('=')], "+", "window", "further back: 1 to 15 min", Action::Wider),
    binding(&[letter('-')], "-", "", "look at less", Action::Narrower),
    binding(&[letter('m')], "m", "mark", "run to compare with", Action::Mark),
    binding(&[letter('n')], "n", "next fault", "run: to the next fault", Action::NextFault),
    binding(&[letter('N')], "N", "", "run: to the one before", Action::PreviousFault),
    binding(&[letter('v')], "v", "verdict", "run: verdict, figures", Action::Page),
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
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), Some(Action::Control));
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
        assert_eq!(press(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Action::Last));
    }
}
