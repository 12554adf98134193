//! Why something that is asked of control cannot be done.

use domain::{EventId, Name, Source};

/// Why something cannot be done now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// There is one already.
    #[error("run {0} is on: end it first")]
    Busy(u64),
    /// There is none.
    #[error("nothing is being played")]
    Idle,
    /// Its messages are still being made, or all have been let go.
    #[error("{0}")]
    NotNow(&'static str),
    /// There is no such provider in it.
    #[error("this run sends nothing of `{0}`")]
    Provider(Name),
    /// There is no such producer of it.
    #[error("this run sends nothing of `{producer}` of `{provider}`", provider = .0.provider, producer = .0.producer)]
    Producer(Source),
    /// There is no such event in it that could be told wrongly.
    #[error("this run counts no messages of `{0}`")]
    Event(EventId),
    /// It has a fault already that holds back, moves or renumbers its messages.
    #[error(
        "`{0}` has a fault already that holds back, moves or renumbers its messages: nobody could tell what both come to"
    )]
    Taken(EventId),
    /// It goes as it was begun.
    #[error(
        "this run takes no orders, it was begun by `simulator run`, `play` or `replay`: `simulator serve` takes them"
    )]
    NoOrders,
    /// Its messages cannot be made.
    #[error("it cannot be played: {0}")]
    CannotBePlayed(String),
    /// Nothing was decided of what is played.
    #[error("it has no ledger: of what was recorded nobody has decided what must result")]
    NoLedger,
}
