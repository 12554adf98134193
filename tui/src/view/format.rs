//! Numbers, short enough for a column and never more exact than they are.

use std::time::Duration;

use crate::theme::Theme;

/// What stands where nothing is known.
pub(super) fn none(theme: &Theme) -> &'static str {
    theme.sign("–", "-")
}

/// A number with three or four digits that count: `0`, `3.2`, `312`, `9876`, `12.3k`, `1.23M`; what is whole, as counts are, as `7`.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        ..0.05 => "<0.1".to_owned(),
        ..9.95 if value.fract() != 0.0 => format!("{value:.1}"),
        ..9_999.5 => format!("{value:.0}"),
        ..999_950.0 => format!("{:.1}k", value / 1e3),
        ..999_995_000.0 => format!("{:.2}M", value / 1e6),
        _ => format!("{:.1}G", value / 1e9),
    }
}

/// A number with its sign: `+12.0`, `-3.2`.
pub(super) fn signed(value: f64) -> String {
    let rounded = if value.abs() < 0.05 { 0.0 } else { value };
    let sign = if rounded > 0.0 { "+" } else { "" };
    format!("{sign}{}", number(rounded))
}

/// A latency: `0.4ms`, `12ms`, `1.2s`, `75s`; hours and days where something is as old as that: `3h`, `12d`.
pub(super) fn seconds(value: f64) -> String {
    match value * 1e3 {
        ..9.95 => format!("{:.1}ms", value * 1e3),
        ..999.5 => format!("{:.0}ms", value * 1e3),
        ..9_950.0 => format!("{value:.1}s"),
        ..3_600_000.0 => format!("{value:.0}s"),
        ..360_000_000.0 => format!("{:.0}h", value / 3_600.0),
        _ => format!("{:.0}d", value / 86_400.0),
    }
}

/// So many of something whose plural ends with an s.
pub(super) fn count(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Bytes: `312 B`, `1.2 MB`.
pub(super) fn bytes(value: f64) -> String {
    match value.abs() {
        ..999.5 => format!("{value:.0} B"),
        ..999_950.0 => format!("{:.1} kB", value / 1e3),
        ..999_950_000.0 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.1} GB", value / 1e9),
    }
}

/// A span of time in its two largest units: `45s`, `3m 20s`, `2h 5m`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{seconds}s")
    } else if seconds < 3_600 {
        format!("{}m {}s", seconds / 60, seconds % 60)
    } else {
        format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60)
    }
}

/// A time in a run, in minutes and seconds: `0:42`, `61:05`.
pub(super) fn minute(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
    let seconds = seconds as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The time of day of so many microseconds since the Unix epoch, UTC: `13:35Z`.
pub(super) fn day_time(micros: u64) -> String {
    let minutes = micros / 60_000_000 % 1_440;
    format!("{:02}:{:02}Z", minutes / 60, minutes % 60)
}

/// The game clock: `12:07`.
pub(super) fn clock(seconds: u32) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Odds as they are read aloud: `1.85`, and `1.855` where that counts.
pub(super) fn odds(odds: domain::Odds) -> String {
    let thousandths = odds.thousandths();
    match thousandths {
        100_000.. => (thousandths / 1_000).to_string(),
        _ if thousandths.is_multiple_of(10) => {
            format!("{}.{:02}", thousandths / 1_000, thousandths % 1_000 / 10)
        }
        _ => odds.to_string(),
    }
}

/// What happened so many microseconds before: `0.4ms`, or nothing where the clocks disagree.
pub(super) fn between(earlier: u64, later: u64) -> Option<String> {
    later.checked_sub(earlier).map(|micros| seconds(micros as f64 / 1e6))
}

/// The text in at most `width` columns, with an ellipsis where it was cut.
pub(super) fn fit(text: &str, width: usize, theme: &Theme) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let (mut fitting, mut used) = (String::new(), 0);
    for character in text.chars() {
        used += columns(character.encode_utf8(&mut [0; 4]));
        // The ellipsis takes one.
        if used + 1 > width {
            break;
        }
        fitting.push(character);
    }
    if width > 0 { fitting + theme.sign("…", ".") } else { fitting }
}

/// The text in pieces of at most `width` columns; one at least. They end between words, but for words that would leave more than
/// half of a piece empty.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let (mut pieces, mut piece, mut used) = (Vec::new(), String::new(), 0);
    for character in text.chars() {
        let wide = columns(character.encode_utf8(&mut [0; 4]));
        if used + wide > width.max(1) {
            let space = piece.rfind(' ').filter(|space| columns(&piece[..*space]) > width / 2);
            let rest = match space {
                // The space that it ends with is seen by nobody.
                _ if character == ' ' => String::new(),
                Some(space) => piece.split_off(space).split_off(1),
                None => String::new(),
            };
            used = columns(&rest);
            pieces.push(std::mem::replace(&mut piece, rest));
            if character == ' ' {
                continue;
            }
        }
        piece.push(character);
        used += wide;
    }
    pieces.push(piece);
    pieces
}

/// How many columns the text takes.
fn columns(text: &str) -> usize {
    ratatui::text::Span::raw(text).width()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Palette;

    #[test]
    fn numbers_stay_short() {
        let all = [0.0, 0.01, 3.21, 7.0, 9.96, 312.4, 9_876.0, 12_345.0, 999_960.0, 1_234_567.0];
        assert_eq!(
            all.map(number),
            ["0", "<0.1", "3.2", "7", "10", "312", "9876", "12.3k", "1.00M", "1.23M"]
        );
        assert_eq!([0.0004, 0.0123, 1.24, 75.2].map(seconds), ["0.4ms", "12ms", "1.2s", "75s"]);
        assert_eq!([9_000.0, 1_795_336_954.0].map(seconds), ["2h", "20779d"]);
        assert_eq!([0, 1, 2].map(|games| count(games, "game")), ["0 games", "1 game", "2 games"]);
        assert_eq!([12.0, -3.2, 0.01].map(signed), ["+12", "-3.2", "0"]);
        assert_eq!([312.0, 1_234_000.0].map(bytes), ["312 B", "1.2 MB"]);
        assert_eq!([45, 200, 7_500].map(|time| span(Duration::from_secs(time))), ["45s", "3m 20s", "2h 5m"]);
    }

    #[test]
    fn odds_keep_a_thousandth_that_counts() {
        let text = |thousandths| odds(domain::Odds::from_thousandths(thousandths).expect("odds"));
        assert_eq!([1_850, 1_855, 21_000, 501_000].map(text), ["1.85", "1.855", "21.00", "501"]);
    }

    #[test]
    fn wide_letters_count_twice() {
        let theme = Theme::new(Palette::None, false);
        assert_eq!(fit("東京ヴェルディ", 7, &theme), "東京ヴ…");
        assert_eq!(fit("Harriers", 8, &theme), "Harriers");
        assert_eq!(fit("Harriers", 5, &theme), "Harr…");
        assert_eq!(wrap("東京ヴェルディ", 5), ["東京", "ヴェ", "ルデ", "ィ"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn lines_end_between_words_where_that_leaves_no_large_gap() {
        assert_eq!(wrap("one word after another", 9), ["one word", "after", "another"]);
        assert_eq!(wrap("one word", 8), ["one word"]);
        assert_eq!(wrap("one word more", 8), ["one word", "more"]);
        assert_eq!(wrap("a /very/long/path", 8), ["a /very/", "long/pat", "h"]);
    }
}
