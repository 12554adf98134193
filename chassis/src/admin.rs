//! The routes by which a process is watched: `/livez`, `/readyz`, `/health` and `/metrics`.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::readiness::Readiness;

/// `/livez` answers 200 while the process runs; `/readyz` and its alias `/health` answer 200 or 503 with every
/// check; `/metrics` is Prometheus's text format.
pub fn routes(readiness: Readiness, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/health", get(readyz))
        .with_state(readiness)
        .merge(Router::new().route("/metrics", get(render)).with_state(metrics))
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    let report = readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

async fn render(State(metrics): State<PrometheusHandle>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn readyz_turns_with_its_latches_and_names_the_reason() {
        let readiness = Readiness::default();
        let latch = readiness.latch("kafka", "connecting");
        let app = routes(readiness, PrometheusBuilder::new().build_recorder().handle());
        for path in ["/readyz", "/health"] {
            let (status, body) = get(&app, path).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(
                body,
                r#"{"ready":false,"checks":[{"name":"kafka","ready":false,"reason":"connecting"}]}"#
            );
        }
        latch.ready();
        assert_eq!(get(&app, "/readyz").await.0, StatusCode::OK);
        assert_eq!(get(&app, "/livez").await.0, StatusCode::OK);
        assert_eq!(get(&app, "/metrics").await.0, StatusCode::OK);
    }

    async fn get(app: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}
