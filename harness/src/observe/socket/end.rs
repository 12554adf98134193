//! How a client's connection ended that it had not ended itself.

use serde_json::Value;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// The close code of a client that does not read.
pub(super) const SLOW: u16 = 4008;
/// The close code that stands for none.
const NO_CODE: u16 = 1005;

/// How a connection ended that its client had not ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// What came is no frame of the protocol.
    #[error("what came is no frame: {0}")]
    Unreadable(String),
    /// The server closed it, with this code and reason.
    #[error("the server closed the connection with {0} ({1})")]
    Closed(u16, String),
    /// It broke, or nothing came for too long.
    #[error("the connection broke: {0}")]
    Broke(String),
}

impl End {
    /// It without what differs from one time to the next.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Unreadable(_) => "what came is no frame".to_owned(),
            Self::Closed(code, reason) => format!("closed with {code} ({reason})"),
            Self::Broke(_) => "broke".to_owned(),
        }
    }

    /// Whether the client was told that it is too slow.
    #[must_use]
    pub fn is_told_slow(&self) -> bool {
        matches!(self, Self::Closed(SLOW, _))
    }

    /// Whether it is what becomes of a client that does not read; it may not live to see the close frame.
    #[must_use]
    pub fn is_for_slowness(&self) -> bool {
        self.is_told_slow() || matches!(self, Self::Broke(_))
    }
}

/// An end of a connection, and when it was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// When, in microseconds since the epoch.
    pub at_micros: i64,
    /// How.
    pub end: End,
}

/// What the server said when it closed: a code, and JSON with the reason.
pub(super) fn closed(close: Option<CloseFrame>) -> End {
    let Some(CloseFrame { code, reason }) = close else {
        return End::Closed(NO_CODE, "no code was given".to_owned());
    };
    let said: Value = serde_json::from_str(&reason).unwrap_or_default();
    let reason = said["reason"].as_str().unwrap_or(&reason).to_owned();
    End::Closed(code.into(), reason)
}

/// What is no WebSocket any more is not read; whatever else fails is the way's.
pub(super) fn broken(error: &tungstenite::Error) -> End {
    match error {
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            End::Broke(error.to_string())
        }
        tungstenite::Error::Protocol(_) | tungstenite::Error::Capacity(_) | tungstenite::Error::Utf8(_) => {
            End::Unreadable(error.to_string())
        }
        _ => End::Broke(error.to_string()),
    }
}
