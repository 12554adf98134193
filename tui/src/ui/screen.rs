//! The screens there are, and what can be chosen on some of them.

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Every hop.
    Pipeline,
    /// Games that are live, or the one that is open.
    Games,
    /// Topics and partitions.
    Kafka,
    /// Sockets and REST.
    Clients,
    /// What is played, what goes wrong in it, what the stack notices; gates and anomalies.
    Faults,
    /// Run bundles, or those that are open.
    Runs,
    /// What was logged.
    Logs,
}

impl View {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Pipeline, Self::Games, Self::Kafka, Self::Clients, Self::Faults, Self::Runs, Self::Logs];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pipeline => "Pipeline",
            Self::Games => "Games",
            Self::Kafka => "Kafka",
            Self::Clients => "Clients",
            Self::Faults => "Faults",
            Self::Runs => "Runs",
            Self::Logs => "Logs",
        }
    }

    pub(super) fn index(self) -> usize {
        Self::ALL.iter().position(|view| *view == self).unwrap_or_default()
    }
}

/// What games or topics are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// By name; games by sport first, topics behind those in which too much waits.
    Name,
    /// What is longest on, or waits most, first.
    Most,
    /// What changes most often first.
    Busiest,
}

impl Sort {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Name => Self::Most,
            Self::Most => Self::Busiest,
            Self::Busiest => Self::Name,
        }
    }
}

/// A part of the screen of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// Its markets.
    Markets,
    /// What happened.
    Incidents,
    /// Its update log.
    Log,
}

impl Pane {
    /// All, from left to right.
    pub const ALL: [Self; 3] = [Self::Markets, Self::Incidents, Self::Log];
}

/// What is shown of a run that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunPage {
    /// Second by second.
    #[default]
    Curves,
    /// Of two runs every figure that both have, and by how much it changed.
    Changes,
    /// Its gates and anomalies.
    Verdict,
    /// What was measured of it as a whole.
    Figures,
}

impl RunPage {
    /// The page behind it, of one run or of two.
    pub(super) fn next(self, is_of_two: bool) -> Self {
        match self {
            Self::Curves if is_of_two => Self::Changes,
            Self::Curves | Self::Changes => Self::Verdict,
            Self::Verdict => Self::Figures,
            Self::Figures => Self::Curves,
        }
    }
}
