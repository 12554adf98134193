//! What is called slow, growing, stalled or down, and when.

use std::time::Duration;

use domain::{Sport, Topics};
use tui::bundle::Phase;
use tui::model::kafka::Reader;
use tui::model::pipeline::{Figure, Place};
use tui::model::{Gone, Hop, Level, Model, kafka};
use tui::simulator::RunState;
use tui::source::{Finding, Part, PartitionOffsets, Report, Source};
use tui::text::Text;
use tui::theme::{Palette, Theme};
use tui::ui::{Ui, View};

use crate::stage::{
    empty, evening, evening_until, evening_with_a_verification, evening_without_orders, processors, scrape,
    screen,
};

const NAMES: [&str; 2] = ["Harriers", "Voyagers"];

fn take(model: &mut Model, second: u64, found: Result<Finding, Text>) {
    let source = Source::Part(Part::Processors(Sport::Hockey));
    model.take(Report { source, at: Duration::from_secs(second), found });
}

#[test]
fn nothing_is_called_wrong_before_it_was_seen_for_a_while() {
    let mut model = empty();
    assert_eq!(model.known(), Level::Waiting);
    take(&mut model, 1, Ok(processors(1_000, 900)));
    assert_eq!(model.level(Place::Sport(Sport::Hockey)), Level::Idle);
    assert!(evening_until(3, NAMES).warnings().is_empty());
}

#[test]
fn what_waits_while_nothing_passes_is_stalled_and_goes_on_when_something_does() {
    let mut model = empty();
    for second in 1..=20 {
        take(&mut model, second, Ok(processors(1_000, 50)));
    }
    assert_eq!(model.level(Place::Sport(Sport::Hockey)), Level::Stalled);
    take(&mut model, 21, Ok(processors(1_050, 0)));
    assert_eq!(model.level(Place::Sport(Sport::Hockey)), Level::Fine);
}

#[test]
fn much_that_waits_is_a_backlog_even_where_it_shrinks() {
    let mut model = empty();
    for second in 1..=20 {
        take(&mut model, second, Ok(processors(1_000 * second, 50_000 - 1_000 * second)));
    }
    assert_eq!(model.level(Place::Sport(Sport::Hockey)), Level::Behind);
    let warning = &model.warnings()[0];
    assert!(warning.what.contains("30000 messages wait, -1000 a second"), "{warning:?}");
}

#[test]
fn a_process_that_stops_is_down_and_its_lag_is_known_from_kafka() {
    let model = evening(NAMES);
    assert_eq!(model.part_level(Part::Processors(Sport::Tennis)), Level::Down);
    let row = model.row(Place::Sport(Sport::Tennis), Duration::from_secs(60));
    assert_eq!((row.per_second, row.lag), (None, Some(4_500.0)));
    let levels: Vec<Level> = model.warnings().iter().map(|warning| warning.level).collect();
    assert!(levels.is_sorted_by(|one, other| one >= other), "{levels:?}");
}

#[test]
fn what_cannot_be_written_to_kafka_is_told_of_the_feed_topics() {
    let mut model = empty();
    let mut take = |second, failed: u32| {
        let source = Source::Part(Part::Ingestion);
        let metrics = format!("matchday_kafka_produce_failed_total{{reason=\"timeout\"}} {failed}\n");
        model.take(Report { source, at: Duration::from_secs(second), found: Ok(scrape(&metrics)) });
    };
    take(1, 0);
    take(2, 3);
    assert_eq!(model.hop_level(Hop::FeedTopics), Level::Errors);
    assert_eq!(model.row(Place::FeedTopics, Duration::from_secs(60)).errors, Some(3.0));
    let warning = &model.warnings()[0];
    assert_eq!((warning.level, warning.place.as_str()), (Level::Errors, "feed topics"));
}

