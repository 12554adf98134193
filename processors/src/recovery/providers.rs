//! How each provider's producers come up again once they were down, and where what they have lost is asked for: one list, that
//! is right or ends the process as it starts.

use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use domain::producer::Recovery;
use domain::{Name, Source};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;

use super::products::{ProductEntry, Way};

/// What is settled with one provider: `md=alive@http://simulator:4004`, `uof=uof@http://127.0.0.1:8080`, `md=alive`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    provider: Name,
    recovery: Recovery,
    url: Option<Url>,
    /// Whether its producers have numbers, and other names in the paths of requests.
    is_unified: bool,
}

/// What opens a provider's recoveries: `uof=the-token`.
#[derive(Clone)]
pub struct TokenEntry {
    provider: Name,
    token: Token,
}

/// A token as headers have it.
#[derive(Clone)]
struct Token {
    bearer: HeaderValue,
    plain: HeaderValue,
}

/// Where the API of a Unified Odds Feed asks for the token.
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-access-token");

/// Says nothing of the token.
impl std::fmt::Debug for TokenEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenEntry").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Where a provider is asked to send again what was lost.
#[derive(Debug, Clone)]
pub struct Address {
    /// What the paths of requests are joined to.
    pub url: Url,
    /// The headers that say with what right; their values are not shown.
    pub rights: Vec<(HeaderName, HeaderValue)>,
}

/// What is settled with each provider.
#[derive(Debug, Clone, Default)]
pub struct Providers(BTreeMap<Name, Settled>);

#[derive(Debug, Clone)]
struct Settled {
    recovery: Recovery,
    address: Option<Address>,
    /// How producers are asked for otherwise than published; `None`: by their own names.
    products: Option<BTreeMap<Name, Way>>,
}

impl FromStr for Entry {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let (provider, settled) = text.split_once('=').context("not of the form provider=how@url")?;
        let (how, url) = match settled.split_once('@') {
            Some((how, url)) => (how, Some(address(url)?)),
            None => (settled, None),
        };
        let recovery = match how {
            "alive" => Recovery::Alive,
            "snapshot" | "uof" => {
                ensure!(
                    url.is_some(),
                    "nobody would ask `{provider}` for a recovery, and its producers would stay down: say where, as in \
                     {provider}={how}@http://host:port"
                );
                Recovery::Snapshot
            }
            _ => bail!("`{how}` is no way to come up again: there are alive, snapshot and uof"),
        };
        Ok(Self { provider: Name::new(provider)?, recovery, url, is_unified: how == "uof" })
    }
}

fn address(text: &str) -> Result<Url> {
    let url: Url = text.parse().with_context(|| format!("`{text}` is no URL"))?;
    ensure!(matches!(url.scheme(), "http" | "https"), "`{text}` is no address of http or https");
    ensure!(
        url.username().is_empty() && url.password().is_none(),
        "an address holds no password: a token goes into MATCHDAY_RECOVERY_TOKENS"
    );
    ensure!(
        url.query().is_none() && url.fragment().is_none(),
        "`{text}` is more than an address: requests have a path and a query of their own"
    );
    Ok(url)
}

impl FromStr for TokenEntry {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        // Errors show what was given, so they must not show it.
        let (provider, token) = text.split_once('=').context("not of the form provider=token")?;
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        ensure!(is_token, "the token of `{provider}` is not of visible ASCII characters");
        let hidden = |value: &str| {
            HeaderValue::from_str(value).map(|mut value| {
                value.set_sensitive(true);
                value
            })
        };
        let token = Token { bearer: hidden(&format!("Bearer {token}"))?, plain: hidden(token)? };
        Ok(Self { provider: Name::new(provider)?, token })
    }
}

