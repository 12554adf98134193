//! A verdict as JUnit XML: what CI systems show as tests.

use std::fmt::Write as _;

use super::write::gate_text;
use super::{AnomalyPart, Document, GateResult, GateState};

/// One test for each gate and each kind of anomaly.
#[must_use]
pub fn junit(document: &Document) -> String {
    let failed = document.gates.iter().filter(|gate| gate.state == GateState::Fail).count()
        + document.anomalies.iter().filter(|part| part.found > 0).count();
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
    document.anomalies.iter().for_each(|part| anomaly_case(&mut xml, &suite, part));
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

fn anomaly_case(xml: &mut String, suite: &str, part: &AnomalyPart) {
    let inner = if part.found > 0 {
        let examples: Vec<String> =
            part.examples.iter().map(|example| escaped(&example.to_string())).collect();
        format!("<failure message=\"found {} times\">{}</failure>", part.found, examples.join("\n"))
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

    #[test]
    fn text_of_a_feed_stays_text() {
        assert_eq!(escaped("a<b & \"c\"\u{1b}\n\u{0}"), "a&lt;b &amp; &quot;c&quot;\n");
    }
}
