//! A stack starts, can be disturbed, and leaves nothing behind, however it ends.

use crate::support::{self, eventually, parts_of, path_of};
use chassis::kafka::topics::{self, Retention, TopicError, TopicSpec};
use domain::Sport;
use harness::stack::{DATABASE, KAFKA, PartId, PartState, REDIS, Stack, own_binary, processors_name};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sqlx::{Connection, MySqlConnection};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a stack may take to come or go on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A folder for stacks that no other test looks at. It does not exist yet: the first stack makes it, the last removes it.
fn stacks_in(folder: &TempDir) -> PathBuf {
    folder.path().join("stacks")
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_keep_their_data_and_ports_over_a_crash_and_go_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let stacks = stacks_in(&folder);
    let stack = Stack::infrastructure(support::config(stacks.clone(), "test")).await.unwrap();

    // Each store takes something in.
    let kept = |partitions| TopicSpec {
        name: "kept".to_owned(),
        partitions,
        retention: Retention::Latest { bytes: -1, ms: -1 },
        max_message_bytes: 1 << 20,
    };
    topics::ensure(&stack.kafka(), &[kept(3)]).await.unwrap();
    let mut database = MySqlConnection::connect(&stack.mysql_url()).await.unwrap();
    sqlx::query("CREATE TABLE kept (id INT PRIMARY KEY)").execute(&mut database).await.unwrap();
    sqlx::query("INSERT INTO kept VALUES (7)").execute(&mut database).await.unwrap();
    let redis = redis::Client::open(stack.redis_url()).unwrap();
    let mut connection = redis.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("SET").arg("lost").arg(7).exec_async(&mut connection).await.unwrap();

    // A test may have a database of its own, of that name's beginning.
    sqlx::query("CREATE DATABASE matchday_of_a_test").execute(&mut database).await.unwrap();
    assert!(sqlx::query("CREATE DATABASE other").execute(&mut database).await.is_err());

    for name in [KAFKA, DATABASE, REDIS] {
        let process = stack.process(name).unwrap();
        process.kill().unwrap();
        assert!(!process.is_running(), "{name}");
        assert_eq!(process.cpu_micros(), None, "{name}");
        stack.restart(name).await.unwrap();
        assert!(process.is_running(), "{name}");
    }

    // Were it made anew it would have as many partitions as are wanted.
    let error = topics::ensure(&stack.kafka(), &[kept(9)]).await.unwrap_err();
    assert!(matches!(error, TopicError::TooFewPartitions { found: 3, .. }), "{error}");
    let mut database = MySqlConnection::connect(&stack.mysql_url()).await.unwrap();
    let id: i32 = sqlx::query_scalar("SELECT id FROM kept").fetch_one(&mut database).await.unwrap();
    assert_eq!(id, 7);
    let mut connection = redis.get_multiplexed_async_connection().await.unwrap();
    let lost: Option<i32> = redis::cmd("GET").arg("lost").query_async(&mut connection).await.unwrap();
    assert_eq!(lost, None);
    // It is not known of a container in a virtual machine.
    assert_ne!(stack.process(KAFKA).unwrap().cpu_micros(), Some(0));

    let process = stack.process(REDIS).unwrap();
    process.pause().unwrap();
    assert!(process.ready(Duration::ZERO).await.is_err());
    process.resume().unwrap();
    process.ready(DEADLINE).await.unwrap();

    let error = stack.process("zookeeper").unwrap_err();
    assert!(error.to_string().contains("kafka"), "{error}");

    // One that is paused ends as well.
    process.pause().unwrap();
    assert_eq!(parts_of(folder.path()).len(), 3);
    let ended = stack.down().await.unwrap();
    assert_eq!((ended.processes, ended.killed), (3, Vec::new()));
    assert_eq!(parts_of(folder.path()), Vec::<String>::new());
    assert!(!stacks.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_stack_answers_at_every_address() {
    let stack = support::shared_stack().await;
    let processors = stack.processor_url(Sport::Hockey).unwrap();
    for url in [stack.ingestion_url().unwrap(), stack.rest_url().unwrap(), processors] {
        let response = reqwest::get(format!("{url}/readyz")).await.unwrap();
        assert!(response.status().is_success(), "{url}");
    }
    tokio_tungstenite::connect_async(stack.socket_url().unwrap()).await.unwrap();
    stack.init().await.unwrap();

    // The dashboard reads the record that the stack keeps, and needs no address.
    let (stacks, name) = (stack.folder().parent().unwrap(), stack.folder().file_name().unwrap());
    let mut top = Command::new(own_binary("matchday-top").unwrap());
    top.args(["--once", "--json", "--stack"]).arg(name).arg("--stacks").arg(stacks);
    let output = top.stdin(Stdio::null()).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["stack"].as_str().unwrap().starts_with(name.to_str().unwrap()), "{told}");
    let hops = told["hops"].as_array().unwrap();
    let hop = |place: &str| hops.iter().find(|hop| hop["place"] == place).unwrap();
    for place in ["ingestion", "processors", "distribution"] {
        assert!(hop(place)["per_second"].is_number(), "{place}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_come_back_after_a_crash_are_joined_by_others_and_end_within_their_grace_time() {
    let folder = tempfile::tempdir().unwrap();
    let stack = support::up(stacks_in(&folder), "test").await;
    let first = processors_name(Sport::Hockey);
    let url = stack.processor_url(Sport::Hockey).unwrap();

    let second = stack.add_processors(Sport::Hockey).await.unwrap();
    assert_ne!(second, first);
    assert_ne!(stack.url(&second, 0).unwrap(), url);

    stack.process(&first).unwrap().kill().unwrap();
    stack.restart(&first).await.unwrap();
    assert_eq!(stack.processor_url(Sport::Hockey).unwrap(), url);

    let status = stack.process(&second).unwrap().stop().await.unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(stack.down().await.unwrap().killed, Vec::<String>::new());
    assert_eq!(parts_of(folder.path()), Vec::<String>::new());
}

fn matchday(stacks: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matchday"));
    command.args(args).arg("--stacks").arg(stacks).stdin(Stdio::null());
    // The one of a developer who runs the tests, which `down` would end.
    command.env("COMPOSE_PROJECT_NAME", "matchday-none");
    command
}

fn run(stacks: &Path, args: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = matchday(stacks, args).output().unwrap();
    (status.success(), [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
}

/// Starts a stack that belongs to the command.
fn foreground(stacks: &Path) -> Child {
    matchday(stacks, &["up", "--infrastructure", "--foreground"]).stdout(Stdio::null()).spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn up_stays_until_down_and_both_can_be_said_twice() {
    let folder = tempfile::tempdir().unwrap();
    let stacks = stacks_in(&folder);
    let up = ["up", "--infrastructure", "--port-offset", "20000"];

    // An `up` that was killed in the middle leaves processes behind, and is in nobody's way.
    let mut killed = matchday(&stacks, &up).stdout(Stdio::null()).spawn().unwrap();
    eventually("a first process", DEADLINE, || !parts_of(&stacks.join("up")).is_empty()).await;
    killed.kill().unwrap();
    killed.wait().unwrap();

    let (is_ok, first) = run(&stacks, &up);
    assert!(is_ok, "{first}");
    let addresses = |text: &str| {
        text.lines().filter(|line| line.contains("127.0.0.1")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(addresses(&first).len(), 3, "{first}");
    assert_eq!(parts_of(folder.path()).len(), 3);

    let (is_ok, second) = run(&stacks, &up);
    assert!(is_ok && second.contains("already up"), "{second}");
    assert_eq!(addresses(&second), addresses(&first));

    // One that is broken still holds data: nobody deletes that unasked.
    let processes = Stack::find(&stacks, "up").unwrap().processes;
    let redis = processes.iter().find(|process| process.name == REDIS).unwrap();
    match &redis.id {
        PartId::Process(id) => kill(Pid::from_raw(id.pid), Signal::SIGKILL).unwrap(),
        PartId::Container(id) => {
            assert!(Command::new("docker").args(["kill", id]).output().unwrap().status.success());
        }
    }
    eventually("Redis is gone", DEADLINE, || redis.id.state() == PartState::Gone).await;
    let (is_ok, text) = run(&stacks, &up);
    assert!(!is_ok && text.contains("do not run: redis"), "{text}");
    let living = processes.iter().filter(|process| process.id.state() == PartState::Alive);
    assert_eq!(living.count(), 2);

    let (is_ok, text) = run(&stacks, &["down"]);
    assert!(is_ok && text.contains("Ended "), "{text}");
    assert_eq!(parts_of(folder.path()), Vec::<String>::new());
    assert!(!stacks.exists());
    assert!(run(&stacks, &["down"]).0);
}

/// What `matchday up` has left running: one service of this machine's that has ended since, and Kafka in a container.
fn record_of_a_stack_in_containers(stacks: &Path, name: &str) {
    let gone = serde_json::json!({"pid": i32::MAX, "started_ticks": 0});
    let record = serde_json::json!({
        "lifetime": "detached",
        "stores": "containers",
        "owner": gone,
        "is_complete": true,
        "processes": [
            {"name": "kafka", "id": "0123456789abcdef", "is_service": false},
            {"name": "ingestion", "id": gone, "is_service": true},
        ],
        "addresses": [],
    });
    fs::create_dir_all(stacks.join(name)).unwrap();
    fs::write(stacks.join(name).join("stack.json"), record.to_string()).unwrap();
}

#[test]
fn a_stack_of_which_the_engine_says_nothing_is_neither_ended_nor_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let stacks = stacks_in(&folder);
    record_of_a_stack_in_containers(&stacks, "up");
    record_of_a_stack_in_containers(&stacks, "other");
    let run_with = |docker: &str, args: &[&str]| {
        let path = path_of(&[("docker", docker)]);
        symlink("/usr/bin/timeout", path.path().join("timeout")).unwrap();
        let output = matchday(&stacks, args).env("PATH", path.path()).output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.success(), said.concat())
    };
    let fails = "echo 'Cannot connect to the Docker daemon' >&2; exit 1";
    let (_, said) = run_with(fails, &["status"]);
    assert!(said.contains("up: Docker does not say whether it runs: kafka"), "{said}");
    let (is_ok, said) = run_with(fails, &["up", "--stores", "native"]);
    assert!(!is_ok && said.contains("Docker does not say whether its containers run"), "{said}");
    let (is_ok, said) = run_with(fails, &["down"]);
    assert!(!is_ok && said.contains("may still be there"), "{said}");
    assert!(stacks.join("up/stack.json").exists() && stacks.join("other/stack.json").exists());

    // An engine that answers, and has none of them.
    let (_, said) = run_with("", &["status"]);
    assert!(said.contains("other: left behind"), "{said}");
    let (is_ok, said) = run_with("test \"$1\" != version || echo 26.1.5", &["down"]);
    assert!(is_ok, "{said}");
    assert!(!stacks.exists());
}

/// Docker, with two Compose projects of this checkout, `matchday` and `other`, and one of another; it notes what is ended.
const DOCKER_WITH_PROJECTS: &str = r#"case "$*" in
    version*) echo 26.1.5 ;;
    *" config "*) echo '{"name": "matchday"}' ;;
    *"label=com.docker.compose.project"*)
        printf 'matchday\t%s\nother\t%s/.\nelsewhere\t/\n' "$HERE" "$HERE" ;;
    *"--project-name matchday "*services*) echo kafka ;;
    *"--project-name matchday "*logs*) echo 'kafka-1 | so it is' ;;
    *" down "*) echo "$*" >>"$ENDED"; exit "${DOWN_CODE:-0}" ;;
