//! What REST tells of lists, logs and producers, by a real distribution behind a real pipeline.

use std::time::Duration;

use anyhow::Result;
use domain::Sport;
use harness::observe::mysql::Mysql;
use harness::stack::{Stack, processors_name};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::producers::now_micros;
use crate::support::{shared_stack, stack_with, stack_with_processors, until};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks REST; a refusal must be a problem document.
async fn ask(stack: &Stack, path: &str) -> Result<(StatusCode, Value)> {
    let answer = reqwest::get(format!("{}{path}", stack.rest_url()?)).await?;
    let (status, content_type) = (answer.status(), answer.headers()["content-type"].clone());
    let is_problem = content_type == "application/problem+json";
    assert_eq!(status.is_success(), !is_problem, "{path} answered {status} with {content_type:?}");
    Ok((status, answer.json().await?))
}

async fn get(stack: &Stack, path: &str) -> Result<Value> {
    let (status, document) = ask(stack, path).await?;
    assert_eq!(status, StatusCode::OK, "{path}: {document}");
    Ok(document)
}

async fn refusal(stack: &Stack, path: &str) -> Result<(u16, String)> {
    let (status, problem) = ask(stack, path).await?;
    let kind = problem["type"].as_str().unwrap_or_default();
    Ok((status.as_u16(), kind.trim_start_matches("urn:matchday:problem:").to_owned()))
}

async fn push(stack: &Stack, provider: &str, messages: &[Value]) {
    let url = format!("{}/feeds/{provider}", stack.ingestion_url().unwrap());
    let answer = reqwest::Client::new().post(url).json(&json!(messages)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED, "{}", answer.text().await.unwrap());
}

/// When the events of these tests are to begin, in microseconds; each some microseconds later.
const START: i64 = 1_767_225_600_000_000;

/// The fixture and the state of play of an event, as its first two messages.
fn event(id: &str, home: &str, away: &str, scheduled_start: i64, status: &str) -> Vec<Value> {
    let message = |sequence: u32, kind: &str, body: Value| {
        json!({
            "schema": "1.0", "message_id": format!("{id}-{sequence}"), "provider": "md", "producer": "live",
            "sport": "hockey", "event_id": id, "epoch": 1, "sequence": sequence, "type": kind, "generated_at": 1767225600000000_i64,
            "body": body,
        })
    };
    let side = |id: &str| json!({"id": id, "name": "A team"});
    let fixture = json!({"scheduled_start": START + scheduled_start, "home": side(home), "away": side(away)});
    let match_status = if status == "live" { "period_1" } else { status };
    let play = json!({"status": status, "match_status": match_status, "score": {"home": 0, "away": 0}});
    vec![message(1, "fixture", fixture), message(2, "event_status", play)]
}

async fn wait_for_version(stack: &Stack, id: &str, version: u64) {
    let path = format!("/v1/events/{id}");
    let is_there = async || Ok(ask(stack, &path).await?.1["version"] == version);
    until(&format!("{id} to reach version {version}"), PATIENCE, is_there).await.unwrap();
}

fn ids(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap()).collect()
}

