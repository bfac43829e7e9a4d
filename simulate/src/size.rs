//! How much usage makes a history of a given size.

use rayon::prelude::*;

use crate::business::{Business, CheckedBusiness, MAX_USAGE_SCALE, ParamError};
use crate::facts;
use crate::life::{Stream, stream};
use crate::simulate;

/// Accounts that are looked at; of more than these, every second, third, … one.
const MAX_SAMPLED: u32 = 20_000;
/// Events to draw for the measurement: their own chance moves the answer by about 0.1 %.
const N_DRAWN: f64 = 1_500_000.0;
/// Events of an account in a month at scale 1, roughly: most accounts are not there from the start.
const ROUGHLY: f64 = 45.0;

/// The [`Business::usage_scale`] at which `business` records about `n_events` usage events: within 2 % for
/// thousands of accounts, 5 % for a hundred. The scale of `business` itself does not matter.
///
/// The accounts' lives are drawn with little usage and counted; usage grows with the scale.
///
/// # Errors
/// [`ParamError::Events`] where no scale in range makes as many or as few.
pub fn usage_scale(business: &CheckedBusiness, n_events: u64) -> Result<f64, ParamError> {
    let params = &business.params;
    let stride = params.n_accounts.div_ceil(MAX_SAMPLED);
    let sampled: Vec<u32> = (0..params.n_accounts).step_by(stride as usize).collect();
    let expected = ROUGHLY * as_number(sampled.len() as u64) * f64::from(params.n_months);
    let scale = (N_DRAWN / expected).clamp(0.01, MAX_USAGE_SCALE);
    let simulation = simulate(business);
    let count = |&index: &u32| {
        let mut rng = stream(params.seed, Stream::Facts, index);
        facts::n_usage_events(&simulation.life(index), &simulation.world, scale, &mut rng) as u64
    };
    let counted: u64 = sampled.par_iter().map(count).sum();
    let share = as_number(sampled.len() as u64) / f64::from(params.n_accounts);
    let at_one = as_number(counted) / scale / share;
    let wanted = as_number(n_events) / at_one;
    let checked = Business { usage_scale: wanted, ..params.clone() }.check();
    match checked {
        Ok(checked) => Ok(checked.params.usage_scale),
        Err(_) => Err(ParamError::Events(n_events, 1..=whole(at_one * MAX_USAGE_SCALE))),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of events are far below 2^53")]
fn as_number(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float casts saturate, as meant here"
)]
fn whole(number: f64) -> u64 {
    number as u64
}
