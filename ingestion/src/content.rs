//! What a request's head says of its body: the format and the encoding.

use axum::http::{HeaderMap, header};
use chassis::problem::Problem;
use domain::codec::batch::Format;

use crate::decompress::Encoding;
use crate::reading::Dialect;
use crate::refusal;

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// What it is once it is decompressed.
    pub format: Format,
    /// How it is compressed, where it is.
    pub encoding: Option<Encoding>,
}

/// The content type of one message of the format, as a dead letter's header tells it.
pub fn type_of_message(format: Format) -> &'static str {
    match format {
        Format::Json | Format::Lines => "application/json",
        Format::Xml => "application/xml",
    }
}

impl Content {
    /// What the head says, or 415: a format that is not written in this dialect, another character set, more than one encoding,
    /// an unknown one.
    pub fn of(headers: &HeaderMap, dialect: Dialect) -> Result<Self, Problem> {
        let content_type = only(headers, header::CONTENT_TYPE)?;
        Ok(Self {
            format: format(content_type, dialect)?,
            encoding: encoding(only(headers, header::CONTENT_ENCODING)?)?,
        })
    }
}

/// The header's only value; empty where there is none.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Result<&str, Problem> {
    let mut values = headers.get_all(&name).iter();
    let value = values.next().map_or(Some(""), |value| value.to_str().ok());
    match (value, values.next()) {
        (Some(value), None) => Ok(value.trim()),
        _ => Err(refusal::unsupported(format!("the header {name} must stand once, in ASCII"))),
    }
}

fn format(content_type: &str, dialect: Dialect) -> Result<Format, Problem> {
    const XML: (&str, Format) = ("application/xml", Format::Xml);
    // The same by its older name.
    const TEXT_XML: (&str, Format) = ("text/xml", Format::Xml);
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let charset = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    if let Some(charset) = charset
        && !["utf-8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known))
    {
        return Err(refusal::unsupported(format!("only UTF-8 is understood, not `{charset}`")));
    }
    let known: &[(&str, Format)] = match dialect {
        Dialect::Native => {
            &[("application/json", Format::Json), ("application/x-ndjson", Format::Lines), XML, TEXT_XML]
        }
        Dialect::Uof => &[XML, TEXT_XML],
    };
    let found = known.iter().find(|(name, _)| essence.trim().eq_ignore_ascii_case(name));
    found.map(|(_, format)| *format).ok_or_else(|| {
        let names = known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        refusal::unsupported(match dialect {
            Dialect::Native => format!("`{content_type}` is none of {names}"),
            Dialect::Uof => format!("this feed is Unified Odds Feed XML: {names}, not `{content_type}`"),
        })
    })
}

fn encoding(name: &str) -> Result<Option<Encoding>, Problem> {
    match name.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(None),
        "gzip" | "x-gzip" => Ok(Some(Encoding::Gzip)),
        "zstd" => Ok(Some(Encoding::Zstd)),
        several if several.contains(',') => {
            Err(refusal::unsupported(format!("a body may be encoded once, not `{name}`")))
        }
        _ => Err(refusal::unsupported(format!("`{name}` is none of gzip, zstd, identity"))),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn told(headers: &[(header::HeaderName, &str)]) -> Result<Content, u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Content::of(&map, Dialect::Native).map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn the_head_names_format_and_encoding() {
        for (content_type, format) in [
            ("application/json", Format::Json),
            ("Application/JSON; charset=\"UTF-8\"; a=b", Format::Json),
            ("application/x-ndjson", Format::Lines),
            (" application/xml ;charset=us-ascii", Format::Xml),
            ("text/xml; charset=utf-8", Format::Xml),
        ] {
            let expected = Ok(Content { format, encoding: None });
            assert_eq!(told(&[(header::CONTENT_TYPE, content_type)]), expected, "{content_type}");
        }
        for (name, encoding) in [
            ("identity", None),
            ("gzip", Some(Encoding::Gzip)),
            ("X-GZIP", Some(Encoding::Gzip)),
            ("zstd", Some(Encoding::Zstd)),
        ] {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, name)];
            assert_eq!(told(&headers), Ok(Content { format: Format::Json, encoding }));
        }
    }

    #[test]
    fn what_is_listed_is_what_the_feed_takes() {
        let detail = |content_type: &'static str, dialect| {
            let headers =
                HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            let problem = Content::of(&headers, dialect).unwrap_err();
            assert_eq!(problem.status.as_u16(), 415);
            problem.detail
        };
        for content_type in ["text/plain", "application/json"] {
            let detail = detail(content_type, Dialect::Uof);
            assert!(detail.contains(": application/xml, text/xml, not `"), "{detail}");
        }
        assert!(detail("text/plain", Dialect::Native).contains("application/x-ndjson"));
    }

    #[test]
    fn whatever_else_is_unsupported() {
        for content_type in ["", "text/plain", "application/json; charset=latin1", "text/html", "é"] {
            assert_eq!(told(&[(header::CONTENT_TYPE, content_type)]), Err(415), "{content_type}");
        }
        let json = (header::CONTENT_TYPE, "application/json");
        assert_eq!(told(&[json.clone(), json.clone()]), Err(415));
        for encoding in ["br", "deflate", "gzip, zstd", "gzip,gzip", "identity, gzip"] {
            assert_eq!(told(&[json.clone(), (header::CONTENT_ENCODING, encoding)]), Err(415), "{encoding}");
        }
        let twice = [json, (header::CONTENT_ENCODING, "gzip"), (header::CONTENT_ENCODING, "gzip")];
        assert_eq!(told(&twice), Err(415));
    }
}
