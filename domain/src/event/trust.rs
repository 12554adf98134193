//! Whether the producers that speak of an event can be trusted: what one that is down offers is not open.

use super::feed::Feed;
use super::{EventState, Head};
use crate::id::Source;
use crate::market::{MarketStatus, Suspension};
use crate::producer::Reason;
use crate::update::CauseKind;
use crate::{Cause, Timestamp, Update};

impl EventState {
    /// The producer is down: its open markets are suspended, and what it says opens nothing, until it is trusted again.
    /// `None` where nothing of it was open.
    pub fn distrust(&mut self, source: &Source, reason: Reason, at: Timestamp) -> Option<Update> {
        if !self.has_place(source) {
            return None;
        }
        self.head.feed_entry(source).down = true;
        self.publish_if_changed(source, Cause::producer(CauseKind::ProducerDown, source.clone(), reason), at)
    }

    /// The producer is up again: its markets are what it says they are. `None` where nothing but its being down had kept
    /// them shut.
    pub fn trust(&mut self, source: &Source, reason: Reason, at: Timestamp) -> Option<Update> {
        self.feed(source)?;
        self.head.feed_entry(source).down = false;
        self.publish_if_changed(source, Cause::producer(CauseKind::ProducerUp, source.clone(), reason), at)
    }

    /// Whether clients see one of its markets open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let mut public = self.markets.values().filter_map(|entry| entry.public.value.as_ref());
        public.any(|market| market.status == MarketStatus::Active)
    }

    /// Whether one of its markets is shut for no other reason than that its producer is down.
    #[must_use]
    pub fn is_distrusted(&self) -> bool {
        let mut public = self.markets.values().filter_map(|entry| entry.public.value.as_ref());
        self.head.feeds.iter().any(|feed| feed.down)
            && public.any(|market| market.suspension == Some(Suspension::ProducerDown))
    }

    /// Whether nothing was ever said of it, but what was refused by ingestion: then there is no event.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let Head { version, feeds, .. } = &self.head;
        *version == 0 && feeds.iter().all(Feed::is_silent)
    }

    /// Whether all that is known of it is that messages of it were refused.
    #[must_use]
    pub fn is_foreseen(&self) -> bool {
        let has_letters = self.head.feeds.iter().any(Feed::has_letters) || !self.head.letters.is_empty();
        has_letters && self.is_blank()
    }
}
