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

/// The sum in the order given; 0 of nothing, where the standard library's is −0.
pub(super) fn total(values: impl Iterator<Item = f64>) -> f64 {
    values.sum::<f64>() + 0.0
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

/// The rows of `facts`, sorted by their knowledge time `visible_at`, that may have happened within the last
/// `days`: nothing is known before it happens. Windows look at these alone.
pub(super) fn recent<T>(
    facts: &[T],
    as_of: Timestamp,
    days: i64,
    visible_at: impl Fn(&T) -> Timestamp,
) -> &[T] {
    let start = as_of.plus_days(-days);
    &facts[facts.partition_point(|one| visible_at(one) < start)..]
}

/// The slope of the least-squares line through `points` (x, y); NaN for fewer than three, or all at one x.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    if points.len() < 3 {
        return f64::NAN;
    }
    let [mean_x, mean_y] =
        [mean(points.iter().map(|point| point.0)), mean(points.iter().map(|point| point.1))];
    let product: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let square: f64 = points.iter().map(|(x, _)| (x - mean_x) * (x - mean_x)).sum();
    ratio(product, square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line_and_needs_three_points() {
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).to_bits(), 2.0_f64.to_bits());
        assert!(slope(&[(0.0, 1.0), (1.0, 3.0)]).is_nan());
        assert!(slope(&[(1.0, 1.0), (1.0, 3.0), (1.0, 4.0)]).is_nan());
    }

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
