//! Numbers, times and foreign text, as a person reads them on the page.

use std::fmt;

/// Text that came from somewhere else: no letter of it is markup.
pub(super) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // What XML does not allow at all.
                control if control.is_control() && !matches!(control, '\n' | '\t') => {
                    f.write_str("\u{fffd}")?
                }
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}

/// Digits in groups of three.
pub(super) fn count(number: u64) -> String {
    crate::report::grouped(number)
}

/// Three digits and a unit: `850 µs`, `4.25 ms`, `1.30 s`, `2 min 05 s`.
pub(super) fn duration(micros: u64) -> String {
    let value = float(micros);
    match micros {
        0 => "0".to_owned(),
        1..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", three_digits(value / 1e3)),
        1_000_000..60_000_000 => format!("{} s", three_digits(value / 1e6)),
        _ => {
            let seconds = micros / 1_000_000;
            format!("{} min {:02} s", seconds / 60, seconds % 60)
        }
    }
}

/// As [`duration`], of a time that may lie before another.
pub(super) fn signed_duration(micros: i64) -> String {
    let sign = if micros < 0 { "−" } else { "" };
    format!("{sign}{}", duration(micros.unsigned_abs()))
}

fn three_digits(value: f64) -> String {
    match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// `312 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    let value = float(bytes);
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", three_digits(value / 1_024.0)),
        1_048_576..1_073_741_824 => format!("{} MiB", three_digits(value / 1_048_576.0)),
        _ => format!("{} GiB", three_digits(value / 1_073_741_824.0)),
    }
}

/// A moment of the wall clock, in UTC.
pub(super) fn moment(micros: i64) -> String {
    match jiff::Timestamp::from_microsecond(micros) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => "no time at all".to_owned(),
    }
}

/// A count to draw or divide.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let found = [0, 850, 4_250, 42_500, 999_999, 1_300_000, 125_000_000].map(duration);
        assert_eq!(found, ["0", "850 µs", "4.25 ms", "42.5 ms", "1000 ms", "1.30 s", "2 min 05 s"]);
        assert_eq!(signed_duration(-1_300_000), "−1.30 s");
        assert_eq!([512, 2_048, 327_155_712].map(bytes), ["512 B", "2.00 KiB", "312 MiB"]);
        assert_eq!(moment(1_767_225_600_000_000), "2026-01-01 00:00:00 UTC");
    }

    #[test]
    fn foreign_text_is_no_markup() {
        assert_eq!(Escaped("<b a='1'>&\"\u{1}").to_string(), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;\u{fffd}");
    }
}
