//! The messages of an event as whoever receives them applies them: each once, in its turn, and none that is about something else.

use std::collections::HashSet;

use domain::{Content, EventId, FeedMessage, Sport};

/// Of what arrives, in this order, what is applied to an event of this sport, in the order in which it is: copies count once, at
/// whatever time they come. What goes with a message stays with it.
pub(crate) fn applied<T>(
    event_id: &EventId,
    sport: Sport,
    arriving: impl IntoIterator<Item = (T, FeedMessage)>,
) -> Vec<(T, FeedMessage)> {
    let is_of_it = |message: &FeedMessage| match &message.content {
        Content::Event(event) => event.event_id == *event_id && event.sport == sport,
        Content::Producer(_) => false,
    };
    let mut messages: Vec<_> = arriving.into_iter().filter(|(_, message)| is_of_it(message)).collect();
    messages.sort_by_key(|(_, message)| {
        let position = message.position();
        // Without sequences it is as of the time at which it was said.
        (position, position.is_none().then_some(message.generated_at))
    });
    let (mut last, mut unplaced) = (None, HashSet::new());
    messages.retain(|(_, message)| match message.position() {
        None => unplaced.insert(message.message_id.clone()),
        position => std::mem::replace(&mut last, position) < position,
    });
    messages
}
