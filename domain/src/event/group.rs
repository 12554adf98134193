//! Which markets a bet stop means: its groups, and what is known of the groups that a market is in.

use std::collections::BTreeSet;

use crate::id::Name;
use crate::message::Groups;
use crate::sport::Rules;

/// The group that every market is in.
pub(crate) const ALL: &str = "all";

/// A market, as a bet stop sees it.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    /// Its sport's.
    pub(crate) rules: &'a Rules,
    /// Which market it is.
    pub(crate) market_id: u32,
    /// The groups that its offer came with; none where it does not say.
    pub(crate) told: &'a BTreeSet<Name>,
}

impl Member<'_> {
    /// Whether a bet stop of these groups means it.
    pub(crate) fn is_meant_by(&self, groups: &Groups) -> bool {
        match groups {
            Groups::All => true,
            Groups::Named(names) => self.has_unknown_groups() || names.iter().any(|name| self.is_in(name)),
        }
    }

    /// Whether it is in the group. What its offer says counts first, then the sport's rules. A market whose groups are
    /// not known may be in any, and in a group whose markets are not known may be any.
    pub(crate) fn is_in(&self, group: &Name) -> bool {
        let name = group.as_str();
        if name == ALL || self.has_unknown_groups() {
            return true;
        }
        if !self.told.is_empty() {
            return self.told.contains(group);
        }
        let is_in = |market: &crate::sport::MarketDescription| market.groups.contains(&name);
        self.rules.market(self.market_id).is_some_and(is_in) || !self.rules.markets.iter().any(is_in)
    }

    fn has_unknown_groups(&self) -> bool {
        self.told.is_empty() && self.rules.market(self.market_id).is_none()
    }
}
