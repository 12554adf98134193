//! What the port answers whatever the stores hold: here they are away.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::hub::HubLimits;
use crate::store::Store;
use crate::store::cache::Cache;
use crate::store::database::Database;

/// A port whose stores do not answer.
struct Port {
    router: Router,
    caught_up: CaughtUp,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn problem(&self) -> String {
        assert_eq!(self.headers[header::CONTENT_TYPE], Problem::CONTENT_TYPE);
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(problem["status"], self.status.as_u16());
        let kind = problem["type"].as_str().and_then(|kind| kind.strip_prefix("urn:matchday:problem:"));
        kind.expect("a type of ours").to_owned()
    }
}

impl Port {
    fn new() -> Self {
        let cache = Cache::new("redis://127.0.0.1:1").expect("an address");
        let database = Database::new("mysql://nobody@127.0.0.1:1/none", 1).expect("an address");
        let limits = HubLimits { events_max: 1, keep_final: std::time::Duration::ZERO, urgent_max: 1 };
        let caught_up = CaughtUp::default();
        let hub = Hub::new(Store::new(cache, database, 1), limits);
        let admin = Router::new().route("/livez", get(|| async { "alive\n" }));
        Self {
            router: routes(
                hub,
                caught_up.clone(),
                Descriptions::default(),
                Sessions::default(),
                admin,
                &[AllowedOrigin::Local],
            ),
            caught_up,
        }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("routers do not fail");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("a body").to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, headers).await
    }
}

#[tokio::test]
async fn every_refusal_is_a_problem_document() {
    let port = Port::new();
    for (path, status, kind) in [
        ("/", 404, "no-such-route"),
        ("/v1/events/md:match:1/odds", 404, "no-such-route"),
        ("/v1/events/%ff", 400, "bad-event-id"),
        ("/v1/events/42/markets", 400, "bad-event-id"),
        ("/v1/events/md:match:1/updates?after=-1", 400, "bad-query"),
        ("/v1/events/md:match:1?version=3", 400, "bad-query"),
        ("/v1/events/md:match:1/markets?status=open", 400, "bad-query"),
        ("/v1/events?sport=chess", 400, "bad-query"),
        ("/v1/events?after=md:match:1", 400, "bad-query"),
        ("/v1/events?limit=1&limit=2", 400, "bad-query"),
        ("/v1/events/md:match:1/updates?limit=0", 400, "bad-query"),
        ("/v1/sports?x", 400, "bad-query"),
        ("/v1/producers?x=1", 400, "bad-query"),
        ("/v1/descriptions?id=-1", 400, "bad-query"),
        ("/v1/descriptions?provider=UOF", 400, "bad-query"),
        ("/v1/descriptions?limit=501", 400, "bad-query"),
        ("/matches/live?x=1", 400, "bad-query"),
        ("/sessions?limit=501", 400, "bad-query"),
    ] {
        let answer = port.get(path, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, kind), "{path}");
    }
    let long = format!("/v1/events?cursor={}", "A".repeat(QUERY_BYTES_MAX));
    let answer = port.get(&long, &[]).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::URI_TOO_LONG, "query-too-long"));
}

#[tokio::test]
async fn another_method_is_told_which_are_allowed_on_every_route() {
    let port = Port::new();
    for path in ["/v1/events", "/v1/events/md:match:1", "/matches/live", "/openapi.json", "/livez"] {
        for method in [Method::POST, Method::DELETE, Method::TRACE] {
            let answer = port.ask(method, path, &[]).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(answer.problem(), "no-such-method");
            assert_eq!(answer.headers[header::ALLOW], "GET,HEAD", "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_live_is_not_told_before_all_of_it_is_known() {
    let port = Port::new();
    let early = port.get("/matches/live", &[]).await;
    assert_eq!((early.status, early.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "not-ready"));
    assert_eq!(early.headers[header::RETRY_AFTER], "1");
    port.caught_up.set(true);
    let answer = port.get("/matches/live", &[]).await;
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, &br#"{"matches":[]}"#[..]));
}

#[tokio::test]
async fn large_answers_are_packed_as_asked_and_small_ones_are_not() {
    let port = Port::new();
    port.caught_up.set(true);
    let plain = port.get("/openapi.json", &[]).await;
    assert!(plain.headers.get(header::CONTENT_ENCODING).is_none());
    for encoding in ["gzip", "zstd"] {
        let asked = [("accept-encoding", encoding)];
        let packed = port.get("/openapi.json", &asked).await;
        assert_eq!(packed.headers[header::CONTENT_ENCODING], encoding);
        assert!(packed.body.len() * 3 < plain.body.len(), "{} bytes", packed.body.len());
        let small = port.get("/matches/live", &asked).await;
        assert!(small.headers.get(header::CONTENT_ENCODING).is_none());
    }
}

#[tokio::test]
async fn head_says_what_get_would_without_the_body() {
    let port = Port::new();
    let get = port.get("/openapi.json", &[]).await;
    let head = port.ask(Method::HEAD, "/openapi.json", &[]).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.headers[header::CONTENT_LENGTH], get.body.len().to_string());
    assert_eq!(head.headers[header::ETAG], get.headers[header::ETAG]);
    let tag = get.headers[header::ETAG].to_str().expect("text");
    let again = port.get("/openapi.json", &[("if-none-match", tag)]).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_answers_and_problems() {
    let port = Port::new();
    let (ours, theirs) = (("origin", "http://localhost:5173"), ("origin", "https://example.com"));
    for path in ["/openapi.json", "/nowhere"] {
        let allowed = port.get(path, &[ours]).await;
        assert_eq!(allowed.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], ours.1);
        let other = port.get(path, &[theirs]).await;
        assert!(other.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
    }
    let wanted = [ours, ("access-control-request-method", "GET")];
    let preflight = port.ask(Method::OPTIONS, "/v1/events", &wanted).await;
    assert_eq!(preflight.status, StatusCode::OK);
    assert_eq!(preflight.headers[header::ACCESS_CONTROL_ALLOW_METHODS], "GET,HEAD");
}

#[tokio::test]
async fn the_document_names_every_sport_of_this_build_and_only_routes_that_are_there() {
    let port = Port::new();
    let document: Value = serde_json::from_slice(&port.get("/openapi.json", &[]).await.body).expect("JSON");
    let sports = &document["components"]["schemas"]["Sport"]["enum"];
    assert_eq!(sports.as_array().map(Vec::len), Some(domain::Sport::ALL.len()));
    for path in document["paths"].as_object().expect("paths").keys() {
        // Of another method is known where there is a route.
        let answer = port.ask(Method::POST, &path.replace("{event_id}", "md:match:1"), &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}
