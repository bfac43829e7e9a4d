//! The few distributions that the simulation draws from.

use holdfast_features::{DAY, Timestamp};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Poisson, StandardNormal};

/// One second in microseconds.
const SECOND: f64 = 1e6;

pub(crate) fn normal(rng: &mut impl Rng) -> f64 {
    StandardNormal.sample(rng)
}

pub(crate) fn chance(rng: &mut impl Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

pub(crate) fn between(rng: &mut impl Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// Log-normal with the given median; `sd` is that of the logarithm.
pub(crate) fn log_normal(rng: &mut impl Rng, median: f64, sd: f64) -> f64 {
    median * (sd * normal(rng)).exp()
}

/// A Poisson count; 0 where `mean` is not positive.
pub(crate) fn count(rng: &mut impl Rng, mean: f64) -> u32 {
    Poisson::new(mean).map_or(0, |poisson| whole(poisson.sample(rng)))
}

/// One of `items`, which must not be empty.
pub(crate) fn pick<T: Copy>(rng: &mut impl Rng, items: &[T]) -> T {
    items[rng.random_range(0..items.len())]
}

pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Rounded down to a whole number, 0 where negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float casts saturate, as meant here"
)]
pub(crate) fn whole(x: f64) -> u32 {
    x as u32
}

/// Rounded to cents.
pub(crate) fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

/// `days` after `at`, to the second.
#[expect(
    clippy::cast_possible_truncation,
    reason = "float casts saturate, and a history spans decades at most"
)]
pub(crate) fn later(at: Timestamp, days: f64) -> Timestamp {
    let seconds = (days * (DAY as f64 / SECOND)).round();
    at + (seconds * SECOND) as i64
}

/// A moment of the seven days from `week_start`, mostly in working hours of a working day.
pub(crate) fn moment_of_week(rng: &mut impl Rng, week_start: Timestamp) -> Timestamp {
    let mut day = week_start.plus_days(rng.random_range(0..7));
    if is_weekend(day) && chance(rng, 0.8) {
        day = week_start.plus_days(rng.random_range(0..7));
    }
    let hour = (13.0 + 3.0 * normal(rng)).clamp(0.0, 23.99);
    later(day, hour / 24.0)
}

/// When a fact of `at` becomes known: mostly within the hour, a tenth hours later, some weeks later.
pub(crate) fn known_after(rng: &mut impl Rng, at: Timestamp) -> Timestamp {
    let kind: f64 = rng.random();
    let days = if kind < 0.86 {
        between(rng, 0.0, 1.0 / 24.0)
    } else if kind < 0.96 {
        between(rng, 1.0 / 24.0, 2.0)
    } else {
        between(rng, 2.0, 21.0)
    };
    later(at, days)
}

fn is_weekend(day: Timestamp) -> bool {
    // 1970-01-01 was a Thursday.
    matches!((day.day() + 4).rem_euclid(7), 0 | 6)
}
