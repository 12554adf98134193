//! What a provider of a Unified Odds Feed is asked for, and what of its answers counts.

use super::*;

impl Desk {
    /// Says of the live producer's recovery that it is complete.
    async fn complete(&self, request_id: u64) {
        let at = now_micros() / 1_000;
        let message =
            format!(r#"<snapshot_complete product="1" timestamp="{at}" request_id="{request_id}"/>"#);
        let told = self.post("-.-.-.snapshot_complete.-.-.-.-", message).await;
        assert_eq!(told.0, StatusCode::ACCEPTED, "{}", told.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_opens_once_its_own_recovery_is_complete() {
    let asked = Provider::busy(0).await;
    let settled = format!("uof=uof@http://{}", asked.address);
    let desk = Desk::settled(Sport::Hockey, Some(&settled)).await;
    desk.tell_odds(1_767_204_993_250, "2.6").await;
    assert_eq!(desk.market_at(1).await["status"], "suspended");
    assert_eq!(desk.post(OF_PRODUCER, alive()).await.0, StatusCode::ACCEPTED);
    is_told(&desk, "recovering", "first_alive").await;
    let request_id = asked.asked_since("liveodds", 0).await;
    desk.complete(request_id + 1).await;
    desk.tell_odds(1_767_204_993_260, "2.7").await;
    assert_eq!(desk.market_at(2).await["status"], "suspended", "somebody else's recovery");
    desk.complete(request_id).await;
    is_told(&desk, "up", "snapshot_complete").await;
    assert_eq!(desk.market_at(3).await["status"], "active");
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_has_refused_completes_nothing() {
    let asked = Provider::busy(1).await;
    let desk = Desk::settled(Sport::Hockey, Some(&format!("uof=uof@http://{}", asked.address))).await;
    desk.tell_odds(1_767_204_993_250, "2.6").await;
    assert_eq!(desk.market_at(1).await["status"], "suspended");
    assert_eq!(desk.post(OF_PRODUCER, alive()).await.0, StatusCode::ACCEPTED);
    is_told(&desk, "recovering", "first_alive").await;
    let refused = asked.asked_since("liveodds", 0).await;
    until("the answer to be known", DEADLINE, async || {
        let text = reqwest::get(format!("{}/metrics", desk.stack.processor_url(Sport::Hockey)?)).await?;
        let failed = r#"recovery_requests_total{provider="uof",producer="1",outcome="failed"} 1"#;
        Ok(text.text().await?.contains(failed))
    })
    .await
    .unwrap();
    desk.complete(refused).await;
    desk.tell_odds(1_767_204_993_260, "2.7").await;
    assert_eq!(desk.market_at(2).await["status"], "suspended", "it has not begun");
    desk.complete(asked.asked_since("liveodds", u128::from(refused) + 1).await).await;
    is_told(&desk, "up", "snapshot_complete").await;
    assert_eq!(desk.market_at(3).await["status"], "active");
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_dead_letter_shut_is_asked_for_once_a_letter_and_opens_as_it_is_told_again() {
    let asked = Provider::busy(0).await;
    let desk = Desk::settled(Sport::Hockey, Some(&format!("uof=uof@http://{}", asked.address))).await;
    let now = || i64::try_from(now_micros() / 1_000).unwrap();
    let tell_of = async |number: u32, odds: &str, request_id: Option<u64>, expected: StatusCode| {
        // So that nobody takes the producer for silent meanwhile.
        assert_eq!(desk.post(OF_PRODUCER, alive()).await.0, StatusCode::ACCEPTED);
        let request = request_id.map(|id| format!(r#" request_id="{id}""#)).unwrap_or_default();
        let message = format!(
            r#"<odds_change product="1" event_id="sr:match:{number}" timestamp="{}"{request}>
                 <odds><market id="406"><outcome id="4" odds="{odds}"/></market></odds></odds_change>"#,
            now()
        );
        let told = desk.post(&format!("hi.-.live.odds_change.4.sr:match.{number}.-"), message).await;
        assert_eq!(told.0, expected, "{}", told.1);
    };
    let tell = async |odds: &str, request_id: Option<u64>, expected: StatusCode| {
        tell_of(4001, odds, request_id, expected).await;
    };
    let (right, wrong) = (StatusCode::ACCEPTED, StatusCode::UNPROCESSABLE_ENTITY);
    let is_at = async |version: u64, status: &str, suspension: Value| {
        let market = desk.market_at(version).await;
        assert_eq!((&market["status"], &market["suspension"]), (&json!(status), &suspension), "at {version}");
    };
    let requests_of = |number: u32| {
        let prefix = format!("/v1/liveodds/odds/events/sr:match:{number}/initiate_request?request_id=");
        let ids = asked.asked().into_iter().filter_map(|(path, _)| path.strip_prefix(&prefix)?.parse().ok());
        ids.collect::<Vec<u64>>()
    };
    let requests = || requests_of(4001);
    let is_asked = async |times: usize| {
        until("the event to be asked for", DEADLINE, async || Ok(requests().len() >= times)).await.unwrap();
        requests()[times - 1]
    };
    assert_eq!(desk.post(OF_PRODUCER, alive()).await.0, StatusCode::ACCEPTED);
    is_told(&desk, "recovering", "first_alive").await;
    desk.complete(asked.asked_since("liveodds", 0).await).await;
    is_told(&desk, "up", "snapshot_complete").await;

    tell("2.6", None, right).await;
    is_at(1, "active", Value::Null).await;
    tell("much", None, wrong).await;
    is_at(2, "suspended", json!("dead_letter")).await;
    let request_id = is_asked(1).await;
    // The recovery brings it again, as wrong as it was, and only then what stands.
    tell("much", Some(request_id), wrong).await;
    tell("2.7", Some(request_id), right).await;
    is_at(3, "active", Value::Null).await;
    // And again last: that shuts the event, and nobody asks for what would only be refused again.
    tell("much", Some(request_id), wrong).await;
    is_at(4, "suspended", json!("dead_letter")).await;
    desk.complete(request_id).await;
    tell("2.8", None, right).await;
    is_at(5, "active", Value::Null).await;
    tell("more", None, wrong).await;
    is_at(6, "suspended", json!("dead_letter")).await;
    let other = is_asked(2).await;
    tell("2.9", Some(other), right).await;
    is_at(7, "active", Value::Null).await;
    assert_eq!(requests().len(), 2, "once a letter that no recovery has brought");
    until("the requests to be forgotten", DEADLINE, async || {
        let left = "SELECT COUNT(*) FROM recovery_requests";
        Ok(sqlx::query_scalar::<_, i64>(left).fetch_one(desk.mysql.pool()).await? == 0)
    })
    .await
    .unwrap();

    // Of what the recovery leaves out nobody asks once more, also once the producer was down and is up again.
    tell("most", None, wrong).await;
    is_at(8, "suspended", json!("dead_letter")).await;
    desk.complete(is_asked(3).await).await;
    until("the answer to be noted", DEADLINE, async || {
        let noted = "SELECT COUNT(*) FROM recovery_requests WHERE recovered_at >= asked_at";
        Ok(sqlx::query_scalar::<_, i64>(noted).fetch_one(desk.mysql.pool()).await? == 1)
    })
    .await
    .unwrap();
    let since = now_micros();
    let lost = alive().replace(r#"subscribed="1""#, r#"subscribed="0""#);
    assert_eq!(desk.post(OF_PRODUCER, lost).await.0, StatusCode::ACCEPTED);
    is_told(&desk, "recovering", "not_subscribed").await;
    assert_eq!(desk.post(OF_PRODUCER, alive()).await.0, StatusCode::ACCEPTED);
    until("the producer to be up", DEADLINE, async || {
        // Of the request that was made once all partitions had heard of it.
        desk.complete(asked.asked_since("liveodds", since).await).await;
        Ok(told(&desk).await?.0 == "up")
    })
    .await
    .unwrap();
    tell_of(4002, "2.6", None, right).await;
    tell_of(4002, "much", None, wrong).await;
    until("the other event to be asked for", DEADLINE, async || Ok(!requests_of(4002).is_empty()))
        .await
        .unwrap();
    assert_eq!(requests().len(), 3, "{:?}", asked.asked());
    is_at(8, "suspended", json!("dead_letter")).await;
    desk.stack.down().await.unwrap();
}
