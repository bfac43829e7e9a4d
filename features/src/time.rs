//! Points in time: UTC, microseconds since the Unix epoch.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One day in microseconds.
pub const DAY: i64 = 86_400_000_000;

/// A UTC point in time, in microseconds since 1970-01-01.
///
/// Written and read as RFC 3339 text, in binary formats as the number; a date alone means midnight UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Text that is neither a date, an RFC 3339 time nor epoch seconds or milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time: write a date (2025-03-31) or an RFC 3339 time (2025-03-31T12:00:00Z)")]
pub struct NotATime(pub String);

/// Epoch numbers above this are milliseconds, below it seconds (the year 5138 in seconds).
const LARGEST_EPOCH_SECONDS: i64 = 100_000_000_000;

impl Timestamp {
    /// Reads a date, an RFC 3339 time (a space may stand for the `T`, the offset may lack its colon, no offset
    /// means UTC) or epoch seconds/milliseconds.
    ///
    /// # Errors
    /// [`NotATime`] with the text.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        let text = text.trim();
        let bad = || NotATime(text.to_owned());
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            let midnight = date.and_hms_opt(0, 0, 0).ok_or_else(bad)?;
            return Ok(Self(midnight.and_utc().timestamp_micros()));
        }
        if let Ok(number) = text.parse::<i64>() {
            return Self::from_epoch(number).ok_or_else(bad);
        }
        let with_offset = DateTime::parse_from_rfc3339(text)
            .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
            .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%z"));
        if let Ok(time) = with_offset {
            return Ok(Self(time.timestamp_micros()));
        }
        let without_offset = text.strip_suffix('Z').unwrap_or(text);
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(without_offset, format).ok())
            .map(|time| Self(time.and_utc().timestamp_micros()))
            .ok_or_else(bad)
    }

    /// Epoch seconds or milliseconds, told apart by size; `None` outside the years 1 to 9999.
    #[must_use]
    pub fn from_epoch(number: i64) -> Option<Self> {
        let micros = if number.abs() < LARGEST_EPOCH_SECONDS {
            number.checked_mul(1_000_000)?
        } else {
            number.checked_mul(1_000)?
        };
        Self::checked(micros)
    }

    /// Microseconds since the epoch; `None` outside the years 1 to 9999.
    #[must_use]
    pub fn checked(micros: i64) -> Option<Self> {
        const YEAR_1: i64 = -62_135_596_800_000_000;
        const YEAR_10000: i64 = 253_402_300_800_000_000;
        (YEAR_1..YEAR_10000).contains(&micros).then_some(Self(micros))
    }

    /// `days` later (earlier when negative).
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(DAY)))
    }

    /// Days from `earlier` to `self`, with their fraction; negative when `earlier` is later.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "spans of a history are far below 2^53 microseconds")]
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / DAY as f64
    }

    /// The number of whole UTC days since 1970-01-01.
    #[must_use]
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// Midnight UTC of this day.
    #[must_use]
    pub fn midnight(self) -> Self {
        Self(self.day() * DAY)
    }
}

impl Add<i64> for Timestamp {
    type Output = Self;
    /// Adds microseconds.
    fn add(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl Sub for Timestamp {
    type Output = i64;
    /// Microseconds between two times.
    fn sub(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.0) {
            Some(time) if self.0.rem_euclid(DAY) == 0 => write!(f, "{}", time.format("%Y-%m-%d")),
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{} microseconds", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_accepted_form() {
        let noon = Timestamp(1_743_422_400_000_000);
        for text in [
            "2025-03-31T12:00:00Z",
            "2025-03-31 12:00:00",
            "2025-03-31T14:00:00+02:00",
            "2025-03-31T12:00:00.000+0000",
            "2025-03-31T07:00:00-0500",
            "2025-03-31 17:30:00+0530",
            "1743422400",
            "1743422400000",
        ] {
            assert_eq!(Timestamp::parse(text), Ok(noon), "{text}");
        }
        assert_eq!(Timestamp::parse("2025-03-31"), Ok(noon.midnight()));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["", "soon", "2025-02-30", "31/03/2025", "9999999999999999999", "2025-03-31T12:00:00+2"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_it_writes_it_reads() {
        for micros in [0, 1, -1, 1_743_422_400_000_000, 1_743_422_400_123_456] {
            assert_eq!(Timestamp::parse(&Timestamp(micros).to_string()), Ok(Timestamp(micros)));
        }
    }
}
