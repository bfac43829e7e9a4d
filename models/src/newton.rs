//! Weighted, ridge-penalised logistic regression by Newton's method, for few columns: the calibrators,
//! and the last steps of the logistic learner.

use crate::probability::{sigmoid, softplus};

/// Newton needs fewer than ten steps near the optimum; more means that there is none.
const MAX_STEPS: usize = 60;
/// Halvings of one step before it counts as no progress.
const MAX_HALVINGS: usize = 40;
/// Relative rounding error of an objective summed over many rows.
const ROUNDING: f64 = 1e-13;

/// What is minimised: `Σ wᵢ·(softplus(zᵢ) − yᵢ·zᵢ) + ½·Σ λⱼ·(βⱼ − centreⱼ)²` with
/// `zᵢ = Σ βⱼ·xᵢⱼ + β₀ + offsetᵢ`; the intercept β₀ is not penalised.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
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
}

/// Coefficients, a column each, and the intercept.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficients {
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
/// weights); near the optimum that bounds the coefficients' error by about `tolerance` standard errors.
///
/// # Errors
/// [`NotConverged`] where the labels are separable without a ridge, or numbers overflow.
pub fn minimise(
    problem: &Problem<'_>,
    start: Coefficients,
    tolerance: f64,
) -> Result<Coefficients, NotConverged> {
    let enough = tolerance.powi(2) * (1.0 + problem.weights.iter().sum::<f64>());
    let mut at = start;
    let mut value = objective(problem, &at);
    for steps in 0..MAX_STEPS {
        let gradient = gradient(problem, &at);
        let failed = NotConverged { steps, gradient: largest(&gradient) };
        let Some(direction) = solve(hessian(problem, &at), &gradient) else { return Err(failed) };
        let decrement: f64 = direction.iter().zip(&gradient).map(|(d, g)| d * g).sum();
        if decrement <= enough {
            return Ok(at);
        }
        let mut scale = 1.0;
        let moved = (0..MAX_HALVINGS).find_map(|_| {
            let candidate = step(&at, &direction, scale);
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
    row.iter().zip(&at.slopes).map(|(x, slope)| x * slope).sum::<f64>() + at.intercept + offset
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

/// The lower triangle, row-major, of order `n_columns + 1`.
fn hessian(problem: &Problem<'_>, at: &Coefficients) -> Vec<f64> {
    let p = problem.n_columns;
    let order = p + 1;
    let mut hessian = vec![0.0; order * order];
    for (row, _, weight, offset) in rows(problem) {
        let probability = sigmoid(margin(row, offset, at));
        let curvature = weight * probability * (1.0 - probability);
        for (j, &x) in row.iter().enumerate() {
            // Encoded rows are mostly zeros (one-hot, indicators).
            if x != 0.0 {
                let scaled = curvature * x;
                for (h, other) in hessian[j * order..j * order + j + 1].iter_mut().zip(row) {
                    *h += scaled * other;
                }
                hessian[p * order + j] += scaled;
            }
        }
        hessian[p * order + p] += curvature;
    }
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
    for i in 0..order {
        for j in 0..=i {
            let (row_i, row_j) = (&matrix[i * order..i * order + j], &matrix[j * order..j * order + j]);
            let dot: f64 = row_i.iter().zip(row_j).map(|(a, b)| a * b).sum();
            let rest = matrix[i * order + j] - dot;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                matrix[i * order + i] = rest.sqrt();
            } else {
                matrix[i * order + j] = rest / matrix[j * order + j];
            }
        }
    }
    let mut x = right.to_vec();
    for i in 0..order {
        let dot: f64 = (0..i).map(|k| matrix[i * order + k] * x[k]).sum();
        x[i] = (x[i] - dot) / matrix[i * order + i];
    }
    for i in (0..order).rev() {
        let dot: f64 = (i + 1..order).map(|k| matrix[k * order + i] * x[k]).sum();
        x[i] = (x[i] - dot) / matrix[i * order + i];
    }
    x.iter().all(|value| value.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        };
        let fitted = minimise(&separable, start(1), 1e-9).unwrap();
        assert!(fitted.slopes[0] > 0.0);
        let infinite = Problem { design: &[f64::NAN, 0.0, 1.0, 1.0], ..separable };
        assert!(minimise(&infinite, start(1), 1e-9).is_err());
    }
}
