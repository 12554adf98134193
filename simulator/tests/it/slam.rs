//! The importer of Grand Slam tables: the score that it counts against the columns it never reads.

use std::collections::BTreeMap;

use domain::{Body, EventStatus, Incident, IncidentKind, MatchStatus, PeriodScore, Score, Side};
use simulator::import::Imported;
use simulator::import::slam::Tables;

use super::cli::{simulator, stderr, stdout};
use super::imported::{body, corpus, final_status, incidents, phases, play, sample_file, statuses, tell};

/// What the table says of a point, by the names of its columns. No field of these tables is quoted.
type Row = BTreeMap<String, String>;

fn rows(points: &[u8]) -> Vec<Row> {
    let text = std::str::from_utf8(points).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        names.iter().map(|name| (*name).to_owned()).zip(line.split(',').map(str::to_owned)).collect()
    };
    lines.map(row).collect()
}

fn number(row: &Row, column: &str) -> u32 {
    row[column].parse().unwrap()
}

fn points_of(text: &str) -> u32 {
    if text == "AD" { 50 } else { text.parse().unwrap() }
}

/// Imports a match and holds every status against the row of its point. Says whether somebody has won.
fn check(tables: &Tables, rows: &[Row], match_id: &str) -> (Imported, bool) {
    let imported = tables.import(match_id).unwrap();
    let rows: Vec<&Row> = rows.iter().filter(|row| row["match_id"] == match_id).collect();
    let told: Vec<_> = statuses(&imported)
        .filter(|status| {
            status.match_status != MatchStatus::NotStarted && status.status != EventStatus::Closed
        })
        .collect();
    assert_eq!(told.len(), rows.len(), "{match_id}: a status for each point");
    let mut sets = Score::default();
    for (status, row) in told.into_iter().zip(rows) {
        match row["SetWinner"].as_str() {
            "1" => sets.home += 1,
            "2" => sets.away += 1,
            _ => {}
        }
        let at = format!("{match_id} point {}", row["PointNumber"]);
        assert_eq!(status.score, sets, "{at}");
        let set = status.period_scores.last().unwrap();
        assert_eq!((set.home, set.away), (number(row, "P1GamesWon"), number(row, "P2GamesWon")), "{at}");
        assert_eq!(status.period_scores.len() as u32, number(row, "SetNo"), "{at}");
        if let Some(game) = status.game_score {
            assert_eq!(
                (game.home, game.away),
                (points_of(&row["P1Score"]), points_of(&row["P2Score"])),
                "{at}"
            );
        }
    }
    let to_win = if match_id.split('-').nth(2).unwrap().starts_with('1') { 3 } else { 2 };
    (imported, sets.home.max(sets.away) == to_win)
}

fn samples() -> [Vec<u8>; 2] {
    ["slam-points.csv", "slam-matches.csv"].map(sample_file)
}

fn sample_tables() -> (Tables, Vec<Row>) {
    let [points, matches] = samples();
    (Tables::read(&points, &matches).unwrap(), rows(&points))
}

#[test]
fn a_match_is_counted_from_its_points_alone() {
    let (tables, rows) = sample_tables();
    assert_eq!(tables.matches(), ["2012-wimbledon-2901", "2012-wimbledon-1901"]);
    let (imported, is_won) = check(&tables, &rows, "2012-wimbledon-2901");
    assert!(is_won && imported.left_out.is_empty());
    let status = final_status(&play(&imported));
    assert_eq!((status.status, status.match_status), (EventStatus::Closed, MatchStatus::Ended));
    assert_eq!(status.score, Score { home: 2, away: 1 });
    let sets = [(MatchStatus::Set1, 7, 6), (MatchStatus::Set2, 3, 6), (MatchStatus::Set3, 8, 6)];
    assert_eq!(status.period_scores, sets.map(|(period, home, away)| PeriodScore { period, home, away }));
    assert_eq!(
        phases(&imported),
        [
            MatchStatus::NotStarted,
            MatchStatus::Set1,
            MatchStatus::Break1,
            MatchStatus::Set2,
            MatchStatus::Break2,
            MatchStatus::Set3,
            MatchStatus::Ended
        ]
    );
    let counts = incidents(&imported);
    assert_eq!((counts["Ace"], counts["DoubleFault"], counts["GameWon"], counts["SetWon"]), (4, 1, 36, 3));
    let Body::Fixture(fixture) = body(&imported.messages[0].1) else { panic!("a fixture comes first") };
    assert_eq!(
        (fixture.home.name.as_str(), fixture.away.name.as_str()),
        ("Ida Farrow", "Vestergaard, Mette")
    );
    assert_eq!(fixture.tournament.as_ref().unwrap().name.as_str(), "Wimbledon 2012");
}

fn told(imported: &Imported, kind: IncidentKind) -> impl Iterator<Item = &Incident> {
    imported.messages.iter().filter_map(move |(_, message)| match body(message) {
        Body::Incident(incident) if incident.kind == kind => Some(incident),
        _ => None,
    })
}

