//! Faults that change the sequence of an event: a new epoch, a settlement that is taken back.

use domain::limit::ID_BYTES_MAX;
use domain::message::{Settlement, SettlementRollback};
use domain::{Body, Content, EventId, FeedMessage, MessageId, Position};
use sha2::{Digest, Sha256};

use crate::ledger::{Account, applied};
use crate::strand::{Entry, Strand, Worlds, signed};

/// From this message on the producer counts in a new epoch, which begins with a snapshot of all before.
pub(super) fn restart(strand: &mut Strand, worlds: Worlds, origin: u64, epoch: u64, fault: u32) {
    let Some(place) = strand.place(origin) else { return };
    let due_ns = strand.entries[place].due_ns;
    let first = strand.message(&strand.entries[place], worlds);
    let before = strand.entries[..place].iter().map(|entry| strand.message(entry, worlds));
    let Some(mut snapshot) = restarted(&first, before) else { return };
    set_position(&mut snapshot, Position { epoch, sequence: 1 });
    let text = strand.encode(&snapshot);
    for (sequence, index) in (2..).zip(place..strand.entries.len()) {
        move_to(strand, worlds, index, Position { epoch, sequence });
    }
    strand.entries[place].faults.push(fault);
    strand.entries.insert(place, Entry::added(due_ns, text, fault));
}

/// Behind the settlement come its rollback and, after that, the settlement again.
pub(super) fn roll_back(strand: &mut Strand, worlds: Worlds, origin: u64, fault: u32) {
    let Some(place) = strand.place(origin) else { return };
    let settled = strand.message(&strand.entries[place], worlds);
    let Some((_, said)) = rolled_back(&settled) else { return };
    let due_ns = strand.entries[place].due_ns;
    let room = strand.entries.get(place + 1).map_or(2, |next| next.due_ns - due_ns);
    for index in place + 1..strand.entries.len() {
        let entry = strand.message(&strand.entries[index], worlds);
        let Some(at) = entry.position() else { continue };
        move_to(strand, worlds, index, Position { sequence: at.sequence + 2, ..at });
    }
    for (index, mut message) in (1..).zip(said) {
        let due_ns = due_ns + room * index as u64 / 3;
        message.generated_at = worlds.at(signed(due_ns));
        let text = strand.encode(&message);
        strand.entries.insert(place + index, Entry::added(due_ns, text, fault));
    }
    strand.entries[place].faults.push(fault);
}

/// The snapshot with which a producer begins an event anew before a message, in the next epoch: all that it had said before, as it
/// was applied.
pub(crate) fn restarted(
    first: &FeedMessage,
    before: impl Iterator<Item = FeedMessage>,
) -> Option<FeedMessage> {
    let Content::Event(event) = &first.content else { return None };
    let epoch = event.position?.epoch + 1;
    let mut account = Account::new(first.source.producer.clone(), event.sport);
    for (_, message) in applied(&event.event_id, event.sport, before.map(|message| ((), message))) {
        account.enter(body(&message));
    }
    let mut snapshot = first.clone();
    become_another(&mut snapshot, &format!("e{epoch}"), Body::Snapshot(account.snapshot()));
    set_position(&mut snapshot, Position { epoch, sequence: 1 });
    Some(snapshot)
}

/// Of how many markets a settlement is taken back, and what says so behind it: the rollback, and the settlement again.
/// `None` where it is no settlement of anything.
pub(crate) fn rolled_back(settled: &FeedMessage) -> Option<(u32, [FeedMessage; 2])> {
    let Body::Settlement(settlement) = body(settled) else { return None };
    let at = position_of(settled)?;
    let keys: Vec<_> = settlement.markets.iter().map(|market| market.key.clone()).collect();
    let markets = u32::try_from(keys.len()).ok().filter(|markets| *markets > 0)?;
    let say = |number: u64, said: Body| {
        let mut message = settled.clone();
        message.occurred_at = None;
        become_another(&mut message, &format!("s{}r{number}", at.sequence), said);
        set_position(&mut message, Position { sequence: at.sequence + number, ..at });
        message
    };
    let rollback = Body::SettlementRollback(SettlementRollback { markets: keys });
    Some((markets, [say(1, rollback), say(2, Body::Settlement(Settlement { ..settlement.clone() }))]))
}

