use super::*;
use crate::queues::Queue;

const BOUNDS: Bounds = Bounds { from: 1_000, most: 4_000, resolution: 0.5 };

fn gate(name: &str, found: f64, limit: f64, unit: &str, exit: Exit) -> GateResult {
    let (name, unit) = (name.to_owned(), unit.to_owned());
    GateResult { name, limit, found: Some(found), unit, state: GateState::Fail, exit }
}

fn step(asked: u32, answer: Answer, exit: Exit, missed: Vec<GateResult>) -> Step {
    let micros = |p50: u64, p99: u64| BTreeMap::from([("p50".to_owned(), p50), ("p99".to_owned(), p99)]);
    let growth = Growth {
        queue: Queue::Feed,
        at_seconds: 3.0,
        usual: 200,
        most: 12_000,
        samples: vec![(1.0, 20), (2.0, 150), (3.0, 2_000), (4.0, 12_000)],
    };
    Step {
        asked,
        offered_per_second: f64::from(asked),
        messages_per_second: f64::from(asked) - 0.4,
        answer,
        exit,
        published_micros: micros(4_000, 90_000),
        at_client_micros: micros(6_000, 1_402_200),
        missed,
        grown: if answer == Answer::Held { Vec::new() } else { vec![growth] },
        bundle: format!("steps/{asked}"),
        is_wrong: false,
    }
}

/// A search that came to these steps.
fn paper(steps: Vec<Step>) -> Paper {
    let mut search = Search::new(BOUNDS);
    for step in &steps {
        assert_eq!(search.next(), Some(step.asked));
        search.note(step.answer);
    }
    let is_over = search.next().is_none();
    let mut paper = Paper {
        schema: SCHEMA.to_owned(),
        exit: Exit::Inconclusive,
        exit_code: 15,
        summary: String::new(),
        held: None,
        held_messages_per_second: None,
        missed: None,
        limit: Limit::Open,
        grown: Vec::new(),
        scenario: "capacity".to_owned(),
        description: "Four sports".to_owned(),
        seed: 9,
        seconds: 20.0,
        clients: 4,
        from: BOUNDS.from,
        most: BOUNDS.most,
        resolution: BOUNDS.resolution,
        versions: Versions {
            matchday: "0.1.0".to_owned(),
            database: "MariaDB 10.11.6".to_owned(),
            machine: "Linux 6.1, 2 processors".to_owned(),
            is_own_stack: true,
        },
        started_at: 1_767_225_600_000_000,
        steps,
    };
    paper.sum_up(&search, is_over);
    paper
}

fn held(asked: u32) -> Step {
    step(asked, Answer::Held, Exit::Pass, Vec::new())
}

fn slow(asked: u32) -> Step {
    let gates = vec![gate("latency at_client p99", 1_402.2, 1_000.0, "ms", Exit::Latency)];
    step(asked, Answer::Missed, Exit::Latency, gates)
}

fn late(asked: u32) -> Step {
    let gates = vec![gate("generator late p99", 250.0, 100.0, "ms", Exit::Invalid)];
    step(asked, Answer::Unknown, Exit::Invalid, gates)
}

/// A search that the pipeline ended.
pub(crate) fn found() -> Paper {
    paper(vec![held(1_000), held(2_000), slow(4_000), slow(4_000), held(3_000)])
}

#[test]
fn a_gate_that_does_not_hold_is_the_pipelines_limit_and_is_told_with_the_queue_that_grew() {
    let paper = found();
    assert_eq!((paper.exit, paper.limit), (Exit::Pass, Limit::Pipeline));
    assert_eq!((paper.held, paper.missed), (Some(3_000), Some(4_000)));
    assert_eq!(
        paper.summary,
        "3,000 messages a second hold every gate (3,000 were accepted a second). 4,000 do not: latency at_client p99 1,402.2 ms, \
         may be 1,000 ms. The first queue to grow there: feed (above 200 from second 3 on, 12,000 at most), processors: in the feed \
         topics, not committed."
    );
    let table = paper.table();
    assert_eq!(table.lines().count(), 6);
    assert!(table.contains("1,402.2 ms") && table.contains("missed"), "{table}");
    let markdown = paper.markdown();
    assert!(
        markdown.contains(
            "| 4,000 | 4,000 | 4.0 ms | 90.0 ms | 6.0 ms | 1,402.2 ms | [missed](steps/4000/report.html)"
        ),
        "{markdown}"
    );
    assert!(markdown.contains("2 s: 150, 3 s: 2,000, 4 s: 12,000"), "{markdown}");
    let html = crate::page::capacity::page(&paper);
    assert!(
        html.contains("<a href=\"steps/4000/report.html\">missed</a>") && html.contains("12,000 at most"),
        "{html}"
    );
    let again: Paper = serde_json::from_str(&serde_json::to_string(&paper).unwrap()).unwrap();
    assert_eq!(again, paper);
}

#[test]
fn a_late_generator_is_its_own_limit() {
    let paper = paper(vec![held(1_000), held(2_000), late(4_000), late(4_000), late(3_000), late(3_000)]);
    assert_eq!((paper.exit, paper.limit), (Exit::Invalid, Limit::Generator));
    assert!(
        paper.summary.contains("At 3,000 the generator was late: that is this machine's limit"),
        "{}",
        paper.summary
    );
}

#[test]
fn what_was_not_asked_for_is_not_claimed() {
    let paper = paper(vec![held(1_000), held(2_000), held(4_000)]);
    assert_eq!((paper.exit, paper.limit, paper.missed), (Exit::Pass, Limit::Asked, None));
    assert!(paper.summary.ends_with("More was not asked for."), "{}", paper.summary);
}

#[test]
fn where_nothing_holds_the_first_steps_verdict_is_the_exit() {
    let nothing = paper(vec![slow(1_000), slow(1_000)]);
    assert_eq!((nothing.exit, nothing.held), (Exit::Latency, None));
    assert!(
        nothing.summary.starts_with("No rate is known that holds every gate. 1,000 do not: latency"),
        "{}",
        nothing.summary
    );
    assert_eq!(paper(vec![late(1_000), late(1_000)]).exit, Exit::Invalid);
}

#[test]
fn a_search_that_was_interrupted_says_what_it_had_found() {
    let paper = paper(vec![held(1_000), held(2_000), slow(4_000)]);
    assert_eq!((paper.exit, paper.limit), (Exit::Inconclusive, Limit::Open));
    assert_eq!((paper.held, paper.missed), (Some(2_000), None), "one failure alone is not believed");
    assert!(paper.summary.starts_with("2,000 messages a second hold every gate"), "{}", paper.summary);
}

#[test]
fn what_is_wrong_at_any_rate_is_never_a_pass() {
    let mut wrong = slow(4_000);
    wrong.is_wrong = true;
    let paper = paper(vec![held(1_000), held(2_000), wrong, slow(4_000), held(3_000)]);
    assert_eq!(paper.exit, Exit::Correctness);
    assert!(paper.summary.contains("Something was WRONG at 4,000"), "{}", paper.summary);
}
