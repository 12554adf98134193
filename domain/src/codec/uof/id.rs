//! The id of a message that has none: a hash of what it says.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::codec::json;
use crate::{FeedMessage, MessageId};

/// Bytes of the hash that make the id; two messages of a feed share them by chance never.
const BYTES: usize = 16;

/// The id until it is known.
pub(super) fn none() -> MessageId {
    MessageId::new("-").expect("a hyphen is visible")
}

/// The first half of the SHA-256 of the message as native JSON, with `-` for its id and without `request_id`: a message
/// that a recovery repeats is the same one. In hexadecimal digits. The message is as before afterwards, but for its id.
pub(super) fn of(message: &mut FeedMessage) -> MessageId {
    message.message_id = none();
    let request_id = message.request_id.take();
    let hash = Sha256::digest(json::encode(message));
    message.request_id = request_id;
    let mut id = String::with_capacity(2 * BYTES);
    for byte in &hash[..BYTES] {
        write!(id, "{byte:02x}").expect("a string takes every digit");
    }
    MessageId::new(id).expect("digits are visible")
}
