//! Same seed, same bytes: the whole stream of ready-made scenarios, and of each sport in each format.

use domain::Sport;
use simulator::scenario::Scene;
use simulator::{Format, Scenario};

use super::{START, played};

/// FNV-1a over all messages and the times at which they are due.
fn fingerprint(scene: &Scene) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for index in 0..scene.schedule.len() {
        let due = scene.schedule.offset_ns(index).to_le_bytes();
        for byte in due.iter().chain(scene.schedule.message(index)) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// The fingerprints of ready-made scenarios, every message of them, faults and all, and when each is due. They change only
/// when what is sent is meant to change; then they are written here anew.
const STREAMS: [(&str, u64); 2] =
    [("all-faults", 288_527_466_262_132_535), ("many-providers", 13_538_904_774_218_663_774)];

#[test]
fn the_same_scenario_makes_the_same_bytes_on_every_machine() {
    let streams = STREAMS.map(|(name, _)| {
        let scenario = Scenario::load(name).unwrap();
        let scene = scenario.play(START).unwrap();
        assert_eq!(scene, scenario.play(START).unwrap());
        let other = Scenario { seed: scenario.seed + 1, ..scenario };
        assert_ne!(fingerprint(&scene), fingerprint(&other.play(START).unwrap()));
        (name, fingerprint(&scene))
    });
    assert_eq!(streams, STREAMS, "the streams are others than they were");
}

/// The fingerprint of a minute of each sport told in each format, of seed 7. They change only when what is sent is meant to
/// change; then they are written here anew.
const SPORTS: [(Sport, [u64; 3]); 4] = [
    (Sport::Football, [13_740_527_348_866_418_087, 8_338_907_340_863_887_034, 3_242_620_694_100_705_012]),
    (Sport::Basketball, [13_681_429_903_131_269_608, 17_179_347_840_672_698_415, 17_857_391_769_497_126_179]),
    (Sport::Tennis, [2_767_811_600_257_600_597, 6_797_548_489_473_710_392, 16_742_110_363_364_807_403]),
    (Sport::Hockey, [155_628_736_171_369_919, 7_033_210_282_401_322_604, 6_368_919_579_105_800_642]),
];

#[test]
fn each_sport_makes_the_same_bytes_in_each_format() {
    let streams = SPORTS.map(|(sport, _)| {
        let of = |format: &str| {
            played(&format!(
                "description = \"d\"\nseed = 7\nseconds = 60\n\
                 [[producers]]\nprovider = \"p\"\nname = \"1\"\nformat = \"{format}\"\n\
                 [sports.{sport}]\ngames = 4\nrate = 100\n"
            ))
        };
        let fingerprints =
            [("json", Format::Json), ("xml", Format::Xml), ("uof", Format::Uof)].map(|(name, format)| {
                let (scene, again) = (of(name), of(name));
                assert!(scene == again, "{sport} in {name}: two runs are not the same");
                assert!(scene.schedule.channels().iter().all(|channel| channel.format == format));
                fingerprint(&scene)
            });
        (sport, fingerprints)
    });
    assert_eq!(streams, SPORTS, "the streams of seed 7 are others than they were");
}
