//! What one provider may have of what all share: memory, places, partitions, producers.

use super::*;

#[tokio::test]
async fn one_provider_leaves_memory_and_places_to_others() {
    let limits =
        Limits { max_requests_in_flight: 4, max_bytes_in_flight: 4 * small().max_body_bytes, ..small() };
    let bench = Bench::with(limits).await;
    let never = || Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
    let greedy = async {
        tokio::join!(bench.post("/feeds/greedy", JSON, never()), bench.post("/feeds/greedy", JSON, never()))
    };
    let others = async {
        // The greedy ones have been polled, so they hold their places: as many as they may.
        let third = bench.post("/feeds/greedy", JSON, stop(1, 1)).await;
        (third, bench.post("/feeds/md", JSON, stop(1, 1)).await)
    };
    let (greedy, (third, other)) = tokio::join!(greedy, others);
    assert_eq!(
        (greedy.0.status, greedy.1.status),
        (StatusCode::REQUEST_TIMEOUT, StatusCode::REQUEST_TIMEOUT)
    );
    assert_eq!((third.status, third.has_retry_after), (StatusCode::SERVICE_UNAVAILABLE, true));
    assert!(third.body["detail"].as_str().unwrap().contains("of this provider"), "{}", third.body);
    assert_eq!(other.status, StatusCode::ACCEPTED, "{}", other.body);
}

/// A sign of life of the producer with this name.
fn alive(producer: &str) -> String {
    format!(
        r#"{{"schema":"1.0","message_id":"a1","provider":"md","producer":"{producer}","type":"alive","generated_at":1767225600000000,"body":{{"subscribed":true}}}}"#
    )
}

#[tokio::test]
async fn a_sign_of_life_counts_as_often_as_it_is_written() {
    let bench = Bench::with_providers().await;
    let token = ["Bearer old-token-of-md-1"];
    let body = format!("{}\n{}\n{}\n", alive("live"), alive("live"), stop(1, 1));
    let response = bench.push("/feeds/md", &token, body.into()).await;
    assert_eq!(response.status(), StatusCode::MULTI_STATUS);
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["accepted"], 2, "{told}");
    assert_eq!(
        (&told["problems"][0]["index"], &told["problems"][0]["status"]),
        (&1.into(), &429.into()),
        "{told}"
    );
    let limited = bench.push("/feeds/md", &token, stop(1, 2).into()).await;
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS, "the rest is still to be paid");
    assert!(
        bench.read(&Topics::default().dead_letters()).await.is_empty(),
        "what may be sent again is no dead letter"
    );
}

#[tokio::test]
async fn signs_of_life_take_memory_as_often_as_they_are_written() {
    let records = alive("live").len() * PARTITIONS as usize * Sport::ALL.len();
    let limits = Limits { max_bytes_in_flight: 2 * (2 * records + 1_000), max_body_bytes: 2_000, ..small() };
    let bench = Bench::with(limits).await;
    let told = bench.post("/feeds/md", LINES, [alive("live"), alive("live"), alive("live")].join("\n")).await;
    assert_eq!((told.status, told.has_retry_after), (StatusCode::MULTI_STATUS, true), "{}", told.body);
    assert_eq!(told.body["problems"][0]["status"], 503, "{}", told.body);
    assert_eq!(bench.post("/feeds/md", JSON, alive("live")).await.status, StatusCode::ACCEPTED, "given back");
}

#[tokio::test]
async fn a_wrong_message_that_may_be_any_sports_counts_as_often_as_it_is_told() {
    let bench = Bench::with_providers().await;
    let token = ["Bearer old-token-of-md-1"];
    let of_any = |sequence| stop(1, sequence).replace("hockey", "curling");
    let body = [of_any(1), of_any(2), of_any(3)].join("\n");
    let response = bench.push("/feeds/md", &token, body.into()).await;
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let statuses: Vec<u64> = told["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|problem| problem["status"].as_u64())
        .collect();
    assert_eq!((statuses[0], statuses[statuses.len() - 1]), (422, 429), "{told}");
    let kept = statuses.iter().filter(|status| **status == 422).count();
    let letters = bench.read(&Topics::default().dead_letters()).await;
    assert_eq!(
        letters.iter().flat_map(Batch::iter).count(),
        kept,
        "what may be sent again is no dead letter"
    );
}

#[tokio::test]
async fn what_tells_of_wrong_messages_takes_memory() {
    let limits = Limits { max_bytes_in_flight: 2 * 8_000, max_body_bytes: 2_000, ..small() };
    let bench = Bench::with(limits).await;
    let wrong = |sequence| stop(1, sequence).replace("hockey", "curling");
    let told = bench.post("/feeds/md", LINES, [1, 2, 3, 4].map(wrong).join("\n")).await;
    let statuses: Vec<u64> = told.body["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|problem| problem["status"].as_u64())
        .collect();
    assert_eq!((statuses[0], statuses[3]), (422, 503), "{}", told.body);
    assert_eq!(bench.post("/feeds/md", JSON, stop(1, 1)).await.status, StatusCode::ACCEPTED, "given back");
}

#[tokio::test]
async fn a_provider_has_so_many_producers() {
    let bench = Bench::new().await;
    let of = |producer: &str| stop(1, 1).replace(r#""live""#, &format!(r#""{producer}""#));
    for producer in ["live", "pre", "live"] {
        assert_eq!(bench.post("/feeds/md", JSON, of(producer)).await.status, StatusCode::ACCEPTED);
    }
    for message in [of("third"), alive("third")] {
        let told = bench.post("/feeds/md", JSON, message).await;
        assert_eq!(
            (told.status.as_u16(), &told.body["pointer"]),
            (422, &"/producer".into()),
            "{}",
            told.body
        );
    }
}
