//! Points in time as text: RFC 3339 in UTC with milliseconds, so that text order is time order.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time. `Display` is `2026-01-02T03:04:05.678Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(Duration);

const DAY: u64 = 86_400;

impl Time {
    /// Now.
    #[must_use]
    pub fn now() -> Time {
        Time(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }

    /// So long before this.
    #[must_use]
    pub fn before(self, span: Duration) -> Time {
        Time(self.0.saturating_sub(span))
    }

    /// Reads `2026-01-02`, `2026-01-02T03:04`, `2026-01-02T03:04:05` or with fractions and `Z`: UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Time> {
        let text = text.strip_suffix('Z').unwrap_or(text);
        let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
        let [year, month, day] = numbers(date, '-')?;
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let seconds = if clock.matches(':').count() == 1 {
            format!("{clock}:00")
        } else {
            clock.to_owned()
        };
        let [hour, minute, second] = numbers(&seconds, ':')?;
        let in_range = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && (1970..10_000).contains(&year)
            && hour < 24
            && minute < 60
            && second < 61
            && fraction.bytes().all(|digit| digit.is_ascii_digit());
        if !in_range {
            return None;
        }
        let days = days_before(year, month) + day - 1;
        let whole = Duration::from_secs(days * DAY + hour * 3600 + minute * 60 + second);
        let fraction = format!("0.{fraction}").parse().ok()?;
        Some(Time(whole + Duration::from_secs_f64(fraction)))
    }
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let parts: Vec<u64> = text
        .split(separator)
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    parts.try_into().ok()
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of the month; zero for earlier years.
fn days_before(year: u64, month: u64) -> u64 {
    let years: u64 = (1970..year).map(|y| 365 + u64::from(is_leap(y))).sum();
    let months: u64 = (1..month).map(|m| days_in(year, m)).sum();
    years + months
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut days, clock) = (self.0.as_secs() / DAY, self.0.as_secs() % DAY);
        let mut year = 1970;
        while days >= 365 + u64::from(is_leap(year)) {
            days -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let mut month = 1;
        while days >= days_in(year, month) {
            days -= days_in(year, month);
            month += 1;
        }
        write!(
            f,
            "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            days + 1,
            clock / 3600,
            clock / 60 % 60,
            clock % 60,
            self.0.subsec_millis()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for text in [
            "1970-01-01T00:00:00.000Z",
            "2000-02-29T23:59:59.999Z",
            "2024-12-31T12:00:00.001Z",
            "2026-03-01T00:00:00.500Z",
            "2100-03-01T00:00:00.000Z",
        ] {
            assert_eq!(Time::parse(text).unwrap().to_string(), text);
        }
        let at = |seconds| Time(Duration::from_secs(seconds)).to_string();
        assert_eq!(at(951_827_696), "2000-02-29T12:34:56.000Z");
        assert_eq!(at(1_767_225_600), "2026-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_short_time_is_read_and_nonsense_is_not() {
        let long = |text: &str| Time::parse(text).map(|time| time.to_string());
        assert_eq!(long("2026-01-02").unwrap(), "2026-01-02T00:00:00.000Z");
        assert_eq!(
            long("2026-01-02 03:04").unwrap(),
            "2026-01-02T03:04:00.000Z"
        );
        for text in [
            "",
            "today",
            "2026-13-01",
            "2026-01-00",
            "2026-01-02T25:00",
            "1960-01-01",
            "2026-01-02T03:04:05.x",
        ] {
            assert_eq!(long(text), None, "{text}");
        }
    }
}
