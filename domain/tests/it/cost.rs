//! What reading and writing a message costs in each format: a measurement, run by hand on a quiet machine with
//! `cargo test --release -p domain -- --ignored --nocapture cost`; of a Unified Odds Feed, our samples and the real messages,
//! by type, with `cargo test --release -p domain -- --ignored --nocapture unified_odds_feed`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::codec::{json, xml};
use domain::{FeedMessage, Sport};

use crate::golden::line;
use crate::uof::{decode_as, goldens, sport_of};
use crate::uof_corpus::real_messages;

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

/// The CPU time that this thread has had, in microseconds: what others do at the same time does not count.
fn cpu_micros() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.expect("nanoseconds on a CPU") / 1_000.0
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement is for people to read")]
fn cost_of_a_unified_odds_feed_message() {
    let samples = goldens().into_iter().map(|(name, bytes)| ("ours", sport_of(&name), name, bytes));
    let real = real_messages().into_iter().map(|(name, bytes)| ("real", Sport::Football, name, bytes));
    let messages: Vec<_> = samples.chain(real).collect();
    let mut rounds = vec![Vec::new(); messages.len()];
    for _ in 0..ROUNDS {
        for ((_, sport, _, bytes), figures) in messages.iter().zip(&mut rounds) {
            let before = cpu_micros();
            (0..TIMES).for_each(|_| drop(black_box(decode_as(*sport, black_box(bytes)))));
            figures.push((cpu_micros() - before) / f64::from(TIMES));
        }
    }
    let mut of_types: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for ((whose, sport, name, bytes), figures) in messages.iter().zip(rounds) {
        let (micros, length) = (median(figures), bytes.len());
        println!("{whose} {name:26} {length:6} bytes decoded in {micros:7.2} us of CPU");
        let message = decode_as(*sport, bytes).expect("a message").message;
        of_types.entry(message.message_type().as_str().to_owned()).or_default().push(micros);
    }
    for (message_type, figures) in of_types {
        let count = u32::try_from(figures.len()).expect("few");
        let mean = figures.iter().sum::<f64>() / f64::from(count);
        println!("{message_type:20} {mean:7.2} us of CPU a message, {count} different ones");
    }
}
