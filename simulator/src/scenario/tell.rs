//! What becomes of a scenario's messages where they are told as a Unified Odds Feed, and of their ledger.

use domain::{Body, Content, Timestamp};

use crate::ledger::Ledger;
use crate::strand::{Strand, Text, Worlds};
use crate::uof::{encode, milliseconds, void_reason};

/// A millisecond, in nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// Makes of a strand's messages those of this feed, and changes its ledger by what cannot be said.
pub(super) fn tell(strand: &mut Strand, worlds: Worlds, ledger: &mut Ledger) {
    let mut last_made = -MILLISECOND;
    let mut begins_anew = false;
    let mut entries = std::mem::take(&mut strand.entries);
    entries.retain_mut(|entry| {
        let mut message = strand.message(entry, worlds);
        // By the time it says it was made one message is told from the next.
        let whole = (entry.made_ns + MILLISECOND - 1).div_euclid(MILLISECOND) * MILLISECOND;
        let made_ns = whole.max(last_made + MILLISECOND);
        message.generated_at = worlds.at(made_ns);
        let Some(line) = encode(&message) else { return false };
        begins_anew |= is_another_beginning(&message.content);
        last_made = made_ns;
        entry.made_ns = made_ns;
        entry.due_ns = entry.due_ns.max(made_ns.unsigned_abs());
        entry.text = Text::New(line.into());
        true
    });
    strand.entries = entries;
    let Some(event) = ledger.events.iter_mut().find(|event| event.event_id == strand.event_id) else {
        return;
    };
    event.messages = strand.entries.len() as u64;
    event.due_ns = strand.entries.iter().map(|entry| entry.due_ns).collect();
    event.incidents.clear();
    for market in &mut event.markets {
        let windows = market.void_windows.iter_mut().map(|window| &mut window.void_reason);
        for reason in windows.chain([&mut market.void_reason]).filter_map(Option::as_mut) {
            *reason = domain::id::Text::new(void_reason(reason).to_string()).expect("a number is short");
        }
    }
    if begins_anew {
        let start = &mut event.fixture.scheduled_start;
        *start = Timestamp(milliseconds(*start) * 1_000);
    }
}

/// Whether it says when an event begins, otherwise than its fixture did: to the millisecond.
fn is_another_beginning(content: &Content) -> bool {
    matches!(content, Content::Event(event)
        if matches!(&event.body, Body::FixtureChange(change) if change.scheduled_start.is_some()))
}
