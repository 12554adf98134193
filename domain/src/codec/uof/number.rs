//! Numbers as the feed writes them, read without floats: `2.08` is 2080 thousandths, `8.97094E-4` is 897 millionths,
//! `75:02` is 4502 seconds.

use jiff::tz::TimeZone;

use crate::Timestamp;
use crate::id::Name;
use crate::limit::{TIME_END_MICROS, TIME_MIN_MICROS};

/// A text that is not the number it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {expected}")]
pub(super) struct NumberError {
    found: String,
    expected: &'static str,
}

fn wrong(found: &str, expected: &'static str) -> NumberError {
    NumberError { found: found.to_owned(), expected }
}

/// What becomes of what is smaller than the unit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// It is cut: odds are never better than they were told.
    Down,
    /// Half a unit counts as one.
    HalfUp,
    /// There must be none.
    Exact,
}

/// A number of at least nought in units of 10^-`places`.
pub(super) fn decimal(text: &str, places: i32, rounding: Rounding) -> Result<u32, NumberError> {
    let error = || wrong(text, "a decimal number within its limits");
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().map_err(|_| error())?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return Err(error());
    }
    // How many of all digits stand before the point once it has moved by the exponent and the places.
    let digits = || whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0');
    let before = i64::try_from(whole.len()).map_err(|_| error())? + i64::from(exponent) + i64::from(places);
    let kept = usize::try_from(before).unwrap_or(0);
    let mut units: u32 = 0;
    for digit in digits().chain(std::iter::repeat(0)).take(kept) {
        units = units.checked_mul(10).and_then(|units| units.checked_add(digit.into())).ok_or_else(error)?;
    }
    let rest = || digits().skip(kept);
    match rounding {
        Rounding::Exact if rest().any(|digit| digit > 0) => Err(error()),
        Rounding::HalfUp if before >= 0 && rest().next().is_some_and(|digit| digit >= 5) => {
            units.checked_add(1).ok_or_else(error)
        }
        _ => Ok(units),
    }
}

/// A producer's number, from 1 to 65535, which is its name here.
pub(super) fn product(text: &str) -> Result<Name, NumberError> {
    let is_written_so = |number: &u16| *number > 0 && number.to_string() == text;
    let number = text.parse().ok().filter(is_written_so);
    number
        .and_then(|_| Name::new(text).ok())
        .ok_or_else(|| wrong(text, "the number of a producer, from 1 to 65535"))
}

/// Milliseconds since the Unix epoch.
pub(super) fn time(text: &str) -> Result<Timestamp, NumberError> {
    let error = || wrong(text, "a time in milliseconds since 1970");
    let micros = text.parse::<u64>().ok().and_then(|millis| millis.checked_mul(1_000));
    micros.and_then(|micros| i64::try_from(micros).ok()).map(Timestamp).ok_or_else(error)
}

/// When a message was made. In seconds it would be of 1970, and everything known would outweigh it: so it is refused.
pub(super) fn made_at(text: &str) -> Result<Timestamp, NumberError> {
    let at = time(text)?;
    let is_in_seconds = (TIME_MIN_MICROS..TIME_END_MICROS).contains(&at.0.saturating_mul(1_000));
    if is_in_seconds {
        Err(wrong(text, "a time in milliseconds since 1970; it looks like seconds"))
    } else {
        Ok(at)
    }
}

/// A date with its time, as the API writes it: `2019-05-08T19:00:00+00:00`; without an offset it is UTC.
pub(super) fn date(text: &str) -> Result<Timestamp, NumberError> {
    let utc = |date: jiff::civil::DateTime| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let date = text.parse().or_else(|_| text.parse().and_then(utc));
    let date = date.map_err(|_| wrong(text, "a date with its time, such as `2019-05-08T19:00:00+00:00`"))?;
    Ok(Timestamp(jiff::Timestamp::as_microsecond(date)))
}

/// Seconds, of minutes and seconds: `m:ss`.
pub(super) fn seconds(text: &str) -> Result<u32, NumberError> {
    let error = || wrong(text, "a time of the form `m:ss`");
    let (minutes, seconds) = text.split_once(':').ok_or_else(error)?;
    let seconds: u32 = seconds.parse().ok().filter(|seconds| *seconds < 60).ok_or_else(error)?;
    let minutes: u32 = minutes.parse().map_err(|_| error())?;
    minutes.checked_mul(60).and_then(|whole| whole.checked_add(seconds)).ok_or_else(error)
}

/// `true`, `1`, `false` or `0`.
pub(super) fn flag(text: &str) -> Result<bool, NumberError> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(wrong(other, "`true`, `1`, `false` or `0`")),
    }
}

/// A code: an integer, which may be negative.
pub(super) fn code(text: &str) -> Result<i32, NumberError> {
    text.parse().map_err(|_| wrong(text, "a code, which is an integer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_without_floats() {
        let odds = |text| decimal(text, 3, Rounding::Down).ok();
        assert_eq!(odds("2.08"), Some(2_080));
        assert_eq!(odds("200.0"), Some(200_000));
        assert_eq!(odds("1"), Some(1_000));
        assert_eq!(odds("1.9999"), Some(1_999));
        assert_eq!(odds("1.5E1"), Some(15_000));
        assert_eq!(odds("4294967.295"), Some(u32::MAX));
        for wrong in ["", ".", "-1", "1.2.3", "1e", "1e99999", "NaN", "4294967.296", "1,5", " 1"] {
            assert_eq!(odds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn probabilities_are_rounded_to_the_next_millionth() {
        let share = |text| decimal(text, 6, Rounding::HalfUp).ok();
        assert_eq!(share("8.97094E-4"), Some(897));
        assert_eq!(share("5.197142E-4"), Some(520));
        assert_eq!(share("7.2E-9"), Some(0));
        assert_eq!(share("9.9E-7"), Some(1));
        assert_eq!(share("9.9E-8"), Some(0));
        assert_eq!(share("0.2856245565"), Some(285_625));
        assert_eq!(share("1.0"), Some(1_000_000));
        assert_eq!(share("1E-32768"), Some(0));
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        assert_eq!(decimal("2.0", 0, Rounding::Exact), Ok(2));
        assert!(decimal("2.5", 0, Rounding::Exact).is_err());
    }

    #[test]
    fn a_producer_is_a_number_that_is_written_in_one_way() {
        for number in ["1", "3", "65535"] {
            assert_eq!(product(number).unwrap().as_str(), number);
        }
        for wrong in ["", "0", "01", "+1", "-1", "1.0", "abc", "65536", "99999999999"] {
            assert!(product(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_clock_shows_minutes_and_seconds() {
        assert_eq!(seconds("75:02"), Ok(4_502));
        assert_eq!(seconds("0:00"), Ok(0));
        for wrong in ["75", "1:60", ":", "1:2:3", "-1:00", "99999999:00"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_date_without_an_offset_is_utc() {
        let at = Ok(Timestamp(1_557_342_000_000_000));
        assert_eq!(date("2019-05-08T19:00:00+00:00"), at);
        assert_eq!(date("2019-05-08T21:00:00+02:00"), at);
        assert_eq!(date("2019-05-08T19:00:00"), at);
        assert!(date("2019-05-08 at seven").is_err() && date("1557342000").is_err());
    }

    #[test]
    fn times_are_microseconds_afterwards() {
        assert_eq!(time("1234"), Ok(Timestamp(1_234_000)));
        assert_eq!(time("1547538073717"), Ok(Timestamp(1_547_538_073_717_000)));
        assert!(time("18446744073709551615").is_err() && time("-1").is_err());
    }
}
