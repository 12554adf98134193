//! How much a request may bring, and how much all requests together may hold.

use std::time::Duration;

use chassis::http::BodyLimits;
use clap::Args;

/// The limits of the endpoint.
#[derive(Args, Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one request's body, as it is sent and decompressed
    #[arg(long, env = "MATCHDAY_MAX_BODY_BYTES", default_value_t = 4 << 20)]
    pub max_body_bytes: usize,

    /// Messages of one request
    #[arg(long, env = "MATCHDAY_MAX_MESSAGES", default_value_t = 10_000)]
    pub max_messages: usize,

    /// Bytes of one message
    #[arg(long, env = "MATCHDAY_MAX_MESSAGE_BYTES", default_value_t = 256 << 10)]
    pub max_message_bytes: usize,

    /// Producers of one provider
    #[arg(long, env = "MATCHDAY_MAX_PRODUCERS", default_value_t = 16)]
    pub max_producers: usize,

    /// Requests worked on at once; of one provider half as many
    #[arg(long, env = "MATCHDAY_MAX_REQUESTS_IN_FLIGHT", default_value_t = 256)]
    pub max_requests_in_flight: usize,

    /// Bytes of all bodies worked on at once; of one provider half as many
    #[arg(long, env = "MATCHDAY_MAX_BYTES_IN_FLIGHT", default_value_t = 64 << 20)]
    pub max_bytes_in_flight: usize,

    /// Seconds until the first byte of a body has arrived
    #[arg(long, env = "MATCHDAY_FIRST_BYTE_SECONDS", default_value_t = 5)]
    pub first_byte_seconds: u64,

    /// Seconds until a body has arrived
    #[arg(long, env = "MATCHDAY_BODY_SECONDS", default_value_t = 10)]
    pub body_seconds: u64,
}

impl Limits {
    /// Whether the limits go together.
    pub fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.max_body_bytes <= share(self.max_bytes_in_flight),
            "--max-body-bytes ({}) is more than half of --max-bytes-in-flight ({}), which is what a provider may hold",
            self.max_body_bytes,
            self.max_bytes_in_flight
        );
        anyhow::ensure!(
            self.max_body_bytes < chassis::kafka::MAX_MESSAGE_BYTES,
            "--max-body-bytes ({}) is more than a dead letter can hold",
            self.max_body_bytes
        );
        anyhow::ensure!(
            self.first_byte_seconds <= self.body_seconds,
            "--first-byte-seconds ({}) is more than --body-seconds ({})",
            self.first_byte_seconds,
            self.body_seconds
        );
        Ok(())
    }

    /// What a body may take on its way here.
    pub fn body(&self) -> BodyLimits {
        BodyLimits {
            max_bytes: self.max_body_bytes,
            first_byte: Duration::from_secs(self.first_byte_seconds),
            whole: Duration::from_secs(self.body_seconds),
        }
    }
}

/// What one provider may hold of what all may hold: half, so that there is room for another.
pub fn share(all: usize) -> usize {
    all.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::config::Config;

    #[test]
    fn limits_go_together_and_a_body_fits_into_the_share_of_its_provider() {
        let check = |arguments: &[&str]| {
            Config::try_parse_from([&["ingestion"], arguments].concat()).unwrap().limits.check()
        };
        check(&[]).unwrap();
        check(&["--max-body-bytes", "1000", "--max-bytes-in-flight", "2000"]).unwrap();
        let error = check(&["--max-body-bytes", "1001", "--max-bytes-in-flight", "2000"]).unwrap_err();
        assert!(error.to_string().contains("half of --max-bytes-in-flight"), "{error}");
        check(&["--first-byte-seconds", "11"]).unwrap_err();
    }
}
