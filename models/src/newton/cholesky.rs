//! Linear equations with a symmetric, positive definite matrix, by Cholesky's factor in blocks.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayViewMut2, Slice};

/// Columns that are factored before the rest hears of them.
const PANEL: usize = 64;

/// The lower triangle L of a matrix L·Lᵀ, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factor {
    lower: Vec<f64>,
    order: usize,
}

impl Factor {
    /// Factors a symmetric matrix, row-major, `order × order`, of which the lower triangle is read. `None` where it is
    /// not positive definite.
    pub(super) fn of(mut matrix: Vec<f64>, order: usize) -> Option<Self> {
        for first in (0..order).step_by(PANEL) {
            let end = order.min(first + PANEL);
            factor(&mut matrix, order, first..end)?;
            subtract(&mut matrix, order, first..end);
        }
        Some(Self { lower: matrix, order })
    }

    /// The x with matrix · x = `right`; `None` where numbers overflow.
    pub(super) fn solve(&self, right: &[f64]) -> Option<Vec<f64>> {
        let Self { lower, order } = self;
        let mut x = right.to_vec();
        for i in 0..*order {
            let known = dot(&lower[i * order..i * order + i], &x[..i]);
            x[i] = (x[i] - known) / lower[i * order + i];
        }
        for i in (0..*order).rev() {
            x[i] /= lower[i * order + i];
            let solved = x[i];
            for (x, factor) in x[..i].iter_mut().zip(&lower[i * order..i * order + i]) {
                *x -= solved * factor;
            }
        }
        x.iter().all(|value| value.is_finite()).then_some(x)
    }
}

/// The sum of products in eight parts: one after the other they would wait for each other.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, rest_of_a) = a.as_chunks::<8>();
    let (b, rest_of_b) = b.as_chunks::<8>();
    let mut parts = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (part, (a, b)) in parts.iter_mut().zip(a.iter().zip(b)) {
            *part += a * b;
        }
    }
    let rest: f64 = rest_of_a.iter().zip(rest_of_b).map(|(a, b)| a * b).sum();
    parts.iter().sum::<f64>() + rest
}

/// The columns `panel` of the factor, from which all columns before have been subtracted.
fn factor(matrix: &mut [f64], order: usize, panel: Range<usize>) -> Option<()> {
    for i in panel.start..order {
        for j in panel.start..panel.end.min(i + 1) {
            let of = |row: usize| &matrix[row * order + panel.start..row * order + j];
            let rest = matrix[i * order + j] - dot(of(i), of(j));
            matrix[i * order + j] = if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / matrix[j * order + j]
            };
        }
    }
    Some(())
}

/// Subtracts from what lies right of and below `panel` what its columns of the factor explain of it.
fn subtract(matrix: &mut [f64], order: usize, panel: Range<usize>) {
    let Ok(mut matrix) = ArrayViewMut2::from_shape((order, order), matrix) else { return };
    let (rest, columns) = (Slice::from(panel.end..), Slice::from(panel));
    let explained =
        matrix.slice_axis(ndarray::Axis(0), rest).slice_axis(ndarray::Axis(1), columns).to_owned();
    let mut below = matrix.slice_axis_mut(ndarray::Axis(0), rest);
    let mut left = below.slice_axis_mut(ndarray::Axis(1), rest);
    general_mat_mul(-1.0, &explained, &explained.t(), 1.0, &mut left);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_of_several_panels_are_solved() {
        let order = 2 * PANEL + 21;
        let wave = |i: usize, j: usize| ((i * 31 + j * 17) as f64).sin();
        let mut matrix = vec![0.0; order * order];
        for i in 0..order {
            for j in 0..order {
                matrix[i * order + j] = (0..order).map(|k| wave(i, k) * wave(j, k)).sum();
            }
            matrix[i * order + i] += 1.0;
        }
        let right: Vec<f64> = (0..order).map(|i| wave(i, 3)).collect();
        let x = Factor::of(matrix.clone(), order).unwrap().solve(&right).unwrap();
        for (row, right) in matrix.chunks_exact(order).zip(&right) {
            assert!((dot(row, &x) - right).abs() < 1e-9);
        }
        matrix[(order - 1) * order + order - 1] = -1.0;
        assert_eq!(Factor::of(matrix, order), None, "not positive definite");
    }
}
