//! What sessions are told while nobody processes an event's part of the feed, or updates of it have yet to be loaded.

use super::*;

const OPEN: &str = r#"{"id":406,"producer":"live","status":"active","outcomes":[{"id":"4","odds":1850}]}"#;
const SHUT: &str = r#"{"id":406,"producer":"live","status":"suspended","suspension":"processor_silent","outcomes":[{"id":"4","odds":1850}]}"#;
const SETTLED: &str = r#"{"id":412,"producer":"live","status":"settled","outcomes":[]}"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// An event with one market open and one settled.
fn event() -> [Event; 1] {
    let mut event = Event::new(0);
    let changes = [(1, "1"), (2, OPEN), (3, SETTLED)].map(|(key, value)| (key, Some(value.into()))).to_vec();
    let update = event.next(false, changes);
    assert_eq!(event.cell.take(update, Instant::now()), Ok(Taken::Applied));
    [event]
}

fn markets(link: &Link) -> (u64, Value, Value) {
    let (version, keys) = &link.client.events["md:match:0"];
    (*version, keys["market:406"].clone(), keys["market:412:total=5.5"].clone())
}

#[test]
fn an_active_market_is_shut_at_once_and_opens_again_without_a_new_version() {
    let events = event();
    let mut link = Link::open(Client::default(), Duration::from_secs(60), &events);
    link.flush();
    assert_eq!(markets(&link), (1, json(OPEN), json(SETTLED)));
    events[0].cell.set_silent(true);
    link.flush();
    assert_eq!(markets(&link), (1, json(SHUT), json(SETTLED)));
    assert_eq!(link.client.told["md:match:0"][1], (true, vec!["market:406".to_owned()]));
    events[0].cell.set_silent(true);
    assert_eq!(link.flush(), 0, "it is said once");
    events[0].cell.set_silent(false);
    link.flush();
    assert_eq!(markets(&link), (1, json(OPEN), json(SETTLED)));
    events[0].cell.set_silent(true);
    events[0].cell.set_silent(false);
    assert_eq!(link.flush(), 0, "a silence that is over before it was told is none");
}

#[test]
fn who_comes_or_comes_back_in_a_silence_finds_nothing_open() {
    let mut events = event();
    events[0].cell.set_silent(true);
    let mut link = Link::open(Client::default(), Duration::ZERO, &events);
    link.flush();
    assert_eq!(markets(&link), (1, json(SHUT), json(SETTLED)));
    assert_eq!(link.client.told["md:match:0"].len(), 1, "the image says it already");

    events[0].cell.set_silent(false);
    link.flush();
    assert_eq!(markets(&link).1, json(OPEN));
    events[0].update(false, &[(1, 2)]);
    events[0].cell.set_silent(true);
    link.reconnect(&events);
    link.flush();
    assert_eq!(markets(&link), (2, json(SHUT), json(SETTLED)));
    assert_eq!(link.client.images, 1, "it resumed");
}

#[test]
fn what_is_owed_one_by_one_comes_before_and_what_comes_after_is_shut_too() {
    let mut events = event();
    let mut link = Link::open(Client::default(), Duration::from_secs(60), &events);
    link.flush();
    events[0].update(true, &[(1, 2)]);
    events[0].update(false, &[(1, 3)]);
    events[0].cell.set_silent(true);
    link.flush();
    assert_eq!(link.client.reached("md:match:0"), [1, 2, 3], "the rest comes with what the silence changes");
    assert_eq!(markets(&link).1, json(SHUT));
    let update = events[0].next(true, vec![(2, Some(OPEN.into()))]);
    assert_eq!(events[0].cell.take(update, Instant::now()), Ok(Taken::Applied));
    link.flush();
    assert_eq!(markets(&link), (4, json(SHUT), json(SETTLED)));
}

#[test]
fn an_event_of_which_updates_are_missing_is_shut_until_they_are_loaded() {
    let mut events = event();
    let mut link = Link::open(Client::default(), Duration::from_secs(60), &events);
    link.flush();
    let mut stored = events[0].cell.with_image(Image::clone);
    let missed = events[0].next(false, vec![(1, Some("2".into()))]);
    stored.apply(&missed);
    let third = events[0].next(false, vec![(1, Some("3".into()))]);
    let cell = Arc::clone(&events[0].cell);
    assert_eq!(cell.take(third, Instant::now()), Ok(Taken::Reload { at_least: 2 }));
    assert_eq!(cell.last_version(), 3);
    link.flush();
    assert_eq!(markets(&link), (1, json(SHUT), json(SETTLED)), "what is missing may have shut it");

    // That its part of the feed falls silent meanwhile and is heard again opens nothing.
    cell.set_silent(true);
    cell.set_silent(false);
    link.flush();
    assert_eq!(markets(&link).1, json(SHUT));
    assert_eq!(cell.load(stored), Taken::Applied);
    link.flush();
    assert_eq!(markets(&link), (3, json(OPEN), json(SETTLED)));

    // One of which only the version could be read, and that an image brings that came meanwhile.
    let mut stored = cell.with_image(Image::clone);
    stored.apply(&events[0].next(false, vec![(1, Some("4".into()))]));
    assert_eq!(cell.miss(4, Instant::now()), Ok(Taken::Reload { at_least: 4 }));
    assert_eq!(cell.last_version(), 4);
    cell.set_silent(true);
    link.flush();
    assert_eq!(cell.load(stored), Taken::Applied);
    link.flush();
    assert_eq!(markets(&link), (4, json(SHUT), json(SETTLED)), "nobody processes it either");
    cell.set_silent(false);
    link.flush();
    assert_eq!(markets(&link), (4, json(OPEN), json(SETTLED)));
}

#[test]
fn a_client_of_other_markets_is_not_woken() {
    let events = event();
    let mut link = Link::open_filtered(Client::default(), Duration::ZERO, of_market(412), &events);
    link.flush();
    events[0].cell.set_silent(true);
    assert_eq!(link.flush(), 0);
    let mut link = Link::open_filtered(Client::default(), Duration::ZERO, of_market(406), &events);
    link.flush();
    assert_eq!(link.client.events["md:match:0"].1["market:406"], json(SHUT));
}

#[test]
fn the_end_is_told_also_where_nothing_opens_with_it() {
    let mut events = event();
    let mut links = [Duration::ZERO, Duration::from_secs(60)]
        .map(|conflate| Link::open(Client::default(), conflate, &events));
    let each = |links: &mut [Link; 2], silent: bool, frames: usize| {
        for link in links {
            assert_eq!(link.flush(), frames);
            assert_eq!(link.client.is_silent["md:match:0"], silent);
        }
    };
    each(&mut links, false, 1);
    events[0].cell.set_silent(true);
    each(&mut links, true, 1);
    // The first that is said after the silence shuts what was open, and comes before it is known that somebody says it.
    let shut = events[0].next(true, vec![(2, Some(SHUT.replace("processor_silent", "bet_stop").into()))]);
    assert_eq!(events[0].cell.take(shut, Instant::now()), Ok(Taken::Applied));
    each(&mut links, true, 1);
    events[0].cell.set_silent(false);
    each(&mut links, false, 1);

    // With nothing open the next silence is no news, until something is said in it.
    events[0].cell.set_silent(true);
    each(&mut links, false, 0);
    events[0].update(true, &[(1, 3)]);
    each(&mut links, true, 1);
    events[0].cell.set_silent(false);
    each(&mut links, false, 1);
    assert_eq!(links[0].client.reached("md:match:0"), [1, 1, 2, 2, 3, 3], "and no version");
}
