//! What the oracle accuses, and of what.
