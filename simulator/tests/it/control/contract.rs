//! What is refused and why, and that the document says what is there.

use reqwest::Method;
use serde_json::{Value, json};

use super::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_what_is_wrong_where() {
    let desk = Desk::new().await;
    for (method, path, body, status, detail, pointer) in [
        (Method::POST, "/v1/run", json!({}), 422, "name what is to be played by one of", Value::Null),
        (
            Method::POST,
            "/v1/run",
            json!({ "scenario": "cup" }),
            422,
            "no scenario is called `cup`",
            json!("/scenario"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "toml": "seed = 1\nsede = 2" }),
            422,
            "2:1: unknown field `sede`",
            json!("/toml"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "scenario": "final", "speed": 0 }),
            422,
            "`0` is not a speed",
            json!("/speed"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "sceanrio": "final" }),
            422,
            "unknown field `sceanrio`",
            json!("/sceanrio"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "games": { "games": 0, "rate": 1, "seconds": 1 } }),
            422,
            "0 is outside 1 to 999",
            json!("/games/games"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "games": { "games": 1, "rate": 1, "seconds": 1, "sports": ["football", "curling"] } }),
            422,
            "unknown variant `curling`",
            json!("/games/sports/1"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "games": { "games": 1, "rate": 1, "seconds": 1, "sports": ["football", "football"] } }),
            422,
            "name each sport once",
            json!("/games/sports"),
        ),
        (
            Method::PUT,
            "/v1/run/rate",
            json!({ "messages_per_second": -1 }),
            422,
            "-1 messages a second: it must be more than 0",
            json!("/messages_per_second"),
        ),
        (
            Method::POST,
            "/v1/run/faults",
            json!({ "kind": "flood" }),
            422,
            "unknown variant `flood`",
            json!("/kind"),
        ),
        (Method::POST, "/v1/run/pause", Value::Null, 409, "nothing is being played", Value::Null),
        (Method::GET, "/v1/scenarios/cup", Value::Null, 404, "no scenario is called `cup`", Value::Null),
        (Method::GET, "/v1/games", Value::Null, 404, "there is nothing at /v1/games", Value::Null),
        (Method::GET, "/v1/run/pause", Value::Null, 405, "GET /openapi.json says what there is", Value::Null),
    ] {
        let body = (!body.is_null()).then_some(body);
        let problem = desk.json(method.clone(), path, body, status).await;
        let found = problem["detail"].as_str().unwrap();
        assert!(found.contains(detail), "{method} {path}: {problem}");
        if pointer != json!("/kind") {
            assert_eq!(
                problem.get("pointer").cloned().unwrap_or_default(),
                pointer,
                "{method} {path}: {problem}"
            );
        }
    }
    let huge =
        desk.client.post(format!("{}/v1/run", desk.url)).body("x".repeat(2 << 20)).send().await.unwrap();
    assert_eq!(huge.status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_is_refused_as_the_document_says() {
    let desk = Desk::new().await;
    let document = desk.json(Method::GET, "/openapi.json", None, 200).await;
    for (path, status, detail) in [
        ("/v1/live/recovery/initiate_request", 422, "request_id"),
        ("/v1/live/recovery/initiate_request?request_id=-1", 422, ""),
        ("/v1/live/recovery/initiate_request?request_id=1&after=noon", 422, ""),
        ("/v1/live/recovery/initiate_request?request_id=1", 503, "nothing is being played"),
        ("/v1/live/odds/events/sr:match:1/initiate_request?request_id=1", 503, "nothing is being played"),
        ("/v1/live/odds/events/seven/initiate_request?request_id=1", 404, ""),
    ] {
        let problem = desk.json(Method::POST, path, None, status).await;
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{path}: {problem}");
        let described = match path.contains("/odds/") {
            true => "/v1/{producer}/odds/events/{event_id}/initiate_request",
            false => "/v1/{producer}/recovery/initiate_request",
        };
        let responses = &document["paths"][described]["post"]["responses"];
        assert!(responses[status.to_string()].is_object(), "{path}: {responses}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_of_a_unified_odds_feeds_replay_is_so_in_its_words() {
    let desk = Desk::new().await;
    for (method, path, status, code, message) in [
        (Method::POST, "/v1/replay/stop?node=1", 422, "BAD_REQUEST", "unknown field `node`"),
        (Method::POST, "/v1/replay/play", 422, "BAD_REQUEST", "the playlist is empty"),
        (Method::POST, "/v1/replay/play?speed=0", 422, "BAD_REQUEST", "`speed`: 0 is outside 0.1 to 10000"),
        (Method::PUT, "/v1/replay/events/final", 404, "NOT_FOUND", ""),
        (
            Method::PUT,
            "/v1/replay/events/sr:match:final",
            404,
            "NOT_FOUND",
            "`sr:match:final` is in no recording that is here, and no match",
        ),
        (
            Method::PUT,
            "/v1/replay/events/sr:mtach:1",
            404,
            "NOT_FOUND",
            "`sr:mtach:1` is in no recording that is here, and no match",
        ),
        (
            Method::PUT,
            "/v1/replay/events/sr:match:1?start_time=241",
            422,
            "BAD_REQUEST",
            "`start_time`: 241 is outside 0 to 240 minutes",
        ),
        (
            Method::DELETE,
            "/v1/replay/events/sr:match:1",
            404,
            "NOT_FOUND",
            "`sr:match:1` is not in the playlist",
        ),
        (Method::POST, "/v1/replay/scenario/play/99", 404, "NOT_FOUND", "there are scenarios 1 to 2"),
        (Method::POST, "/v1/replay/scenario/play/one", 404, "NOT_FOUND", ""),
        (Method::GET, "/v1/replay/a&b", 404, "NOT_FOUND", "there is nothing at /v1/replay/a&amp;b"),
        (Method::GET, "/v1/replay/stop", 405, "NOT_IMPLEMENTED", "GET /openapi.json says what there is"),
    ] {
        if path == "/v1/replay/play?speed=0" {
            desk.xml(Method::PUT, "/v1/replay/events/sr:match:2").await;
        }
        let answer = desk.client.request(method.clone(), format!("{}{path}", desk.url)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.headers()["content-type"], "application/xml", "{method} {path}");
        let text = answer.text().await.unwrap();
        let found = text.split_once(&format!(r#"<response response_code="{code}"><message>"#)).map(|it| it.1);
        assert!(found.is_some_and(|found| found.contains(message)), "{method} {path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_document_names_every_path_and_every_path_is_there() {
    let desk = Desk::new().await;
    let document = desk.json(Method::GET, "/openapi.json", None, 200).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["schemas"]["Sport"]["enum"][0], "football");
    // Those of a run that takes no orders are fewer, and refuse any order.
    let (routes, _) = include_str!("../../../src/control/routes.rs").split_once("pub fn watched").unwrap();
    let routes = routes.split(".route(\"").skip(1);
    let served: Vec<&str> = routes.map(|route| route.split('"').next().unwrap()).collect();
    assert!(served.len() > 10, "{served:?}");
    for path in served.into_iter().filter(|path| *path != "/openapi.json") {
        assert!(document["paths"][path].is_object(), "{path} is served");
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        let there = path.replace("{event_id}", "sr:match:1").replace("{id}", "99").replace("{name}", "final");
        let there = there.replace("{producer}", "live");
        for method in ["get", "put", "post", "delete", "patch"] {
            let (status, text) = desk.ask(method.to_uppercase().parse().unwrap(), &there, None).await;
            let described = &operations[method];
            match described.is_null() {
                true => assert_eq!(status, 405, "{method} {path}: {text}"),
                false => assert!(
                    !described["responses"][status.as_str()].is_null(),
                    "{method} {path}: {status} {text}"
                ),
            }
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}
