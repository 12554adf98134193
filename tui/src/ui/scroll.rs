//! How far a list is scrolled. Where it ends is known where it is drawn, so that notes it for the keys.

use std::cell::Cell;
use std::ops::Range;

/// How far a list is scrolled.
#[derive(Clone, Debug, Default)]
pub struct Scroll {
    /// The first row that was scrolled to; none while the list stands where it stands by itself.
    chosen: Option<usize>,
    drawn: Cell<Drawn>,
}

/// How a list was drawn last.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    /// Its first row that was shown.
    first: usize,
    /// The first row that is shown where its end is.
    furthest: usize,
    /// How many rows were shown.
    shown: usize,
}

impl Default for Drawn {
    /// Nothing is known yet.
    fn default() -> Self {
        Self { first: 0, furthest: usize::MAX, shown: 1 }
    }
}

impl Scroll {
    /// The rows to draw: from the one that was scrolled to, else from `home`, never further than its end asks for. Each takes as many
    /// lines of the `room` as `height` says; one is shown even where it has no room.
    pub fn shown(
        &self,
        rows: usize,
        room: usize,
        home: usize,
        height: impl Fn(usize) -> usize,
    ) -> Range<usize> {
        let fitting = |rows: &mut dyn Iterator<Item = usize>| {
            let mut used = 0;
            rows.take_while(|row| {
                used += height(*row);
                used <= room
            })
            .count()
        };
        let furthest = rows - fitting(&mut (0..rows).rev()).max(1).min(rows);
        let first = self.chosen.unwrap_or(home).min(furthest);
        let shown = fitting(&mut (first..rows)).max(1).min(rows - first);
        self.drawn.set(Drawn { first, furthest, shown });
        first..first + shown
    }

    /// So many rows on or back from where it was drawn.
    pub fn walk(&mut self, by: isize) {
        self.chosen = Some(self.beside(self.chosen, by));
    }

    /// The first row that is shown so many rows on or back from `from`, or from where it was drawn.
    pub(super) fn beside(&self, from: Option<usize>, by: isize) -> usize {
        let Drawn { first, furthest, .. } = self.drawn.get();
        from.unwrap_or(first).min(furthest).saturating_add_signed(by).min(furthest)
    }

    /// Whether that row is the first where its end is shown.
    pub(super) fn is_end(&self, first: usize) -> bool {
        first >= self.drawn.get().furthest
    }

    /// Whether it was scrolled.
    #[must_use]
    pub fn is_scrolled(&self) -> bool {
        self.chosen.is_some()
    }

    /// Rows of a screenful.
    pub(super) fn page(&self) -> isize {
        isize::try_from(self.drawn.get().shown).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_moves_by_what_is_seen() {
        let mut scroll = Scroll::default();
        assert_eq!(scroll.shown(10, 4, 0, |_| 1), 0..4);
        scroll.walk(isize::MAX);
        assert_eq!(scroll.shown(10, 4, 0, |_| 1), 6..10);
        scroll.walk(-1);
        assert_eq!(scroll.shown(10, 4, 0, |_| 1), 5..9);
        scroll.walk(scroll.page());
        scroll.walk(1);
        scroll.walk(-1);
        assert_eq!(scroll.shown(10, 4, 0, |_| 1), 5..9);
        scroll.walk(isize::MIN);
        assert_eq!(scroll.shown(10, 4, 0, |_| 1), 0..4);
    }

    #[test]
    fn the_first_key_moves_from_where_a_list_stands_by_itself() {
        let mut scroll = Scroll::default();
        assert_eq!(scroll.shown(10, 4, 3, |_| 1), 3..7);
        scroll.walk(-1);
        assert_eq!(scroll.shown(10, 4, 9, |_| 1), 2..6);
    }

    #[test]
    fn rows_of_several_lines_are_shown_whole_and_all_are_reached() {
        let mut scroll = Scroll::default();
        let height = |row: usize| if row == 2 { 9 } else { 2 };
        assert_eq!(scroll.shown(5, 5, 0, height), 0..2);
        scroll.walk(2);
        assert_eq!(scroll.shown(5, 5, 0, height), 2..3);
        scroll.walk(isize::MAX);
        assert_eq!(scroll.shown(5, 5, 0, height), 3..5);
        assert_eq!(scroll.shown(0, 5, 0, height), 0..0);
    }
}
