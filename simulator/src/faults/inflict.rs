//! Faults happen: strands are changed, and the ledger with them.

use domain::EventId;

use super::malformed::of_another_sport;
use super::renumber::{another, restart, roll_back, unannounced_id};
use super::stall::stall;
use super::{Factor, Fault, FaultPlan, Kind, Quiet};
use crate::ledger::{Ledger, LedgerEvent};
use crate::strand::{Entry, Strand, Text, Worlds, signed};

/// What is true of the run besides its ledger.
#[derive(Debug, Default)]
pub(crate) struct Inflicted {
    pub(crate) stalled: Vec<EventId>,
    pub(crate) unannounced: Vec<EventId>,
}

/// Changes the strands as the plan says, and what must come of them. Afterwards strands are in the order of their due times.
pub(crate) fn inflict(
    plan: &FaultPlan,
    strands: &mut [Strand],
    worlds: Worlds,
    ledgers: &mut [Ledger],
) -> Inflicted {
    let mut inflicted = Inflicted::default();
    let each = || (0..).zip(&plan.faults);
    for (number, fault) in each() {
        let Some((strand, origin)) = concerned(strands, fault) else { continue };
        match fault.kind {
            Kind::Restart { epoch } => restart(strand, worlds, origin, epoch, number),
            Kind::SettlementRollback { .. } => roll_back(strand, worlds, origin, number),
            _ => {}
        }
    }
    for (number, fault) in each() {
        move_messages(strands, fault, number, plan.speed);
    }
    for strand in strands.iter() {
        if let Some(event) = event_of(ledgers, &strand.event_id) {
            event.messages = strand.entries.len() as u64;
        }
    }
    for (number, fault) in each() {
        let Some((strand, origin)) = concerned(strands, fault) else { continue };
        match fault.kind {
            Kind::Gap { count } => {
                let Some(event) = event_of(ledgers, &strand.event_id) else { continue };
                lose(strand, worlds, (origin, count), event);
                inflicted.stalled.push(strand.event_id.clone());
            }
            _ => inflicted.unannounced.extend(add(strand, worlds, (fault, origin, number), plan.speed)),
        }
    }
    // Last, for whoever is silent does not send what was added either.
    for quiet in plan.silences() {
        fall_silent(strands, &quiet);
    }
    for strand in strands {
        if let Some(event) = event_of(ledgers, &strand.event_id) {
            // What was added stands behind the event's own messages.
            let own = strand.entries.iter().take(usize::try_from(event.messages).unwrap_or(usize::MAX));
            event.due_ns = own.map(|entry| entry.due_ns).collect();
        }
        strand.entries.sort_by_key(|entry| entry.due_ns);
    }
    inflicted
}

fn concerned<'a>(strands: &'a mut [Strand], fault: &Fault) -> Option<(&'a mut Strand, u64)> {
    let event_id = fault.event_id.as_ref()?;
    let strand = strands.iter_mut().find(|strand| strand.event_id == *event_id)?;
    Some((strand, fault.sequence?))
}

fn event_of<'a>(ledgers: &'a mut [Ledger], event_id: &EventId) -> Option<&'a mut LedgerEvent> {
    ledgers.iter_mut().flat_map(|ledger| &mut ledger.events).find(|event| event.event_id == *event_id)
}

/// What is due while a producer says nothing is said afterwards.
fn fall_silent(strands: &mut [Strand], Quiet { provider, producer, during_ns }: &Quiet) {
    let is_theirs =
        |strand: &&mut Strand| strand.source.provider == *provider && strand.source.producer == *producer;
    for strand in strands.iter_mut().filter(is_theirs) {
        for entry in strand.entries.iter_mut().filter(|entry| during_ns.contains(&entry.due_ns)) {
            entry.due_ns = during_ns.end;
        }
    }
}

/// The same messages at other times.
fn move_messages(strands: &mut [Strand], fault: &Fault, number: u32, speed: Factor) {
    let Some((strand, origin)) = concerned(strands, fault) else { return };
    let Some(place) = strand.place(origin) else { return };
    let entries = &mut strand.entries;
    let hold_back = |entries: &mut [Entry], due_ns: u64| {
        for entry in entries {
            entry.due_ns = due_ns;
            entry.faults.push(number);
        }
    };
    match fault.kind {
        Kind::Reorder { overtaken_by } => {
            let last = (place + overtaken_by as usize).min(entries.len() - 1);
            let due_ns = entries[last].due_ns + 1;
            hold_back(&mut entries[place..=place], due_ns);
        }
        Kind::ReorderBeyond { after_ns } => {
            let due_ns = entries[place].due_ns + speed.scheduled_ns(after_ns);
            hold_back(&mut entries[place..=place], due_ns);
        }
        Kind::GapFilled { count, after_ns } => {
            let due_ns = entries[place].due_ns + speed.scheduled_ns(after_ns);
            hold_back(&mut entries[place..place + count as usize], due_ns);
        }
        Kind::Late { by_ns } => {
            let until = entries[place].due_ns + speed.scheduled_ns(by_ns);
            let held = entries[place..].partition_point(|entry| entry.due_ns < until);
            hold_back(&mut entries[place..place + held], until);
        }
        Kind::ClockSkew { count, ahead_ns } => {
            let end = (place + count as usize).min(entries.len());
            for entry in &mut entries[place..end] {
                entry.made_ns += speed.scheduled_signed_ns(ahead_ns);
                entry.faults.push(number);
            }
        }
        _ => {}
    }
}

/// Takes messages out for good.
fn lose(strand: &mut Strand, worlds: Worlds, (origin, count): (u64, u32), event: &mut LedgerEvent) {
    let Some(place) = strand.place(origin) else { return };
    strand.entries.drain(place..place + count as usize);
    stall(event, &strand.source.producer, strand.entries.iter().map(|entry| strand.message(entry, worlds)));
}

/// Adds a message that changes nothing of its event; returns the event that it makes known instead, where it does.
fn add(
    strand: &mut Strand,
    worlds: Worlds,
    (fault, origin, number): (&Fault, u64, u32),
    speed: Factor,
) -> Option<EventId> {
    let place = strand.place(origin)?;
    let entry = strand.entries[place].clone();
    let text = strand.text(&entry, worlds).into_owned();
    let mut unannounced = None;
    let (due_ns, made_ns, text) = match &fault.kind {
        Kind::Duplicate { after_ns } => {
            // What was made once is not made later because it is sent again.
            (entry.due_ns + speed.scheduled_ns(*after_ns), entry.made_ns, entry.text.clone())
        }
        Kind::Malformed { how } => {
            (entry.due_ns + 1, entry.made_ns, Text::Fixed(how.copy(strand.format, &text)?.into()))
        }
        Kind::WrongSport { sport } => {
            let copy = of_another_sport(strand.format, &text, *sport)?;
            (entry.due_ns + 1, entry.made_ns, Text::Fixed(copy.into()))
        }
        Kind::UnknownEvent => {
            let nobody = unannounced_id(&strand.event_id, &format!("-unannounced-{number}"))?;
            let message = another(&strand.message(&entry, worlds), nobody.clone());
            unannounced = Some(nobody);
            (entry.due_ns + 1, signed(entry.due_ns + 1), strand.encode(&message))
        }
        _ => return None,
    };
    strand.entries.push(Entry { origin: 0, due_ns, made_ns, text, faults: vec![number] });
    unannounced
}