impl Providers {
    /// Of a list and the tokens that belong to it.
    ///
    /// # Errors
    /// Where a provider stands there twice, or a token is one of nobody who is asked.
    pub fn new(entries: &[Entry], tokens: &[TokenEntry]) -> Result<Self> {
        let mut providers: BTreeMap<Name, Settled> = BTreeMap::new();
        for Entry { provider, recovery, url, is_unified } in entries {
            let address = url.clone().map(|url| Address { url, rights: Vec::new() });
            let settled = Settled { recovery: *recovery, address, products: is_unified.then(BTreeMap::new) };
            let before = providers.insert(provider.clone(), settled);
            ensure!(before.is_none(), "MATCHDAY_RECOVERY names `{provider}` twice");
        }
        for TokenEntry { provider, token } in tokens {
            let Some(Settled { address: Some(address), products, .. }) = providers.get_mut(provider) else {
                bail!(
                    "MATCHDAY_RECOVERY_TOKENS has a token of `{provider}`, whom MATCHDAY_RECOVERY does not say where to ask"
                );
            };
            ensure!(address.rights.is_empty(), "MATCHDAY_RECOVERY_TOKENS names `{provider}` twice");
            address.rights.push((AUTHORIZATION, token.bearer.clone()));
            // Its API asks for it there.
            if products.is_some() {
                address.rights.push((ACCESS_TOKEN, token.plain.clone()));
            }
        }
        Ok(Self(providers))
    }

    /// The same, where products are asked for otherwise than published.
    ///
    /// # Errors
    /// Where a product stands there twice, or is one of nobody whose producers have numbers.
    pub fn with_products(mut self, products: &[ProductEntry]) -> Result<Self> {
        for ProductEntry { source, way } in products {
            let Some(Settled { products: Some(products), .. }) = self.0.get_mut(&source.provider) else {
                bail!(
                    "MATCHDAY_RECOVERY_PRODUCTS names `{source}`, and MATCHDAY_RECOVERY does not say that `{}` is a Unified \
                     Odds Feed to be asked",
                    source.provider
                );
            };
            let before = products.insert(source.producer.clone(), way.clone());
            ensure!(before.is_none(), "MATCHDAY_RECOVERY_PRODUCTS names `{source}` twice");
        }
        Ok(self)
    }

    /// With what the producers of a provider come up again. Of one that is not named an `alive` is enough, unless its messages
    /// are unnumbered: nothing would show what was lost.
    #[must_use]
    pub fn recovery(&self, provider: &Name, is_unnumbered: bool) -> Recovery {
        match self.0.get(provider) {
            Some(settled) => settled.recovery,
            None if is_unnumbered => Recovery::Nobody,
            None => Recovery::Alive,
        }
    }

    /// Where a provider is asked, where it is.
    #[must_use]
    pub fn address(&self, provider: &Name) -> Option<&Address> {
        self.0.get(provider)?.address.as_ref()
    }

    /// How its provider is asked for a producer.
    #[must_use]
    pub fn way(&self, Source { provider, producer }: &Source) -> Way {
        match self.0.get(provider).and_then(|settled| settled.products.as_ref()) {
            Some(products) => products.get(producer).cloned().unwrap_or_else(|| Way::of_product(producer)),
            None => Way::by_name(producer),
        }
    }

    /// Whether anyone is asked over TLS.
    #[must_use]
    pub fn are_asked_over_tls(&self) -> bool {
        let mut addresses = self.0.values().filter_map(|settled| settled.address.as_ref());
        addresses.any(|address| address.url.scheme() == "https")
    }

