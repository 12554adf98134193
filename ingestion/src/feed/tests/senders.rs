//! Who may send, how much, in which encoding, and how slowly.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

impl Bench {
    async fn post_encoded(&self, encoding: &str, body: Vec<u8>) -> Told {
        let request =
            Request::post("/feeds/md").header("content-type", JSON).header("content-encoding", encoding);
        self.call(request.body(body.into()).unwrap()).await
    }

    async fn stored(&self) -> usize {
        self.read(&Topics::default().feed(Sport::Hockey)).await.iter().map(Batch::len).sum()
    }
}

/// A body that nobody may touch.
fn untouchable() -> Body {
    Body::from_stream(futures_util::stream::poll_fn(|_| -> std::task::Poll<Option<std::io::Result<Bytes>>> {
        panic!("the body was read")
    }))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn without_a_valid_token_nothing_of_the_body_is_read() {
    let bench = Bench::with_providers().await;
    for (path, authorization) in [
        ("/feeds/md", &[][..]),
        ("/feeds/md", &["Bearer not-a-token-of-md-9"]),
        ("/feeds/md", &["Basic old-token-of-md-1"]),
        ("/feeds/md", &["Bearer old-token-of-md-1", "Bearer old-token-of-md-1"]),
        ("/feeds/nobody", &["Bearer old-token-of-md-1"]),
    ] {
        let response = bench.push(path, authorization, untouchable()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {authorization:?}");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("urn:matchday:problem:unauthorised") && !body.contains("of-md"), "{body}");
    }
    for token in ["old-token-of-md-1", "new-token-of-md-2"] {
        let response = bench.push("/feeds/md", &[&format!("Bearer {token}")], stop(1, 1).into()).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    }
    assert_eq!(bench.stored().await, 2);
    bench.push("/feeds/md", &["Bearer new-token-of-md-2"], "oops".into()).await;
    let letters = bench.read(&Topics::default().dead_letters()).await;
    let letter = letters[0].get(0).unwrap();
    for name in ["reason", "pointer", "source", "position", "provider", "content_type", "refused_at"] {
        let value = String::from_utf8(letter.header(name).unwrap().to_vec()).unwrap();
        assert!(!value.contains("token-of-md"), "{name}: {value}");
    }
}

#[tokio::test]
async fn a_request_beyond_the_rate_is_refused_whole_and_told_when_to_come_again() {
    let bench = Bench::with_providers().await;
    let token = ["Bearer old-token-of-md-1"];
    let lines =
        |count: u32| Body::from((0..count).map(|number| stop(1, number + 1) + "\n").collect::<String>());
    assert_eq!(bench.push("/feeds/md", &token, lines(3)).await.status(), StatusCode::ACCEPTED);
    let limited = bench.push("/feeds/md", &token, lines(4)).await;
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = limited.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((2..=3).contains(&wait), "{wait}");
    let too_many = bench.push("/feeds/md", &token, lines(5)).await;
    assert_eq!(too_many.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(!too_many.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(bench.stored().await, 3, "nothing of what was refused");
    assert!(bench.read(&Topics::default().dead_letters()).await.is_empty());
}

#[tokio::test]
async fn compressed_bodies_say_the_same() {
    let bench = Bench::new().await;
    let body = format!("[{}, oops, {}]", stop(1, 1), stop(1, 2));
    for (encoding, compressed) in
        [("gzip", gzip(body.as_bytes())), ("zstd", zstd::encode_all(body.as_bytes(), 3).unwrap())]
    {
        let told = bench.post_encoded(encoding, compressed.clone()).await;
        assert_eq!((told.status, &told.body["accepted"]), (StatusCode::MULTI_STATUS, &2.into()));
        let cut = compressed[..compressed.len() - 5].to_vec();
        let told = bench.post_encoded(encoding, cut).await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST);
        assert!(told.body["detail"].as_str().unwrap().contains("ends before"), "{}", told.body);
        let told = bench.post_encoded(encoding, [&compressed[..], b"more and more and more"].concat()).await;
        assert!(told.body["detail"].as_str().unwrap().contains("follows the end"), "{}", told.body);
    }
    let letters = bench.read(&Topics::default().dead_letters()).await;
    let letters: Vec<_> =
        letters.iter().flat_map(Batch::iter).map(|letter| letter.payload().to_vec()).collect();
    assert_eq!(letters, [b"oops", b"oops"], "as they were before they were compressed");
}

#[tokio::test]
async fn a_body_is_limited_by_what_it_becomes() {
    let bench = Bench::new().await;
    let spaces = |count: usize| [stop(1, 1).into_bytes(), vec![b' '; count]].concat();
    let room = small().max_body_bytes - stop(1, 1).len();
    let zstd = |content: &[u8]| zstd::encode_all(content, 3).unwrap();
    for (encoding, compress) in [("gzip", &gzip as &dyn Fn(&[u8]) -> Vec<u8>), ("zstd", &zstd)] {
        let told = bench.post_encoded(encoding, compress(&spaces(room + 1))).await;
        assert_eq!(told.status, StatusCode::PAYLOAD_TOO_LARGE, "{encoding}");
        let told = bench.post_encoded(encoding, compress(&spaces(room))).await;
        assert_ne!(told.status, StatusCode::PAYLOAD_TOO_LARGE, "{encoding}");
    }
}

#[tokio::test]
async fn memory_is_admitted_for_what_a_body_becomes() {
    let limits = Limits { max_body_bytes: 1 << 20, max_bytes_in_flight: 2 << 20, ..small() };
    let bench = Bench::with(limits).await;
    let bomb = gzip(&vec![b' '; 900_000]);
    assert!(bomb.len() < 10_000);
    let told = bench.post_encoded("gzip", bomb).await;
    assert_eq!((told.status, told.has_retry_after), (StatusCode::SERVICE_UNAVAILABLE, true), "{}", told.body);
    assert_eq!(bench.post_encoded("gzip", gzip(stop(1, 1).as_bytes())).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn others_have_their_turn_while_a_large_body_is_decompressed() {
    const CONTENT: usize = 32 << 20;
    let limits = Limits { max_body_bytes: CONTENT, max_bytes_in_flight: 4 * CONTENT, ..small() };
    let bench = Bench::with(limits).await;
    let bomb = gzip(&vec![b' '; CONTENT]);
    let is_done = std::cell::Cell::new(false);
    let large = async {
        let told = bench.post_encoded("gzip", bomb).await;
        is_done.set(true);
        told
    };
    let turns = async {
        let mut turns = 0;
        while !is_done.get() {
            turns += 1;
            tokio::task::yield_now().await;
        }
        turns
    };
    let (told, turns) = tokio::join!(large, turns);
    assert_eq!(told.status, StatusCode::BAD_REQUEST, "nothing but spaces");
    assert!(turns >= CONTENT / (64 << 10), "{turns} turns");
}

#[tokio::test]
async fn every_limit_that_strikes_is_counted_and_no_token_is() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let bench = Bench::with_providers().await;
    let token = "Bearer old-token-of-md-1";
    let post = async |encoding: &str, body: Body| {
        let request = Request::post("/feeds/md").header("authorization", token).header("content-type", LINES);
        let request = request.header("content-encoding", encoding).body(body).unwrap();
        bench.router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    let never = || Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
    let begun = futures_util::stream::iter([Ok(Bytes::from_static(b"{"))]);
    let endless = Body::from_stream(begun.chain(futures_util::stream::pending::<std::io::Result<Bytes>>()));
    let statuses = [
        post("identity", "1\n2\n3\n".into()).await,
        post("identity", "1\n2\n".into()).await,
        post("identity", "1\n2\n3\n4\n5\n6\n".into()).await,
        post("identity", " ".repeat(small().max_body_bytes + 1).into()).await,
        post("identity", "x".repeat(small().max_message_bytes + 1).into()).await,
        post("identity", never()).await,
        post("identity", endless).await,
    ];
    assert_eq!(statuses, [422, 429, 413, 413, 422, 408, 408]);
    for path in ["/feeds/md", "/feeds/invented"] {
        assert_eq!(bench.push(path, &["Bearer wrong-wrong-wrong-wrong"], "".into()).await.status(), 401);
    }
    let text = counted.render();
    for (metric, label, value) in [
        ("rate_limited_requests_total", "provider=\"md\"", 1),
        ("rate_limited_messages_total", "provider=\"md\"", 2),
        ("unauthorised_requests_total", "provider=\"md\"", 1),
        ("unauthorised_requests_total", "provider=\"other\"", 1),
        ("ingestion_limited_total", "limit=\"messages\"", 1),
        ("ingestion_limited_total", "limit=\"body_bytes\"", 1),
        ("ingestion_limited_total", "limit=\"message_bytes\"", 1),
        ("ingestion_limited_total", "limit=\"first_byte_seconds\"", 1),
        ("ingestion_limited_total", "limit=\"body_seconds\"", 1),
    ] {
        let line = text.lines().find(|line| line.contains(metric) && line.contains(label));
        assert!(
            line.is_some_and(|line| line.ends_with(&format!("}} {value}"))),
            "{metric} {label}: {line:?}"
        );
    }
    assert!(!text.contains("token-of-md"));
}

/// The endpoint behind real sockets.
async fn listen(bench: &Bench) -> (std::net::SocketAddr, Shutdown) {
    let listener = chassis::http::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), Shutdown::default());
    let limits =
        chassis::http::Limits { connections: 16, head_seconds: 1, head_bytes: 8192, write_seconds: 30 };
    tokio::spawn(chassis::http::serve(listener, bench.router.clone(), limits, shutdown.clone()));
    (address, shutdown)
}

/// Writes `first`, then `drop` again and again, and gives all that was answered before the connection was closed.
async fn converse(address: std::net::SocketAddr, first: String, drop: &'static str) -> String {
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    writer.write_all(first.as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        while !drop.is_empty() && writer.write_all(drop.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        writer
    });
    let mut answer = Vec::new();
    let read = reader.read_to_end(&mut answer);
    let _reset_counts_as_closed =
        tokio::time::timeout(Duration::from_secs(10), read).await.expect("still open");
    dripping.abort();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn silent_and_slow_senders_are_cut_off() {
    let limits = Limits { max_requests_in_flight: 8, first_byte_seconds: 1, body_seconds: 2, ..small() };
    let bench = Bench::with(limits).await;
    let (address, _shutdown) = listen(&bench).await;
    let head = |length: usize| {
        format!(
            "POST /feeds/md HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let began = Instant::now();
    let timed = async |first: String, drop| {
        let answer = converse(address, first, drop).await;
        (answer, began.elapsed().as_millis())
    };
    let (silent, half_head, no_body, dripping, whole) = tokio::join!(
        timed(String::new(), ""),
        timed("POST /feeds/md HTTP/1.1\r\nhost:".to_owned(), ""),
        timed(head(100), ""),
        timed(head(4_000) + "{", " "),
        timed(format!("{}{}", head(stop(1, 1).len()), stop(1, 1)), ""),
    );
    for (name, (answer, after_ms)) in [("silent", silent), ("half a head", half_head)] {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{name}: {answer}");
        assert!((900..1_900).contains(&after_ms), "{name}: {after_ms} ms");
    }
    for (name, (answer, after_ms), from_ms) in [("no body", no_body, 900), ("dripping", dripping, 1_900)] {
        assert!(answer.starts_with("HTTP/1.1 408"), "{name}: {answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{name}: {answer}");
        assert!((from_ms..from_ms + 1_500).contains(&after_ms), "{name}: {after_ms} ms");
    }
    assert!(whole.0.starts_with("HTTP/1.1 202"), "{}", whole.0);
}

#[tokio::test]
async fn a_wrong_token_is_answered_before_a_body_comes() {
    let bench = Bench::with_providers().await;
    let (address, _shutdown) = listen(&bench).await;
    let head =
        "POST /feeds/md HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n";
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1_000];
    let length =
        tokio::time::timeout(Duration::from_millis(900), stream.read(&mut answer)).await.unwrap().unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 401"));
    // The body comes all the same, and nobody resets the connection.
    stream.write_all(&[b' '; 900]).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 401"));
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_answered_before_it_comes() {
    let bench = Bench::with(Limits { first_byte_seconds: 60, body_seconds: 60, ..small() }).await;
    let (address, _shutdown) = listen(&bench).await;
    let length = small().max_body_bytes + 1;
    let head = format!(
        "POST /feeds/md HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1_000];
    let read = async |stream: &mut TcpStream, answer: &mut Vec<u8>| {
        tokio::time::timeout(Duration::from_secs(5), stream.read(answer)).await.expect("at once").unwrap()
    };
    let count = read(&mut stream, &mut answer).await;
    assert!(answer[..count].starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer[..count]));
    // Whoever then sends it all the same may go on with the next request.
    stream.write_all(&vec![b' '; length]).await.unwrap();
    let good = stop(1, 1);
    let next = head.replace(&length.to_string(), &good.len().to_string()) + &good;
    stream.write_all(next.as_bytes()).await.unwrap();
    let count = read(&mut stream, &mut answer).await;
    assert!(answer[..count].starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&answer[..count]));
}