/// A message once more as the first one about another event.
pub(crate) fn another(message: &FeedMessage, event_id: EventId) -> FeedMessage {
    let (mut other, said) = (message.clone(), body(message).clone());
    if let Content::Event(event) = &mut other.content {
        event.event_id = event_id;
    }
    become_another(&mut other, "1", said);
    set_position(&mut other, Position { epoch: 1, sequence: 1 });
    other
}

/// Where a message about an event stands.
pub(crate) fn position_of(message: &FeedMessage) -> Option<Position> {
    message.position()
}

/// What a world says it says of an event.
pub(crate) fn body(message: &FeedMessage) -> &Body {
    match &message.content {
        Content::Event(event) => &event.body,
        Content::Producer(_) => unreachable!("a strand is about one event"),
    }
}

/// A message of its own, with an id after that of the event.
fn become_another(message: &mut FeedMessage, suffix: &str, said: Body) {
    let Content::Event(event) = &mut message.content else { return };
    message.message_id = id_after(&event.event_id, suffix);
    event.body = said;
}

/// The id of a message that is said besides of an event: the event's and a suffix, of an event with a long id a digest of it.
pub(crate) fn id_after(event_id: &EventId, suffix: &str) -> MessageId {
    let of_digest = || format!("{}:{suffix}", digest(event_id));
    MessageId::new(format!("{event_id}:{suffix}"))
        .or_else(|_| MessageId::new(of_digest()))
        .expect("a digest and a suffix are short")
}

/// The id of an event that nobody has announced, after that of another, or, where that is long, after its beginning and a digest;
/// `None` where its beginning leaves no room for those.
pub(crate) fn unannounced_id(event_id: &EventId, suffix: &str) -> Option<EventId> {
    let cut = || {
        let digest = digest(event_id);
        let room = ID_BYTES_MAX.checked_sub(digest.len() + suffix.len() + 1)?;
        EventId::new(format!("{}-{digest}{suffix}", event_id.as_str().get(..room)?)).ok()
    };
    EventId::new(format!("{event_id}{suffix}")).ok().or_else(cut)
}

/// Hexadecimal digits that tell an event from others.
fn digest(event_id: &EventId) -> String {
    let digest = Sha256::digest(event_id.as_str().as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn set_position(message: &mut FeedMessage, position: Position) {
    if let Content::Event(event) = &mut message.content {
        event.position = Some(position);
    }
}

fn move_to(strand: &mut Strand, worlds: Worlds, index: usize, position: Position) {
    let mut message = strand.message(&strand.entries[index], worlds);
    set_position(&mut message, position);
    strand.entries[index].text = strand.encode(&message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_id_of_an_event_leaves_room_for_what_is_said_besides() {
        for length in [93, 94, ID_BYTES_MAX] {
            let event_id = EventId::new(format!("md:match:{}", "7".repeat(length - 9))).unwrap();
            let other = EventId::new(format!("md:match:{}8", "7".repeat(length - 10))).unwrap();
            for suffix in ["1", "e9007199254740992", "s9007199254740992r2", "e9007199254740992:abandoned"] {
                assert_ne!(id_after(&event_id, suffix), id_after(&other, suffix), "{length}");
            }
            let unannounced = |event_id| unannounced_id(event_id, "-unannounced-now-999").unwrap();
            assert_ne!(unannounced(&event_id), unannounced(&other), "{length}");
        }
        let short = EventId::new("md:match:7").unwrap();
        assert_eq!(id_after(&short, "e2").as_str(), "md:match:7:e2");
        assert_eq!(unannounced_id(&short, "-unannounced-3").unwrap().as_str(), "md:match:7-unannounced-3");
        let no_room = EventId::new(format!("md:{}:7", "m".repeat(ID_BYTES_MAX - 5))).unwrap();
        assert_eq!(unannounced_id(&no_room, "-unannounced-3"), None);
    }
}