    /// Whether anyone is asked at all.
    #[must_use]
    pub fn are_asked(&self) -> bool {
        self.0.values().any(|settled| settled.address.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[&str], tokens: &[&str]) -> Result<Providers> {
        let entries = entries.iter().map(|text| text.parse()).collect::<Result<Vec<Entry>>>()?;
        let tokens = tokens.iter().map(|text| text.parse()).collect::<Result<Vec<TokenEntry>>>()?;
        Providers::new(&entries, &tokens)
    }

    #[test]
    fn a_unified_odds_feeds_producers_are_asked_for_by_their_published_names_or_its_own() {
        let entries =
            ["md=snapshot@http://a", "uof=uof@http://b", "other=uof@http://c"].map(|it| it.parse().unwrap());
        let asked = |products: &[&str]| {
            let products: Vec<ProductEntry> = products.iter().map(|it| it.parse().unwrap()).collect();
            Providers::new(&entries, &[]).unwrap().with_products(&products)
        };
        let providers = asked(&["uof/1=live@120"]).unwrap();
        let way = |provider, producer| {
            let name = |text| Name::new(text).unwrap();
            let Way { path, window_micros } =
                providers.way(&Source { provider: name(provider), producer: name(producer) });
            (path.to_string(), window_micros.map(|micros| micros / 60_000_000))
        };
        assert_eq!(way("uof", "1"), ("live".to_owned(), Some(120)));
        assert_eq!(way("uof", "3"), ("pre".to_owned(), Some(4_320)));
        assert_eq!(way("other", "1"), ("liveodds".to_owned(), Some(600)));
        assert_eq!(way("md", "1"), ("1".to_owned(), None), "it has names of its own");
        let error = |products: &[&str]| asked(products).unwrap_err().to_string();
        assert!(error(&["uof/1=a", "uof/1=b"]).contains("names `uof/1` twice"));
        assert!(error(&["md/1=a"]).contains("does not say that `md` is a Unified Odds Feed"));
    }

    #[test]
    fn a_provider_comes_up_again_as_is_settled_and_is_asked_where_it_says() {
        let list = ["md=alive@http://simulator:4004", "uof=uof@http://127.0.0.1:8080/base", "own=alive"];
        let providers = read(&list, &["uof=secret"]).unwrap();
        let of = |name| {
            let name = Name::new(name).unwrap();
            let address = providers.address(&name);
            let told = address.map(|it| (it.url.as_str().to_owned(), !it.rights.is_empty()));
            (providers.recovery(&name, false), told)
        };
        let of_unnumbered = |name| providers.recovery(&Name::new(name).unwrap(), true);
        assert_eq!(of("md"), (Recovery::Alive, Some(("http://simulator:4004/".to_owned(), false))));
        assert_eq!(of("uof"), (Recovery::Snapshot, Some(("http://127.0.0.1:8080/base".to_owned(), true))));
        assert_eq!(of("own"), (Recovery::Alive, None));
        assert_eq!(of("other"), (Recovery::Alive, None));
        assert_eq!(of_unnumbered("uof"), Recovery::Snapshot);
        assert_eq!(of_unnumbered("own"), Recovery::Alive, "whoever says so is believed");
        assert_eq!(of_unnumbered("other"), Recovery::Nobody);
        assert!(providers.are_asked() && !read(&["own=alive"], &[]).unwrap().are_asked());
        assert!(!providers.are_asked_over_tls());
        assert!(read(&["md=alive", "uof=uof@https://provider.example"], &[]).unwrap().are_asked_over_tls());
        let rights = &providers.address(&Name::new("uof").unwrap()).unwrap().rights;
        let rights: Vec<_> =
            rights.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(rights, [("authorization", "Bearer secret"), ("x-access-token", "secret")]);
        assert!(!format!("{providers:?}").contains("secret"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |entries: &[&str], tokens: &[&str]| format!("{:#}", read(entries, tokens).unwrap_err());
        for (entry, why) in [
            ("md", "provider=how@url"),
            ("md=http://simulator:4004", "no way to come up again: there are alive, snapshot and uof"),
            ("uof=uof", "would stay down: say where, as in uof=uof@"),
            ("own=snapshot", "would stay down: say where, as in own=snapshot@"),
            ("uof=uof@simulator", "`simulator` is no URL"),
            ("uof=uof@ftp://provider.example", "no address of http or https"),
            ("uof=uof@http://name:word@provider.example", "no password"),
            ("uof=uof@http://provider.example/?x=1", "more than an address"),
            ("U F=alive", "U F"),
        ] {
            let said = error(&[entry], &[]);
            assert!(said.contains(why), "{entry}: {said}");
        }
        assert!(error(&["md=alive", "md=snapshot@http://a"], &[]).contains("names `md` twice"));
        assert!(error(&["md=alive"], &["md=secret"]).contains("does not say where to ask"));
        let said = error(&["md=alive@http://a"], &["md=sec ret"]);
        assert!(said.contains("visible") && !said.contains("ret`"), "{said}");
    }
}
