//! What a search came to, as a table for a terminal and as Markdown.

use std::fmt::Write as _;

use super::Paper;
use crate::bundle::markdown::plain;
use crate::report::{decimal, grouped};

impl Paper {
    /// Every step on a line, for a terminal.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!(
            "  {:>9} {:>9} {:>11} {:>11} {:>11} {:>11}  {:<9} {}\n",
            "asked/s",
            "held/s",
            "publ. p50",
            "p99",
            "client p50",
            "p99",
            "",
            "gates missed; first queue to grow"
        );
        for step in &self.steps {
            let [published_50, published_99, client_50, client_99] = step.latencies();
            let word = step.word();
            let why = [step.gates(), step.grown.first().map(ToString::to_string).unwrap_or_default()];
            let why = why.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "  {:>9} {:>9} {published_50:>11} {published_99:>11} {client_50:>11} {client_99:>11}  {word:<9} {why}",
                grouped(step.asked.into()),
                decimal(step.messages_per_second, 0),
            );
        }
        text
    }

    /// It as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let held = self.held.map_or_else(|| "none known".to_owned(), |held| grouped(held.into()));
        let mut text = format!(
            "## Capacity of {}: {held} messages a second (exit {}, {})\n\n{}\n\n{}. Seed {}, steps of {} s, {} clients; {}, {}.\n\n",
            plain(&self.scenario),
            self.exit_code,
            self.exit.as_str(),
            plain(&self.summary),
            plain(&self.description),
            self.seed,
            self.seconds,
            self.clients,
            self.versions.database,
            self.versions.machine
        );
        text.push_str(
            "| asked/s | held/s | published p50 | p99 | client p50 | p99 | | gates missed | first queue to grow |\n\
             | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |\n",
        );
        for step in &self.steps {
            let grown = step.grown.first().map(ToString::to_string).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} | {} | [{}]({}/report.html) | {} | {} |",
                grouped(step.asked.into()),
                decimal(step.messages_per_second, 0),
                step.latencies().join(" | "),
                step.word(),
                step.bundle,
                plain(&step.gates()),
                plain(&grown)
            );
        }
        for growth in &self.grown {
            let samples =
                growth.samples.iter().map(|(at, waiting)| format!("{at:.0} s: {}", grouped(*waiting)));
            let _ = writeln!(
                text,
                "\n**{}**, {}, at {} messages a second: {}",
                growth.queue,
                growth.queue.meaning(),
                self.missed.map_or_else(String::new, |missed| grouped(missed.into())),
                samples.collect::<Vec<_>>().join(", ")
            );
        }
        text
    }
}
