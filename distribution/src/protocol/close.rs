//! How the server ends a session: the close code, the reason, and when to come again.

/// Why the server ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The client closed, or its connection broke.
    Gone,
    /// The server stops; another one, or the same one soon, goes on.
    Restart,
    /// A message is larger than allowed.
    TooBig,
    /// A message was malformed.
    Protocol,
    /// The client has not been heard of for too long.
    Idle,
    /// The client does not read what it subscribed to.
    Slow {
        /// What was too much.
        reason: &'static str,
    },
    /// The client sends too many messages.
    TooMany,
}

impl Close {
    /// The WebSocket close code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Gone => 1000,
            Self::TooBig => 1009,
            Self::Restart => 1012,
            Self::Protocol => 4400,
            Self::Idle => 4408,
            Self::Slow { .. } => 4008,
            Self::TooMany => 4429,
        }
    }

    /// The reason in words; a label in metrics too.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Gone => "closed",
            Self::TooBig => "message too big",
            Self::Restart => "restart",
            Self::Protocol => "protocol error",
            Self::Idle => "idle",
            Self::Slow { reason } => reason,
            Self::TooMany => "too many messages",
        }
    }

    /// The close frame's text: the reason, and after how many milliseconds to come again where that makes sense.
    #[must_use]
    pub fn hint(self, reconnect_after_ms: u64) -> String {
        let reason = self.reason();
        match self {
            Self::Restart | Self::Slow { .. } | Self::TooMany => {
                format!(r#"{{"reason":"{reason}","reconnect_after_ms":{reconnect_after_ms}}}"#)
            }
            Self::Gone | Self::TooBig | Self::Protocol | Self::Idle => format!(r#"{{"reason":"{reason}"}}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_has_room_for_every_reason() {
        for close in [Close::Restart, Close::Slow { reason: "too many urgent updates wait" }, Close::Idle] {
            assert!(close.hint(60_000).len() <= 123);
        }
    }
}
