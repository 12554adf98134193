//! How a provider is asked for one of its producers: by which name, and how far back.

use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use domain::codec::uof::{self, PRODUCTS};
use domain::{Name, Source};

const MICROS_PER_MINUTE: i64 = 60_000_000;

/// How one producer is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What the paths of requests call it.
    pub path: Name,
    /// How many microseconds ago everything may begin that is asked for; `None`: any number.
    pub window_micros: Option<i64>,
}

/// How one producer of a Unified Odds Feed is asked for, where its provider's list says otherwise than the published one:
/// `uof/1=live@120`, and `uof/1=live` as far back as the published one says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductEntry {
    /// Which producer.
    pub source: Source,
    /// How it is asked for.
    pub way: Way,
}

impl Way {
    /// By the name by which its messages know it.
    pub fn by_name(producer: &Name) -> Self {
        Self { path: producer.clone(), window_micros: None }
    }

    /// As the published list of producers says; by its number where that does not have it.
    pub fn of_product(number: &Name) -> Self {
        let known = PRODUCTS.iter().find(|product| product.number == number.as_str());
        let way = known.and_then(|product| {
            let path = Name::new(product.path).ok()?;
            Some(Self { path, window_micros: Some(micros(product.window_minutes)) })
        });
        way.unwrap_or_else(|| Self::by_name(number))
    }
}

impl FromStr for ProductEntry {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let (source, way) = text.split_once('=').context("not of the form provider/number=path@minutes")?;
        let (provider, number) = source.split_once('/').context("not of the form provider/number")?;
        let number = Name::new(number)?;
        ensure!(uof::is_product(&number), "`{number}` is not the number of a producer");
        let (path, window) = match way.split_once('@') {
            Some((path, minutes)) => {
                let minutes: u32 =
                    minutes.parse().ok().filter(|minutes| *minutes > 0).with_context(|| {
                        format!("`{minutes}` is no number of minutes that what is asked for may lie back")
                    })?;
                (path, Some(micros(minutes)))
            }
            None => (way, Way::of_product(&number).window_micros),
        };
        let way = Way { path: Name::new(path)?, window_micros: window };
        Ok(Self { source: Source { provider: Name::new(provider)?, producer: number }, way })
    }
}

fn micros(minutes: u32) -> i64 {
    i64::from(minutes) * MICROS_PER_MINUTE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(path: &str, minutes: Option<u32>) -> Way {
        Way { path: Name::new(path).unwrap(), window_micros: minutes.map(micros) }
    }

    #[test]
    fn a_product_is_asked_for_as_published_and_an_unknown_one_by_its_number() {
        let of = |number| Way::of_product(&Name::new(number).unwrap());
        assert_eq!(of("1"), way("liveodds", Some(600)));
        assert_eq!(of("3"), way("pre", Some(4_320)));
        assert_eq!(of("99"), way("99", None));
    }

    #[test]
    fn a_provider_may_have_names_and_windows_of_its_own() {
        let entry =
            |text: &str| text.parse::<ProductEntry>().map(|entry| (entry.source.to_string(), entry.way));
        assert_eq!(entry("uof/1=live@120").unwrap(), ("uof/1".to_owned(), way("live", Some(120))));
        assert_eq!(entry("uof/1=live").unwrap(), ("uof/1".to_owned(), way("live", Some(600))));
        assert_eq!(entry("od/99=extra").unwrap(), ("od/99".to_owned(), way("extra", None)));
        for (wrong, why) in [
            ("uof/1", "provider/number=path@minutes"),
            ("uof=live", "provider/number"),
            ("uof/live=live", "`live` is not the number of a producer"),
            ("uof/1=live@soon", "`soon` is no number of minutes"),
            ("uof/1=live@0", "`0` is no number of minutes"),
            ("uof/1=v1/live", "v1/live"),
        ] {
            let said = format!("{:#}", entry(wrong).unwrap_err());
            assert!(said.contains(why), "{wrong}: {said}");
        }
    }
}
