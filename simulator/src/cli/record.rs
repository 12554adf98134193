//! Recording what passes between providers and ingestion.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use chassis::http;
use chassis::lifecycle::Shutdown;
use clap::Args;
use tokio::runtime::Runtime;

use super::{say, signals};
use crate::schedule::BYTES_MAX;
use crate::tap::{Passed, TapOptions, Written, tap};

#[derive(Debug, Args)]
pub(super) struct Record {
    /// The folder for the recordings, one for each provider and format
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// Where providers send to while it is recorded
    #[arg(long, default_value = "127.0.0.1:4005", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Ingestion's address, where everything is passed on to
    #[arg(long, env = "MATCHDAY_INGESTION", default_value = "http://127.0.0.1:4000", value_name = "URL")]
    to: String,
    /// REST's address, where it is asked how games stood that had begun before
    #[arg(long, env = "MATCHDAY_REST", default_value = "http://127.0.0.1:4002", value_name = "URL")]
    images: String,
    /// Ask nobody: games that had begun before are recorded without their beginning
    #[arg(long)]
    without_images: bool,
    /// After so many bytes of messages nothing more is recorded, only passed on: as many as a replay may take
    #[arg(long, default_value_t = BYTES_MAX as u64, value_name = "N")]
    max_bytes: u64,
}

/// Records until told to stop. Fails when not everything could be written.
pub(super) fn record(args: &Record) -> anyhow::Result<bool> {
    let runtime = Runtime::new().context("cannot start a runtime")?;
    let written = runtime.block_on(async {
        let stop = Shutdown::default();
        signals::listen(stop.clone())?;
        let listener = http::bind(args.listen).await?;
        say::line(&format!("recording what is sent to http://{} until Ctrl-C", listener.local_addr()?));
        let options = TapOptions {
            target: args.to.clone(),
            folder: args.output.clone(),
            images: (!args.without_images).then(|| args.images.clone()),
            passed: Arc::default(),
            bytes_max: args.max_bytes,
        };
        let showing = tokio::spawn(show(Arc::clone(&options.passed)));
        let written = tap(listener, &options, stop).await;
        showing.abort();
        say::end_progress();
        written
    })?;
    tell(&written);
    Ok(written.failed.is_none())
}

/// Says on a terminal how much has passed, once a second.
async fn show(passed: Arc<Passed>) {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let (messages, requests) = (say::count(passed.messages()), say::count(passed.requests()));
        let (seconds, bytes) = (start.elapsed().as_secs(), say::count(passed.bytes()));
        say::progress(&format!("{seconds:>4} s  {messages} messages in {requests} requests, {bytes} bytes"));
    }
}

fn tell(written: &Written) {
    for (path, header) in &written.recordings {
        let messages = say::count(header.messages.unwrap_or_default());
        let duration = Duration::from_nanos(header.duration_ns.unwrap_or_default());
        let images = header.images.map(|images| format!(", {images} of them images of games that had begun"));
        let (path, duration, images) = (path.display(), say::duration(duration), images.unwrap_or_default());
        say::line(&format!("{path}: {messages} messages over {duration}{images}"));
    }
    if written.recordings.is_empty() {
        say::line("nothing was sent");
    }
    for (what, count) in &written.left_out {
        say::line(&format!("not recorded: {} {what}", say::count(*count)));
    }
    for (why, (count, first)) in &written.headless {
        let (count, what) = (say::count(*count), why.without());
        say::error(&format!("{count} {what}, since {why}; the first, {first}"));
    }
    if let Some(why) = &written.failed {
        say::error(&format!("not everything was recorded: {why}"));
    }
}
