//! What a processor keeps while messages are poisonous, early or missing, and while it is killed in between.

use anyhow::ensure;
use domain::Sport;
use harness::observe::redis;
use harness::stack::{own_binary, processors_name};
use serde_json::{Value, json};

use crate::support::desk::{DEADLINE, Desk, MARKET, message, odds, produce, score, shot};
use crate::support::{read_topic, until};

mod outbox;

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_is_found_among_many_and_it_alone_becomes_a_dead_letter() {
    let desk = Desk::new("poison").await;
    let trigger = "CREATE TRIGGER poison BEFORE INSERT ON incidents FOR EACH ROW \
                   BEGIN IF NEW.incident_id = 'poison' THEN SIGNAL SQLSTATE '45000' \
                   SET MESSAGE_TEXT = 'this one is poison'; END IF; END";
    sqlx::raw_sql(trigger).execute(desk.mysql.pool()).await.unwrap();

    let events = ["md:match:1", "md:match:2", "md:match:3", "md:match:4"];
    let poison = shot("md:match:3", 25, "poison");
    let mut messages = Vec::new();
    for sequence in 1..=50 {
        for event_id in events {
            let is_poison = event_id == "md:match:3" && sequence == 25;
            messages.push(if is_poison { poison.clone() } else { odds(event_id, sequence, 1_500) });
        }
    }
    desk.send(&messages).await;
    until("the neighbours to be applied", DEADLINE, async || {
        let versions = desk.mysql.versions().await?;
        let done = |id: &&str| versions.get(*id).copied().unwrap_or_default() >= 50;
        Ok(events.iter().filter(|id| **id != "md:match:3").all(done))
    })
    .await
    .unwrap();
    // A dead letter is a gap at once, and what followed waits for it.
    desk.expect_market("md:match:3", "suspended", Some("dead_letter")).await;
    assert_eq!(desk.picture("md:match:3").await.unwrap().version, 24 + 1, "24 messages and a gap");
    assert_eq!(desk.count("SELECT COUNT(*) FROM held_messages").await.unwrap(), 25);

    desk.everything_is_published().await;
    desk.kill_and_restart().await;
    desk.everything_is_published().await;
    let batches = read_topic(&desk.stack.kafka(), &desk.stack.topics().dead_letters()).await;
    let letters: Vec<_> = batches.iter().flat_map(|batch| batch.iter()).collect();
    assert_eq!(letters.len(), 1, "once, over a restart too");
    let text = |name: &str| String::from_utf8(letters[0].header(name).unwrap_or_default().to_vec()).unwrap();
    assert!(text("reason").contains("this one is poison"), "{}", text("reason"));
    assert_eq!((text("source").as_str(), text("provider").as_str()), ("processor", "md"));
    let feed = format!("{}/", desk.stack.topics().feed(Sport::Hockey));
    assert!(text("position").starts_with(&feed), "{}", text("position"));
    let payload: Value = serde_json::from_slice(letters[0].payload()).unwrap();
    assert_eq!(payload["message_id"], poison["message_id"]);
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn early_messages_and_barriers_survive_a_crash_and_a_gap_ends_when_the_missing_message_comes() {
    let desk = Desk::new("early").await;
    let (gap, stop) = ("md:match:1", "md:match:2");
    desk.send(&[odds(gap, 1, 1_500), odds(gap, 3, 1_700), odds(stop, 1, 1_500)]).await;
    let bet_stop = message(stop, 4, "bet_stop", json!({"groups": "all"}));
    desk.send(&[bet_stop, odds(stop, 2, 1_600)]).await;
    desk.expect_market(stop, "suspended", Some("bet_stop")).await;
    until(
        "both to wait",
        DEADLINE,
        async || Ok(desk.count("SELECT COUNT(*) FROM held_messages").await? == 2),
    )
    .await
    .unwrap();

    desk.kill_and_restart().await;
    desk.expect_market(gap, "suspended", Some("gap")).await;
    desk.send(&[odds(gap, 2, 1_600), odds(stop, 3, 1_800)]).await;
    desk.expect_market(gap, "active", None).await;
    // The third opens nothing below the stop; the stop's own turn then comes without a further effect.
    until("nothing to wait", DEADLINE, async || {
        Ok(desk.count("SELECT COUNT(*) FROM held_messages").await? == 0)
    })
    .await
    .unwrap();
    desk.expect_market(stop, "suspended", Some("bet_stop")).await;
    desk.send(&[odds(stop, 5, 1_900)]).await;
    desk.expect_market(stop, "active", None).await;

    let pictures = desk.mysql.pictures().await.unwrap();
    assert_eq!(pictures[gap].values[MARKET]["outcomes"][0]["odds"], 1_700, "the early one was applied last");
    assert_eq!(pictures[gap].version, 4, "three messages and a gap");
    assert_eq!(
        pictures[stop].version, 6,
        "five messages and a gap; a stop reached in order is no update of its own"
    );
    for (event_id, log) in desk.mysql.logs().await.unwrap() {
        assert_eq!(log.versions, (1..=pictures[&event_id].version).collect::<Vec<_>>(), "{event_id}");
    }
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_that_kafka_does_not_have_is_not_reset_and_redis_is_rebuilt_with_one_command() {
    let desk = Desk::new("rebuilt").await;
    let event_id = "md:match:1".to_owned();
    desk.send(&[odds(&event_id, 1, 1_500), shot(&event_id, 2, "s1")]).await;
    desk.expect_market(&event_id, "active", None).await;
    let name = processors_name(Sport::Hockey);
    let process = desk.stack.process(&name).unwrap();
    process.stop().await.unwrap();

    let mut connection = ::redis::Client::open(desk.stack.redis_url())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    ::redis::cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
    let warm = tokio::process::Command::new(own_binary("processors").unwrap())
        .args(["warm", "--sport", "hockey"])
        .env("MATCHDAY_MYSQL", desk.stack.mysql_url())
        .env("MATCHDAY_REDIS", desk.stack.redis_url())
        .output()
        .await
        .unwrap();
    assert!(warm.status.success(), "{}", String::from_utf8_lossy(&warm.stderr));
    let store_id = desk.mysql.store_id().await.unwrap();
    let in_redis =
        redis::pictures(&desk.stack.redis_url(), &store_id, std::slice::from_ref(&event_id)).await.unwrap();
    assert_eq!(in_redis, desk.mysql.pictures().await.unwrap());

    let moved = "UPDATE feed_offsets SET next_offset = next_offset + 1000000";
    sqlx::query(moved).execute(desk.mysql.pool()).await.unwrap();
    desk.stack.start(&name).unwrap();
    until("the processor to say why it is not ready", DEADLINE, async || {
        let Some((status, reasons)) = desk.readiness().await else { return Ok(false) };
        ensure!(status != 200, "ready although its offsets are nowhere: {reasons}");
        Ok(reasons.contains("outside their partitions") && reasons.contains("wanted 100000"))
    })
    .await
    .unwrap();
    assert_eq!(desk.count("SELECT COUNT(*) FROM feed_offsets WHERE next_offset < 1000000").await.unwrap(), 0);

    // Of another cluster: nobody's fence is touched, and once an operator has put it right it goes on by itself.
    process.stop().await.unwrap();
    let pool = desk.mysql.pool();
    let cluster: String =
        sqlx::query_scalar("SELECT MAX(kafka_cluster_id) FROM feed_offsets").fetch_one(pool).await.unwrap();
    let other = "UPDATE feed_offsets SET next_offset = next_offset - 1000000, kafka_cluster_id = 'another'";
    sqlx::query(other).execute(pool).await.unwrap();
    let before = desk.mysql.generations().await.unwrap();
    desk.stack.start(&name).unwrap();
    desk.expect_reason("belong to the Kafka cluster another").await;
    assert_eq!(desk.mysql.generations().await.unwrap(), before);
    let back = sqlx::query("UPDATE feed_offsets SET kafka_cluster_id = ?").bind(cluster);
    back.execute(pool).await.unwrap();
    desk.send(&[odds(&event_id, 3, 1_700)]).await;
    until("the processor to go on", DEADLINE, async || Ok(desk.picture(&event_id).await?.version == 3))
        .await
        .unwrap();
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_or_cannot_be_true_is_kept_and_is_a_gap_for_its_event_alone() {
    let desk = Desk::new("refused").await;
    let (wrong, other) = ("md:match:1", "md:match:2");
    desk.send(&[odds(wrong, 1, 1_500), odds(other, 1, 1_500), score(wrong, 2, 2)]).await;
    let impossible = score(wrong, 3, 1).to_string();
    produce(&desk, wrong, impossible.as_bytes()).await;
    produce(&desk, other, b"{\"schema\": oops").await;
    produce(&desk, other, br#"{"schema":"1.0","message_id":"m","odds":1.5}"#).await;
    desk.send(&[odds(wrong, 4, 1_600), odds(other, 2, 1_600)]).await;
    desk.expect_market(wrong, "suspended", Some("dead_letter")).await;
    until("the other event to go on", DEADLINE, async || Ok(desk.picture(other).await?.version == 2))
        .await
        .unwrap();
    desk.expect_market(other, "active", None).await;
    let home = &desk.picture(wrong).await.unwrap().values["status"]["score"]["home"];
    assert_eq!(*home, json!(2), "a score does not go down without a correction");

    desk.everything_is_published().await;
    let batches = read_topic(&desk.stack.kafka(), &desk.stack.topics().dead_letters()).await;
    let letters: Vec<_> = batches.iter().flat_map(|batch| batch.iter()).collect();
    let header = |index: usize, name: &str| {
        String::from_utf8(letters[index].header(name).unwrap_or_default().to_vec()).unwrap()
    };
    let of = |payload: &str| letters.iter().position(|letter| letter.payload() == payload.as_bytes());
    assert_eq!(letters.len(), 3);
    let impossible = of(&impossible).expect("its original bytes");
    assert!(header(impossible, "pointer").starts_with("/body/score"), "{}", header(impossible, "pointer"));
    let unreadable = of("{\"schema\": oops").expect("its original bytes");
    assert_eq!(
        (header(unreadable, "pointer"), header(unreadable, "provider")),
        (String::new(), String::new())
    );
    for index in 0..letters.len() {
        let position = header(index, "position");
        assert!(position.starts_with(&format!("{}/", desk.stack.topics().feed(Sport::Hockey))), "{position}");
        assert!(!header(index, "reason").is_empty() && !header(index, "refused_at").is_empty());
    }
    desk.stack.down().await.unwrap();
}
