//! Weighted, ridge-penalised logistic regression by Newton's method, for few columns: the calibrators,
//! and the last steps of the logistic learner.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayViewMut2, Axis, Slice};

use crate::encode::Order;
use crate::probability::{sigmoid, softplus};

/// Newton needs fewer than ten steps near the optimum; more means that there is none.
const MAX_STEPS: usize = 60;
/// Halvings of one step before it counts as no progress.
const MAX_HALVINGS: usize = 40;
/// Relative rounding error of an objective summed over many rows.
const ROUNDING: f64 = 1e-13;

/// Rows whose part of the Hessian is worked out at once: enough that its columns are read seldom.
const BLOCK: usize = 1_024;
/// Columns that are factored before the rest hears of them.
const PANEL: usize = 64;
/// A slope this near to 0 counts as held there by its order.
const NEAR_ZERO: f64 = 1e-6;

/// What is minimised: `Σ wᵢ·(softplus(zᵢ) − yᵢ·zᵢ) + ½·Σ λⱼ·(βⱼ − centreⱼ)²` with
/// `zᵢ = Σ βⱼ·xᵢⱼ + β₀ + offsetᵢ`; the intercept β₀ is not penalised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Problem<'a> {
    /// Row-major, `n_rows × n_columns`, without a column for the intercept.
    pub design: &'a [f64],
    /// The number of columns.
    pub n_columns: usize,
    /// A fixed part of each row's log-odds; `None` for 0.
    pub offsets: Option<&'a [f64]>,
    /// A target in [0, 1] a row.
    pub targets: &'a [f64],
    /// A weight ≥ 0 a row.
    pub weights: &'a [f64],
    /// λ ≥ 0 a column.
    pub ridge: &'a [f64],
    /// What the ridge shrinks each column's coefficient to.
    pub centre: &'a [f64],
    /// The sign that each column's coefficient must have; `None` where all are free.
    pub orders: Option<&'a [Order]>,
}

/// Coefficients, a column each, and the intercept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coefficients {
    /// One a column of the design.
    pub slopes: Vec<f64>,
    /// Log-odds where all columns are 0.
    pub intercept: f64,
}

/// The search did not reach an optimum.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "logistic regression did not converge in {steps} steps (largest gradient {gradient:.3e}); \
     raise the ridge strength or drop columns that separate the labels"
)]
pub struct NotConverged {
    /// Steps done.
    pub steps: usize,
    /// The largest absolute component of the gradient.
    pub gradient: f64,
}

/// Minimises `problem` from `start` until a Newton step promises to lower it by less than ½ `tolerance`² × (1 + Σ
/// weights); near the optimum that bounds the coefficients' error by about `tolerance` standard errors. Signs are
/// kept by projection, with the slopes that press against 0 parted from the others (Bertsekas 1982, eq. 32–35).
///
/// # Errors
/// [`NotConverged`] where the labels are separable without a ridge, or numbers overflow.
pub(crate) fn minimise(
    problem: &Problem<'_>,
    start: Coefficients,
    tolerance: f64,
) -> Result<Coefficients, NotConverged> {
    let enough = tolerance.powi(2) * (1.0 + problem.weights.iter().sum::<f64>());
    let mut at = problem.allowed(start);
    let mut value = objective(problem, &at);
    for steps in 0..MAX_STEPS {
        let gradient = gradient(problem, &at);
        let failed = NotConverged { steps, gradient: largest(&gradient) };
        let hessian = without_held(hessian(problem, &at), &held(problem, &at, &gradient));
        let Some(direction) = solve(hessian, &gradient) else { return Err(failed) };
        if decrement(&at, &problem.allowed(step(&at, &direction, 1.0)), &gradient) <= enough {
            return Ok(at);
        }
        let mut scale = 1.0;
        let moved = (0..MAX_HALVINGS).find_map(|_| {
            let candidate = problem.allowed(step(&at, &direction, scale));
            let reached = objective(problem, &candidate);
            scale *= 0.5;
            // Near the optimum a step gains less than the objective's rounding.
            (reached <= value + ROUNDING * (1.0 + value.abs())).then_some((candidate, reached))
        });
        let Some((candidate, reached)) = moved else { return Err(failed) };
        (at, value) = (candidate, reached);
    }
    Err(NotConverged { steps: MAX_STEPS, gradient: largest(&gradient(problem, &at)) })
}

