//! What holds JSON and XML together: every message means the same in both, and no bytes make the reader panic.

use domain::FeedMessage;
use domain::codec::{json, xml};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::any;

/// What can be read can be written, and means the same again, in either format.
fn means_the_same_again(read: &FeedMessage) -> Result<(), TestCaseError> {
    prop_assert_eq!(&xml::decode(&xml::encode(read)).expect("its own XML"), read);
    prop_assert_eq!(&json::decode(&json::encode(read)).expect("its own JSON"), read);
    Ok(())
}

fn decode(bytes: &[u8]) -> Result<(), TestCaseError> {
    match xml::decode(bytes) {
        Ok(read) => means_the_same_again(&read),
        Err(error) => {
            prop_assert!(error.place().line >= 1 && error.place().column >= 1);
            prop_assert!(error.to_string().len() < 4_096, "an error stays short");
            Ok(())
        }
    }
}

proptest! {
    #[test]
    fn a_message_says_the_same_in_json_and_in_xml(message in any::message()) {
        let bytes = xml::encode(&message);
        prop_assert!(!bytes.contains(&b'\n'), "one line");
        means_the_same_again(&message)?;
        let through_json = json::decode(&json::encode(&message)).expect("its own JSON");
        prop_assert_eq!(xml::encode(&through_json), bytes);
    }

    #[test]
    fn a_message_may_be_laid_out_with_space(message in any::message()) {
        // Attributes hold neither `>` nor a quote that is not escaped, so every one that is there is markup.
        let text = String::from_utf8(xml::encode(&message)).expect("UTF-8");
        let text = text.replace("/>", "\r\n/>").replace('>', ">\n\t<!-- here -->");
        prop_assert_eq!(xml::decode(text.as_bytes()), Ok(message));
    }

    #[test]
    fn a_message_cut_short_is_refused(message in any::message(), cut in any::<Index>()) {
        let bytes = xml::encode(&message);
        let cut = cut.index(bytes.len());
        prop_assert!(xml::decode(&bytes[..cut]).is_err());
    }

    #[test]
    fn damaged_bytes_are_read_or_refused_and_never_panic(
        message in any::message(),
        damage in prop::collection::vec((any::<Index>(), prop_oneof![any::<u8>(), select(b"<>/&;='\"! ?-".to_vec())]), 1..8),
        moved in (any::<Index>(), any::<Index>()),
    ) {
        let mut bytes = xml::encode(&message);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        decode(&bytes)?;
        let (from, to) = (moved.0.index(bytes.len()), moved.1.index(bytes.len()));
        bytes.swap(from, to);
        decode(&bytes)?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode(&bytes)?;
    }

    #[test]
    fn any_markup_is_read_or_refused(parts in prop::collection::vec(select(MARKUP.to_vec()), 0..40)) {
        decode(parts.concat().as_bytes())?;
    }
}

const MARKUP: &[&str] = &[
    "<odds_change ",
    "<market ",
    "<outcome ",
    "<a ",
    "id=\"4\"",
    "'",
    "\"",
    "/>",
    ">",
    "</a>",
    "</market>",
    "</odds_change>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml ",
    "<?",
    "?>",
    "<!DOCTYPE ",
    "&amp;",
    "&",
    ";",
    "&#x1F600;",
    " ",
    "\n",
    "=",
    "ä",
    "\u{feff}",
    "<",
    "version='1.0'",
    "encoding='a'",
    "odds='",
    "1850",
];
