//! A verdict as JUnit XML: what CI systems show as tests.

use std::fmt::Write as _;

use super::write::gate_text;
use super::{AnomalyPart, Document, GateResult, GateState};
use crate::gates::{Gate, failed};

/// One test for each gate and each kind of anomaly.
#[must_use]
pub fn junit(document: &Document) -> String {
    // As many as the scenario allows are no failure.
    let is_wrong = |part: &&AnomalyPart| part.found > 0 && failed(&document.gates, Gate::Anomalies);
    let failed = document.gates.iter().filter(|gate| gate.state == GateState::Fail).count()
        + document.anomalies.iter().filter(is_wrong).count();
    let skipped = document.gates.iter().filter(|gate| gate.state == GateState::Inconclusive).count()
        + document.anomalies.iter().filter(|part| part.checked == 0).count();
    let tests = document.gates.len() + document.anomalies.len();
    #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
    let seconds = document.took_micros as f64 / 1e6;
    let suite = escaped(&document.scenario.name);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        xml,
        "<testsuite name=\"matchday verify {suite}\" tests=\"{tests}\" failures=\"{failed}\" skipped=\"{skipped}\" \
         errors=\"0\" time=\"{seconds:.3}\">"
    );
    document.gates.iter().for_each(|gate| gate_case(&mut xml, &suite, gate));
    document.anomalies.iter().for_each(|part| anomaly_case(&mut xml, &suite, part, is_wrong(&part)));
    let _ = writeln!(xml, "  <system-out>{}</system-out>", escaped(&document.verdict.summary));
    xml.push_str("</testsuite>\n");
    xml
}

fn gate_case(xml: &mut String, suite: &str, gate: &GateResult) {
    let inner = match gate.state {
        GateState::Pass => String::new(),
        GateState::Fail => format!("<failure message=\"{}\"/>", escaped(&gate_text(gate))),
        GateState::Inconclusive => "<skipped message=\"nothing was measured\"/>".to_owned(),
    };
    case(xml, &format!("{suite}.gates"), &escaped(&gate.name), &inner);
}

fn anomaly_case(xml: &mut String, suite: &str, part: &AnomalyPart, is_wrong: bool) {
    let inner = if part.found > 0 {
        let examples: Vec<String> =
            part.examples.iter().map(|example| escaped(&example.to_string())).collect();
        let (found, examples) = (part.found, examples.join("\n"));
        match is_wrong {
            true => format!("<failure message=\"found {found} times\">{examples}</failure>"),
            false => format!("<system-out>found {found} times, as is allowed\n{examples}</system-out>"),
        }
    } else if part.checked == 0 {
        "<skipped message=\"nothing was looked at\"/>".to_owned()
    } else {
        String::new()
    };
    case(xml, &format!("{suite}.anomalies"), part.kind.as_str(), &inner);
}

fn case(xml: &mut String, class: &str, name: &str, inner: &str) {
    let _ = writeln!(xml, "  <testcase classname=\"{class}\" name=\"{name}\">{inner}</testcase>");
}

/// As text or an attribute's value. Characters that XML has no way to write are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::Example;
    use crate::page::tests::passed;

    #[test]
    fn as_many_anomalies_as_a_scenario_allows_are_no_failure() {
        let (mut document, _) = passed();
        document.anomalies[0].found = 2;
        document.anomalies[0].examples = vec![Example { what: "event <1>".to_owned(), ..Example::default() }];
        let allowed = junit(&document);
        assert!(allowed.contains("failures=\"0\"") && !allowed.contains("<failure"), "{allowed}");
        assert!(allowed.contains("found 2 times, as is allowed") && allowed.contains("event &lt;1&gt;"));
        document.gates[0].state = GateState::Fail;
        let wrong = junit(&document);
        assert!(wrong.contains("failures=\"2\"") && wrong.contains("<failure message=\"found 2 times\""));
    }

    #[test]
    fn text_of_a_feed_stays_text() {
        assert_eq!(escaped("a<b & \"c\"\u{1b}\n\u{0}"), "a&lt;b &amp; &quot;c&quot;\n");
    }
}
