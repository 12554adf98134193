//! Dead letters looked at, put right and sent again, while what is to note it is killed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use domain::Sport;
use harness::stack::processors_name;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::desk::{DEADLINE, Desk, odds, produce, score};
use crate::support::event::get;
use crate::support::{read_topic, until};

/// What a command said, and whether it succeeded.
struct Said {
    text: String,
    is_success: bool,
}

impl Desk {
    /// `matchday dlq …` on this stack, with something on its standard input.
    async fn dlq(&self, arguments: &[&str], input: &[u8]) -> Said {
        self.dlq_with_editor(arguments, input, "false").await
    }

    async fn dlq_with_editor(&self, arguments: &[&str], input: &[u8], editor: &str) -> Said {
        let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_matchday"))
            .arg("dlq")
            .args(arguments)
            .env("MATCHDAY_KAFKA", self.stack.kafka())
            .env("MATCHDAY_MYSQL", self.stack.mysql_url())
            .env("MATCHDAY_INGESTION", self.stack.ingestion_url().unwrap())
            .env("MATCHDAY_TOPIC_PREFIX", self.stack.topics().to_string())
            .env("VISUAL", editor)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Whoever does not read it need not.
        let _ = stdin.write_all(input).await;
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Said { text: text.concat(), is_success: output.status.success() }
    }

    async fn letters(&self) -> usize {
        let batches = read_topic(&self.stack.kafka(), &self.stack.topics().dead_letters()).await;
        batches.iter().map(|batch| batch.len()).sum()
    }

