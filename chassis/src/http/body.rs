//! Reading a request's body with a limit on its size and deadlines for its first byte and its end.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

/// Memory set aside before the first byte, whatever length the client announces.
const FIRST_RESERVATION_BYTES: usize = 64 << 10;

/// How much of a body that is too large is read to its end.
const DRAIN_BYTES_MAX: usize = 16 << 20;

/// What a body may take.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Its size.
    pub max_bytes: usize,
    /// How long its first byte may be awaited.
    pub first_byte: Duration,
    /// How long its end may be awaited, counted from the same moment.
    pub whole: Duration,
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is, or says that it is, larger than allowed.
    #[error("the body is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// Nothing of it had come when the deadline passed.
    #[error("nothing of the body had arrived after {} ms", deadline.as_millis())]
    Silent {
        /// How long the client had.
        deadline: Duration,
    },
    /// It had not ended when the deadline passed.
    #[error("the body had not arrived after {} ms", deadline.as_millis())]
    TooSlow {
        /// How long the client had.
        deadline: Duration,
    },
    /// The connection broke, or its framing is wrong.
    #[error("the body could not be read: {0}")]
    Broken(#[source] axum::Error),
}

/// Reads a whole body within its limits. A body that came in one piece is not copied. One that is too large is told at
/// once, even before its first byte where its length is announced.
///
/// # Errors
/// See [`BodyError`]; what was read so far is dropped.
pub async fn read_body(body: Body, limits: BodyLimits) -> Result<Bytes, BodyError> {
    let mut body = body;
    let end = Instant::now() + limits.whole;
    let too_slow = Err(BodyError::TooSlow { deadline: limits.whole });
    let collected = match body.size_hint().lower() > limits.max_bytes as u64 {
        true => Err(BodyError::TooLarge { max_bytes: limits.max_bytes }),
        false => timeout_at(end, collect(&mut body, limits)).await.unwrap_or(too_slow),
    };
    if let Err(BodyError::TooLarge { .. }) = collected {
        tokio::spawn(async move { timeout_at(end, drain(body)).await });
    }
    collected
}

/// Takes a body that nobody needs: its request is refused already. The answer does not wait for a client that may never send
/// the rest; the connection does, no longer than `within`.
pub fn discard_body(body: Body, within: Duration) {
    if !body.is_end_stream() {
        tokio::spawn(async move { tokio::time::timeout(within, drain(body)).await });
    }
}

/// Reads on and forgets: a client that is still writing would not see the answer to what it wrote.
async fn drain(mut body: Body) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > DRAIN_BYTES_MAX {
            return;
        }
    }
}

async fn collect(body: &mut Body, limits: BodyLimits) -> Result<Bytes, BodyError> {
    let BodyLimits { max_bytes, first_byte, .. } = limits;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(max_bytes);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let silent = |_| BodyError::Silent { deadline: first_byte };
    let mut next = tokio::time::timeout(first_byte, body.frame()).await.map_err(silent)?;
    while let Some(frame) = next {
        let data = frame.map_err(BodyError::Broken)?.into_data().unwrap_or_default(); // trailers are no data
        if first.len() + all.len() + data.len() > max_bytes {
            return Err(BodyError::TooLarge { max_bytes });
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if !first.is_empty() {
                all.reserve(announced.min(FIRST_RESERVATION_BYTES).max(first.len() + data.len()));
                all.extend_from_slice(&first);
                first.clear();
            }
            all.extend_from_slice(&data);
        }
        next = body.frame().await;
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const LATER: Duration = Duration::from_millis(100);

    async fn read(body: Body, max_bytes: usize) -> Result<Bytes, BodyError> {
        read_body(body, BodyLimits { max_bytes, first_byte: SOON, whole: LATER }).await
    }

    /// A body whose length is not announced and that never ends when `endless`.
    struct Pieces {
        rest: std::slice::Iter<'static, &'static str>,
        endless: bool,
    }

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.rest.next() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))),
                None if self.endless => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    fn pieces(pieces: &'static [&'static str], endless: bool) -> Body {
        Body::new(Pieces { rest: pieces.iter(), endless })
    }

    #[tokio::test]
    async fn joins_the_pieces() {
        let body = pieces(&["one ", "two ", "three"], false);
        assert_eq!(read(body, 13).await.unwrap(), "one two three");
        assert_eq!(read(Body::empty(), 0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn one_byte_too_many_is_too_large_whether_announced_or_not() {
        for body in [Body::from("0123456789"), pieces(&["01234", "56789"], false)] {
            let error = read(body, 9).await.unwrap_err();
            assert!(matches!(error, BodyError::TooLarge { max_bytes: 9 }), "{error}");
        }
        assert_eq!(read(Body::from("0123456789"), 10).await.unwrap().len(), 10);
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_and_never_ends_is_too_large() {
        let patient =
            BodyLimits { max_bytes: 9, first_byte: Duration::from_secs(60), whole: Duration::from_secs(60) };
        let read = read_body(pieces(&["01234", "56789"], true), patient);
        let error = tokio::time::timeout(Duration::from_secs(5), read).await.expect("at once").unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { max_bytes: 9 }), "{error}");
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_too_slow() {
        let error = read(pieces(&["half"], true), 100).await.unwrap_err();
        assert!(matches!(error, BodyError::TooSlow { deadline: LATER }), "{error}");
    }

    #[tokio::test]
    async fn a_body_that_does_not_begin_is_silent() {
        let error = read(pieces(&[], true), 100).await.unwrap_err();
        assert!(matches!(error, BodyError::Silent { deadline: SOON }), "{error}");
    }
}
