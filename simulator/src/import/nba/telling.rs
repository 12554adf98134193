//! When a provider would have told each action, and when it would have amended it.
//!
//! An action has the time at which it happened and the one at which it was touched last, but none at which it was
//! entered. That time lies between bounds, since action numbers count in the order of entering: an action was
//! there before any action with a higher number was touched. The earliest such touch, its own included, is when it
//! is told: the latest time that the file allows, so no replay shows an action sooner than the league can have had
//! it. Where its own last touch came later still, the action was edited afterwards, and is amended at that touch.
//!
//! Of an edit the file keeps the outcome, not what stood there before, so the first telling cannot repeat it. It
//! says what makes the action: kind, side, player, clock. How the shot was taken, the kind of foul or turnover, and
//! who assisted, which are entered after the fact, come with the amendment. No points are ever taken back, and
//! actions that were taken out are known by the holes in the numbers only: no telling of them could be true.

use domain::Timestamp;

use super::file::Action;

/// What a telling is to its action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// It was not touched again.
    Only,
    /// It was edited later.
    First,
    /// It was edited before.
    Last,
}

/// One thing to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Telling {
    pub(super) at: Timestamp,
    /// Which of the actions.
    pub(super) index: usize,
    pub(super) word: Word,
}

/// Everything there is to tell, in order.
pub(super) fn tellings(actions: &[Action]) -> Vec<Telling> {
    let mut entered: Vec<usize> = (0..actions.len()).collect();
    entered.sort_by_key(|&index| actions[index].action_number);

    let mut earliest_touch = Timestamp(i64::MAX);
    let mut bounds: Vec<(usize, Timestamp)> = Vec::with_capacity(actions.len());
    for &index in entered.iter().rev() {
        earliest_touch = earliest_touch.min(actions[index].edited_at);
        bounds.push((index, earliest_touch));
    }

    let mut tellings = Vec::with_capacity(actions.len() * 2);
    let mut told_at = Timestamp(i64::MIN);
    for (index, bound) in bounds.into_iter().rev() {
        let action = &actions[index];
        // Touches are told in whole seconds, so a bound may seem to lie before the action itself.
        told_at = told_at.max(bound).max(action.occurred_at);
        let is_edited = action.edited_at > told_at;
        let word = if is_edited { Word::First } else { Word::Only };
        tellings.push(Telling { at: told_at, index, word });
        if is_edited {
            tellings.push(Telling { at: action.edited_at, index, word: Word::Last });
        }
    }
    // Stable: what is told at the same time stays in the order of entering.
    tellings.sort_by_key(|telling| (telling.at, telling.word == Word::Last));
    tellings
}
