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
    [("all-faults", 2_264_433_840_500_646_636), ("many-providers", 2_228_445_081_088_800_756)];

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
    (Sport::Football, [5_813_461_051_406_105_035, 8_636_801_691_726_606_724, 1_733_194_609_294_481_651]),
    (Sport::Basketball, [2_866_416_306_589_088_585, 15_324_489_665_950_543_498, 5_616_641_298_054_410_834]),
    (Sport::Tennis, [2_009_483_164_426_230_753, 12_470_965_841_579_080_528, 18_338_633_301_745_814_842]),
    (Sport::Hockey, [7_163_309_026_700_680_243, 7_636_850_827_200_393_750, 11_158_301_753_502_559_362]),
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
