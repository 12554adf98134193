//! Which web pages may read the answers.

use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser remembers what it may.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Pages that may read the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// `*`: all.
    Any,
    /// `local`: those served from this machine, by whatever port.
    Local,
    /// `https://example.com`: those of one origin.
    One(HeaderValue),
}

/// A text that is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin such as `https://example.com`, nor `local` or `*`")]
pub struct OriginError(String);

impl FromStr for AllowedOrigin {
    type Err = OriginError;
    fn from_str(text: &str) -> Result<Self, OriginError> {
        match text {
            "*" => return Ok(Self::Any),
            "local" => return Ok(Self::Local),
            _ => {}
        }
        let wrong = || OriginError(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_origin = |scheme: &str| {
            // As browsers write it: no path, no slash at the end.
            uri.authority().is_some_and(|authority| text == format!("{scheme}://{authority}"))
        };
        let origin = HeaderValue::from_str(text).map_err(|_| wrong())?;
        uri.scheme_str().filter(|scheme| is_origin(scheme)).map(|_| Self::One(origin)).ok_or_else(wrong)
    }
}

impl AllowedOrigin {
    fn allows(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Local => is_local(origin),
            Self::One(allowed) => allowed == origin,
        }
    }
}

fn is_local(origin: &HeaderValue) -> bool {
    let uri = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    uri.filter(is_http).is_some_and(|uri| matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

/// What tells browsers. Nothing here takes credentials, so an answer holds no secret of its reader.
pub(super) fn layer(origins: &[AllowedOrigin]) -> CorsLayer {
    let allowed = if origins.contains(&AllowedOrigin::Any) {
        AllowOrigin::any()
    } else {
        let origins = origins.to_vec();
        AllowOrigin::predicate(move |origin, _| origins.iter().any(|allowed| allowed.allows(origin)))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers([header::IF_NONE_MATCH])
        .expose_headers([header::ETAG, header::RETRY_AFTER])
        .max_age(REMEMBERED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allowed: &str, origin: &'static str) -> bool {
        allowed.parse::<AllowedOrigin>().expect(allowed).allows(&HeaderValue::from_static(origin))
    }

    #[test]
    fn pages_of_this_machine_are_local_whatever_their_port_and_no_others() {
        for origin in
            ["http://localhost:5173", "https://localhost", "http://127.0.0.1:80", "http://[::1]:3000"]
        {
            assert!(allows("local", origin), "{origin}");
        }
        for origin in
            ["null", "http://localhost.example.com", "http://127.0.0.1.example.com", "file://localhost"]
        {
            assert!(!allows("local", origin), "{origin}");
        }
    }

    #[test]
    fn one_origin_is_itself_alone() {
        assert!(allows("https://example.com", "https://example.com"));
        assert!(!allows("https://example.com", "https://example.com:8443"));
        for wrong in ["", "example.com", "https://example.com/", "https://example.com/a", "LOCAL"] {
            assert!(wrong.parse::<AllowedOrigin>().is_err(), "{wrong}");
        }
    }
}