/// Four events of one competitor, of which the last has not begun.
async fn events_of(stack: &Stack, competitor: &str) -> [String; 4] {
    let names = [1, 2, 3, 4].map(|number| format!("{competitor}-{number}"));
    let other = "md:competitor:other";
    for (index, name) in names.iter().enumerate() {
        let (home, away) = if index % 2 == 0 { (competitor, other) } else { (other, competitor) };
        let status = if index < 3 { "live" } else { "not_started" };
        push(stack, "md", &event(name, home, away, 1_000 * (1 + index as i64), status)).await;
        wait_for_version(stack, name, 2).await;
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_by_sport_status_competitor_and_time() {
    let stack = shared_stack().await;
    let competitor = "md:competitor:filters";
    let [first, second, third, fourth] = &events_of(stack, competitor).await;
    let list = async |filters: &str| {
        let path = format!("/v1/events?competitor={competitor}{filters}");
        get(stack, &path).await.unwrap()
    };
    assert_eq!(ids(&list("").await), [first, second, third, fourth]);
    assert_eq!(ids(&list("&status=live").await), [first, second, third]);
    assert_eq!(ids(&list("&status=not_started&sport=hockey").await), [fourth]);
    let (from, to, end) = (START + 2_000, START + 4_000, START + 4_001);
    assert_eq!(ids(&list(&format!("&scheduled_from={from}&scheduled_to={to}")).await), [second, third]);
    assert_eq!(ids(&list(&format!("&scheduled_from={end}")).await), [""; 0]);
    assert_eq!(list("&sport=tennis").await, json!({"events": []}));
    let unfiltered = format!("/v1/events?status=not_started&scheduled_from={to}&scheduled_to={end}");
    let unfiltered = get(stack, &unfiltered).await;
    assert!(ids(&unfiltered.unwrap()).contains(&fourth.as_str()));
    let sports = get(stack, "/v1/sports").await.unwrap();
    let hockey =
        sports["sports"].as_array().unwrap().iter().find(|sport| sport["sport"] == "hockey").unwrap();
    assert_eq!(hockey["uof_id"], 4);
    assert!(hockey["live"].as_u64() >= Some(3) && hockey["events"].as_u64() >= Some(4), "{hockey}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_keeps_its_place_and_its_filters_and_none_but_ours_is_taken() {
    let stack = shared_stack().await;
    let competitor = "md:competitor:cursors";
    let [first, second, third, fourth] = &events_of(stack, competitor).await;
    let path = format!("/v1/events?competitor={competitor}&limit=2");
    let page = get(stack, &path).await.unwrap();
    assert_eq!(ids(&page), [first, second]);
    let cursor = page["next"].as_str().unwrap().to_owned();

    // What is new or over before that place moves nothing behind it.
    let early = format!("{competitor}-0");
    push(stack, "md", &event(&early, competitor, "md:competitor:1", 5, "live")).await;
    wait_for_version(stack, &early, 2).await;
    let rest = get(stack, &format!("/v1/events?limit=2&cursor={cursor}")).await.unwrap();
    assert_eq!(ids(&rest), [third, fourth]);
    assert_eq!(rest.get("next"), None);
    assert_eq!(get(stack, &format!("{path}&cursor={cursor}")).await.unwrap(), rest);

    let bad = (400, "bad-cursor".to_owned());
    let changed = format!("{}A", &cursor[..cursor.len() - 1]);
    for cursor in [changed.as_str(), &cursor[1..], "md:match:list-2", ""] {
        assert_eq!(refusal(stack, &format!("/v1/events?cursor={cursor}")).await.unwrap(), bad, "{cursor}");
    }
    let other = format!("/v1/events?competitor=md:competitor:1&cursor={cursor}");
    assert_eq!(refusal(stack, &other).await.unwrap(), bad);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_served_as_published_and_says_where_it_begins() {
    let stack = shared_stack().await;
    let id = "md:match:log-1";
    push(stack, "md", &event(id, "md:competitor:1", "md:competitor:2", 5, "live")).await;
    wait_for_version(stack, id, 2).await;
    let mysql = Mysql::new(&stack.mysql_url()).unwrap();
    let payloads: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT payload FROM updates WHERE event_id = ? ORDER BY version")
            .bind(id)
            .fetch_all(mysql.pool())
            .await
            .unwrap();
    let path = format!("/v1/events/{id}/updates");
    let answer = reqwest::get(format!("{}{path}", stack.rest_url().unwrap())).await.unwrap();
    let text = answer.text().await.unwrap();
    let updates: Vec<&str> = payloads.iter().map(|payload| std::str::from_utf8(payload).unwrap()).collect();
    assert_eq!(text, format!(r#"{{"event_id":"{id}","version":2,"updates":[{}]}}"#, updates.join(",")));

    let first = get(stack, &format!("{path}?limit=1")).await.unwrap();
    assert_eq!((&first["updates"][0]["version"], &first["next"]), (&json!(1), &json!(1)));
    let second = get(stack, &format!("{path}?limit=1&after=1")).await.unwrap();
    assert_eq!((&second["updates"][0]["version"], second.get("next")), (&json!(2), None));
    assert_eq!(get(stack, &format!("{path}?after=9")).await.unwrap()["updates"], json!([]));
    let none = refusal(stack, "/v1/events/md:match:none/updates").await.unwrap();
    assert_eq!(none, (404, "no-such-event".to_owned()));

    // What retention takes away.
    let forget = async |version: u32| {
        let sql = "DELETE FROM updates WHERE event_id = ? AND version <= ?";
        sqlx::query(sql).bind(id).bind(version).execute(mysql.pool()).await.unwrap();
    };
    forget(1).await;
    let (status, problem) = ask(stack, &path).await.unwrap();
    assert_eq!((status, &problem["oldest"]), (StatusCode::GONE, &json!(2)), "{problem}");
    assert_eq!(problem["type"], "urn:matchday:problem:log-too-short");
    assert_eq!(get(stack, &format!("{path}?after=1")).await.unwrap()["updates"][0]["version"], 2);
    forget(2).await;
    let (status, problem) = ask(stack, &format!("{path}?after=1")).await.unwrap();
    assert_eq!((status, &problem["oldest"]), (StatusCode::GONE, &Value::Null), "{problem}");
    assert_eq!(get(stack, &format!("{path}?after=2")).await.unwrap()["updates"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn markets_are_served_alone_with_the_tag_of_their_event() {
    let stack = shared_stack().await;
    let id = "md:match:markets-1";
    let outcomes = json!([{"id": "4", "odds": 1_850}, {"id": "5", "odds": 1_950}]);
    let markets =
        json!([{"id": 406, "status": "active", "outcomes": outcomes}, {"id": 1, "status": "suspended"}]);
    let mut messages = event(id, "md:competitor:1", "md:competitor:2", 5, "live");
    let mut odds = messages[1].clone();
    odds["message_id"] = json!(format!("{id}-3"));
    odds["sequence"] = json!(3);
    odds["type"] = json!("odds_change");
    odds["body"] = json!({"markets": markets});
    messages.push(odds);
    push(stack, "md", &messages).await;
    wait_for_version(stack, id, 3).await;
    let path = format!("/v1/events/{id}/markets");
    let whole = get(stack, &format!("/v1/events/{id}")).await.unwrap();
    let all = get(stack, &path).await.unwrap();
    assert_eq!(all["markets"], whole["markets"]);
    assert_eq!(all["markets"].as_array().unwrap().len(), 2);
    let active = get(stack, &format!("{path}?status=active")).await.unwrap();
    assert_eq!(active["markets"], json!([whole["markets"][1]]));

    let url = format!("{}{path}", stack.rest_url().unwrap());
    let tag = reqwest::get(&url).await.unwrap().headers()["etag"].clone();
    let again = reqwest::Client::new().get(&url).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_is_told_with_what_it_said_last() {
    let stack = shared_stack().await;
    // Nobody who says so much later that it lives is trusted.
    let began = i64::try_from(now_micros()).unwrap();
    let alive = |subscribed: bool, after: i64| {
        let generated_at = began + after;
        json!({
            "schema": "1.0", "message_id": format!("alive-{generated_at}"), "provider": "quiet",
            "producer": "pre", "type": "alive", "generated_at": generated_at, "body": {"subscribed": subscribed},
        })
    };
    let told = async || {
        let producers = get(stack, "/v1/producers").await?["producers"].clone();
        let ours = producers.as_array().unwrap().iter().find(|one| one["provider"] == "quiet").cloned();
        anyhow::Ok(ours.unwrap_or_default())
    };
    push(stack, "quiet", &[alive(true, 7), alive(false, 8)]).await;
    let is_lost = async || Ok(told().await?["subscribed"] == false);
    until("the producer to be told of as not subscribed", PATIENCE, is_lost).await.unwrap();
    push(stack, "quiet", &[alive(true, 9)]).await;
    // All partitions have heard it where the one furthest behind has.
    let is_back = async || Ok(told().await?["last_alive"]["generated_at"] == began + 9);
    until("every partition to have heard the last alive", PATIENCE, is_back).await.unwrap();
    let producer = told().await.unwrap();
    assert_eq!((&producer["producer"], &producer["subscribed"]), (&json!("pre"), &json!(true)));
    assert_eq!((&producer["state"], &producer["reason"]), (&json!("up"), &json!("alive_again")));
    assert!(producer["last_alive"]["received_at"].as_i64() <= producer["last_message_at"].as_i64());

    // One that was never alive is told of too.
    let mut messages = event("md:match:producers", "md:competitor:1", "md:competitor:2", 5, "live");
    messages.iter_mut().for_each(|message| message["provider"] = json!("mute"));
    push(stack, "mute", &messages).await;
    wait_for_version(stack, "md:match:producers", 2).await;
    let producers = get(stack, "/v1/producers").await.unwrap();
    let live =
        producers["producers"].as_array().unwrap().iter().find(|one| one["provider"] == "mute").unwrap();
    assert_eq!((&live["producer"], &live["last_alive"]), (&json!("live"), &Value::Null));
    assert_eq!((&live["state"], &live["reason"]), (&json!("unwatched"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_room_to_be_watched_is_told_of_and_what_it_had_open_is_shut() {
    let folder = tempfile::tempdir().unwrap();
    let stack = stack_with_processors(&folder, "unwatched", &[("MATCHDAY_FORESEEN_MAX", "3")]).await;
    let mysql = Mysql::new(&stack.mysql_url()).unwrap();
    let mut messages = event("md:match:unwatched", "md:competitor:1", "md:competitor:2", 5, "live");
    let outcomes = json!([{"id": "4", "odds": 1_500}]);
    let mut odds = messages[1].clone();
    (odds["message_id"], odds["sequence"], odds["type"]) = (json!("odds"), json!(3), json!("odds_change"));
    odds["body"] = json!({"markets": [{"id": 406, "status": "active", "outcomes": outcomes}]});
    messages.push(odds);
    messages.iter_mut().for_each(|message| message["provider"] = json!("mute"));
    push(&stack, "mute", &messages).await;
    wait_for_version(&stack, "md:match:unwatched", 3).await;
    let market =
        async || anyhow::Ok(get(&stack, "/v1/events/md:match:unwatched").await?["markets"][0].clone());
    // Nobody asks it for any `alive`.
    until("the market to be open", PATIENCE, async || Ok(market().await?["status"] == "active"))
        .await
        .unwrap();

    // All but one of the places are taken, by producers that will be heard for long.
    let partitions: Vec<i32> =
        sqlx::query_scalar("SELECT DISTINCT kafka_partition FROM feed_offsets WHERE sport = 'hockey'")
            .fetch_all(mysql.pool())
            .await
            .unwrap();
    let later = i64::try_from(now_micros()).unwrap() + 3_600_000_000;
    for partition in partitions {
        for number in 1..domain::limit::WATCHED_MAX {
            sqlx::query(
                "INSERT INTO producers (sport, kafka_partition, provider, producer, subscribed, last_message_at, state, \
                 reason, since, alive_at, alive_since, trusted_until) VALUES ('hockey', ?, ?, 'live', TRUE, 1, 'up', \
                 'first_alive', 1, ?, 1, ?)",
            )
            .bind(partition)
            .bind(format!("filler-{number}"))
            .bind(later)
            .bind(later)
            .execute(mysql.pool())
            .await
            .unwrap();
        }
    }
    let name = processors_name(Sport::Hockey);
    stack.process(&name).unwrap().kill().unwrap();
    stack.restart(&name).await.unwrap();
    let alive = json!({
        "schema": "1.0", "message_id": "alive-last", "provider": "last", "producer": "live", "type": "alive",
        "generated_at": i64::try_from(now_micros()).unwrap(), "body": {"subscribed": true},
    });
    push(&stack, "last", &[alive]).await;
    // Not only while its processor is away.
    let is_shut = async || Ok(market().await?["suspension"] == "producer_down");
    until("the market to be shut for its producer", PATIENCE, is_shut).await.unwrap();
    let producers = get(&stack, "/v1/producers").await.unwrap()["producers"].clone();
    let told = |provider: &str| {
        let one = producers.as_array().unwrap().iter().find(|one| one["provider"] == provider).unwrap();
        (one["state"].clone(), one["reason"].clone())
    };
    assert_eq!(told("mute"), (json!("down"), json!("not_watched")));
    assert_eq!(told("last"), (json!("up"), json!("first_alive")));

    // Of events of which only letters are known so many are kept: those that were heard of last.
    let rows: Vec<String> =
        (0..9).map(|number| format!("('md:match:wrong-{number}', 'hockey', {number}, '{{}}')")).collect();
    let insert =
        format!("INSERT INTO foreseen_events (event_id, sport, noted_at, state) VALUES {}", rows.join(", "));
    sqlx::raw_sql(sqlx::AssertSqlSafe(insert)).execute(mysql.pool()).await.unwrap();
    let last_three = ["md:match:wrong-6", "md:match:wrong-7", "md:match:wrong-8"];
    until("the last three to be kept", PATIENCE, async || {
        let ids: Vec<String> = sqlx::query_scalar("SELECT event_id FROM foreseen_events ORDER BY event_id")
            .fetch_all(mysql.pool())
            .await?;
        Ok(ids == last_three)
    })
    .await
    .unwrap();
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sport_whose_processor_is_down_is_seen_by_when_it_last_took_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let stack = stack_with(&folder, &[Sport::Hockey, Sport::Tennis], &[]).await;
    let last = async || {
        let sports = get(&stack, "/v1/sports").await?["sports"].clone();
        let of = |sport: &str| {
            let mut sports = sports.as_array().unwrap().iter();
            sports.find(|listed| listed["sport"] == sport).unwrap()["last_message_at"].clone()
        };
        anyhow::Ok([of("hockey"), of("tennis"), of("football")])
    };
    let alive = async || {
        let alive = json!({
            "schema": "1.0", "message_id": "alive", "provider": "md", "producer": "live", "type": "alive",
            "generated_at": START, "body": {"subscribed": true},
        });
        push(&stack, "md", &[alive]).await;
    };
    assert_eq!(last().await.unwrap(), [Value::Null, Value::Null, Value::Null]);
    alive().await;
    let are_heard = async || Ok(last().await?[..2].iter().all(Value::is_i64));
    until("both processors to have taken a message", PATIENCE, are_heard).await.unwrap();

    stack.process(&processors_name(Sport::Tennis)).unwrap().kill().unwrap();
    // Twice, since what was found of the sports a moment ago is told again.
    let mut seen = vec![last().await.unwrap()];
    for _ in 0..2 {
        let from = seen.last().unwrap()[0].as_i64().unwrap() + 2_000_000;
        let goes_on = async || {
            alive().await;
            Ok(last().await?[0].as_i64() > Some(from))
        };
        until("the time of hockey to go on", PATIENCE, goes_on).await.unwrap();
        seen.push(last().await.unwrap());
    }
    assert_eq!(seen[2][1..], seen[1][1..], "nobody takes tennis any more, and nobody ever took football");
    stack.down().await.unwrap();
}