impl Problem<'_> {
    /// The nearest coefficients with the signs that are asked for.
    fn allowed(&self, mut at: Coefficients) -> Coefficients {
        for (slope, order) in at.slopes.iter_mut().zip(self.orders.unwrap_or_default()) {
            *slope = order.allowed(*slope);
        }
        at
    }
}

/// What a first-order look promises of the way from `at` to `to`.
fn decrement(at: &Coefficients, to: &Coefficients, gradient: &[f64]) -> f64 {
    let moved = at.slopes.iter().zip(&to.slopes).map(|(from, to)| from - to);
    moved.chain([at.intercept - to.intercept]).zip(gradient).map(|(moved, g)| moved * g).sum()
}

/// The slopes at 0 that would go on to the forbidden side.
fn held(problem: &Problem<'_>, at: &Coefficients, gradient: &[f64]) -> Vec<usize> {
    let orders = problem.orders.unwrap_or_default().iter();
    let pressed = orders.zip(at.slopes.iter().zip(gradient)).map(|(order, (&slope, &g))| match order {
        Order::Rising => slope <= NEAR_ZERO && g > 0.0,
        Order::Falling => slope >= -NEAR_ZERO && g < 0.0,
        Order::Free => false,
    });
    pressed.enumerate().filter_map(|(column, is_held)| is_held.then_some(column)).collect()
}

/// Parts the columns `held` from all others: the lower triangle with only their diagonal left.
fn without_held(mut hessian: Vec<f64>, held: &[usize]) -> Vec<f64> {
    let order = hessian.len().isqrt();
    for &column in held {
        hessian[column * order..column * order + column].fill(0.0);
        for row in column + 1..order {
            hessian[row * order + column] = 0.0;
        }
    }
    hessian
}

/// The largest absolute component; infinite where one is NaN.
fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().map(|g| if g.is_nan() { f64::INFINITY } else { g.abs() }).fold(0.0, f64::max)
}

/// Row, target, weight and offset of each row.
fn rows<'a>(problem: &'a Problem<'a>) -> impl Iterator<Item = (&'a [f64], f64, f64, f64)> {
    let p = problem.n_columns;
    problem.targets.iter().zip(problem.weights).enumerate().map(move |(i, (&target, &weight))| {
        let offset = problem.offsets.map_or(0.0, |offsets| offsets[i]);
        (&problem.design[i * p..(i + 1) * p], target, weight, offset)
    })
}

fn margin(row: &[f64], offset: f64, at: &Coefficients) -> f64 {
    dot(row, &at.slopes) + at.intercept + offset
}

/// The sum of products in eight parts: one after the other they would wait for each other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
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

fn objective(problem: &Problem<'_>, at: &Coefficients) -> f64 {
    let loss: f64 = rows(problem)
        .map(|(row, target, weight, offset)| {
            let z = margin(row, offset, at);
            weight * (softplus(z) - target * z)
        })
        .sum();
    let penalty: f64 = at
        .slopes
        .iter()
        .zip(problem.ridge.iter().zip(problem.centre))
        .map(|(slope, (ridge, centre))| 0.5 * ridge * (slope - centre).powi(2))
        .sum();
    loss + penalty
}

