//! Gradient and Hessian of each row as integers, so that sums are exact whatever their order.
//!
//! A sum of floats depends on the order in which it is taken, and a difference of two sums keeps their rounding
//! errors. Whole multiples of a unit chosen once per fit have neither flaw: a histogram is the same for any number
//! of threads, a parent less one child *is* the other child, and the number of rows comes along at no cost, in
//! the upper bits of the Hessian's word.

use rayon::prelude::*;

use crate::probability::sigmoid;

/// Rows whose slopes one task computes.
const BLOCK: usize = 1 << 14;
/// Adding and taking away 1.5 × 2^52 rounds a float below 2^51 to the nearest integer and leaves its bits in the
/// low ones.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Gradient, Hessian and number of some rows, as integers that [`Units`] reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    gradient: i64,
    /// The number of rows above the Hessian.
    packed: i64,
}

/// What one is worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Units {
    gradient: f64,
    hessian: f64,
    /// The bits of a Hessian.
    shift: u32,
}

/// Gradient and Hessian of the log loss of each row, in [`Units`].
#[derive(Debug)]
pub(crate) struct Slopes {
    units: Units,
    rows: Vec<Sums>,
}

impl Sums {
    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            gradient: self.gradient.wrapping_add(other.gradient),
            packed: self.packed.wrapping_add(other.packed),
        }
    }

    #[inline(always)]
    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            gradient: self.gradient.wrapping_sub(other.gradient),
            packed: self.packed.wrapping_sub(other.packed),
        }
    }

    /// Whether it is a sum of no rows.
    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.packed == 0
    }
}

impl Units {
    /// The finest units in which no sum over rows of these `weights` overflows: a row's gradient is at most its weight,
    /// its Hessian at most a quarter of it.
    fn of(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let largest = weights.iter().copied().fold(0.0, f64::max);
        let shift = 63 - (usize::BITS - weights.len().leading_zeros());
        // 2^50 a row is what rounding by addition can bear; half of the range is left for what rounding adds.
        let of_row = 50 - exponent(largest);
        let of_hessian = i32::try_from(shift).unwrap_or(0) + 1 - exponent(total);
        let unit = |bits: i32| 2.0_f64.powi(-of_row.min(bits).clamp(-1_000, 1_000));
        Self { gradient: unit(61 - exponent(total)), hessian: unit(of_hessian), shift }
    }

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "a sum is read to 53 bits")]
    pub(crate) fn gradient(self, sums: Sums) -> f64 {
        sums.gradient as f64 * self.gradient
    }

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "a sum is read to 53 bits")]
    pub(crate) fn hessian(self, sums: Sums) -> f64 {
        (sums.packed & ((1 << self.shift) - 1)) as f64 * self.hessian
    }

    /// The number of rows.
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "counts are never negative")]
    pub(crate) fn rows(self, sums: Sums) -> u64 {
        (sums.packed >> self.shift) as u64
    }
}

impl Slopes {
    /// Room for rows of these weights.
    pub(crate) fn new(weights: &[f64]) -> Self {
        Self { units: Units::of(weights), rows: vec![Sums::default(); weights.len()] }
    }

    /// The slopes of the log loss at `margins`.
    pub(crate) fn set(&mut self, margins: &[f64], labels: &[f64], weights: &[f64]) {
        let Units { gradient, hessian, shift } = self.units;
        let (per_gradient, per_hessian) = (gradient.recip(), hessian.recip());
        let rows = self.rows.par_chunks_mut(BLOCK).zip(margins.par_chunks(BLOCK));
        rows.zip(labels.par_chunks(BLOCK).zip(weights.par_chunks(BLOCK))).for_each(
            |((rows, margins), (labels, weights))| {
                for (((row, &margin), &label), &weight) in
                    rows.iter_mut().zip(margins).zip(labels).zip(weights)
                {
                    let probability = sigmoid(margin);
                    *row = Sums {
                        gradient: rounded(weight * (probability - label) * per_gradient),
                        packed: (1 << shift)
                            + rounded(weight * probability * (1.0 - probability) * per_hessian),
                    };
                }
            },
        );
    }

    pub(crate) fn units(&self) -> Units {
        self.units
    }

    /// A row each.
    pub(crate) fn rows(&self) -> &[Sums] {
        &self.rows
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_wrap, reason = "the difference of two close bit patterns is a small number")]
fn rounded(value: f64) -> i64 {
    (value + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i64
}

/// The smallest power of two above `value`, a positive normal number.
fn exponent(value: f64) -> i32 {
    ((value.to_bits() >> 52) & 0x7ff) as i32 - 1022
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_are_exact_in_any_order_and_close_to_those_of_floats(
            rows in prop::collection::vec((-6.0..6.0_f64, any::<bool>(), 1e-3..1e3_f64), 1..200),
            cut in any::<prop::sample::Index>(),
        ) {
            let margins: Vec<f64> = rows.iter().map(|row| row.0).collect();
            let labels: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.1))).collect();
            let weights: Vec<f64> = rows.iter().map(|row| row.2).collect();
            let mut slopes = Slopes::new(&weights);
            slopes.set(&margins, &labels, &weights);
            let sum = |rows: &[Sums]| rows.iter().rev().fold(Sums::default(), |sum, row| sum.plus(*row));
            let all = sum(slopes.rows());
            let (some, rest) = slopes.rows().split_at(cut.index(rows.len()));
            prop_assert_eq!(all.minus(sum(some)), sum(rest));
            let units = slopes.units();
            prop_assert_eq!(units.rows(all), rows.len() as u64);
            prop_assert_eq!(sum(&[]).is_empty(), true);
            let (mut gradient, mut hessian) = (0.0, 0.0);
            for ((margin, label), weight) in margins.iter().zip(&labels).zip(&weights) {
                let probability = sigmoid(*margin);
                gradient += weight * (probability - label);
                hessian += weight * probability * (1.0 - probability);
            }
            let total: f64 = weights.iter().sum();
            prop_assert!((units.gradient(all) - gradient).abs() < 1e-9 * total);
            prop_assert!((units.hessian(all) - hessian).abs() < 1e-9 * total);
        }
    }

    #[test]
    fn extreme_weights_stay_in_range() {
        for weights in [[1e-300; 3], [1e300; 3], [1e-300, 1.0, 1e300]] {
            let mut slopes = Slopes::new(&weights);
            slopes.set(&[0.0; 3], &[0.0, 1.0, 1.0], &weights);
            let sum = slopes.rows().iter().fold(Sums::default(), |sum, row| sum.plus(*row));
            let units = slopes.units();
            assert_eq!(units.rows(sum), 3);
            assert!(units.gradient(sum).is_finite() && units.hessian(sum) >= 0.0);
        }
    }
}
