//! The quadratic model of one Newton step with its signs and its L1 penalty: solved exactly.

use super::cholesky::{Factor, dot};
use crate::encode::Order;

/// Coordinates are swept so often before the equations of those that are not 0 are solved.
const SWEEPS: usize = 10;
/// Far more than ever settle the signs; each lowers the model, so that a step cut off here is still a good one.
const MAX_ROUNDS: usize = 200;

/// What bends or bounds one coefficient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// The sign that it must have.
    pub(super) order: Order,
    /// The price of its size, ≥ 0.
    pub(super) lasso: f64,
}

impl Bound {
    /// The best value where without price and order it were `free`, on a parabola of second derivative `curve`.
    fn best(self, free: f64, curve: f64) -> f64 {
        let size = (free.abs() - self.lasso / curve).max(0.0);
        // `+ 0.0` makes a negative zero positive.
        self.order.allowed(size.copysign(free)) + 0.0
    }

    /// Whether the coefficient may rest at 0 although the slope there is not 0.
    fn may_rest(self) -> bool {
        self.order != Order::Free || self.lasso > 0.0
    }
}

/// ½·(x − from)ᵀ·H·(x − from), and what bounds x.
#[derive(Debug)]
pub(super) struct Quadratic<'a> {
    /// H, symmetric and positive definite, row-major.
    hessian: Vec<f64>,
    bounds: &'a [Bound],
    /// The coefficients that were not resting when equations were last solved, and the factor of these.
    face: Option<(Vec<usize>, Factor)>,
}

impl<'a> Quadratic<'a> {
    pub(super) fn new(hessian: Vec<f64>, bounds: &'a [Bound]) -> Self {
        Self { hessian, bounds, face: None }
    }

    /// The x that minimises gradientᵀ·(x − from) + ½·(x − from)ᵀ·H·(x − from) + Σ lassoⱼ·|xⱼ| with the signs that are
    /// asked for, to a value `negligible` above the least. Faces are solved by Cholesky, changed by coordinate descent
    /// (as projected Newton and block pivoting do): few rounds, however much the columns repeat each other. `None` where
    /// H is not positive definite.
    pub(super) fn minimum(&mut self, from: &[f64], gradient: &[f64], negligible: f64) -> Option<Vec<f64>> {
        let mut x = from.to_vec();
        for _ in 0..MAX_ROUNDS {
            let mut slopes = self.slopes(from, &x, gradient);
            let is_whole = self.solve_face(&mut x, &slopes)?;
            slopes = self.slopes(from, &x, gradient);
            if is_whole && self.left_to_gain(&x, &slopes) <= negligible {
                break;
            }
            for _ in 0..SWEEPS {
                if self.sweep(&mut x, &mut slopes) <= negligible {
                    break;
                }
            }
        }
        Some(x)
    }

    /// The gradient of the smooth part at `x`.
    fn slopes(&self, from: &[f64], x: &[f64], gradient: &[f64]) -> Vec<f64> {
        let moved: Vec<f64> = x.iter().zip(from).map(|(x, from)| x - from).collect();
        self.rows().zip(gradient).map(|(row, g)| g + dot(row, &moved)).collect()
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.hessian.chunks_exact(self.bounds.len())
    }

    /// Moves the coefficients that do not rest to their joint minimum, those that would change their sign to 0; whether
    /// none had to stop there.
    fn solve_face(&mut self, x: &mut [f64], slopes: &[f64]) -> Option<bool> {
        let free: Vec<usize> = (0..x.len()).filter(|&j| !self.bounds[j].may_rest() || x[j] != 0.0).collect();
        if self.face.as_ref().is_none_or(|(of, _)| *of != free) {
            let order = self.bounds.len();
            let matrix = free
                .iter()
                .flat_map(|&i| free.iter().map(move |&j| (i, j)))
                .map(|(i, j)| self.hessian[i * order + j]);
            let factor = Factor::of(matrix.collect(), free.len())?;
            self.face = Some((free, factor));
        }
        let (free, factor) = self.face.as_ref()?;
        let price = |j: usize| if x[j] == 0.0 { 0.0 } else { self.bounds[j].lasso.copysign(x[j]) };
        let down: Vec<f64> = free.iter().map(|&j| -(slopes[j] + price(j))).collect();
        let ways = factor.solve(&down)?;
        let stops = |(&j, &way): (&usize, &f64)| self.bounds[j].may_rest() && (x[j] + way) * x[j] <= 0.0;
        let blocked: Vec<bool> = free.iter().zip(&ways).map(stops).collect();
        if !blocked.contains(&true) {
            free.iter().zip(&ways).for_each(|(&j, way)| x[j] += way);
            return Some(true);
        }
        let clipped = free.iter().zip(&ways).zip(&blocked);
        let clipped: Vec<f64> =
            clipped.map(|((&j, &way), &is_blocked)| if is_blocked { -x[j] } else { way }).collect();
        if self.rise(free, &clipped, x, slopes) < 0.0 {
            free.iter().zip(&clipped).for_each(|(&j, way)| x[j] += way);
        } else {
            // As far as the first of them allows: that always leads down.
            let share = |((&j, way), is_blocked): ((&usize, &f64), &bool)| {
                if *is_blocked { -x[j] / way } else { f64::INFINITY }
            };
            let shares: Vec<f64> = free.iter().zip(&ways).zip(&blocked).map(share).collect();
            let nearest = shares.iter().copied().fold(1.0, f64::min);
            for ((&j, way), share) in free.iter().zip(&ways).zip(shares) {
                x[j] = if share <= nearest { 0.0 } else { x[j] + nearest * way };
            }
        }
        Some(false)
    }

    /// By how much the model rises from `x`, where its slopes are `slopes`, when the coefficients `free` go their `ways`.
    fn rise(&self, free: &[usize], ways: &[f64], x: &[f64], slopes: &[f64]) -> f64 {
        let mut moved = vec![0.0; x.len()];
        free.iter().zip(ways).for_each(|(&j, &way)| moved[j] = way);
        let of = |&j: &usize| {
            let row = &self.hessian[j * x.len()..(j + 1) * x.len()];
            let price = self.bounds[j].lasso * ((x[j] + moved[j]).abs() - x[j].abs());
            moved[j] * (slopes[j] + 0.5 * dot(row, &moved)) + price
        };
        free.iter().map(of).sum()
    }

    /// By how much resting coefficients, each alone, could lower the model.
    fn left_to_gain(&self, x: &[f64], slopes: &[f64]) -> f64 {
        let resting = (0..x.len()).filter(|&j| x[j] == 0.0 && self.bounds[j].may_rest());
        resting
            .map(|j| {
                0.5 * self.curve(j) * self.bounds[j].best(-slopes[j] / self.curve(j), self.curve(j)).powi(2)
            })
            .sum()
    }

    fn curve(&self, j: usize) -> f64 {
        self.hessian[j * self.bounds.len() + j]
    }

    /// Sets each coefficient in turn to its best value; keeps `slopes` true. By how much the model fell, at least.
    fn sweep(&self, x: &mut [f64], slopes: &mut [f64]) -> f64 {
        let mut fell = 0.0;
        for (j, row) in self.rows().enumerate() {
            let curve = self.curve(j);
            let moved = self.bounds[j].best(x[j] - slopes[j] / curve, curve) - x[j];
            if moved != 0.0 {
                x[j] = (x[j] + moved) + 0.0;
                slopes.iter_mut().zip(row).for_each(|(slope, h)| *slope += moved * h);
                fell += 0.5 * curve * moved.powi(2);
            }
        }
        fell
    }
}
