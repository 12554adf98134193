//! Keeps what was refused: the bytes as they came, why, and where they stood.

use std::sync::Arc;

use bytes::Bytes;
use chassis::problem::Problem;
use domain::{Name, Timestamp};

use crate::content;
use crate::outbox::Outbox;
use crate::reading::Reading;
use crate::refusal::Refusal;

/// Where refused bytes stood, and when.
#[derive(Debug)]
pub struct Origin<'a> {
    /// The provider in the request's path.
    pub provider: &'a Name,
    /// How the bytes were read, for whoever sends them again.
    pub reading: &'a Reading,
    /// The number of the request, unique to it.
    pub request: u64,
    /// When the request's body was here.
    pub refused_at: Timestamp,
}

impl Origin<'_> {
    /// Puts a refused message into the outbox, keyed by its event where that could be read, else by its
    /// provider. `offset` is its first byte in the request's body.
    pub fn keep(
        &self,
        outbox: &mut Outbox,
        dead_letters: &Arc<str>,
        (index, offset): (usize, usize),
        original: Bytes,
        refusal: &Refusal,
    ) {
        let key = refusal.event_id.as_ref().map_or(self.provider.as_str(), |event| event.as_str());
        outbox.keep(index, dead_letters, key, original, self.headers(index, offset, &refusal.problem));
    }

    /// Where the message stood that is `index` of its request and begins at `offset` there.
    pub fn position(&self, index: usize, offset: usize) -> String {
        format!("request={:x} index={index} offset={offset}", self.request)
    }

    fn headers(&self, index: usize, offset: usize, problem: &Problem) -> Vec<(&'static str, Bytes)> {
        let text = |text: String| Bytes::from(text);
        let mut headers = vec![
            ("reason", text(problem.detail.clone())),
            ("pointer", text(problem.pointer.clone().unwrap_or_default())),
            ("content_type", Bytes::from_static(content::type_of_message(self.reading.format()).as_bytes())),
            ("source", Bytes::from_static(b"ingestion")),
            ("position", text(self.position(index, offset))),
            ("provider", text(self.provider.to_string())),
            ("refused_at", text(self.refused_at.0.to_string())),
        ];
        headers.extend(self.reading.routing_key().map(|key| ("routing_key", text(key.to_owned()))));
        headers
    }
}

#[cfg(test)]
mod tests {
    use domain::codec::batch::Format;

    use super::*;
    use crate::refusal;

    #[test]
    fn says_why_and_where_and_when() {
        let provider = Name::new("md").unwrap();
        let reading = Reading::Native(Format::Xml);
        let origin =
            Origin { provider: &provider, reading: &reading, request: 0xbeef, refused_at: Timestamp(77) };
        let refusal = Refusal::from(refusal::invalid("too low").at("/body/odds"));
        let mut outbox = Outbox::default();
        origin.keep(&mut outbox, &"letters".into(), (4, 99), Bytes::from_static(b"original"), &refusal);
        let (records, _) = outbox.finish();
        assert_eq!(&*records[0].topic, "letters");
        assert_eq!(records[0].payload, "original");
        assert_eq!(records[0].key.as_deref(), Some(&b"md"[..]));
        let headers: Vec<(&str, &[u8])> =
            records[0].headers.iter().map(|(name, value)| (*name, &value[..])).collect();
        assert_eq!(
            headers,
            [
                ("reason", &b"too low"[..]),
                ("pointer", b"/body/odds"),
                ("content_type", b"application/xml"),
                ("source", b"ingestion"),
                ("position", b"request=beef index=4 offset=99"),
                ("provider", b"md"),
                ("refused_at", b"77"),
            ]
        );
    }
}
