//! Faults that change the sequence of an event: a new epoch, a settlement that is taken back.

use domain::message::{Settlement, SettlementRollback};
use domain::{Body, Content, FeedMessage, MessageId, Position};

use crate::ledger::Account;
use crate::strand::{Entry, Strand, Worlds, signed};

/// From this message on the producer counts in a new epoch, which begins with a snapshot of all before.
pub(super) fn restart(strand: &mut Strand, worlds: Worlds, origin: u64, epoch: u64, fault: u32) {
    let Some(place) = strand.place(origin) else { return };
    let mut account = Account::new(strand.source.producer.clone());
    for entry in &strand.entries[..place] {
        account.enter(body(&strand.message(entry, worlds)));
    }
    let due_ns = strand.entries[place].due_ns;
    let mut snapshot = strand.message(&strand.entries[place], worlds);
    let first = Position { epoch, sequence: 1 };
    become_another(&mut snapshot, &format!("e{epoch}"), Body::Snapshot(account.snapshot()));
    set_position(&mut snapshot, first);
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
    let (Body::Settlement(settlement), Some(position)) = (body(&settled).clone(), settled.position()) else {
        return;
    };
    let due_ns = strand.entries[place].due_ns;
    let room = strand.entries.get(place + 1).map_or(2, |next| next.due_ns - due_ns);
    for index in place + 1..strand.entries.len() {
        let entry = strand.message(&strand.entries[index], worlds);
        let Some(at) = entry.position() else { continue };
        move_to(strand, worlds, index, Position { sequence: at.sequence + 2, ..at });
    }
    let markets = settlement.markets.iter().map(|market| market.key.clone()).collect();
    let bodies = [
        Body::SettlementRollback(SettlementRollback { markets }),
        Body::Settlement(Settlement { ..settlement }),
    ];
    let mut at = position;
    for (index, said) in (1..).zip(bodies) {
        let due_ns = due_ns + room * index as u64 / 3;
        let mut message = settled.clone();
        message.occurred_at = None;
        message.generated_at = worlds.at(signed(due_ns));
        become_another(&mut message, &format!("s{}r{index}", position.sequence), said);
        at = at.next();
        set_position(&mut message, at);
        let text = strand.encode(&message);
        strand.entries.insert(place + index, Entry::added(due_ns, text, fault));
    }
    strand.entries[place].faults.push(fault);
}

/// What a world says it says of an event.
pub(super) fn body(message: &FeedMessage) -> &Body {
    match &message.content {
        Content::Event(event) => &event.body,
        Content::Producer(_) => unreachable!("a strand is about one event"),
    }
}

/// A message of its own, with an id after that of the event.
pub(super) fn become_another(message: &mut FeedMessage, suffix: &str, said: Body) {
    let Content::Event(event) = &mut message.content else { return };
    message.message_id =
        MessageId::new(format!("{}:{suffix}", event.event_id)).expect("an id and a number are short");
    event.body = said;
}

pub(super) fn set_position(message: &mut FeedMessage, position: Position) {
    if let Content::Event(event) = &mut message.content {
        event.position = Some(position);
    }
}

fn move_to(strand: &mut Strand, worlds: Worlds, index: usize, position: Position) {
    let mut message = strand.message(&strand.entries[index], worlds);
    set_position(&mut message, position);
    strand.entries[index].text = strand.encode(&message);
}