#[test]
fn a_partition_says_what_waits_as_its_processors_know_it_and_as_kafka_does_where_they_are_silent() {
    let model = evening(NAMES);
    let lag = |sport| model.partition_lag(Reader::Processors(sport), 0).expect("it is known");
    assert_eq!(lag(Sport::Hockey).last(model.now), Some(2_400.0));
    assert!(kafka::grows(lag(Sport::Hockey), model.now));
    // Kafka was told of another lag than football's processors have.
    assert_eq!(lag(Sport::Football).last(model.now), Some(0.0));
    assert_eq!(lag(Sport::Tennis).last(model.now), Some(4_500.0));
    let summary = model.summary(Duration::from_secs(60), Duration::ZERO);
    let mut topics = summary.topics.iter();
    let told = topics.find(|topic| topic.topic == "sports-feed-hockey").expect("it is told");
    assert_eq!((told.lag, told.drains_in_seconds), (Some(2_400.0), None));
    assert!(told.lag_per_second > Some(100.0), "{told:?}");
    assert_eq!(told.hot.as_ref().map(|hot| hot.partition), Some(0));
}

#[test]
fn what_one_of_several_processes_says_is_not_taken_for_all() {
    let mut model = empty();
    for second in 1..=20 {
        let offsets = |partition: i32, end: u64, committed: u64| PartitionOffsets {
            topic: Topics::default().feed(Sport::Hockey),
            partition,
            end: i64::try_from(end).expect("few"),
            committed: i64::try_from(committed).ok(),
        };
        // Another process has the second partition, and lets it rot.
        let found = vec![offsets(0, 1_000 * second, 1_000 * second), offsets(1, 400 * second, 7)];
        let at = Duration::from_secs(second);
        model.take(Report { source: Source::Kafka, at, found: Ok(Finding::Offsets(found)) });
        let metrics = format!(
            "matchday_processor_messages_total{{outcome=\"applied\"}} {}\nmatchday_processor_partitions_owned 1\n\
             matchday_processor_lag{{partition=\"0\"}} 0\nmatchday_processor_lag{{partition=\"1\"}} 0\n",
            1_000 * second
        );
        take(&mut model, second, Ok(scrape(&metrics)));
    }
    let row = model.row(Place::Sport(Sport::Hockey), Duration::from_secs(60));
    assert_eq!((row.lag, row.state), (Some(7_993.0), Level::Behind));
    assert_eq!(row.partitions.map(|owned| (owned.partitions, owned.of)), Some((1.0, 2)));
    let lag = model.partition_lag(Reader::Processors(Sport::Hockey), 1).and_then(|lag| lag.last(model.now));
    assert_eq!(lag, Some(7_993.0));
    let drawn =
        screen(&model, &Ui::new(24), &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
    assert!(drawn.contains("hockey 1/2"), "{drawn}");
    // Once it has them all, it knows best.
    let metrics = "matchday_processor_messages_total{outcome=\"applied\"} 21000\nmatchday_processor_partitions_owned 2\n\
                   matchday_processor_lag{partition=\"0\"} 0\nmatchday_processor_lag{partition=\"1\"} 9\n";
    take(&mut model, 21, Ok(scrape(metrics)));
    let row = model.row(Place::Sport(Sport::Hockey), Duration::from_secs(60));
    assert_eq!((row.lag, row.partitions), (Some(9.0), None));
}

#[test]
fn of_more_partitions_than_there_is_room_for_the_most_behind_are_shown_and_how_many_there_are() {
    let mut model = empty();
    let found = |second: u64| {
        let partition = |partition: i32| {
            let waits = if partition == 23 { 77 } else { 0 };
            let end = i64::try_from(second).expect("few") * i64::from(100 + partition);
            let topic = Topics::default().feed(Sport::Hockey);
            PartitionOffsets { topic, partition, end, committed: Some(end - waits) }
        };
        (0..24).map(partition).collect()
    };
    for second in 1..=4 {
        let at = Duration::from_secs(second);
        model.take(Report { source: Source::Kafka, at, found: Ok(Finding::Offsets(found(second))) });
    }
    let mut ui = Ui::new(24);
    ui.view = View::Kafka;
    let drawn = screen(&model, &ui, &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
    assert!(
        drawn.contains("24 partitions, by lag and messages a second") && drawn.contains("1-9 of 24"),
        "{drawn}"
    );
    let shown: Vec<&str> = drawn.lines().skip_while(|line| !line.contains(" partition  ")).skip(1).collect();
    let first: Vec<&str> = shown.iter().take(3).map(|line| line.trim_matches(['"', ' '])).collect();
    assert!(first[0].starts_with("23 ") && first[0].contains(" 77 "), "{drawn}");
    assert!(first[1].starts_with("22 ") && first[2].starts_with("21 "), "{drawn}");
}

#[test]
fn what_another_process_reads_is_not_called_stalled() {
    let level = |is_read: bool| {
        let mut model = empty();
        for second in 1..=20 {
            let end = 1_000 + 100 * second;
            let committed = i64::try_from(if is_read { end - 50 } else { 900 }).ok();
            let topic = Topics::default().feed(Sport::Hockey);
            let end = i64::try_from(end).expect("few");
            let found = vec![PartitionOffsets { topic, partition: 0, end, committed }];
            let at = Duration::from_secs(second);
            model.take(Report { source: Source::Kafka, at, found: Ok(Finding::Offsets(found)) });
            take(&mut model, second, Ok(scrape("matchday_processor_partitions_owned 0\n")));
        }
        model.level(Place::Sport(Sport::Hockey))
    };
    assert_eq!((level(true), level(false)), (Level::Idle, Level::Stalled));
}

#[test]
fn what_waits_for_a_reader_that_nobody_has_heard_of_yet_is_stalled() {
    let mut model = empty();
    for second in 1..=20 {
        let end = 1_000 + 100 * i64::try_from(second).expect("few");
        let topic = Topics::default().feed(Sport::Hockey);
        let found = vec![PartitionOffsets { topic, partition: 0, end, committed: Some(900) }];
        let at = Duration::from_secs(second);
        model.take(Report { source: Source::Kafka, at, found: Ok(Finding::Offsets(found)) });
        take(&mut model, second, Err(Text::new("connection refused")));
    }
    assert_eq!(model.reader_level(Reader::Processors(Sport::Hockey)), Some(Level::Stalled));
}

#[test]
fn updates_that_distribution_has_not_read_are_told_of_it_and_of_their_sport() {
    let mut model = empty();
    let source = Source::Part(Part::Distribution);
    for second in 1..=20 {
        let metrics = format!(
            "matchday_distribution_updates_total{{outcome=\"applied\"}} {}\n\
             matchday_distribution_lag{{sport=\"hockey\",partition=\"0\"}} {}\n\
             matchday_distribution_lag{{sport=\"tennis\",partition=\"0\"}} 4\nmatchday_distribution_queue 17\n",
            500 * second,
            50 * second
        );
        model.take(Report { source, at: Duration::from_secs(second), found: Ok(scrape(&metrics)) });
        take(&mut model, second, Ok(processors(1_000 * second, 30)));
    }
    let row = |place| model.row(place, Duration::from_secs(60));
    let told = [Place::Distribution, Place::Sockets, Place::Sport(Sport::Hockey)].map(|place| row(place).lag);
    assert_eq!(told, [Some(1_004.0), Some(17.0), Some(1_030.0)]);
    assert_eq!(row(Place::Distribution).state, Level::Growing);
    assert_eq!(row(Place::Sport(Sport::Hockey)).state, Level::Growing);
    let warnings = model.warnings();
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    let wanted = ("hockey", "1000 updates wait for distribution, +50 a second");
    assert_eq!((warning.place.as_str(), warning.what.as_str()), wanted);
}

#[test]
fn of_a_sport_that_distribution_no_longer_reads_it_is_said_though_it_reads_the_others() {
    let mut model = empty();
    for second in 1..=20 {
        let metrics = format!(
            "matchday_distribution_updates_total{{outcome=\"applied\",sport=\"tennis\"}} {}\n\
             matchday_distribution_updates_total{{outcome=\"applied\",sport=\"hockey\"}} 7\n\
             matchday_distribution_lag{{sport=\"hockey\",partition=\"0\"}} 400\n\
             matchday_distribution_lag{{sport=\"tennis\",partition=\"0\"}} 400\n",
            500 * second
        );
        let source = Source::Part(Part::Distribution);
        model.take(Report { source, at: Duration::from_secs(second), found: Ok(scrape(&metrics)) });
    }
    let level = |sport| model.reader_level(Reader::Distribution(sport));
    assert_eq!((level(Sport::Hockey), level(Sport::Tennis)), (Some(Level::Stalled), None));
}

#[test]
fn an_event_that_was_left_open_is_told_of() {
    let mut model = empty();
    for second in 1..=20 {
        let metrics = format!(
            "matchday_processor_untold_letters_total {}\n\
             matchday_processor_batches_total{{outcome=\"sweep_refused\"}} {}\n",
            second / 10,
            second / 20
        );
        take(&mut model, second, Ok(scrape(&metrics)));
    }
    let warnings = model.warnings();
    let told = warnings.iter().find(|warning| warning.what.starts_with("left open 3 times"));
    assert!(told.is_some_and(|told| told.level == Level::Stalled), "{warnings:?}");
}

#[test]
fn what_waits_within_a_process_is_told_of_it_where_it_grows() {
    let mut model = empty();
    for second in 1..=20 {
        let at = Duration::from_secs(second);
        let ingestion = format!("matchday_ingestion_requests_in_flight {}\n", 50 * second);
        let distribution = format!("matchday_distribution_queue {}\n", 20 * second);
        for (part, metrics) in [(Part::Ingestion, ingestion), (Part::Distribution, distribution)] {
            model.take(Report { source: Source::Part(part), at, found: Ok(scrape(&metrics)) });
        }
    }
    assert_eq!([Place::Ingestion, Place::Sockets].map(|place| model.level(place)), [Level::Growing; 2]);
    let told: Vec<String> =
        model.warnings().into_iter().map(|warning| format!("{}: {}", warning.place, warning.what)).collect();
    let wanted = [
        "ingestion: 1000 requests under way, +50 a second",
        "sockets: 400 events with news for a client, +20 a second",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn processors_say_what_waits_for_them_as_the_chart_does() {
    let model = evening(NAMES);
    let window = Duration::from_secs(60);
    let row = model.row(Place::Processors, window);
    assert_eq!(row.lag, Some(6_900.0));
    let drawn = model.columns(Place::Processors, Figure::Lag, window, 60);
    assert!(drawn.last().copied().flatten() > Some(6_000.0), "{drawn:?}");
}

#[test]
fn a_few_updates_that_wait_while_none_passes_are_heartbeats_and_many_are_not() {
    let level = |waits: u32| {
        let mut model = empty();
        for second in 1..=20 {
            let metrics = format!(
                "matchday_distribution_updates_total{{outcome=\"applied\"}} 5\n\
                 matchday_distribution_lag{{sport=\"hockey\",partition=\"0\"}} {waits}\n"
            );
            let source = Source::Part(Part::Distribution);
            model.take(Report { source, at: Duration::from_secs(second), found: Ok(scrape(&metrics)) });
        }
        model.level(Place::Distribution)
    };
    assert_eq!((level(4), level(400)), (Level::Idle, Level::Stalled));
}

#[test]
fn redis_that_has_few_of_the_images_asked_for_is_told_of_and_a_few_questions_are_not() {
    let warnings = |hits: u64, misses: u64| {
        let mut model = empty();
        for second in 1..=10 {
            let metrics = format!(
                "matchday_distribution_cache_lookups_total{{outcome=\"hit\"}} {}\n\
                 matchday_distribution_cache_lookups_total{{outcome=\"miss\"}} {}\n",
                hits * second,
                misses * second
            );
            let source = Source::Part(Part::Distribution);
            model.take(Report { source, at: Duration::from_secs(second), found: Ok(scrape(&metrics)) });
        }
        model.warnings().into_iter().map(|warning| (warning.level, warning.what)).collect::<Vec<_>>()
    };
    let wanted = "Redis had 10 % of the 180 images asked for in the last minute";
    assert_eq!(warnings(2, 18), [(Level::Slow, wanted.to_owned())]);
    assert!(warnings(18, 2).is_empty());
    assert!(warnings(0, 6).is_empty(), "54 in a minute");
}

#[test]
fn what_an_alert_would_tell_of_is_told_at_once() {
    let mut model = evening(NAMES);
    let places = |model: &Model| {
        let warnings = model.warnings().into_iter().filter(|warning| warning.level == Level::Stalled);
        warnings.map(|warning| format!("{}: {}", warning.place, warning.what)).collect::<Vec<_>>()
    };
    assert_eq!(places(&model), ["md/live: this producer is down: not heard in time"]);
    let metrics = "matchday_distribution_silent_partitions{sport=\"tennis\"} 2\n\
                   matchday_distribution_silent_partitions{sport=\"hockey\"} 0\n";
    let source = Source::Part(Part::Distribution);
    model.take(Report { source, at: model.now, found: Ok(scrape(metrics)) });
    let wanted = "tennis: nobody processes 2 partitions: their markets are shown as suspended";
    assert!(places(&model).contains(&wanted.to_owned()), "{:?}", places(&model));
}

#[test]
fn a_producer_is_one_of_its_provider() {
    let mut model = empty();
    // Both are called the same, and one of them is heard.
    let heard = |provider: &str, ago: u64| {
        let name = "matchday_processor_producer_heard_timestamp_seconds";
        format!("{name}{{provider=\"{provider}\",producer=\"live\"}} {}\n", 1_800_000_000 - ago)
    };
    take(&mut model, 1, Ok(scrape(&(heard("md", 1) + &heard("uof", 40)))));
    let told: Vec<String> =
        model.warnings().into_iter().map(|warning| format!("{}: {}", warning.place, warning.what)).collect();
    assert_eq!(told, ["uof/live: this producer has been silent for 40 s"]);
}

#[test]
fn a_simulator_that_is_not_there_is_nothing_wrong() {
    let mut model = empty();
    let found = Err(Text::new("connection refused"));
    model.take(Report { source: Source::Part(Part::Simulator), at: Duration::from_secs(1), found });
    assert_eq!(model.level(Place::Simulator), Level::Absent);
    assert!(model.warnings().is_empty());
}

#[test]
fn a_simulator_that_is_gone_in_the_middle_of_its_run_is_down() {
    let mut model = evening(NAMES);
    model.step(Duration::from_secs(10_000));
    assert_eq!(model.part_level(Part::Simulator), Level::Down);
    model.control.run.as_mut().expect("a run").state = RunState::Complete;
    assert_eq!(model.part_level(Part::Simulator), Level::Absent);
}

#[test]
fn a_simulator_that_takes_no_orders_is_gone_once_all_was_played() {
    let mut model = evening_without_orders(NAMES);
    assert_eq!(model.part_level(Part::Simulator), Level::Fine);
    model.step(Duration::from_secs(10_000));
    assert_eq!(model.part_level(Part::Simulator), Level::Absent);
}

fn set_stack(model: &mut Model, stack: Option<&str>) {
    model.runs.verifying.as_mut().expect("a run").stack = stack.map(Text::new);
}

#[test]
fn what_this_stack_plays_is_shown_before_what_is_verified_on_another() {
    let mut model = evening_with_a_verification(NAMES);
    let told = |model: &Model| (model.verifying().is_some(), model.playing().is_some());
    let is_here = |model: &Model| {
        let summary = model.summary(Duration::from_secs(60), Duration::ZERO);
        (summary.verifying.expect("scripts are told of it").is_here, summary.playing.is_some())
    };
    assert_eq!((told(&model), is_here(&model)), ((true, false), (true, false)));
    model.control.run.as_mut().expect("a run").state = RunState::Playing;
    assert_eq!(told(&model), (true, false), "it says that this is its stack");
    set_stack(&mut model, Some("verify-7"));
    assert_eq!((told(&model), is_here(&model)), ((false, true), (false, true)));
    assert!(model.verifying_elsewhere().is_some());
    // One that names no stack may be of this one, unless that plays something itself.
    set_stack(&mut model, None);
    assert_eq!(told(&model), (false, true));
    model.control.run.as_mut().expect("a run").state = RunState::Complete;
    assert_eq!(told(&model), (true, false));
    model.runs.verifying.as_mut().expect("a run").phase = Phase::Starting;
    assert_eq!(told(&model), (false, true), "its stack is not there yet");
}

/// What two processes of hockey tell, the second of them only where it `answers`.
fn two(model: &mut Model, second: u64, [one, other]: [u64; 2], answers: bool) {
    let told = |applied: u64, p99: f64, partition: u32, lag: u64| {
        let metrics = format!(
            "matchday_processor_messages_total{{outcome=\"applied\"}} {applied}\nmatchday_processor_partitions_owned 1\n\
             matchday_processor_generated_to_commit_seconds{{quantile=\"0.99\"}} {p99}\n\
             matchday_processor_lag{{partition=\"{partition}\"}} {lag}\n"
        );
        match scrape(&metrics) {
            Finding::Scrapes(mut scrapes) => scrapes.remove(0).1,
            other => panic!("{other:?}"),
        }
    };
    let silent = Err(Text::new("Connection refused"));
    let second_one = if answers { told(other, 0.4, 1, 3) } else { silent };
    let found = vec![("one".to_owned(), told(one, 0.2, 0, 5)), ("other".to_owned(), second_one)];
    take(model, second, Ok(Finding::Scrapes(found)));
}

#[test]
fn several_processes_of_a_service_are_told_as_one_with_how_many_answer() {
    let mut model = empty();
    let urls = ["one", "other"].map(str::to_owned).to_vec();
    model.ask_at(&[(Part::Processors(Sport::Hockey), urls)].into());
    let offsets = |second: u64| {
        let of = |partition| {
            let topic = Topics::default().feed(Sport::Hockey);
            let end = i64::try_from(1_000 * second).expect("few");
            PartitionOffsets { topic, partition, end, committed: Some(end - 100) }
        };
        Ok(Finding::Offsets(vec![of(0), of(1)]))
    };
    for second in 1..=10 {
        let at = Duration::from_secs(second);
        model.take(Report { source: Source::Kafka, at, found: offsets(second) });
        // They began at other times.
        two(&mut model, second, [1_000 * second, 700_000 + 500 * second], true);
    }
    let row = |model: &Model| model.row(Place::Sport(Sport::Hockey), Duration::from_secs(60));
    let told = row(&model);
    assert_eq!((told.per_second, told.p99_seconds, told.lag), (Some(1_500.0), Some(0.4), Some(8.0)));
    assert_eq!(told.processes.map(|answering| (answering.processes, answering.of)), Some((2, 2)));
    assert_eq!((told.state, told.partitions), (Level::Fine, None));

    for second in 11..=20 {
        let at = Duration::from_secs(second);
        model.take(Report { source: Source::Kafka, at, found: offsets(second) });
        two(&mut model, second, [1_000 * second, 0], false);
    }
    let told = row(&model);
    // Of the partition of the one that is silent Kafka alone tells.
    assert_eq!((told.per_second, told.p99_seconds, told.lag), (Some(1_000.0), Some(0.2), Some(200.0)));
    assert_eq!(told.processes.map(|answering| (answering.processes, answering.of)), Some((1, 2)));
    assert_eq!((told.state, model.state()), (Level::Down, Level::Down));
    let warning = &model.warnings()[0];
    assert_eq!(warning.place, "processors-hockey");
    assert_eq!(warning.what, "other: no answer for 10 s: Connection refused");
    let drawn =
        screen(&model, &Ui::new(24), &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
    assert!(drawn.contains("hockey, 1 of 2 1/2"), "{drawn}");
}

#[test]
fn every_view_and_every_script_is_told_the_same_state() {
    let mut models = vec![empty(), evening_until(3, NAMES), evening(NAMES)];
    // Nothing passes: that is idle, for whoever looks.
    let mut idle = empty();
    for part in [Part::Ingestion, Part::Distribution] {
        idle.take(Report {
            source: Source::Part(part),
            at: Duration::from_secs(1),
            found: Ok(scrape("matchday_ingestion_messages_total{outcome=\"accepted\"} 5\n")),
        });
    }
    models.push(idle);
    let mut seen = Vec::new();
    for model in models {
        let state = model.state();
        let drawn =
            screen(&model, &Ui::new(24), &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
        let head = drawn.lines().next().expect("a line").trim_end_matches(['"', ' ']).to_owned();
        assert!(head.ends_with(state.word()), "{state:?}: {head}");
        assert_eq!(model.summary(Duration::from_secs(60), Duration::ZERO).state, state);
        let warned = model.warnings().first().map(|warning| warning.level);
        for place in Place::HOPS.into_iter().chain(Sport::ALL.map(Place::Sport)) {
            let level = model.level(place);
            assert!(level <= state || level == Level::Absent, "{place:?} is {level:?}, everything {state:?}");
            assert!(
                level < Level::Errors || warned >= Some(level),
                "of {place:?}, {level:?}, nobody is told"
            );
        }
        seen.push(state);
    }
    assert_eq!((seen[0], seen[2], seen[3]), (Level::Waiting, Level::Down, Level::Idle));
}

#[test]
fn a_topic_whose_reader_is_down_is_not_well() {
    let model = evening(NAMES);
    let topic = |name: &str| &model.kafka.topics[name];
    assert_eq!(model.topic_level(topic("sports-feed-tennis")), Level::Down);
    assert_eq!(model.topic_level(topic("sports-feed-football")), Level::Fine);
}

#[test]
fn clients_that_do_not_keep_up_are_told_of_even_where_others_were_sent_away() {
    let mut model = empty();
    for (second, closed) in [(1, 0), (2, 3)] {
        let metrics = format!(
            "matchday_distribution_sessions 9\nmatchday_distribution_sessions_behind 2\n\
             matchday_distribution_closed_total{{reason=\"the client does not read\"}} {closed}\n"
        );
        let source = Source::Part(Part::Distribution);
        model.take(Report { source, at: Duration::from_secs(second), found: Ok(scrape(&metrics)) });
        assert_eq!(model.level(Place::Sockets), Level::Slow, "{closed} were sent away");
    }
    assert_eq!(model.hop_level(Hop::Sockets), Level::Errors);
}

#[test]
fn each_figure_is_judged_by_itself_whatever_the_row_says() {
    let model = evening(NAMES);
    assert_eq!(model.level(Place::Sport(Sport::Hockey)), Level::Growing);
    assert_eq!(model.lag_level(Place::Sport(Sport::Hockey)), Some(Level::Growing));
    assert_eq!(model.lag_level(Place::Sport(Sport::Football)), None);
    for (is_ascii, p99, lag) in [(false, "▲1.2s", "▲2403"), (true, "!1.2s", "!2403")] {
        let drawn = screen(&model, &Ui::new(24), &Theme::new(Palette::None, is_ascii), (80, 24));
        let drawn = drawn.backend().to_string();
        let row = drawn.lines().find(|line| line.contains(" hockey ") && line.contains("ms")).expect("a row");
        assert!(row.contains(p99) && row.contains(lag), "{row}");
    }
}

#[test]
fn a_topic_that_nobody_can_read_comes_before_one_that_is_read_slowly() {
    let model = evening(NAMES);
    let ui = Ui::new(24);
    let topics = ui.topics(&model);
    assert_eq!(topics[0], Topics::default().feed(Sport::Tennis), "its processors are down: {topics:?}");
    let levels: Vec<Level> =
        topics.iter().map(|name| model.topic_level(&model.kafka.topics[*name])).collect();
    let trouble = |level: &Level| (*level).max(Level::Fine);
    assert!(levels.is_sorted_by(|one, other| trouble(one) >= trouble(other)), "{levels:?}");
}

#[test]
fn of_a_stack_that_is_gone_it_is_said_once() {
    let mut model = evening(NAMES);
    model.step(Duration::from_secs(200));
    let down = |model: &Model| {
        model
            .warnings()
            .iter()
            .filter(|warning| warning.level == Level::Down)
            .map(|warning| warning.place.clone())
            .collect::<Vec<_>>()
    };
    assert!(down(&model).len() > 5, "{:?}", down(&model));
    model.gone = Some(Gone { other: None });
    assert_eq!(down(&model), [model.stack.to_string()]);
}

#[test]
fn figures_of_some_of_several_distributions_are_marked() {
    let mut model = empty();
    let urls = ["http://127.0.0.1:1", "http://127.0.0.1:2"].map(str::to_owned);
    model.ask_at(&[(Part::Distribution, urls.to_vec())].into());
    let Finding::Scrapes(answer) = scrape("matchday_distribution_sessions 9\n") else {
        panic!("these are samples")
    };
    let answer = answer.into_iter().next().expect("an answer").1;
    let mut take = |second, other| {
        let found = Ok(Finding::Scrapes(vec![(urls[0].clone(), answer.clone()), (urls[1].clone(), other)]));
        model.take(Report {
            source: Source::Part(Part::Distribution),
            at: Duration::from_secs(second),
            found,
        });
        let mut ui = Ui::new(24);
        ui.view = View::Clients;
        let drawn = screen(&model, &ui, &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
        drawn.lines().nth(1).expect("a title").to_owned()
    };
    let title = take(1, answer.clone());
    assert!(title.contains("2 of 2") && !title.contains("DOWN"), "{title}");
    let title = take(20, Err(Text::new("refused")));
    assert!(title.contains("1 of 2  ✖ DOWN"), "{title}");
}