    /// The causes of an event's updates, as REST has them.
    async fn causes(&self, event_id: &str) -> Vec<Value> {
        let log: Value =
            get(&self.stack, &format!("/v1/events/{event_id}/updates?limit=500")).await.json().await.unwrap();
        log["updates"].as_array().unwrap().iter().map(|update| update["cause"].clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_sent_twice_to_a_processor_that_is_killed_has_its_effect_once() {
    let desk = Desk::new("dlq").await;
    let event_id = "md:match:1";
    desk.send(&[odds(event_id, 1, 1_500), score(event_id, 2, 2)]).await;
    produce(&desk, event_id, score(event_id, 3, 1).to_string().as_bytes()).await;
    desk.send(&[odds(event_id, 4, 1_600)]).await;
    desk.expect_market(event_id, "suspended", Some("dead_letter")).await;
    let cause =
        json!({"type": "dead_letter", "provider": "md", "producer": "live", "epoch": 1, "sequence": 3});
    assert_eq!(desk.causes(event_id).await[2], cause);
    desk.everything_is_published().await;

    let listed = desk.dlq(&["list"], b"").await.text;
    for part in ["0/0", " md ", event_id, "epoch 1 sequence 3", "open", "/body/score", "sports-feed-hockey/"]
    {
        assert!(listed.contains(part), "no `{part}` in\n{listed}");
    }
    let shown = desk.dlq(&["show", "0"], b"").await.text;
    assert!(shown.contains(r#""score":{"away":0,"home":1}"#), "{shown}");
    let again = desk.dlq(&["redrive", "0/0"], b"").await;
    assert!(
        !again.is_success && again.text.contains("refused: ") && again.text.contains("/body/score"),
        "{}",
        again.text
    );
    assert!(desk.dlq(&["list", "--open"], b"").await.text.contains("refused again"));

    // The transaction of its effect waits for a lock, and the processor is killed there.
    let name = processors_name(Sport::Hockey);
    let mut lock = desk.mysql.pool().begin().await.unwrap();
    sqlx::query("SELECT * FROM feed_offsets FOR UPDATE").fetch_all(&mut *lock).await.unwrap();
    let right = score(event_id, 3, 3).to_string();
    let body = ["redrive", "0", "--body", "-", "--wait", "1"];
    let sent = desk.dlq(&body, right.as_bytes()).await;
    assert!(!sent.is_success && sent.text.contains("no processor has taken it"), "{}", sent.text);
    until("its transaction to wait for the lock", DEADLINE, async || {
        let waiting =
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE feed_offsets SET next_offset%'";
        Ok(desk.count(waiting).await? > 0)
    })
    .await
    .unwrap();
    desk.stack.process(&name).unwrap().kill().unwrap();
    lock.rollback().await.unwrap();
    let other = score(event_id, 3, 4).to_string();
    assert!(!desk.dlq(&body, other.as_bytes()).await.is_success, "nobody is there to take it");
    desk.stack.restart(&name).await.unwrap();

    desk.expect_market(event_id, "active", None).await;
    until("all that was sent to be seen", DEADLINE, async || {
        let text = desk.dlq(&["list"], b"").await.text;
        Ok(text.contains("applied") && text.contains("0 of them open"))
    })
    .await
    .unwrap();
    let late = desk.dlq(&["redrive", "0"], b"").await;
    assert!(late.is_success && late.text.contains("applied before, nothing was sent"), "{}", late.text);

    desk.kill_and_restart().await;
    desk.send(&[odds(event_id, 5, 1_700)]).await;
    until("the event to go on", DEADLINE, async || Ok(desk.picture(event_id).await?.version == 6))
        .await
        .unwrap();
    let picture = desk.picture(event_id).await.unwrap();
    assert_eq!(picture.values["status"]["score"]["home"], json!(3), "the first that was sent");
    let sequences: Vec<Value> =
        desk.causes(event_id).await.iter().map(|cause| cause["sequence"].clone()).collect();
    assert_eq!(
        json!(sequences),
        json!([1, 2, 3, 3, 4, 5]),
        "the letter, then what takes its place, in order, once"
    );
    assert_eq!(desk.letters().await, 1, "what is sent again makes no letter of itself");
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ingestion_refused_is_put_right_in_an_editor_and_walks_the_whole_way() {
    let desk = Desk::new("edited").await;
    let event_id = "md:match:7";
    desk.send(&[odds(event_id, 1, 1_500)]).await;
    let url = format!("{}/feeds/md", desk.stack.ingestion_url().unwrap());
    let wrong = odds(event_id, 2, 1_600).to_string().replace("1600", "16");
    let post = reqwest::Client::new().post(url).header("content-type", "application/json").body(wrong);
    assert_eq!(post.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    desk.expect_market(event_id, "suspended", Some("dead_letter")).await;
    desk.send(&[odds(event_id, 3, 1_700)]).await;

    let listed = desk.dlq(&["list", "--provider", "md"], b"").await.text;
    assert!(listed.contains("ingestion, request=") && listed.contains("odds of 16 thousandths"), "{listed}");
    assert!(!desk.dlq(&["redrive", "--open"], b"").await.is_success, "it is as wrong as before");

    let folder = tempfile::tempdir().unwrap();
    let editor = folder.path().join("editor");
    std::fs::write(&editor, "#!/bin/sh\nsed -i 's/\"odds\":16,\\|\"odds\":16}/\"odds\":1600}/' \"$1\"\n")
        .unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let editor = editor.to_str().unwrap();
    let edited = desk.dlq_with_editor(&["redrive", "0", "--edit"], b"", editor).await;
    assert!(edited.is_success && edited.text.contains("0/0  applied"), "{}", edited.text);
    desk.expect_market(event_id, "active", None).await;
    assert_eq!(desk.picture(event_id).await.unwrap().version, 4, "three messages and a dead letter");
    assert_eq!(desk.letters().await, 1);

    // A provider that sends another in its place is faster than whoever looks after letters.
    desk.send(&[score(event_id, 4, 2)]).await;
    produce(&desk, event_id, score(event_id, 5, 1).to_string().as_bytes()).await;
    desk.expect_market(event_id, "suspended", Some("dead_letter")).await;
    desk.send(&[score(event_id, 5, 3)]).await;
    desk.expect_market(event_id, "active", None).await;
    desk.everything_is_published().await;
    assert!(desk.dlq(&["list"], b"").await.text.contains("superseded"));
    let late = score(event_id, 5, 4).to_string();
    let superseded = desk.dlq(&["redrive", "1", "--body", "-"], late.as_bytes()).await;
    assert!(superseded.is_success && superseded.text.contains("0/1  superseded"), "{}", superseded.text);
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_nobody_will_send_again_is_closed_once_with_a_reason_and_one_that_shuts_its_event_is_not()
 {
    let desk = Desk::new("closed").await;
    let event_id = "md:match:9";
    let url = format!("{}/feeds/md", desk.stack.ingestion_url().unwrap());
    let refuse = async |wrong: String| {
        let post = reqwest::Client::new().post(&url).header("content-type", "application/json").body(wrong);
        assert_eq!(post.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let alive = json!({
        "schema": "1.0", "message_id": "alive-1", "provider": "md", "producer": "live", "type": "alive",
        "generated_at": 1_767_225_600_000_000_i64, "body": {"subscribed": "yes"},
    });
    refuse(alive.to_string()).await;
    assert!(desk.dlq(&["list"], b"").await.text.contains("1 of them open"));
    let close = ["close", "0/0", "--by", "Ada", "--reason", "an alive of last week"];
    assert!(!desk.dlq(&close[..4], b"").await.is_success, "it needs a reason");
    let closed = desk.dlq(&close, b"").await;
    assert!(closed.is_success && closed.text.contains("0/0  closed: by Ada at 20"), "{}", closed.text);
    let other = desk.dlq(&["close", "0", "--by", "Bob", "--reason", "another one"], b"").await;
    assert!(
        other.is_success && other.text.contains("by Ada") && !other.text.contains("Bob"),
        "{}",
        other.text
    );
    let listed = desk.dlq(&["list"], b"").await.text;
    assert!(listed.contains("an alive of last week") && listed.contains("0 of them open"), "{listed}");
    let late = desk.dlq(&["redrive", "0"], b"").await;
    assert!(late.is_success && late.text.contains("nothing was sent"), "{}", late.text);

    desk.send(&[odds(event_id, 1, 1_500)]).await;
    desk.expect_market(event_id, "active", None).await;
    refuse(odds(event_id, 2, 1_600).to_string().replace("1600", "16")).await;
    desk.expect_market(event_id, "suspended", Some("dead_letter")).await;
    let refused = desk.dlq(&["close", "0/1", "--reason", "in vain"], b"").await;
    let says =
        refused.text.contains("md:match:9 waits for it") && refused.text.contains("nothing was closed");
    assert!(!refused.is_success && says, "{}", refused.text);
    assert!(desk.dlq(&["list", "--open"], b"").await.text.contains("1 of them open"));
    refuse(alive.to_string().replace("alive-1", "alive-2")).await;
    let both = desk.dlq(&["close", "0/2", "0/1", "--reason", "in vain"], b"").await;
    assert!(!both.is_success && both.text.contains("nothing was closed"), "{}", both.text);
    assert!(desk.dlq(&["list", "--open"], b"").await.text.contains("2 of them open"), "all or none");
    let right = odds(event_id, 2, 1_600).to_string();
    let sent = desk.dlq(&["redrive", "0/1", "--body", "-"], right.as_bytes()).await;
    assert!(sent.is_success && sent.text.contains("0/1  applied"), "{}", sent.text);
    desk.expect_market(event_id, "active", None).await;

    // Of an event that may begin yet.
    let foreseen = "SELECT COUNT(*) FROM foreseen_events";
    let other = "md:match:10";
    refuse(odds(other, 1, 1_600).to_string().replace("1600", "16")).await;
    until("the letter to be noted", DEADLINE, async || Ok(desk.count(foreseen).await? == 1)).await.unwrap();
    let closed = desk.dlq(&["close", "0/2", "0/3", "--reason", "a test of theirs"], b"").await;
    assert!(closed.is_success && closed.text.matches("  closed: by ").count() == 2, "{}", closed.text);
    assert!(desk.dlq(&["list"], b"").await.text.contains("0 of them open"));
    until("the note to be gone", DEADLINE, async || Ok(desk.count(foreseen).await? == 0)).await.unwrap();
    desk.kill_and_restart().await;
    desk.send(&[odds(other, 1, 1_500)]).await;
    desk.expect_market(other, "active", None).await;
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_which_only_a_letter_is_known_is_none_until_it_begins_and_then_says_why_it_is_shut() {
    let desk = Desk::new("first-letter").await;
    let event_id = "md:match:8";
    let url = format!("{}/feeds/md", desk.stack.ingestion_url().unwrap());
    let wrong = odds(event_id, 1, 1_600).to_string().replace("1600", "16");
    let post = reqwest::Client::new().post(url).header("content-type", "application/json").body(wrong);
    assert_eq!(post.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    let foreseen = "SELECT COUNT(*) FROM foreseen_events";
    until("the letter to be noted", DEADLINE, async || Ok(desk.count(foreseen).await? == 1)).await.unwrap();
    assert_eq!(get(&desk.stack, &format!("/v1/events/{event_id}")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(desk.count("SELECT COUNT(*) FROM events").await.unwrap(), 0);

    desk.kill_and_restart().await;
    desk.send(&[odds(event_id, 2, 1_700)]).await;
    until("the event to begin", DEADLINE, async || Ok(desk.picture(event_id).await?.version > 0))
        .await
        .unwrap();
    let cause =
        json!({"type": "dead_letter", "provider": "md", "producer": "live", "epoch": 1, "sequence": 1});
    assert_eq!(desk.causes(event_id).await, [cause]);
    assert_eq!(desk.count(foreseen).await.unwrap(), 0, "it is an event now");

    desk.kill_and_restart().await;
    let right = odds(event_id, 1, 1_600).to_string();
    let sent = desk.dlq(&["redrive", "0", "--body", "-"], right.as_bytes()).await;
    assert!(sent.is_success && sent.text.contains("0/0  applied"), "{}", sent.text);
    desk.expect_market(event_id, "active", None).await;
    let sequences: Vec<Value> =
        desk.causes(event_id).await.iter().map(|cause| cause["sequence"].clone()).collect();
    assert_eq!(json!(sequences), json!([1, 1, 2]), "the letter, what took its place, and what had waited");
    desk.stack.down().await.unwrap();
}