/// Games won against the server: in which set, and by whom.
fn breaks(imported: &Imported) -> Vec<(MatchStatus, Side)> {
    let games = told(imported, IncidentKind::GameWon);
    let is_break = |game: &&Incident| game.detail.as_ref().is_some_and(|detail| detail.as_str() == "break");
    games.filter(is_break).map(|game| (game.match_status, game.side.unwrap())).collect()
}

#[test]
fn a_game_won_against_the_server_is_a_break_and_a_tie_break_is_none() {
    let (tables, _) = sample_tables();
    let imported = tables.import("2012-wimbledon-2901").unwrap();
    let expected = [
        (MatchStatus::Set2, Side::Home),
        (MatchStatus::Set2, Side::Away),
        (MatchStatus::Set2, Side::Away),
        (MatchStatus::Set3, Side::Home),
    ];
    assert_eq!(breaks(&imported), expected);
}

#[test]
fn a_point_names_who_won_it_and_a_double_fault_who_served() {
    let (tables, _) = sample_tables();
    let imported = tables.import("2012-wimbledon-2901").unwrap();
    let names = ["Ida Farrow", "Vestergaard, Mette"];
    let by = |incident: &Incident| (incident.side.unwrap(), incident.player.clone().unwrap().to_string());
    let kinds = [IncidentKind::Point, IncidentKind::Ace, IncidentKind::GameWon, IncidentKind::SetWon];
    for (side, player) in kinds.into_iter().flat_map(|kind| told(&imported, kind)).map(by) {
        assert_eq!(player, names[side as usize]);
    }
    let faults: Vec<_> = told(&imported, IncidentKind::DoubleFault).map(by).collect();
    assert_eq!(faults, [(Side::Away, "Ida Farrow".to_owned())], "the other one has the point");
    assert!(told(&imported, IncidentKind::PeriodStart).all(|start| start.player.is_none()));
}

#[test]
fn a_row_without_a_point_is_left_out_and_counted() {
    let [points, matches] = samples();
    let points = String::from_utf8(points).unwrap();
    let (names, rest) = points.split_once('\n').unwrap();
    let first = rest.lines().next().unwrap();
    let nothing = first.replacen(",1,1,15,0,1,", ",0,0,0,0,0,", 1);
    assert_ne!(nothing, first, "the change has found its place");
    let changed = format!("{names}\n{nothing}\n{rest}");
    let tables = Tables::read(changed.as_bytes(), &matches).unwrap();
    let imported = tables.import("2012-wimbledon-2901").unwrap();
    let left_out: Vec<_> = imported.left_out.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(left_out, [("row without a point", 1)]);
    let plain = sample_tables().0.import("2012-wimbledon-2901").unwrap();
    assert_eq!(imported.messages, plain.messages);
}

#[test]
fn in_a_tie_break_points_are_counted_and_service_changes() {
    let (tables, rows) = sample_tables();
    let (imported, _) = check(&tables, &rows, "2012-wimbledon-2901");
    let tie_break: Vec<_> = statuses(&imported).filter(|status| status.tie_break).collect();
    assert_eq!(tie_break.len(), 14, "from 6:6 to the point before the last");
    assert_eq!(tie_break[0].game_score, Some(Score::default()));
    assert_eq!(tie_break[13].game_score, Some(Score { home: 7, away: 6 }));
    let servers: Vec<_> = tie_break[..5].iter().map(|status| status.server.unwrap()).collect();
    assert_eq!(servers, [Side::Home, Side::Away, Side::Away, Side::Home, Side::Home]);
}

#[test]
fn a_match_that_nobody_has_won_stops_where_its_points_do() {
    let (tables, rows) = sample_tables();
    let (imported, is_won) = check(&tables, &rows, "2012-wimbledon-1901");
    assert!(!is_won);
    assert_eq!(
        imported.left_out.keys().next().unwrap(),
        "the end of the match, before which the points stop"
    );
    let status = final_status(&play(&imported));
    assert_eq!((status.status, status.match_status), (EventStatus::Live, MatchStatus::Set2));
}

