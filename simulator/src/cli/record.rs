//! Recording what passes between providers and ingestion.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use chassis::http;
use chassis::lifecycle::Shutdown;
use clap::Args;
use tokio::runtime::Runtime;

use super::{say, signals};
use crate::tap::{TapOptions, Written, tap};

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
    /// After so many bytes of messages nothing more is recorded, only passed on
    #[arg(long, default_value_t = 4 << 30, value_name = "N")]
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
        let options =
            TapOptions { target: args.to.clone(), folder: args.output.clone(), bytes_max: args.max_bytes };
        tap(listener, &options, stop).await
    })?;
    tell(&written);
    Ok(written.failed.is_none())
}

fn tell(written: &Written) {
    for (path, header) in &written.recordings {
        let messages = say::count(header.messages.unwrap_or_default());
        let duration = Duration::from_nanos(header.duration_ns.unwrap_or_default());
        say::line(&format!("{}: {messages} messages over {}", path.display(), say::duration(duration)));
    }
    if written.recordings.is_empty() {
        say::line("nothing was sent");
    }
    for (what, count) in &written.left_out {
        say::line(&format!("not recorded: {} {what}", say::count(*count)));
    }
    if let Some(why) = &written.failed {
        say::error(&format!("not everything was recorded: {why}"));
    }
}
