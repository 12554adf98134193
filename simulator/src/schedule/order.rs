//! Messages of a Unified Odds Feed that were written down as they were answered, put in the order in which they were made: there
//! time is the order, and of two requests under way at once the later one may be answered first.

use std::collections::HashMap;

use super::{Line, ScheduleBuilder};
use crate::format::Format;

/// Where a message stands: when it is due, before which message as it was added, and of those when it was made.
pub(crate) type Place = (u64, usize, i64, usize);

impl ScheduleBuilder {
    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Of the messages of a Unified Odds Feed that were added from `first` on, each goes before those of its event that were made
    /// later and came no longer than `within_ns` before it, when they are due. Others stay.
    pub(crate) fn order_by_time(&mut self, first: usize, within_ns: u64) {
        let messages = self.lines[first..].iter().map(|line| {
            let is_uof = self.channels[line.channel as usize].format == Format::Uof;
            (line.channel, line.offset_ns, is_uof.then(|| made(line, &self.bytes)).flatten())
        });
        let places = places_by_time(messages, within_ns);
        let mut lines: Vec<(Place, Line)> = places.into_iter().zip(self.lines.drain(first..)).collect();
        lines.sort_by_key(|(place, _)| *place);
        self.lines.extend(lines.into_iter().map(|((offset_ns, ..), line)| Line { offset_ns, ..line }));
    }

    /// The messages that were added from `first` on begin `offset_ns` after the start with what is due at `from_ns`: what is due
    /// before is sought, and due at once.
    pub(crate) fn retime(&mut self, first: usize, from_ns: u64, offset_ns: u64) {
        for line in &mut self.lines[first..] {
            line.is_sought = line.offset_ns < from_ns;
            line.offset_ns = line.offset_ns.saturating_sub(from_ns).saturating_add(offset_ns);
        }
    }
}

/// Where messages stand that came so: each is of a channel, came at a time, and was made at another one; those of which that is not
/// known stay.
pub(crate) fn places_by_time(
    messages: impl Iterator<Item = (u32, u64, Option<i64>)>,
    within_ns: u64,
) -> Vec<Place> {
    let mut told: HashMap<u32, Vec<(i64, Place)>> = HashMap::new();
    let place = |(index, (channel, offset_ns, made)): (usize, (u32, u64, Option<i64>))| {
        let Some(made) = made else { return (offset_ns, index, 0, index) };
        let told = told.entry(channel).or_default();
        let later = told.partition_point(|(earlier, _)| *earlier <= made);
        let place = match told.get(later) {
            Some((_, (due_ns, before, ..))) if offset_ns.saturating_sub(*due_ns) <= within_ns => {
                (*due_ns, *before, made, index)
            }
            // It came so late that what was made later has nothing to do with it.
            Some(_) => {
                told.clear();
                (offset_ns, index, made, index)
            }
            None => (offset_ns, index, made, index),
        };
        told.insert(later.min(told.len()), (made, place));
        place
    };
    messages.enumerate().map(place).collect()
}

/// When a message says that it was made, in its own unit.
fn made(line: &Line, bytes: &[u8]) -> Option<i64> {
    let stamp = line.stamps.first().copied().flatten()?;
    let at = line.start + stamp.at as usize;
    std::str::from_utf8(bytes.get(at..at + stamp.length as usize)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use domain::Name;

    use super::*;

    /// Messages about one event that came after so many seconds, and when they were made.
    fn builder_of(messages: &[(u64, i64)]) -> ScheduleBuilder {
        let mut builder = ScheduleBuilder::default();
        for (seconds, made) in messages {
            let line = format!(
                "hi.-.live.bet_stop.4.md:match.7.- <bet_stop product=\"1\" event_id=\"md:match:7\" timestamp=\"{made}\" groups=\"all\"/>"
            );
            builder.push(&Name::new("uof").unwrap(), Format::Uof, *seconds, line.as_bytes()).unwrap();
        }
        builder
    }

    /// When messages about one event are due that came after so many seconds, and when they were made.
    fn ordered(messages: &[(u64, i64)], within: u64) -> Vec<(u64, i64)> {
        // The first is of another recording of the same game: each is put in order by itself.
        let mut builder = builder_of(&[&[(0, 1_000)], messages].concat());
        builder.order_by_time(1, within);
        let lines = builder.lines[1..].iter();
        lines.map(|line| (line.offset_ns, made(line, &builder.bytes).unwrap())).collect()
    }

    #[test]
    fn what_was_overtaken_goes_before_what_overtook_it() {
        assert_eq!(ordered(&[(1, 10), (2, 20), (2, 20)], 60), [(1, 10), (2, 20), (2, 20)]);
        assert_eq!(ordered(&[(1, 10), (2, 30), (3, 20), (4, 40)], 60), [(1, 10), (2, 20), (2, 30), (4, 40)]);
        assert_eq!(
            ordered(&[(1, 40), (1, 30), (2, 20), (3, 25), (4, 50)], 60),
            [(1, 20), (1, 25), (1, 30), (1, 40), (4, 50)]
        );
    }

    #[test]
    fn what_is_brought_before_a_minute_that_is_sought_is_due_at_once() {
        let mut builder = builder_of(&[(1, 10), (4, 30), (6, 20), (7, 40)]);
        builder.order_by_time(0, 60);
        builder.retime(0, 5, 100);
        let lines = builder.lines.iter();
        let sought: Vec<_> =
            lines.map(|line| (made(line, &builder.bytes).unwrap(), line.offset_ns, line.is_sought)).collect();
        assert_eq!(sought, [(10, 100, true), (20, 100, true), (30, 100, true), (40, 102, false)]);
    }

    #[test]
    fn what_was_made_long_before_stays_where_it_came() {
        assert_eq!(
            ordered(&[(1, 10), (2, 90), (100, 20), (101, 30), (102, 25)], 60),
            [(1, 10), (2, 90), (100, 20), (101, 25), (101, 30)]
        );
    }
}
