//! `matchday doctor` on machines that lack something: what is on the path is made up, the machine is this one.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::path_of;

/// Whether the demo could run, and what was said.
fn doctor(path: Option<&Path>, stacks: &Path) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matchday"));
    command.arg("doctor").arg("--stacks").arg(stacks).env_remove("MATCHDAY_STORES");
    if let Some(path) = path {
        command.env("PATH", path).env_remove("JAVA_HOME");
    }
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// The line about `what`.
fn line<'a>(said: &'a str, what: &str) -> &'a str {
    let found = said.lines().find(|line| line.split_whitespace().nth(1) == Some(what));
    found.unwrap_or_else(|| panic!("nothing is said of {what}:\n{said}"))
}

#[test]
fn a_machine_on_which_the_tests_run_can_run_the_demo_and_a_taken_port_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    // Where somebody else has it, that will do as well.
    let _held = TcpListener::bind("127.0.0.1:4002");
    let (is_ok, said) = doctor(None, &folder.path().join("stacks"));
    assert!(is_ok, "{said}");
    assert!(!said.contains("missing"), "{said}");
    let taken = said.lines().find(|line| line.contains("port 4002")).unwrap_or_else(|| panic!("{said}"));
    assert!(taken.contains("note") && taken.contains("held by"), "{taken}");
    assert!(said.ends_with("The demo can run: make demo\n"), "{said}");
}

#[test]
fn an_empty_machine_is_told_every_package_and_rust() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_of(&[]);
    let (is_ok, said) = doctor(Some(path.path()), folder.path());
    assert!(!is_ok, "{said}");
    for what in ["git", "g++", "cmake", "make", "pkg-config", "maven", "redis-tools", "mariadb-client-core"] {
        let line = line(&said, what);
        assert!(line.contains("missing") && line.contains("make setup"), "{line}");
        assert!(line.contains(&format!("apt-get install {what}")), "{line}");
    }
    assert!(line(&said, "rust").contains("https://rustup.rs"), "{said}");
    assert!(said.contains("the demo cannot run"), "{said}");
}

#[test]
fn what_is_too_old_counts_as_missing_and_says_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_of(&[
        ("rustc", "echo 'rustc 1.70.0 (90c541806 2023-05-31)'"),
        ("java", "echo 'openjdk version \"11.0.22\" 2024-01-16' >&2"),
        ("mariadb-install-db", ""),
        ("my_print_defaults", ""),
        ("mariadbd", "echo 'mariadbd  Ver 10.3.39-MariaDB for debian-linux-gnu on x86_64 (Debian 10)'"),
    ]);
    symlink("/bin/sed", path.path().join("sed")).unwrap();
    let (is_ok, said) = doctor(Some(path.path()), folder.path());
    assert!(!is_ok, "{said}");
    let rust = line(&said, "rust");
    assert!(rust.contains("missing") && rust.contains("1.70.0") && rust.contains("rustup update"), "{rust}");
    let java = said.lines().find(|line| line.contains("Java 17")).unwrap_or_else(|| panic!("{said}"));
    assert!(java.contains("missing"), "{java}");
    let database = line(&said, "database");
    assert!(database.contains("missing") && database.contains("MariaDB 10.6 or later"), "{database}");
}

#[test]
fn a_stack_that_was_left_behind_is_named_with_the_way_to_remove_it() {
    let folder = tempfile::tempdir().unwrap();
    // What a crash in the middle of claiming a folder leaves.
    fs::create_dir(folder.path().join("demo-1")).unwrap();
    let (is_ok, said) = doctor(None, folder.path());
    assert!(is_ok, "{said}");
    let stack = said.lines().find(|line| line.contains("stack demo-1")).unwrap_or_else(|| panic!("{said}"));
    assert!(stack.contains("note") && stack.contains("make down"), "{stack}");
}

#[test]
fn a_machine_without_docker_is_told_so_and_asked_for_it_only_where_containers_were_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_of(&[]);
    let (_, said) = doctor(Some(path.path()), folder.path());
    assert!(line(&said, "docker").contains("note"), "{said}");
    let output = Command::new(env!("CARGO_BIN_EXE_matchday"))
        .args(["doctor", "--stores", "containers", "--stacks"])
        .arg(folder.path())
        .env("PATH", path.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(line(&said, "docker").contains("missing"), "{said}");
    assert!(!said.contains("java") && !said.contains("mariadb"), "{said}");
}

#[test]
fn an_engine_that_is_too_old_for_compose_is_named_with_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_of(&[(
        "docker",
        r#"case "$1 $2" in
            "version --format") echo 20.10.24 ;;
            "compose version") echo 2.3.3 ;;
            "info --format") echo 1073741824 ;;
            "ps --all") case "$*" in *quiet*label=matchday*) echo 0f3c ;; esac ;;
            "inspect --format") printf '/matchday-kafka-1\ttrue\t137\t0\n' ;;
            "volume ls") printf 'matchday\tmatchday_kafka\nmatchday\tmatchday_mysql\n' ;;
        esac"#,
    )]);
    symlink("/usr/bin/timeout", path.path().join("timeout")).unwrap();
    let (_, said) = doctor(Some(path.path()), folder.path());
    for (what, part) in [
        ("docker ", "20.10.24, docker-compose.yml needs 25.0"),
        ("docker compose", "2.3.3, docker-compose.yml needs 2.24"),
        ("docker memory", "1024 MB, the kit in containers needs"),
        ("docker volumes", "matchday_kafka, matchday_mysql hold what an earlier `docker compose up` kept"),
        ("exit code 137", "matchday-kafka-1 reached its memory limit and was killed"),
    ] {
        let line = said.lines().find(|line| line.contains(&format!("note     {what}")));
        assert!(line.is_some_and(|line| line.contains(part)), "{what}: {said}");
    }
}
