//! What clients are told of an event of which the server itself missed updates.

use super::*;

#[test]
fn a_hole_is_filled_from_an_image_and_what_waited_follows() {
    let mut event = Event::new(0);
    event.update(false, &[(1, 1), (4, 1)]);
    let mut events = [event];
    let mut link = Link::open(Client::default(), LATER, &events);
    link.flush();
    let mut stored = events[0].cell.with_image(Image::clone);
    let missed = events[0].next(true, vec![(2, Some("2".into())), (4, None)]);
    let third = events[0].next(false, vec![(3, Some("3".into()))]);
    let fourth = events[0].next(true, vec![(1, Some("4".into()))]);
    let cell = &events[0].cell;
    assert_eq!(cell.take(third, Instant::now()), Ok(Taken::Reload { at_least: 2 }));
    assert_eq!(cell.take(fourth, Instant::now()), Ok(Taken::Waiting));
    stored.apply(&missed);
    assert_eq!(cell.load(stored), Taken::Applied);
    link.flush();
    assert_eq!(link.client.events["md:match:0"], (4, events[0].truth()), "without waiting for its time");
    assert_eq!(link.client.images, 2, "what was missed may have been urgent, so the client begins anew");
    events[0].update(true, &[(1, 5)]);
    events[0].update(false, &[(1, 6)]);
    link.now += LATER;
    link.flush();
    assert_eq!(link.client.reached("md:match:0"), [1, 4, 5, 6]);
    assert_eq!(link.client.images, 2);
}

#[test]
fn updates_that_found_no_room_while_an_image_was_loaded_are_asked_for() {
    let mut event = Event::new(0);
    event.update(false, &[(1, 1)]);
    let mut stored = event.cell.with_image(Image::clone);
    let updates: Vec<_> = (0..1_010).map(|_| event.next(false, vec![(1, Some("2".into()))])).collect();
    for update in &updates[..2] {
        stored.apply(update);
    }
    let mut taken = updates[2..].iter().map(|update| event.cell.take(update.clone(), Instant::now()));
    assert_eq!(taken.next(), Some(Ok(Taken::Reload { at_least: 3 })));
    assert!(taken.all(|taken| taken == Ok(Taken::Waiting)));
    assert_eq!(event.cell.load(stored.clone()), Taken::Reload { at_least: 1_011 });
    let last = event.next(false, vec![(2, Some("3".into()))]);
    assert_eq!(event.cell.take(last, Instant::now()), Ok(Taken::Waiting));
    for update in &updates[2..] {
        stored.apply(update);
    }
    assert_eq!(event.cell.load(stored), Taken::Applied);
    assert_eq!(event.cell.with_image(Image::version), event.version);
}
