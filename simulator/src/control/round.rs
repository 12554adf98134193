//! What a run does by itself: its messages are made and sent, once, or round after round until somebody ends it.

use std::sync::Arc;

use super::running::Made;
use super::{Cast, Control, End, How, Program, RunState, next_seed};
use crate::drive::{self, DriveOptions, Gauge, Hush, Inject, Progress, drive_and_answer, inject};
use crate::schedule::Schedule;

impl Control {
    /// Plays until it is over, or ended.
    pub(super) async fn go(&self, program: Program, how: How) {
        let mut seed = how.seed;
        loop {
            match self.play(&program, seed, how).await {
                Ok(Some(played)) => seed = Some(next_seed(played)),
                Ok(None) => return,
                Err(error) => {
                    self.state().let_go(|run| {
                        run.burst = None;
                        run.status.state = RunState::Failed;
                        let error = Some(format!("{error:#}"));
                        let end =
                            End { undelivered: 0, unexpected: 0, abandoned: 0, lateness_ms: None, error };
                        run.status.end = Some(end);
                    });
                    return;
                }
            }
        }
    }

    /// Plays once. Where it is to be played again, the answer is the seed that it had.
    async fn play(&self, program: &Program, seed: Option<u64>, how: How) -> anyhow::Result<Option<u64>> {
        // A speed that somebody has asked for is that of later rounds, too: what goes wrong in them is planned for it.
        let wanted = self.state().run.as_ref().and_then(|run| run.speed_wanted);
        let (program, start, speed) = (program.clone(), drive::now(), wanted.unwrap_or(how.speed));
        let cast =
            tokio::task::spawn_blocking(move || program.cast(seed, start, speed, how.is_fresh)).await??;
        let seed = cast.seed;
        let (options, schedule) = self.begin(cast, how)?;
        let mut recoveries = self.0.recoveries.lock().await;
        let progress = |progress: &Progress| {
            if let Some(taken) = &self.0.taken {
                taken.note(progress);
            }
        };
        let report = drive_and_answer(schedule, &options, &mut recoveries, progress).await?;
        let is_over = options.stop.has_begun() || report.gave_up.is_some() || !how.is_endless;
        if is_over {
            self.state().let_go(|run| {
                run.end(&report);
                run.keep_deliveries(report);
            });
            return Ok(None);
        }
        // Somebody may have ended it by now: then the next round ends before its first message.
        let _ = self.with_run(|run| {
            run.begin_anew();
            Ok(())
        });
        Ok(Some(seed.unwrap_or_default()))
    }

    /// The messages are made: from here on they go.
    pub(super) fn begin(&self, cast: Cast, how: How) -> anyhow::Result<(DriveOptions, Arc<Schedule>)> {
        let mut options = DriveOptions {
            speed: how.speed,
            raw: cast.is_raw,
            silences: cast.silences.clone(),
            abandons: cast.abandons,
            ..self.0.options.clone()
        };
        let schedule = Arc::new(cast.schedule);
        self.with_run(|run| {
            options.speed = run.speed_wanted.or(cast.speed).unwrap_or(how.speed);
            (options.playhead, options.stop) = (run.playhead.clone(), run.stop.clone());
            options.gauge = Gauge::default();
            // Of what goes on for ever each round has faults of its own, and silences.
            options.hush = Hush::default();
            options.inject = Inject::beside(&cast.faults);
            run.begin(cast.seed, &schedule, Arc::clone(&cast.faults), &options);
            run.events = inject::events(&schedule);
            run.sources = drive::sources(&schedule);
            run.made = Some(Arc::new(Made { schedule: Arc::clone(&schedule), ledger: cast.ledger }));
            Ok(())
        })?;
        Ok((options, schedule))
    }
}
