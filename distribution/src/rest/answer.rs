//! Documents with entity tags, so that who has one already need not be sent it again.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::image::{Image, write_json};

/// Hexadecimal digits of the store's id in an entity tag: enough to tell one store from another.
const TAG_STORE_DIGITS: usize = 8;
/// Bytes of a document's hash in an entity tag.
const TAG_HASH_BYTES: usize = 12;

/// A JSON document that is not worth a tag: it differs every time.
pub(super) fn document(body: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, body).into_response()
}

/// A document of an event as it is shown now; only made where the client does not have it.
pub(super) fn versioned(
    request: &HeaderMap,
    store_id: &str,
    image: &Image,
    write: impl FnOnce(&mut Vec<u8>),
) -> Response {
    let tag = version_tag(store_id, image.version(), image.is_silent());
    if is_known(request, &tag) {
        return not_modified(tag);
    }
    let mut body = Vec::with_capacity(4 << 10);
    write(&mut body);
    tagged(tag, body)
}

/// A document that is known by what stands in it.
pub(super) fn by_content(request: &HeaderMap, value: &impl Serialize) -> Response {
    let mut body = Vec::with_capacity(4 << 10);
    write_json(&mut body, value);
    let tag = content_tag(&body);
    if is_known(request, &tag) { not_modified(tag) } else { tagged(tag, body) }
}

fn tagged(tag: String, body: Vec<u8>) -> Response {
    ([(header::ETAG, tag)], document(body)).into_response()
}

fn not_modified(tag: String) -> Response {
    let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_owned())];
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

/// Weak, since two builds may write one version with other optional fields; the store's part keeps apart versions of
/// different databases.
fn version_tag(store_id: &str, version: u64, is_silent: bool) -> String {
    let store = store_id.get(..TAG_STORE_DIGITS).unwrap_or(store_id);
    let silent = if is_silent { "-silent" } else { "" };
    format!("W/\"{store}-{version}{silent}\"")
}

/// Weak, since the same document may be sent packed in several ways.
fn content_tag(body: &[u8]) -> String {
    let digits: String =
        Sha256::digest(body).iter().take(TAG_HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{digits}\"")
}

fn is_known(request: &HeaderMap, tag: &str) -> bool {
    request.get_all(header::IF_NONE_MATCH).iter().any(|offered| names(offered, tag))
}

/// Whether an `If-None-Match` header names the tag, by weak comparison (RFC 9110, 13.1.2).
fn names(offered: &HeaderValue, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(offered) = offered.to_str() else { return false };
    offered.trim() == "*" || offered.split(',').any(|one| opaque(one) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_and_compared_weakly() {
        let tag = version_tag("0123456789abcdef0123456789abcdef", 7, false);
        assert_eq!(tag, "W/\"01234567-7\"");
        for offered in ["*", "W/\"01234567-7\"", "\"01234567-7\"", "\"a\", W/\"01234567-7\""] {
            assert!(names(&HeaderValue::from_str(offered).expect("a header"), &tag), "{offered}");
        }
        for offered in ["", "\"01234567-8\"", "W/\"76543210-7\""] {
            assert!(!names(&HeaderValue::from_str(offered).expect("a header"), &tag), "{offered}");
        }
    }

    #[test]
    fn who_has_the_document_is_not_sent_it_again() {
        let first = by_content(&HeaderMap::new(), &[1, 2, 3]);
        let tag = first.headers()[header::ETAG].clone();
        assert_eq!((first.status(), tag.len()), (StatusCode::OK, "W/\"\"".len() + 2 * TAG_HASH_BYTES));
        let request = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]);
        assert_eq!(by_content(&request, &[1, 2, 3]).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(by_content(&request, &[1, 2, 4]).status(), StatusCode::OK);
    }
}
