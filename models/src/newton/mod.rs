//! Weighted logistic regression with ridge, L1 and signs to keep, by proximal Newton steps: the logistic learner, the
//! calibrators, blends and hazards.

mod cholesky;
mod quadratic;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, Axis, Slice};

use crate::encode::Order;
use crate::probability::{sigmoid, softplus};
use cholesky::dot;
use quadratic::{Bound, Quadratic};

/// Newton needs about ten steps, with second derivatives of earlier ones some more; many more mean that there is no
/// optimum.
const MAX_STEPS: usize = 200;
/// Halvings of one step before it counts as no progress.
const MAX_HALVINGS: usize = 40;
/// The part of what a step promises that it must keep (Armijo 1966).
const SUFFICIENT: f64 = 1e-4;
/// Second derivatives serve again while each step with them promises at most this part of the step before.
const SERVES_AGAIN: f64 = 0.1;
/// Relative rounding error of an objective summed over many rows.
const ROUNDING: f64 = 1e-13;
/// The part of the tolerance that a quadratic model may be solved short of.
const NEGLIGIBLE: f64 = 1e-3;

/// Rows whose part of the Hessian is worked out at once: enough that its columns are read seldom.
const BLOCK: usize = 1_024;
/// Columns of the Hessian that are worked out at once, from the diagonal down.
const BAND: usize = 128;

/// What is minimised: `Σ wᵢ·(softplus(zᵢ) − yᵢ·zᵢ) + ½·Σ λⱼ·(βⱼ − centreⱼ)² + Σ κⱼ·|βⱼ|` with
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
    /// κ ≥ 0 a column; `None` for 0.
    pub lasso: Option<&'a [f64]>,
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

/// Some coefficients, the intercept last, and what they mean for the rows.
struct Point {
    at: Vec<f64>,
    /// Log-odds of each row.
    margins: Vec<f64>,
    value: f64,
}

/// Minimises `problem` from `start` until a step promises to lower it by less than `tolerance`² × (1 + Σ weights);
/// near the optimum that bounds the coefficients' error by about `tolerance` standard errors. Every step goes towards the
/// minimum of the quadratic model with signs and L1 penalty (proximal Newton; Lee, Sun and Saunders 2014), so that it
/// always leads down, and a small promise is found at the optimum only.
///
/// # Errors
/// [`NotConverged`] where the labels are separable without a ridge, or numbers overflow.
pub(crate) fn minimise(
    problem: &Problem<'_>,
    start: Coefficients,
    tolerance: f64,
) -> Result<Coefficients, NotConverged> {
    let enough = tolerance.powi(2) * (1.0 + problem.weights.iter().sum::<f64>());
    let bounds = problem.bounds();
    let allowed = |(at, bound): (f64, &Bound)| bound.order.allowed(at);
    let first = start.slopes.into_iter().chain([start.intercept]);
    let mut point = problem.point(first.zip(&bounds).map(allowed).collect());
    let mut model: Option<Quadratic<'_>> = None;
    let mut before = 0.0;
    for steps in 0..MAX_STEPS {
        let gradient = gradient(problem, &point);
        let failed = || NotConverged { steps, gradient: largest(&gradient) };
        let aim = |model: &mut Quadratic<'_>| {
            let to = model.minimum(&point.at, &gradient, NEGLIGIBLE * enough)?;
            let promise = promise(&bounds, &point.at, &to, &gradient);
            Some((to, promise))
        };
        let known = model.as_mut().and_then(aim).filter(|(_, promise)| *promise <= SERVES_AGAIN * before);
        let (to, promise) = match known {
            Some(aimed) => aimed,
            None => {
                let fresh = model.insert(Quadratic::new(hessian(problem, &point), &bounds));
                aim(fresh).ok_or_else(failed)?
            }
        };
        if promise <= enough {
            return Ok(coefficients(to));
        }
        let mut scale = 1.0;
        let moved = (0..MAX_HALVINGS).find_map(|_| {
            let way = point.at.iter().zip(&to);
            let candidate = problem.point(match scale {
                1.0 => to.clone(),
                _ => way.map(|(from, to)| from + scale * (to - from)).collect(),
            });
            // Near the optimum a step gains less than the objective's rounding.
            let wanted = point.value - SUFFICIENT * scale * promise + ROUNDING * (1.0 + point.value.abs());
            scale *= 0.5;
            (candidate.value <= wanted).then_some(candidate)
        });
        point = moved.ok_or_else(failed)?;
        before = promise;
    }
    let gradient = gradient(problem, &point);
    Err(NotConverged { steps: MAX_STEPS, gradient: largest(&gradient) })
}

fn coefficients(mut at: Vec<f64>) -> Coefficients {
    let intercept = at.pop().unwrap_or(0.0);
    Coefficients { slopes: at, intercept }
}

