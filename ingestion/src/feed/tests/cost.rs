//! What a message costs in CPU, from the request's body to Kafka's acknowledgement; librdkafka's mock broker is in
//! the figure. `cargo test --release -p ingestion cost -- --ignored --nocapture`

use futures_util::StreamExt as _;

use super::*;

const MESSAGES: u32 = 1_000;
const REQUESTS: usize = 400;
const AT_ONCE: usize = 4;

/// User and system time of this process, in microseconds; the kernel counts in hundredths of a second.
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks * 10_000
}

async fn measure(name: &str, content_type: &str, body: Bytes) {
    let limits = Limits {
        max_body_bytes: 4 << 20,
        max_messages: 10_000,
        max_message_bytes: 256 << 10,
        max_producers: 16,
        max_requests_in_flight: 64,
        max_bytes_in_flight: 64 << 20,
        first_byte_seconds: 10,
        body_seconds: 10,
    };
    let bench = Bench::with(limits).await;
    let post = || async {
        let told = bench.post("/feeds/md", content_type, body.clone()).await;
        assert_eq!(told.status, StatusCode::ACCEPTED, "{}", told.body);
    };
    post().await;
    let (began, cpu) = (Instant::now(), cpu_us());
    futures_util::stream::iter(0..REQUESTS).for_each_concurrent(AT_ONCE, |_| post()).await;
    let messages = REQUESTS as f64 * f64::from(MESSAGES);
    let cpu_each = (cpu_us() - cpu) as f64 / messages;
    let rate = messages / began.elapsed().as_secs_f64();
    let line = format!("{name}: {cpu_each:.2} us of CPU a message, {rate:.0} a second\n");
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: for a quiet machine"]
async fn cost_of_a_message() {
    let messages: Vec<String> = (0..MESSAGES).map(|number| stop(number % 50, number + 1)).collect();
    measure("lines", LINES, messages.join("\n").into()).await;
    measure("array", JSON, format!("[{}]", messages.join(",")).into()).await;
    let elements: Vec<u8> =
        messages.iter().flat_map(|text| xml::encode(&json::decode(text.as_bytes()).unwrap())).collect();
    let batch = [b"<messages>", &elements[..], b"</messages>"].concat();
    measure("xml", XML, batch.into()).await;
}
