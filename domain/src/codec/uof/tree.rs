//! A document being read, and how much of it nobody knew.

use std::convert::Infallible;

use super::dropped::{is_dropped, is_dropped_whole};
use super::number::{self, Rounding};
use crate::Timestamp;
use crate::codec::xml::reader::{Fault, Read, Reader};

/// The reader of native XML, with helpers for how this feed writes values.
pub(super) struct Tree<'t> {
    pub(super) reader: Reader<'t>,
    /// Attributes and elements that are not known.
    pub(super) unknown: u32,
}

impl<'t> Tree<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { reader: Reader::new(text), unknown: 0 }
    }

    /// Counts the attributes of the element entered last that were not asked for. To be called before its children are
    /// entered.
    pub(super) fn end_attributes(&mut self, element: &str) {
        let unknown = self.reader.unasked().filter(|name| {
            !is_dropped(element, name) && !name.starts_with("xmlns") && !name.starts_with("xsi:")
        });
        self.unknown = self.unknown.saturating_add(u32::try_from(unknown.count()).unwrap_or(u32::MAX));
    }

    /// Reads all children, to the end of the element entered last: `read` takes those it knows and says so.
    pub(super) fn children(&mut self, mut read: impl FnMut(&mut Self, &str) -> Read<bool>) -> Read<()> {
        self.pick(|tree, child| {
            let is_known = read(tree, child)?;
            if !is_known && !is_dropped_whole(child) {
                tree.unknown = tree.unknown.saturating_add(1);
            }
            Ok(is_known)
        })
    }

    /// The same where most of what stands there is of no use: it is not counted.
    pub(super) fn pick(&mut self, mut read: impl FnMut(&mut Self, &str) -> Read<bool>) -> Read<()> {
        while let Some(child) = self.reader.next_child()? {
            if !read(self, child)? {
                self.reader.skip()?;
            }
        }
        Ok(())
    }

    /// The same where only children of this name are of use.
    pub(super) fn pick_all(&mut self, name: &str, mut read: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.pick(|tree, child| {
            let is_wanted = child == name;
            if is_wanted {
                read(tree)?;
            }
            Ok(is_wanted)
        })
    }

    /// Ends an element of which no children are known.
    pub(super) fn leaf(&mut self, element: &str) -> Read<()> {
        self.end_attributes(element);
        self.children(|_, _| Ok(false))
    }

    /// Fills a slot that may be filled once.
    pub(super) fn once<T>(
        &mut self,
        slot: &mut Option<T>,
        read: impl FnOnce(&mut Self) -> Read<T>,
    ) -> Read<()> {
        if slot.is_some() {
            return Err(Fault::schema(self.reader.element_at(), "", "this element stands there twice"));
        }
        *slot = Some(read(self)?);
        Ok(())
    }

    pub(super) fn time(&mut self, name: &str) -> Read<Option<Timestamp>> {
        self.reader.parsed(name, number::time)
    }

    pub(super) fn date(&mut self, name: &str) -> Read<Option<Timestamp>> {
        self.reader.parsed(name, number::date)
    }

    pub(super) fn count(&mut self, name: &str) -> Read<Option<u32>> {
        self.reader.parsed(name, |text| number::decimal(text, 0, Rounding::Exact))
    }

    /// A time of the form `m:ss`; one that cannot be read counts as unknown.
    pub(super) fn seconds(&mut self, name: &str) -> Read<Option<u32>> {
        let Some(read) = self.reader.parsed(name, |text| Ok::<_, Infallible>(number::seconds(text)))? else {
            return Ok(None);
        };
        if read.is_err() {
            self.unknown = self.unknown.saturating_add(1);
        }
        Ok(read.ok())
    }

    pub(super) fn flag(&mut self, name: &str) -> Read<Option<bool>> {
        self.reader.parsed(name, number::flag)
    }

    /// What a code means; a code that is not known counts as unknown.
    pub(super) fn code<T>(&mut self, name: &str, meaning: impl FnOnce(i32) -> Option<T>) -> Read<Option<T>> {
        let Some(code) = self.reader.parsed(name, number::code)? else { return Ok(None) };
        let known = meaning(code);
        if known.is_none() {
            self.unknown = self.unknown.saturating_add(1);
        }
        Ok(known)
    }
}
