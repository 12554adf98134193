//! The thread that takes a producer's delivery reports from librdkafka.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::error::{KafkaError, KafkaResult};

use super::{Client, Context};

/// How long one call waits for reports, and so how long a producer that was let go may stay at most.
///
/// A call waits in whole milliseconds and spends what is left of its last one asking again and again. With calls of a tenth of a second, as
/// rdkafka's own thread makes them, that is up to a hundredth of a core for each producer, however little it does.
const CALL: Duration = Duration::from_secs(1);

/// Starts a producer, and its thread, which ends once nobody else has the producer any more. So it is the thread that takes it down, which
/// may last, and none that has other things to do.
pub(super) fn start(config: &ClientConfig, context: Context) -> KafkaResult<Arc<Client>> {
    let client = Arc::new(Client::from_config_and_context(config, context)?);
    let polled = Arc::clone(&client);
    let poll = move || {
        while Arc::strong_count(&polled) > 1 {
            polled.poll(CALL);
        }
    };
    thread::Builder::new().name("delivery reports".to_owned()).spawn(poll).map_err(|error| {
        KafkaError::ClientCreation(format!("no thread for its delivery reports: {error}"))
    })?;
    Ok(client)
}