/// Of the slopes, then of the intercept.
fn gradient(problem: &Problem<'_>, at: &Coefficients) -> Vec<f64> {
    let p = problem.n_columns;
    let mut gradient: Vec<f64> = at
        .slopes
        .iter()
        .zip(problem.ridge.iter().zip(problem.centre))
        .map(|(slope, (ridge, centre))| ridge * (slope - centre))
        .chain([0.0])
        .collect();
    for (row, target, weight, offset) in rows(problem) {
        let residual = weight * (sigmoid(margin(row, offset, at)) - target);
        for (g, x) in gradient.iter_mut().zip(row) {
            *g += residual * x;
        }
        gradient[p] += residual;
    }
    gradient
}

/// Symmetric, row-major, of order `n_columns + 1`.
fn hessian(problem: &Problem<'_>, at: &Coefficients) -> Vec<f64> {
    let p = problem.n_columns;
    let order = p + 1;
    let mut sums = Array2::zeros((order, order));
    let mut block = Array2::zeros((BLOCK.min(problem.targets.len()), order));
    let mut left = rows(problem);
    loop {
        let mut filled = 0;
        for (mut scaled, (row, _, weight, offset)) in block.rows_mut().into_iter().zip(&mut left) {
            let probability = sigmoid(margin(row, offset, at));
            let root = (weight * probability * (1.0 - probability)).sqrt();
            scaled.iter_mut().zip(row).for_each(|(scaled, x)| *scaled = root * x);
            scaled[p] = root;
            filled += 1;
        }
        if filled == 0 {
            break;
        }
        let block = block.slice_axis(Axis(0), Slice::from(..filled));
        general_mat_mul(1.0, &block.t(), &block, 1.0, &mut sums);
    }
    let mut hessian = sums.into_raw_vec_and_offset().0;
    // A trace of ridge keeps the factorisation alive where a column is (nearly) constant.
    let largest = (0..order).map(|j| hessian[j * order + j]).fold(0.0_f64, f64::max);
    for j in 0..order {
        hessian[j * order + j] += largest * 1e-12 + problem.ridge.get(j).copied().unwrap_or(0.0);
    }
    hessian
}

fn step(at: &Coefficients, direction: &[f64], scale: f64) -> Coefficients {
    let slopes = at.slopes.iter().zip(direction).map(|(slope, d)| slope - scale * d).collect();
    let intercept = at.intercept - scale * direction.last().copied().unwrap_or(0.0);
    Coefficients { slopes, intercept }
}

