//! Opaque cursors: where a list goes on, of which events it is, and that nobody has changed either.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::EventId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::store::database::EventFilter;

/// Characters of a cursor: twice what the longest one has.
const CHARS_MAX: usize = 1_024;
/// Bytes of the checksum before the content.
const CHECKSUM_BYTES: usize = 8;
/// Keeps cursors apart from those of another list or another build's way to write them.
const KIND: &[u8] = b"events 1";

/// Where a list of events goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Of which events it is.
    pub(super) filter: EventFilter,
    /// The last event of the page before.
    pub(super) after: EventId,
}

/// A text that is no cursor of this store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor was not made by this store, or has been changed")]
pub(super) struct CursorError;

impl Cursor {
    /// The cursor as a text of the characters that a URL takes as they are.
    pub(super) fn encode(&self, store_id: &str) -> String {
        let content = serde_json::to_vec(self).expect("a cursor has string keys only");
        URL_SAFE_NO_PAD.encode([checksum(store_id, &content).as_slice(), &content].concat())
    }

    /// Reads a cursor back.
    pub(super) fn decode(text: &str, store_id: &str) -> Result<Self, CursorError> {
        if text.len() > CHARS_MAX {
            return Err(CursorError);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let (sum, content) = bytes.split_at_checked(CHECKSUM_BYTES).ok_or(CursorError)?;
        if sum != checksum(store_id, content) {
            return Err(CursorError);
        }
        serde_json::from_slice(content).map_err(|_| CursorError)
    }
}

fn checksum(store_id: &str, content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = Sha256::new().chain_update(KIND).chain_update(store_id).chain_update(content).finalize();
    std::array::from_fn(|index| hash[index])
}

#[cfg(test)]
mod tests {
    use domain::{EventStatus, Sport, Timestamp};

    use super::*;

    const STORE: &str = "0123456789abcdef0123456789abcdef";

    fn cursor() -> Cursor {
        let urn = |text: &str| text.parse().expect("a URN");
        let filter = EventFilter {
            sport: Some(Sport::Hockey),
            status: Some(EventStatus::NotStarted),
            competitor: Some(urn(&format!("md:competitor:{}", "7".repeat(82)))),
            scheduled_from: Some(Timestamp(i64::MIN)),
            scheduled_to: Some(Timestamp(i64::MAX)),
        };
        Cursor { filter, after: urn(&format!("md:match:{}", "7".repeat(87))) }
    }

    #[test]
    fn the_longest_cursor_reads_back_from_its_text() {
        let text = cursor().encode(STORE);
        assert!(text.len() <= CHARS_MAX / 2, "{}", text.len());
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
        assert_eq!(Cursor::decode(&text, STORE), Ok(cursor()));
    }

    #[test]
    fn a_cursor_of_another_store_or_with_one_character_changed_is_refused() {
        let text = cursor().encode(STORE);
        assert_eq!(Cursor::decode(&text, "f123456789abcdef0123456789abcdef"), Err(CursorError));
        for index in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(Cursor::decode(&changed, STORE), Err(CursorError), "{index}");
        }
        for text in ["", "AAAA", "?", &text[1..], &"A".repeat(CHARS_MAX + 1)] {
            assert_eq!(Cursor::decode(text, STORE), Err(CursorError), "{text}");
        }
    }
}
