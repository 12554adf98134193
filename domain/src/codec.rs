//! The formats in which feed messages are written.

pub mod json;
pub mod xml;
