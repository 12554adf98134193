//! The producers of a Unified Odds Feed as its provider's list has them: messages call them by number, requests by the name
//! that their `api_url` ends with.

/// A producer of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// What messages call it, as their `product`.
    pub number: &'static str,
    /// What the paths of requests call it.
    pub path: &'static str,
    /// How many minutes `after` of a recovery may lie back: `stateful_recovery_window_in_minutes`.
    pub window_minutes: u32,
}

/// Those that were published; another provider, or a later list, may have others.
pub const PRODUCTS: [Product; 15] = [
    product("1", "liveodds", 600),
    product("3", "pre", 4_320),
    product("4", "betpal", 4_320),
    product("5", "premium_cricket", 4_320),
    product("6", "vf", 180),
    product("7", "wns", 4_320),
    product("8", "vbl", 180),
    product("9", "vto", 180),
    product("10", "vdr", 180),
    product("11", "vhc", 180),
    product("12", "vti", 180),
    product("14", "codds", 4_320),
    product("15", "vbi", 180),
    product("16", "performance", 4_320),
    product("17", "vci", 180),
];

const fn product(number: &'static str, path: &'static str, window_minutes: u32) -> Product {
    Product { number, path, window_minutes }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::is_product;
    use super::*;
    use crate::id::Name;

    #[test]
    fn each_has_a_number_and_a_path_of_its_own() {
        let name = |text: &str| Name::new(text).unwrap_or_else(|_| panic!("`{text}` is no name"));
        assert!(
            PRODUCTS.iter().all(|product| is_product(&name(product.number)) && product.window_minutes > 0)
        );
        let all: BTreeSet<Name> =
            PRODUCTS.iter().flat_map(|product| [name(product.number), name(product.path)]).collect();
        assert_eq!(all.len(), 2 * PRODUCTS.len());
    }
}
