//! Tells the processor of an event that one of its messages was refused: nobody there would hear of it otherwise before a later
//! one has waited for it, and of a feed without sequences never.

use chassis::problem::Problem;
use domain::codec::Envelope;
use domain::letter::LetterMark;
use domain::refused::{REFUSED_HEADER, RefusedMessage};

use crate::accept::{Piece, Receipt};
use crate::broadcast::Broadcasts;
use crate::outbox::Outbox;
use crate::refusal::Refusal;

/// Completes the refusal by what of the message can be read, and writes a record to the feed of its event where it says which
/// event that is and where it stood there; where it does not say of which sport, to the feed of each that may know it. `letter` is the position of its dead letter.
///
/// # Errors
/// A problem that passes, where the feed takes no more now: then the message is as good as not sent.
pub fn tell(
    piece: Piece<'_>,
    receipt: &Receipt<'_>,
    refusal: &mut Refusal,
    letter: &str,
    broadcasts: &mut Broadcasts<'_>,
    outbox: &mut Outbox,
) -> Result<(), Problem> {
    let read = receipt.reading.envelope(piece.bytes, receipt.provider, receipt.loaded);
    complete(refusal, &read);
    let by_time = receipt.reading.is_ordered_by_time();
    let mark = LetterMark::of(piece.bytes);
    let told = RefusedMessage::of(read, receipt.provider, by_time, mark, receipt.received_at);
    // A producer that is one too many for its messages to be taken is one too many for this, too.
    let source = told.first().and_then(RefusedMessage::source);
    if source.is_some_and(|source| !receipt.producers.has_room(&source)) {
        return Ok(());
    }
    told.iter().try_for_each(|refused| receipt.backlogs.admit(refused.sport))?;
    broadcasts.tell(told.len())?;
    for refused in told {
        let topic = receipt.topics.of(refused.sport);
        outbox.write(piece.index, topic, refused.event_id.as_str(), |buffer| {
            buffer.extend_from_slice(&refused.encode());
        });
        outbox.mark_last((REFUSED_HEADER, letter.to_owned().into()));
    }
    Ok(())
}

fn complete(refusal: &mut Refusal, read: &Envelope) {
    if refusal.message_id.is_none() {
        refusal.message_id.clone_from(&read.message_id);
    }
    if refusal.event_id.is_none() {
        refusal.event_id.clone_from(&read.event_id);
    }
}
