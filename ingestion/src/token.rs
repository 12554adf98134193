//! Bearer tokens: held and compared as hashes, so that neither time nor a log tells anything of them.

use axum::http::{HeaderMap, header};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Bytes of a token.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=512;

/// A token, of which only its SHA-256 is kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token([u8; 32]);

impl Token {
    /// Takes what RFC 6750 lets stand in a header.
    ///
    /// # Errors
    /// Says what is wrong, without the token.
    pub fn new(text: &str) -> Result<Self, String> {
        if !LENGTH.contains(&text.len()) {
            let (min, max) = (LENGTH.start(), LENGTH.end());
            return Err(format!("a token has {min} to {max} characters, this one has {}", text.len()));
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if !text.bytes().all(is_allowed) {
            return Err("a token consists of A-Z a-z 0-9 - . _ ~ + / =".to_owned());
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// The token of a request: one header `Authorization: Bearer …`. None for anything else.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (value, None) = (values.next()?.to_str().ok()?, values.next()) else {
            return None;
        };
        let (scheme, token) = value.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        Self::new(token.trim_start()).ok()
    }

    /// Whether it is one of `valid`; all of them are looked at, whichever it is.
    pub fn is_one_of(&self, valid: &[Token]) -> bool {
        let found = valid.iter().fold(Choice::from(0), |found, token| found | self.0.ct_eq(&token.0));
        found.into()
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Secret)
    }
}

/// Reads a string, and never repeats it in an error.
struct Secret;

impl Visitor<'_> for Secret {
    type Value = Token;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a token as a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Token, E> {
        Token::new(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn presented(values: &[&str]) -> Option<Token> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        Token::of(&headers)
    }

    #[test]
    fn one_bearer_token_is_read_from_the_head() {
        let token = Token::new("0123456789abcdef").unwrap();
        for value in ["Bearer 0123456789abcdef", "bearer   0123456789abcdef"] {
            assert!(presented(&[value]).is_some_and(|presented| presented == token), "{value}");
        }
        for value in ["", "Bearer", "Bearer ", "Basic 0123456789abcdef", "0123456789abcdef", "Bearer short"] {
            assert!(presented(&[value]).is_none(), "{value}");
        }
        assert!(presented(&[]).is_none());
        assert!(presented(&["Bearer 0123456789abcdef", "Bearer 0123456789abcdef"]).is_none());
    }

    #[test]
    fn every_valid_token_counts_and_no_other() {
        let [old, new, other] = ["old-old-old-old-old", "new-new-new-new-new", "oth-oth-oth-oth-oth"]
            .map(|text| Token::new(text).unwrap());
        let valid = [old.clone(), new.clone()];
        assert!(old.is_one_of(&valid) && new.is_one_of(&valid));
        assert!(!other.is_one_of(&valid) && !old.is_one_of(&[]));
    }
}
