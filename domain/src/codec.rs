//! The formats in which feed messages are written, one by one and in batches.

pub mod batch;
mod envelope;
pub mod json;
pub mod uof;
pub mod xml;

pub use envelope::Envelope;
