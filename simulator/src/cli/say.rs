//! What the command line says: results on stdout, progress and problems on stderr.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::drive::{DriveReport, Progress};

/// One line of the answer. Nobody may be reading it any more; that is no error of ours.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// One line about what went wrong.
pub(super) fn error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// How much of what stands in the way a line of progress shows, in characters: a longer line would break.
const OBSTACLE_SHOWN_MAX: usize = 100;

/// A line on a terminal that says how far it is.
#[derive(Debug, Default)]
pub(super) struct Progressing {
    is_shown: bool,
}

impl Progressing {
    pub(super) fn tell(&mut self, come: &Progress, is_held: bool) {
        self.is_shown = true;
        let Progress { elapsed, messages, sent, accepted, refused, sent_again, .. } = *come;
        let seconds = elapsed.as_secs();
        let (sent, messages, accepted) = (count(sent), count(messages), count(accepted));
        let mut line = format!("{seconds:>4} s  {sent} of {messages} sent, {accepted} accepted");
        for (number, what) in [(refused, "refused"), (sent_again, "sent again")] {
            if number > 0 {
                let _ = write!(line, ", {} {what}", count(number));
            }
        }
        if is_held {
            line.push_str(", stopped");
        }
        if let Some(obstacle) = &come.obstacle {
            let _ = write!(line, "; {}", obstacle.chars().take(OBSTACLE_SHOWN_MAX).collect::<String>());
        }
        progress(&line);
    }

    pub(super) fn end(&self) {
        if self.is_shown {
            end_progress();
        }
    }
}

/// A line on a terminal that takes the place of the one before.
pub(super) fn progress(text: &str) {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        // Back to the line's start, and away with what was longer before.
        let _ = write!(stderr, "\r{text}\x1b[K");
        let _ = stderr.flush();
    }
}

/// What comes next does so on a line of its own.
pub(super) fn end_progress() {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        let _ = writeln!(stderr);
    }
}

/// How a drive went.
pub(super) fn report(report: &DriveReport) {
    report_refusing(report, report.refused);
}

/// How a drive went in which so many messages were refused that should not have been.
pub(super) fn report_refusing(report: &DriveReport, refused: u64) {
    for line in refusals(report, refused) {
        error(&line);
    }
    match (&report.gave_up, &report.obstacle) {
        (Some(why), _) => error(&format!("gave up: {why}")),
        (None, Some(why)) if !report.is_complete() => error(&format!("when it was ended: {why}")),
        _ => {}
    }
    if let Some(late) = report.late() {
        let late = milliseconds(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
        line(&format!(
            "LATE: messages could not be sent in time: of the moments at which some were due one in a hundred was more than \
             {late} ms behind, waiting for answers included. The rate below is not the one that was asked for."
        ));
    }
    line(&summary(report));
}

/// Each reason for which messages were refused once, with the first of them, and how many more there are.
fn refusals(report: &DriveReport, refused: u64) -> Vec<String> {
    let mut reasons: Vec<(usize, String, usize)> = Vec::new();
    for (index, problem) in &report.refused_first {
        let problem = problem.to_string();
        match reasons.iter_mut().find(|(_, known, _)| *known == problem) {
            Some((_, _, more)) => *more += 1,
            None => reasons.push((*index, problem, 0)),
        }
    }
    let tell = |(index, problem, more): (usize, String, usize)| match more {
        0 => format!("message {}: {problem}", index + 1),
        more => format!("message {} and {more} more: {problem}", index + 1),
    };
    let shown = report.refused_first.len() as u64;
    let others = refused.saturating_sub(shown);
    let rest = (shown > 0 && others > 0).then(|| format!("and {} more were refused", count(others)));
    reasons.into_iter().map(tell).chain(rest).collect()
}

fn summary(report: &DriveReport) -> String {
    let mut text = format!(
        "{} of {} messages accepted in {:.1} s, {:.0} a second; {} refused, {} not delivered",
        count(report.accepted),
        count(report.messages),
        report.elapsed.as_secs_f64(),
        report.rate(),
        count(report.refused),
        count(report.undelivered),
    );
    if report.sent_again > 0 {
        let (messages, requests) = (count(report.sent_again), count(report.unanswered));
        let _ = write!(text, "\n{messages} sent again; {requests} requests without an answer");
    }
    if report.is_stopped {
        text.push_str("\nended before its time");
    }
    if report.abandoned > 0 {
        let _ = write!(text, "\n{} games told to be abandoned", count(report.abandoned));
    }
    let late = &report.lateness_micros;
    if !late.is_empty() {
        let [p50, p99, max] =
            [late.value_at_quantile(0.5), late.value_at_quantile(0.99), late.max()].map(milliseconds);
        let _ = write!(text, "\nlateness p50 {p50} ms, p99 {p99} ms, max {max} ms");
    }
    text
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{:02}", micros / 1_000, micros % 1_000 / 10)
}

/// A number with a comma after every third digit.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Hours, minutes and seconds; below a minute with milliseconds.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{}.{:03} s", seconds, duration.subsec_millis()),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, seconds) => format!("{hours} h {minutes:02} min {seconds:02} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_readable() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let durations = [1_500, 61_000, 9_240_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(durations, ["1.500 s", "1 min 01 s", "2 h 34 min 00 s"]);
        assert_eq!(milliseconds(1_079), "1.07");
    }
}
