//! Windows of time before an observation, and the few statistics taken over them.

use std::ops::Range;

use crate::time::Timestamp;

/// Whether `time` lies from `days.end` to `days.start` days before `as_of`: `0..28` is the last 28 days.
pub(super) fn is_within(time: Timestamp, as_of: Timestamp, days: &Range<i64>) -> bool {
    as_of.plus_days(-days.end) <= time && time < as_of.plus_days(-days.start)
}

/// Days since the latest of `times` before `as_of`; NaN where there is none.
pub(super) fn days_since(as_of: Timestamp, times: impl Iterator<Item = Timestamp>) -> f64 {
    times.filter(|&time| time < as_of).max().map_or(f64::NAN, |latest| as_of.days_since(latest))
}

/// The number of items, as a feature.
pub(super) fn count(items: impl Iterator) -> f64 {
    number(items.count())
}

/// A count as a feature.
#[expect(clippy::cast_precision_loss, reason = "counts of facts are far below 2^53")]
pub(super) fn number(count: usize) -> f64 {
    count as f64
}

/// A condition as a feature.
pub(super) fn flag(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

/// `part / whole`; NaN where the whole is 0 or either is unknown.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { f64::NAN } else { part / whole }
}

/// The mean in the order given; NaN where there is nothing.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
    ratio(sum, f64::from(n))
}

/// The median; NaN where there is nothing.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_nothing_are_missing() {
        assert!(mean(std::iter::empty()).is_nan());
        assert!(median(std::iter::empty()).is_nan());
        assert!(ratio(1.0, 0.0).is_nan());
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()).to_bits(), 2.5_f64.to_bits());
    }

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let as_of = Timestamp(0).plus_days(100);
        assert!(is_within(as_of.plus_days(-28), as_of, &(0..28)));
        assert!(!is_within(as_of, as_of, &(0..28)));
        assert!(!is_within(as_of.plus_days(-28), as_of, &(28..56)));
    }
}