esac"#;

#[test]
fn down_ends_this_folders_own_compose_project_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (stacks, ended) = (stacks_in(&folder), folder.path().join("ended"));
    let path = path_of(&[("docker", DOCKER_WITH_PROJECTS)]);
    symlink("/usr/bin/timeout", path.path().join("timeout")).unwrap();
    let run = |args: &[&str], down_code: &str| {
        let mut command = matchday(&stacks, args);
        command.env("PATH", path.path()).env("ENDED", &ended).env("DOWN_CODE", down_code);
        let output = command.env("HERE", concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.success(), said.concat())
    };
    let (is_ok, said) = run(&["logs", "kafka"], "0");
    assert!(is_ok && said.contains("so it is"), "{said}");
    let (is_ok, said) = run(&["logs", "database"], "0");
    assert!(!is_ok && said.contains("only kafka"), "{said}");

    let (is_ok, said) = run(&["down"], "1");
    assert!(!is_ok && !said.contains("No stack is up"), "{said}");
    fs::remove_file(&ended).unwrap();
    let (is_ok, said) = run(&["down"], "0");
    assert!(is_ok && said.contains("Ended the Compose project matchday;"), "{said}");
    assert!(said.contains("The Compose project other") && !said.contains("elsewhere"), "{said}");
    let ended = fs::read_to_string(&ended).unwrap();
    assert_eq!(ended.lines().count(), 1, "{ended}");
    assert!(ended.contains("--project-name matchday --profile * down"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_the_owner_ends_its_stack() {
    let folder = tempfile::tempdir().unwrap();
    let stacks = stacks_in(&folder);
    let is_kafka = |part: &String| part.contains("kafka.Kafka") || part.contains("-kafka-");
    let is_complete = || parts_of(folder.path()).iter().any(is_kafka);
    let nothing_runs = || parts_of(folder.path()).is_empty();

    // The owner can do nothing about this one; the kernel does.
    let mut owner = foreground(&stacks);
    eventually("Kafka runs", DEADLINE, is_complete).await;
    send(&owner, Signal::SIGKILL);
    owner.wait().unwrap();
    eventually("all processes end with their owner", DEADLINE, nothing_runs).await;

    // What it left on disk goes with the next command.
    assert!(stacks.exists());
    assert!(run(&stacks, &["down"]).0);
    assert!(!stacks.exists());

    let mut owner = foreground(&stacks);
    eventually("Kafka runs", DEADLINE, is_complete).await;
    send(&owner, Signal::SIGINT);
    let status = owner.wait().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(!stacks.exists());
    // A container may have been on its way: the watcher stays to look for it once more.
    eventually("nothing of it runs", DEADLINE, nothing_runs).await;
}