/// Solves `matrix · x = right` by Cholesky; `matrix` is symmetric, of which the lower triangle is read.
/// `None` where it is not positive definite.
fn solve(mut matrix: Vec<f64>, right: &[f64]) -> Option<Vec<f64>> {
    let order = right.len();
    for first in (0..order).step_by(PANEL) {
        let end = order.min(first + PANEL);
        factor(&mut matrix, order, first..end)?;
        subtract(&mut matrix, order, first..end);
    }
    let mut x = right.to_vec();
    for i in 0..order {
        let known = dot(&matrix[i * order..i * order + i], &x[..i]);
        x[i] = (x[i] - known) / matrix[i * order + i];
    }
    for i in (0..order).rev() {
        x[i] /= matrix[i * order + i];
        let solved = x[i];
        for (x, factor) in x[..i].iter_mut().zip(&matrix[i * order..i * order + i]) {
            *x -= solved * factor;
        }
    }
    x.iter().all(|value| value.is_finite()).then_some(x)
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
    let explained = matrix.slice_axis(Axis(0), rest).slice_axis(Axis(1), columns).to_owned();
    let mut below = matrix.slice_axis_mut(Axis(0), rest);
    let mut left = below.slice_axis_mut(Axis(1), rest);
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
        let x = solve(matrix.clone(), &right).unwrap();
        for (row, right) in matrix.chunks_exact(order).zip(&right) {
            assert!((dot(row, &x) - right).abs() < 1e-9);
        }
        matrix[(order - 1) * order + order - 1] = -1.0;
        assert_eq!(solve(matrix, &right), None, "not positive definite");
    }

    fn start(n_columns: usize) -> Coefficients {
        Coefficients { slopes: vec![0.0; n_columns], intercept: 0.0 }
    }

    #[test]
    fn the_intercept_alone_is_the_logit_of_the_mean() {
        let problem = Problem {
            design: &[],
            n_columns: 0,
            offsets: None,
            targets: &[1.0, 0.0, 0.0],
            weights: &[2.0, 1.0, 1.0],
            ridge: &[],
            centre: &[],
            orders: None,
        };
        let fitted = minimise(&problem, start(0), 1e-12).unwrap();
        assert!(fitted.intercept.abs() < 1e-9);
    }

    #[test]
    fn a_weight_of_two_equals_the_row_twice() {
        let once = Problem {
            design: &[-1.0, 0.5, 1.0, 2.0],
            n_columns: 1,
            offsets: None,
            targets: &[0.0, 1.0, 0.0, 1.0],
            weights: &[1.0, 1.0, 2.0, 1.0],
            ridge: &[0.3],
            centre: &[1.0],
            orders: None,
        };
        let twice = Problem {
            design: &[-1.0, 0.5, 1.0, 1.0, 2.0],
            targets: &[0.0, 1.0, 0.0, 0.0, 1.0],
            weights: &[1.0; 5],
            ..once
        };
        let once = minimise(&once, start(1), 1e-12).unwrap();
        let twice = minimise(&twice, start(1), 1e-12).unwrap();
        assert!((once.slopes[0] - twice.slopes[0]).abs() < 1e-9);
        assert!((once.intercept - twice.intercept).abs() < 1e-9);
    }

    #[test]
    fn separable_labels_without_a_ridge_are_an_error_or_a_steep_answer_with_one() {
        let separable = Problem {
            design: &[-1e3, -1e3, 1e3, 1e3],
            n_columns: 1,
            offsets: None,
            targets: &[0.0, 0.0, 1.0, 1.0],
            weights: &[1.0; 4],
            ridge: &[1.0],
            centre: &[0.0],
            orders: None,
        };
        let fitted = minimise(&separable, start(1), 1e-9).unwrap();
        assert!(fitted.slopes[0] > 0.0);
        let infinite = Problem { design: &[f64::NAN, 0.0, 1.0, 1.0], ..separable };
        assert!(minimise(&infinite, start(1), 1e-9).is_err());
    }

    /// y falls with the first column and rises with the second; both must rise.
    #[test]
    fn a_forbidden_sign_gives_zero_and_the_others_their_own_optimum() {
        let x = [[1.0, 0.9], [2.0, 1.0], [-1.0, 0.2], [0.5, -0.4], [-2.0, -1.5], [0.3, 0.8], [1.5, -0.7]];
        let targets = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0];
        let both: Vec<f64> = x.concat();
        let free = Problem {
            design: &both,
            n_columns: 2,
            offsets: None,
            targets: &targets,
            weights: &[1.0; 7],
            ridge: &[0.2; 2],
            centre: &[0.0; 2],
            orders: None,
        };
        let signs = minimise(&free, start(2), 1e-9).unwrap().slopes;
        assert!(signs[0] < 0.0 && signs[1] > 0.0, "{signs:?}");
        let held = minimise(&Problem { orders: Some(&[Order::Rising; 2]), ..free }, start(2), 1e-9).unwrap();
        let second: Vec<f64> = x.iter().map(|row| row[1]).collect();
        let alone = Problem { design: &second, n_columns: 1, ridge: &[0.2], centre: &[0.0], ..free };
        let alone = minimise(&alone, start(1), 1e-9).unwrap();
        assert_eq!(held.slopes[0].to_bits(), 0.0_f64.to_bits());
        assert!((held.slopes[1] - alone.slopes[0]).abs() < 1e-7, "{held:?} {alone:?}");
        let right = Problem { orders: Some(&[Order::Falling, Order::Rising]), ..free };
        let right = minimise(&right, start(2), 1e-9).unwrap();
        assert!(right.slopes.iter().zip(&signs).all(|(a, b)| (a - b).abs() < 1e-7), "{right:?} {signs:?}");
    }
}
