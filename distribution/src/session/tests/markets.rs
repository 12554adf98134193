//! What a client of some markets is told.

use super::*;

/// Where they stand in [`KEYS`].
const TAKEN: usize = 2;
const LEFT_OUT: usize = 3;

#[test]
fn what_a_filter_leaves_out_makes_no_frame_and_the_chain_goes_on() {
    let mut events = [Event::new(0)];
    events[0].update(false, &[(TAKEN, 1), (LEFT_OUT, 1)]);
    let mut link = Link::open_filtered(Client::default(), Duration::ZERO, of_market(406), &events);
    link.flush();
    events[0].update(false, &[(LEFT_OUT, 2)]);
    events[0].update(true, &[(LEFT_OUT, 3)]);
    assert_eq!(link.flush(), 0);
    events[0].update(false, &[(TAKEN, 2)]);
    assert_eq!(link.flush(), 1);
    assert_eq!(link.client.reached("md:match:0"), [1, 4]);
    link.reconnect(&events);
    assert_eq!(link.flush(), 0, "it has all that it asks for");
    events[0].update(true, &[(TAKEN, 3), (LEFT_OUT, 4)]);
    link.flush();
    assert_eq!(link.client.reached("md:match:0"), [1, 4, 5]);
}

#[test]
fn urgent_updates_that_a_filter_leaves_out_are_not_held_against_a_client_that_reads() {
    let mut event = Event::with_urgent_max(0, 3);
    event.update(false, &[(TAKEN, 1)]);
    let mut events = [event];
    let mut link = Link::open_filtered(Client::default(), Duration::ZERO, of_market(406), &events);
    link.flush();
    for value in 1..=20 {
        events[0].update(true, &[(LEFT_OUT, value)]);
        assert_eq!(link.flush(), 0);
    }
    events[0].update(true, &[(TAKEN, 2)]);
    link.flush();
    assert_eq!(link.client.reached("md:match:0"), [1, 22]);
}
