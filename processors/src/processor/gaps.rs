//! Gaps: what is missing is given up once the feed has been processed beyond its deadline.

use std::time::Instant;

use domain::EventId;

use super::{Next, Outcome, Processor, REFUSED_AGAIN};
use crate::batch::Planner;
use crate::metrics;

impl Processor {
    /// Declares the gaps whose deadline has passed in the feed: what is missing may lie in a backlog, so a deadline
    /// counts against the time up to which the feed has been processed, not against the clock.
    pub(super) fn expire(&mut self) -> Next {
        let overdue = self.events.overdue(&self.heard_until, Instant::now());
        match self.declare_gaps(&overdue) {
            Outcome::Done => Next::Continue,
            Outcome::Rejoin => Next::Rejoin,
            Outcome::Stop => Next::Stop,
            Outcome::Refused(_) => self.declare_gaps_one_by_one(overdue),
        }
    }

    /// One event's gap is refused for good, and the others' must not wait for it. It waits on, and is tried again.
    fn declare_gaps_one_by_one(&mut self, overdue: Vec<(EventId, i32)>) -> Next {
        for event in overdue {
            match self.declare_gaps(std::slice::from_ref(&event)) {
                Outcome::Done => {}
                Outcome::Rejoin => return Next::Rejoin,
                Outcome::Stop => return Next::Stop,
                Outcome::Refused(error) => {
                    tracing::error!(event_id = %event.0, %error, "a gap cannot be declared");
                    metrics::batch_failed("gap_refused");
                    match self.gather([(&event.0, event.1)].into_iter()) {
                        Ok(working) => self.events.put_back(working),
                        Err(_) => return Next::Stop,
                    }
                    self.events.postpone(event.0, Instant::now() + REFUSED_AGAIN);
                }
            }
        }
        Next::Continue
    }

    fn declare_gaps(&mut self, overdue: &[(EventId, i32)]) -> Outcome {
        if overdue.is_empty() {
            return Outcome::Done;
        }
        let mut working = match self.gather(overdue.iter().map(|(id, partition)| (id, *partition))) {
            Ok(working) => working,
            Err(outcome) => return outcome,
        };
        let mut planner = Planner::new(self.known(), &mut working);
        planner.expire();
        let plan = planner.finish();
        self.commit_plan(plan, working, 0)
    }
}
