//! Letters that somebody has closed: nothing will come in their place, and what only they keep shut is shut no longer.

use super::feed::Feed;
use super::{EventState, Letters};
use crate::id::{Name, Source};
use crate::letter::LetterMark;
use crate::message::Position;
use crate::refused::{Place, RefusedMessage};
use crate::{Cause, Timestamp, Update};

impl EventState {
    /// The letter of this message is closed. Where its feed counts, its place is missing as any other from now on, unless another
    /// letter lies there, too; where it does not, what was offered before it is as open as what was offered since. An event of which nothing else is known is none any
    /// more. No update where clients see no difference.
    pub(crate) fn close_letter(&mut self, refused: &RefusedMessage, at: Timestamp) -> Vec<Update> {
        // Of a source whose last letter is closed it could not be told any more.
        let was_blank = self.is_blank();
        let update = match (refused.place, refused.source(), refused.mark) {
            (Place::Sequence(position), Some(source), mark) => {
                self.close_place(&source, (position, mark), at)
            }
            (_, _, Some(mark)) => self.close_marked(&refused.provider, mark, at),
            (_, _, None) => None,
        };
        if was_blank {
            self.head.feeds.retain(Feed::has_letters);
            self.head.letters.retain(|_, letters| !Letters::is_empty(letters));
        }
        update.into_iter().collect()
    }

    fn close_place(
        &mut self,
        source: &Source,
        (position, mark): (Position, Option<LetterMark>),
        at: Timestamp,
    ) -> Option<Update> {
        let feed = self.head.feeds.iter_mut().find(|feed| feed.source == *source)?;
        if !feed.close_letter(position, mark) {
            return None;
        }
        let cause = Cause::gap(source.clone(), feed.missing());
        self.publish_if_changed(source, cause, at)
    }

    fn close_marked(&mut self, provider: &Name, mark: LetterMark, at: Timestamp) -> Option<Update> {
        let freed = self.head.put_right(provider, mark);
        let first = freed.first()?.clone();
        self.publish_freed(&freed, Cause::dead_letter(first, None), at)
    }
}
