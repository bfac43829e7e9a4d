//! The parameters of a simulated business.

use std::ops::RangeInclusive;

use chrono::{DateTime, Months};
use holdfast_features::Timestamp;

use crate::scenario::Scenario;

/// 2022-01-01: the default start of a simulated history.
pub const DEFAULT_START: Timestamp = Timestamp(1_640_995_200_000_000);

/// Largest number of accounts.
pub const MAX_ACCOUNTS: u32 = 1_000_000;
/// Shortest history in months: a monthly contract can be decided in it.
pub const MIN_MONTHS: u32 = 3;
/// Longest history in months.
pub const MAX_MONTHS: u32 = 240;
/// Largest factor on the number of usage events.
pub const MAX_USAGE_SCALE: f64 = 1_000.0;

/// What to simulate; [`Business::check`] makes it usable.
#[derive(Debug, Clone, PartialEq)]
pub struct Business {
    /// Accounts that sign a contract during the history, 1 to [`MAX_ACCOUNTS`].
    pub n_accounts: u32,
    /// Length of the history in months, [`MIN_MONTHS`] to [`MAX_MONTHS`].
    pub n_months: u32,
    /// Everything random follows from it.
    pub seed: u64,
    /// The first day of the business; its time of day is dropped.
    pub start: Timestamp,
    /// Factor on the number of usage events, above 0 to [`MAX_USAGE_SCALE`]; 1 is about 45 events an
    /// account and month.
    pub usage_scale: f64,
    /// In what it differs from the default business.
    pub scenario: Scenario,
}

impl Default for Business {
    fn default() -> Self {
        Self {
            n_accounts: 1_500,
            n_months: 30,
            seed: 1,
            start: DEFAULT_START,
            usage_scale: 1.0,
            scenario: Scenario::Default,
        }
    }
}

/// Parameters that are in range.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedBusiness {
    pub(crate) params: Business,
    /// The end of the history: nothing after it is known.
    pub(crate) until: Timestamp,
}

/// Why parameters describe no business.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParamError {
    /// Too few or too many accounts.
    #[error("{0} accounts: write a number from 1 to {MAX_ACCOUNTS}")]
    Accounts(u32),
    /// A history that is too short to decide a term, or too long.
    #[error("{0} months: write a number from {MIN_MONTHS} to {MAX_MONTHS}")]
    Months(u32),
    /// A usage scale that is no positive number in range.
    #[error("usage scale {0}: write a number above 0, at most {MAX_USAGE_SCALE}")]
    UsageScale(f64),
    /// A number of usage events that the accounts cannot make.
    #[error(
        "{0} usage events: these accounts and months make {fewest} to {most}; ask for another number of events, \
         accounts or months",
        fewest = .1.start(), most = .1.end()
    )]
    Events(u64, RangeInclusive<u64>),
    /// A history outside the years 1 to 9999.
    #[error("a history of {months} months from {start} leaves the years 1 to 9999: choose another start")]
    Start {
        /// The start asked for.
        start: Timestamp,
        /// The length asked for.
        months: u32,
    },
}

impl Business {
    /// The same parameters, known to be in range.
    ///
    /// # Errors
    /// One [`ParamError`] for the first parameter out of range.
    pub fn check(&self) -> Result<CheckedBusiness, ParamError> {
        if !(1..=MAX_ACCOUNTS).contains(&self.n_accounts) {
            return Err(ParamError::Accounts(self.n_accounts));
        }
        if !(MIN_MONTHS..=MAX_MONTHS).contains(&self.n_months) {
            return Err(ParamError::Months(self.n_months));
        }
        if !(self.usage_scale > 0.0 && self.usage_scale <= MAX_USAGE_SCALE) {
            return Err(ParamError::UsageScale(self.usage_scale));
        }
        let start = self.start.midnight();
        let outside = || ParamError::Start { start, months: self.n_months };
        // Terms and targets reach past the end by less than two years.
        checked_months_after(start, self.n_months + 24).ok_or_else(outside)?;
        let until = checked_months_after(start, self.n_months).ok_or_else(outside)?;
        Ok(CheckedBusiness { params: Self { start, ..self.clone() }, until })
    }
}

impl CheckedBusiness {
    /// The end of the history.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &Business {
        &self.params
    }
}

/// The same day and time of day `months` later; the last day of the month where that month is shorter.
/// `at` itself beyond the calendar, which [`Business::check`] rules out.
pub(crate) fn months_after(at: Timestamp, months: u32) -> Timestamp {
    checked_months_after(at, months).unwrap_or(at)
}

fn checked_months_after(at: Timestamp, months: u32) -> Option<Timestamp> {
    let later = DateTime::from_timestamp_micros(at.0)?.checked_add_months(Months::new(months))?;
    Timestamp::checked(later.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_each_parameter_out_of_range() {
        assert!(Business::default().check().is_ok());
        let bad = Business { n_accounts: 0, ..Business::default() };
        assert_eq!(bad.check(), Err(ParamError::Accounts(0)));
        let bad = Business { n_months: 2, ..Business::default() };
        assert_eq!(bad.check(), Err(ParamError::Months(2)));
        let bad = Business { usage_scale: 0.0, ..Business::default() };
        assert_eq!(bad.check(), Err(ParamError::UsageScale(0.0)));
        let bad = Business { usage_scale: f64::NAN, ..Business::default() };
        assert!(matches!(bad.check(), Err(ParamError::UsageScale(_))));
        let bad = Business { start: Timestamp(i64::MAX), ..Business::default() };
        assert!(matches!(bad.check(), Err(ParamError::Start { .. })));
    }

    #[test]
    fn months_end_on_the_last_day_of_a_short_month() {
        let day = |text| Timestamp::parse(text).unwrap();
        assert_eq!(months_after(day("2022-01-31"), 1), day("2022-02-28"));
        assert_eq!(months_after(day("2022-01-31"), 12), day("2023-01-31"));
    }

    #[test]
    fn the_default_start_is_new_year_2022() {
        assert_eq!(DEFAULT_START.to_string(), "2022-01-01");
    }
}
