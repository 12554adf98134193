//! Types that are one text on the wire: read straight from it, checked by their `FromStr`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};

/// Gives a type with `Display` and `FromStr` that text as its form on the wire; one that holds its text names the
/// method that lends it, and is written without being formatted.
macro_rules! on_the_wire {
    ($name:ty) => {
        text::on_the_wire!(@ $name, |value, serializer| serializer.collect_str(value));
    };
    ($name:ty, $as_str:ident) => {
        text::on_the_wire!(@ $name, |value, serializer| serializer.serialize_str(value.$as_str()));
    };
    (@ $name:ty, |$value:ident, $serializer:ident| $write:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, $serializer: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                $write
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::read(deserializer)
            }
        }
    };
}

pub(crate) use on_the_wire;

/// Reads a text without a `String` in between: identifiers are most of what messages consist of.
pub(crate) fn read<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    deserializer.deserialize_str(TextVisitor(PhantomData))
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}
