//! Brings a request's body into memory, decompressed, each byte of it admitted before it is there.

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use chassis::http::{BodyError, discard_body, read_body};
use chassis::problem::Problem;

use crate::admission::{Admission, Memory, Place};
use crate::decompress::{DecompressError, Decompressor, Encoding};
use crate::limit::Limits;
use crate::{metrics, refusal};

/// How much is decompressed before others have their turn: about 0.1 ms.
const STEP_BYTES: usize = 64 << 10;

/// A body and the memory that was set aside for it.
#[derive(Debug)]
pub struct Received {
    /// What the sender meant.
    pub bytes: Bytes,
    _memory: Memory,
}

/// Reads a body to its end.
pub async fn receive(
    body: Body,
    encoding: Option<Encoding>,
    limits: &Limits,
    admission: &Admission,
    place: &Place,
) -> Result<Received, Problem> {
    // A body whose length is not announced may become as large as any.
    let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let max_bytes = limits.max_body_bytes;
    let memory = match place.memory(announced.unwrap_or(max_bytes).min(max_bytes)) {
        Ok(memory) => memory,
        Err(problem) => {
            discard_body(body, limits.body().whole);
            return Err(problem);
        }
    };
    let bytes = read_body(body, limits.body()).await.map_err(|error| refused(&error))?;
    match encoding {
        None => Ok(Received { bytes, _memory: memory }),
        Some(encoding) => decompress(encoding, &bytes, max_bytes, admission, place).await,
    }
}

/// The content of `compressed`. It grows by doubling, and each time there must be room for it; it never grows beyond
/// `max_bytes`, however much the body would give.
async fn decompress(
    encoding: Encoding,
    compressed: &[u8],
    max_bytes: usize,
    admission: &Admission,
    place: &Place,
) -> Result<Received, Problem> {
    let failed = |error| {
        if error == DecompressError::TooManyMembers {
            metrics::limited("compressed_members");
        }
        refusal::compressed(&error)
    };
    let _turn = admission.decompressor().await;
    let mut decompressor = Decompressor::new(encoding, compressed).map_err(failed)?;
    let mut memory = place.memory(0)?;
    let mut content: Vec<u8> = Vec::new();
    let mut since_yield = 0;
    loop {
        let length = content.len();
        if content.capacity() == length {
            // One byte beyond the limit tells whether it is passed.
            let capacity = (2 * length).clamp(STEP_BYTES, (max_bytes + 1).max(STEP_BYTES));
            memory.grow_to(capacity)?;
            content.reserve_exact(capacity - length);
        }
        content.resize(content.capacity().min(length + STEP_BYTES), 0);
        let step = decompressor.step(&mut content[length..]).map_err(failed)?;
        content.truncate(length + step);
        if content.len() > max_bytes {
            return Err(refused(&BodyError::TooLarge { max_bytes }));
        }
        if step == 0 {
            return Ok(Received { bytes: content.into(), _memory: memory });
        }
        since_yield += step;
        if since_yield >= STEP_BYTES {
            since_yield = 0;
            tokio::task::yield_now().await;
        }
    }
}

fn refused(error: &BodyError) -> Problem {
    match error {
        BodyError::TooLarge { .. } => metrics::limited("body_bytes"),
        BodyError::Silent { .. } => metrics::limited("first_byte_seconds"),
        BodyError::TooSlow { .. } => metrics::limited("body_seconds"),
        BodyError::Broken(_) => {}
    }
    refusal::body(error)
}