/// What a first-order look promises of the way from `at` to `to`.
fn promise(bounds: &[Bound], at: &[f64], to: &[f64], gradient: &[f64]) -> f64 {
    let parts = at.iter().zip(to).zip(bounds.iter().zip(gradient));
    parts.map(|((at, to), (bound, g))| (at - to) * g + bound.lasso * (at.abs() - to.abs())).sum()
}

/// The largest absolute component; infinite where one is NaN.
fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().map(|g| if g.is_nan() { f64::INFINITY } else { g.abs() }).fold(0.0, f64::max)
}

impl Problem<'_> {
    /// Of the slopes, then of the intercept.
    fn bounds(&self) -> Vec<Bound> {
        let of = |column: usize| Bound {
            order: self.orders.map_or(Order::Free, |orders| orders[column]),
            lasso: self.lasso.map_or(0.0, |lasso| lasso[column]),
        };
        (0..self.n_columns).map(of).chain([Bound { order: Order::Free, lasso: 0.0 }]).collect()
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.targets.len()).map(|i| &self.design[i * self.n_columns..(i + 1) * self.n_columns])
    }

    fn point(&self, at: Vec<f64>) -> Point {
        let p = self.n_columns;
        let margins: Vec<f64> = self
            .rows()
            .enumerate()
            .map(|(i, row)| dot(row, &at[..p]) + at[p] + self.offsets.map_or(0.0, |offsets| offsets[i]))
            .collect();
        let loss: f64 = margins
            .iter()
            .zip(self.targets.iter().zip(self.weights))
            .map(|(&z, (target, weight))| weight * (softplus(z) - target * z))
            .sum();
        let ridge = at.iter().zip(self.ridge.iter().zip(self.centre));
        let ridge: f64 = ridge.map(|(slope, (ridge, centre))| 0.5 * ridge * (slope - centre).powi(2)).sum();
        let lasso = at.iter().zip(self.lasso.unwrap_or_default());
        let lasso: f64 = lasso.map(|(slope, price)| price * slope.abs()).sum();
        Point { at, margins, value: loss + ridge + lasso }
    }
}

/// Of the smooth part: the slopes, then the intercept.
fn gradient(problem: &Problem<'_>, point: &Point) -> Vec<f64> {
    let p = problem.n_columns;
    let ridge = point.at.iter().zip(problem.ridge.iter().zip(problem.centre));
    let mut gradient: Vec<f64> =
        ridge.map(|(slope, (ridge, centre))| ridge * (slope - centre)).chain([0.0]).collect();
    let rows = problem.rows().zip(&point.margins).zip(problem.targets.iter().zip(problem.weights));
    for ((row, &margin), (target, weight)) in rows {
        let residual = weight * (sigmoid(margin) - target);
        for (g, x) in gradient.iter_mut().zip(row) {
            *g += residual * x;
        }
        gradient[p] += residual;
    }
    gradient
}

/// Of the smooth part: symmetric, row-major, of order `n_columns + 1`.
fn hessian(problem: &Problem<'_>, point: &Point) -> Vec<f64> {
    let p = problem.n_columns;
    let order = p + 1;
    let mut sums = Array2::zeros((order, order));
    let mut block = Array2::zeros((BLOCK.min(problem.targets.len()), order));
    let mut left = problem.rows().zip(&point.margins).zip(problem.weights);
    loop {
        let mut filled = 0;
        for (mut scaled, ((row, &margin), weight)) in block.rows_mut().into_iter().zip(&mut left) {
            let probability = sigmoid(margin);
            let root = (weight * probability * (1.0 - probability)).sqrt();
            scaled.iter_mut().zip(row).for_each(|(scaled, x)| *scaled = root * x);
            scaled[p] = root;
            filled += 1;
        }
        if filled == 0 {
            break;
        }
        let block = block.slice_axis(Axis(0), Slice::from(..filled));
        for first in (0..order).step_by(BAND) {
            let band = Slice::from(first..order.min(first + BAND));
            let below = Slice::from(first..);
            let mut part = sums.slice_axis_mut(Axis(0), below);
            let mut part = part.slice_axis_mut(Axis(1), band);
            let (rest, columns) = (block.slice_axis(Axis(1), below), block.slice_axis(Axis(1), band));
            general_mat_mul(1.0, &rest.t(), &columns, 1.0, &mut part);
        }
    }
    let mut hessian = sums.into_raw_vec_and_offset().0;
    for i in 0..order {
        for j in 0..i {
            hessian[j * order + i] = hessian[i * order + j];
        }
    }
    // A trace of ridge keeps the factorisation alive where a column is (nearly) constant.
    let largest = (0..order).map(|j| hessian[j * order + j]).fold(0.0_f64, f64::max);
    for j in 0..order {
        hessian[j * order + j] += largest * 1e-12 + problem.ridge.get(j).copied().unwrap_or(0.0);
    }
    hessian
}

#[cfg(test)]
mod tests;
