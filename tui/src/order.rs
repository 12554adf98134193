//! What the simulator can be told to do, in words and with what makes each of them a request.

use domain::EventId;

use crate::text::Text;

/// By how much one step makes the feed faster; a step back undoes one.
pub const RATE_STEP: f64 = 1.25;
/// How many times as fast a burst is, and for how many seconds.
pub const BURST: (u32, u32) = (5, 10);
/// For how many seconds a producer says nothing.
pub const SILENCE_SECONDS: u32 = 30;
/// For how many seconds messages are held up.
pub const LATE_SECONDS: u32 = 10;

/// Something that the simulator is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// To stand still.
    Pause,
    /// To go on.
    Resume,
    /// To send what is due next, and stand still.
    Step,
    /// To send so many messages a second, on average.
    Rate(f64),
    /// To go faster for a while.
    Burst,
    /// To play a ready-made scenario; what is played is ended first.
    Start(Text),
    /// To end what is played.
    Stop,
    /// To say nothing of this provider for a while, or of one producer of it.
    Silence(Text, Option<Text>),
    /// To let something go wrong with the next message of this event, or of any.
    Inject(Mishap, Option<EventId>),
}

/// What can go wrong with the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It never comes.
    Gap,
    /// It comes twice.
    Duplicate,
    /// It and those behind it are held up.
    Late,
    /// A copy of it is cut off.
    Malformed,
    /// A copy of it names another sport.
    WrongSport,
}

impl Mishap {
    /// All.
    pub const ALL: [Self; 5] = [Self::Gap, Self::Duplicate, Self::Late, Self::Malformed, Self::WrongSport];

    /// Its name in the simulator's control.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Malformed => "malformed",
            Self::WrongSport => "wrong_sport",
        }
    }
}

impl Order {
    /// What it is, in words that follow "to": `play final`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Pause => "stand still".to_owned(),
            Self::Resume => "go on".to_owned(),
            Self::Step => "send what is due next".to_owned(),
            Self::Rate(rate) => format!("send {rate:.0} messages a second"),
            Self::Burst => format!("go {} times as fast for {} s", BURST.0, BURST.1),
            Self::Start(name) => format!("play {name}"),
            Self::Stop => "end what is played".to_owned(),
            Self::Silence(provider, None) => format!("silence all of {provider} for {SILENCE_SECONDS} s"),
            Self::Silence(provider, Some(producer)) => {
                format!("silence {provider}/{producer} for {SILENCE_SECONDS} s")
            }
            Self::Inject(mishap, event) => {
                let whose = event.as_ref().map_or("any game", EventId::as_str);
                match mishap {
                    Mishap::Gap => format!("lose the next message of {whose}"),
                    Mishap::Duplicate => format!("send the next message of {whose} twice"),
                    Mishap::Late => format!("hold up {whose} for {LATE_SECONDS} s"),
                    Mishap::Malformed => format!("send a copy that is cut off, of {whose}"),
                    Mishap::WrongSport => format!("send a copy with another sport, of {whose}"),
                }
            }
        }
    }

    /// Whether it does something that cannot be taken back: such a thing is asked for twice.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        matches!(self, Self::Start(_) | Self::Stop | Self::Silence(..) | Self::Inject(..))
    }
}
