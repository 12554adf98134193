//! What was loaded of what providers' APIs say, beside their feeds.

use crate::descriptions::Descriptions;
use crate::events::Events;

/// Known in this process; topics keep it.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Of which sport events are.
    pub events: Events,
    /// In which groups markets are.
    pub descriptions: Descriptions,
}
