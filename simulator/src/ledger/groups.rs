//! The groups of each sport's markets, as `docs/protocol.md` lists them: which markets a bet stop of some groups means.

use std::collections::BTreeSet;

use domain::message::Groups;
use domain::{Name, Sport};

/// The group that every market is in, though no list says so.
const ALL: &str = "all";

/// A group and its markets.
type Group = (&'static str, &'static [u32]);

const FOOTBALL: &[Group] = &[
    ("regular_time", &[1, 8, 10, 16, 18, 29]),
    ("next", &[8]),
    ("total", &[18, 68]),
    ("handicap", &[16]),
    ("half_1", &[60, 68]),
    ("player", &[10001]),
];
const BASKETBALL: &[Group] = &[
    ("whole_game", &[219, 223, 225, 10005]),
    ("handicap", &[223]),
    ("total", &[225, 236]),
    ("quarter", &[235, 236]),
    ("player", &[10002, 10003]),
    ("next", &[10005]),
];
const TENNIS: &[Group] = &[
    ("match", &[186, 187, 188, 189]),
    ("handicap", &[187, 188]),
    ("total", &[189, 204]),
    ("set", &[202, 204]),
    ("game", &[210]),
    ("player", &[10004]),
];
const HOCKEY: &[Group] = &[
    ("regular_time", &[1, 8, 16, 18]),
    ("next", &[8]),
    ("whole_game", &[406, 410, 412]),
    ("handicap", &[16, 410]),
    ("total", &[18, 412, 446]),
    ("period", &[443, 446]),
    ("player", &[10001]),
];

/// Whether a bet stop of these groups means a market, of which its offer said that it is in `told`; none where it did not say.
pub(super) fn are_meant(sport: Sport, groups: &Groups, market: u32, told: &BTreeSet<Name>) -> bool {
    let Groups::Named(names) = groups else { return true };
    let listed = match sport {
        Sport::Football => FOOTBALL,
        Sport::Basketball => BASKETBALL,
        Sport::Tennis => TENNIS,
        Sport::Hockey => HOCKEY,
    };
    // Of which nothing is known is meant by every stop.
    if told.is_empty() && !listed.iter().any(|(_, markets)| markets.contains(&market)) {
        return true;
    }
    names.iter().any(|name| match told.is_empty() {
        _ if name.as_str() == ALL => true,
        false => told.contains(name),
        // A group that is not listed may be any.
        true => {
            let group = listed.iter().find(|(group, _)| *group == name.as_str());
            group.is_none_or(|(_, markets)| markets.contains(&market))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::new(*name).unwrap()).collect()
    }

    #[test]
    fn a_stop_means_the_markets_of_its_groups_and_those_of_which_nothing_is_known() {
        let means = |sport, groups: &[&str], market, told: &[&str]| {
            let told = named(told).into_iter().collect();
            are_meant(sport, &Groups::Named(named(groups)), market, &told)
        };
        assert!(means(Sport::Football, &["next", "total"], 18, &[]));
        assert!(!means(Sport::Football, &["next", "total"], 1, &[]));
        assert!(means(Sport::Hockey, &["all"], 406, &[]));
        assert!(!means(Sport::Tennis, &["total"], 189, &["match"]), "what the offer says comes first");
        assert!(means(Sport::Tennis, &["mine"], 189, &["mine"]));
        assert!(means(Sport::Basketball, &["mine"], 219, &[]), "a group that nobody lists may be any");
        assert!(!means(Sport::Basketball, &["mine"], 219, &["next"]));
        assert!(means(Sport::Basketball, &["next"], 777, &[]), "a market that nobody lists may be in any");
        assert!(are_meant(Sport::Football, &Groups::All, 1, &named(&["next"]).into_iter().collect()));
    }

    #[test]
    fn the_lists_are_those_of_the_protocol() {
        let protocol = include_str!("../../../docs/protocol.md");
        let lists = [FOOTBALL, BASKETBALL, TENNIS, HOCKEY];
        for (title, listed) in
            ["### Football", "### Basketball", "### Tennis", "### Hockey"].iter().zip(lists)
        {
            let (_, section) = protocol.split_once(title).unwrap();
            let (_, said) = section.split_once("groups `").unwrap();
            let (said, _) = said.split_once(").\n").unwrap();
            let names: Vec<&str> = said.split('`').filter(|part| !part.contains([' ', '('])).collect();
            let known: Vec<&str> = listed.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, known, "{title}");
        }
    }
}
