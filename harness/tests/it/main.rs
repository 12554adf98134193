//! Tests that start real processes: Kafka, a database, Redis and our services.

// In a module for tests helpers may unwrap as tests do.
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod support;