#[test]
fn an_error_says_where_in_the_tables() {
    let [points, matches] = samples();
    let [points, matches] = [points, matches].map(|bytes| String::from_utf8(bytes).unwrap());
    let error = |points: &str, matches: &str, id: &str| {
        Tables::read(points.as_bytes(), matches.as_bytes())
            .and_then(|tables| tables.import(id))
            .unwrap_err()
            .to_string()
    };
    let id = "2012-wimbledon-2901";
    assert_eq!(
        error(&points, &matches, "2012-wimbledon-2999"),
        "matches: there is no match `2012-wimbledon-2999`"
    );
    assert_eq!(
        error(&points.replace("PointWinner", "Winner"), &matches, id),
        "points: there is no column `PointWinner`"
    );
    let second = points.lines().nth(2).unwrap();
    let changed = points.replacen(second, &second.replacen("0:00:", "0-00-", 1), 1);
    assert_eq!(error(&changed, &matches, id), "points line 3: ElapsedTime: it is no time such as 1:02:03");
    let last = points.lines().rfind(|line| line.starts_with(id)).unwrap();
    let changed = points.replacen(last, &format!("{last}\n{last}"), 1);
    assert_eq!(
        error(&changed, &matches, id),
        "points line 172: PointWinner: the match was won 2:1 before this point"
    );
    let masters = matches.replace("2012-wimbledon-2901", "2012-masters-2901");
    assert_eq!(
        error(&points.replace(id, "2012-masters-2901"), &masters, "2012-masters-2901"),
        "matches line 2: match_id: ausopen, frenchopen, wimbledon and usopen are known here"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_matches_of_a_tournament_are_imported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/slam-points.csv");
    let imported = simulator(folder.path(), &["import", "slam", sample]).await;
    assert!(imported.status.success(), "{}", stderr(&imported));
    let said: Vec<&str> = stdout(&imported).lines().collect();
    assert!(
        said[0].starts_with("./2012-wimbledon-2901.rec: ")
            && said[1].starts_with("./2012-wimbledon-1901.rec: ")
    );
    assert_eq!(said[2..], ["left out: 1 `the end of the match, before which the points stop`"]);
    let checked = simulator(folder.path(), &["dry-run", "."]).await;
    assert!(checked.status.success(), "{}", stderr(&checked));
    assert!(stdout(&checked).contains(" about 2 events\n"), "{}", stdout(&checked));
    let of_samples = |table| sample_file(&format!("slam-{table}.csv"));
    let points = String::from_utf8(of_samples("points")).unwrap();
    // The other one of the sample cannot be imported.
    std::fs::write(folder.path().join("b-matches.csv"), of_samples("matches")).unwrap();
    let broken = points.replacen("\n2012-wimbledon-2901,", "\n2012-wimbledon-3101,", usize::MAX);
    std::fs::write(folder.path().join("b-points.csv"), broken).unwrap();
    std::fs::remove_file(folder.path().join("2012-wimbledon-1901.rec")).unwrap();
    let some = simulator(folder.path(), &["import", "slam", "b-points.csv"]).await;
    assert_eq!(some.status.code(), Some(1), "{}", stderr(&some));
    assert!(stderr(&some).starts_with("cannot import b-points.csv: "), "{}", stderr(&some));
    assert!(stdout(&some).starts_with("./2012-wimbledon-1901.rec: "), "{}", stdout(&some));
    let named =
        simulator(folder.path(), &["import", "slam", "b-points.csv", "--match", "2012-wimbledon-3101"]).await;
    assert_eq!((named.status.code(), stdout(&named)), (Some(1), ""));
    for (args, error) in [
        (
            ["import", "slam", "points.csv"],
            "error: points.csv is not named `{year}-{slam}-points.csv`: add `--matches FILE`\n",
        ),
        (
            ["import", "statsbomb", "match.json"],
            "error: match.json has no match id in its name: add `--match ID`\n",
        ),
    ] {
        let output = simulator(folder.path(), &args).await;
        assert_eq!((output.status.code(), stderr(&output)), (Some(1), error));
    }
}

#[test]
fn every_real_match_has_the_score_of_its_table_after_every_point() {
    for path in corpus("tennis", "2012-wimbledon-points") {
        let points = std::fs::read(&path).unwrap();
        let matches = std::fs::read(path.with_file_name("2012-wimbledon-matches.csv")).unwrap();
        let (mut won, mut messages, mut broken) = (0, 0, 0);
        let tables = Tables::read(&points, &matches).unwrap();
        let (ids, rows) = (tables.matches(), rows(&points));
        for id in ids {
            let (imported, is_won) = check(&tables, &rows, id);
            assert_eq!(imported.left_out.is_empty(), is_won, "{id}");
            play(&imported);
            won += u32::from(is_won);
            messages += imported.messages.len();
            let of_match = rows.iter().filter(|row| row["match_id"] == *id);
            let expected: Vec<Side> = of_match
                .filter_map(|row| match (row["P1BreakPointWon"].as_str(), row["P2BreakPointWon"].as_str()) {
                    ("1", _) => Some(Side::Home),
                    (_, "1") => Some(Side::Away),
                    _ => None,
                })
                .collect();
            let breaks = breaks(&imported).into_iter().map(|(_, side)| side).collect::<Vec<_>>();
            assert_eq!(breaks, expected, "{id}");
            broken += breaks.len();
        }
        assert_eq!((ids.len(), won), (140, 134), "six were given up by a player");
        assert_eq!(broken, 842, "break points that were won");
        tell(&format!("{}: {} matches, {messages} messages", path.display(), ids.len()));
    }
}
