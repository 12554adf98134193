//! What reading and writing a message costs in each format: a measurement, run by hand on a quiet machine with
//! `cargo test --release -p domain -- --ignored --nocapture cost`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::FeedMessage;
use domain::codec::{json, xml};

use crate::golden::line;
use crate::uof::{decode_as, goldens, sport_of};

/// How often each message is read and written in one round.
const TIMES: u32 = 20_000;
/// How many rounds there are; the formats take turns in them.
const ROUNDS: usize = 9;

fn micros_each(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..TIMES {
        work();
    }
    start.elapsed().div_duration_f64(Duration::from_micros(1)) / f64::from(TIMES)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement is for people to read")]
fn cost_of_a_message() {
    for name in ["odds_change", "event_status", "incident", "bet_stop", "snapshot"] {
        let message: FeedMessage = json::decode(line(name).as_bytes()).expect("a golden message");
        let (in_json, in_xml) = (json::encode(&message), xml::encode(&message));
        let mut out = Vec::with_capacity(4_096);
        let mut rounds = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            rounds[0].push(micros_each(|| drop(black_box(json::decode(black_box(&in_json))))));
            rounds[1].push(micros_each(|| drop(black_box(xml::decode(black_box(&in_xml))))));
            rounds[2].push(micros_each(|| {
                out.clear();
                json::encode_into(black_box(&message), &mut out);
            }));
            rounds[3].push(micros_each(|| {
                out.clear();
                xml::encode_into(black_box(&message), &mut out);
            }));
        }
        let [json_read, xml_read, json_write, xml_write] = rounds.map(median);
        println!(
            "{name:14} json {:4} bytes read {json_read:5.2} us write {json_write:5.2} us, \
             xml {:4} bytes read {xml_read:5.2} us write {xml_write:5.2} us",
            in_json.len(),
            in_xml.len()
        );
    }
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement is for people to read")]
fn cost_of_a_unified_odds_feed_message() {
    let goldens = goldens();
    let mut rounds = vec![Vec::new(); goldens.len()];
    for _ in 0..ROUNDS {
        for ((name, bytes), figures) in goldens.iter().zip(&mut rounds) {
            let sport = sport_of(name);
            figures.push(micros_each(|| drop(black_box(decode_as(sport, black_box(bytes))))));
        }
    }
    for ((name, bytes), figures) in goldens.iter().zip(rounds) {
        println!("{name:26} {:5} bytes read {:6.2} us", bytes.len(), median(figures));
    }
}
