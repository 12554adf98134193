//! How far an event's messages are all there.

use domain::Position;

/// How many of these stand before the first that is missing; they are in order, each once. An epoch begins at 1.
#[must_use]
pub fn before_a_hole(placed: impl IntoIterator<Item = Option<Position>>) -> usize {
    let mut next = Position { epoch: 1, sequence: 1 };
    let mut count = 0;
    for position in placed {
        let Some(position) = position else { return count };
        let begins = position.epoch > next.epoch && position.sequence == 1;
        if position != next && !begins {
            // An epoch that began may be gone on with behind a hole in the one before it; the simulator does not do that.
            return count;
        }
        next = Position { epoch: position.epoch, sequence: position.sequence + 1 };
        count += 1;
    }
    count
}
