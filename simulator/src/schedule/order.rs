//! Messages of a Unified Odds Feed that were written down as they were answered, put in the order in which they were made: there
//! time is the order, and of two requests under way at once the later one may be answered first.

use std::collections::HashMap;

use super::{Line, ScheduleBuilder};
use crate::format::Format;

/// Where a message stands: when it is due, before which message as it was added, and of those when it was made.
type Place = (u64, usize, i64, usize);

impl ScheduleBuilder {
    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Of the messages of a Unified Odds Feed that were added from `first` on, each goes before those of its event that were made
    /// later and came no longer than `within_ns` before it, when they are due. Others stay.
    pub(crate) fn order_by_time(&mut self, first: usize, within_ns: u64) {
        let mut told: HashMap<u32, Vec<(i64, Place)>> = HashMap::new();
        let mut places: Vec<Place> = Vec::with_capacity(self.lines.len() - first);
        for (index, line) in self.lines[first..].iter().enumerate() {
            let stays = (line.offset_ns, index, 0, index);
            let is_uof = self.channels[line.channel as usize].format == Format::Uof;
            let Some(made) = is_uof.then(|| made(line, &self.bytes)).flatten() else {
                places.push(stays);
                continue;
            };
            let told = told.entry(line.channel).or_default();
            let later = told.partition_point(|(earlier, _)| *earlier <= made);
            let place = match told.get(later) {
                Some((_, (due_ns, before, ..))) if line.offset_ns.saturating_sub(*due_ns) <= within_ns => {
                    (*due_ns, *before, made, index)
                }
                // It came so late that what was made later has nothing to do with it.
                Some(_) => {
                    told.clear();
                    (line.offset_ns, index, made, index)
                }
                None => (line.offset_ns, index, made, index),
            };
            told.insert(later.min(told.len()), (made, place));
            places.push(place);
        }
        let mut lines: Vec<(Place, Line)> = places.into_iter().zip(self.lines.drain(first..)).collect();
        lines.sort_by_key(|(place, _)| *place);
        self.lines.extend(lines.into_iter().map(|((offset_ns, ..), line)| Line { offset_ns, ..line }));
    }

    /// The messages that were added from `first` on are due at other times.
    pub(crate) fn retime(&mut self, first: usize, due_ns: impl Fn(u64) -> u64) {
        for line in &mut self.lines[first..] {
            line.offset_ns = due_ns(line.offset_ns);
        }
    }
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

    /// When messages about one event are due that came after so many seconds, and when they were made.
    fn ordered(messages: &[(u64, i64)], within: u64) -> Vec<(u64, i64)> {
        let mut builder = ScheduleBuilder::default();
        let push = |builder: &mut ScheduleBuilder, seconds: u64, made: i64| {
            let line = format!(
                "hi.-.live.bet_stop.4.md:match.7.- <bet_stop product=\"1\" event_id=\"md:match:7\" timestamp=\"{made}\" groups=\"all\"/>"
            );
            builder.push(&Name::new("uof").unwrap(), Format::Uof, seconds, line.as_bytes()).unwrap();
        };
        // Another recording of the same game: each is put in order by itself.
        push(&mut builder, 0, 1_000);
        let first = builder.len();
        messages.iter().for_each(|&(seconds, made)| push(&mut builder, seconds, made));
        builder.order_by_time(first, within);
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
    fn what_was_made_long_before_stays_where_it_came() {
        assert_eq!(
            ordered(&[(1, 10), (2, 90), (100, 20), (101, 30), (102, 25)], 60),
            [(1, 10), (2, 90), (100, 20), (101, 25), (101, 30)]
        );
    }
}
