//! What a play is expected to be worth on an account.
//!
//! expected saved ARR = ARR × (p(churn) − p(churn | play)) − cost. The play's prior effect is a change of the
//! log-odds of churn; it is shrunk towards nothing by how few accounts the belief is worth,
//! effect × n / (n + `half_strength_accounts`). "Do nothing" is worth 0 and is always a candidate.

use crate::playbook::Play;
use crate::rule::Noting;

/// How plays are valued.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuePolicy {
    /// A belief worth this many accounts counts half.
    pub half_strength_accounts: f64,
    /// What an hour of work costs, in the currency of the ARR.
    pub hour_cost: f64,
}

/// The expected consequences of a play on an account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// Churn probability after it.
    pub probability_after: f64,
    /// How much lower that is.
    pub probability_fall: f64,
    /// Money and hours that it takes, in the currency of the ARR.
    pub cost: f64,
    /// ARR × fall − cost; `None` where the ARR is not known.
    pub saved_arr: Option<f64>,
    /// Expected new ARR, for plays that sell; `None` where the ARR is not known.
    pub new_arr: Option<f64>,
}

/// Probabilities are kept this far from 0 and 1: an account that is lost for certain saves nothing either way.
const EDGE: f64 = 1e-9;

impl ValuePolicy {
    pub(crate) fn read(section: &mut Noting<'_, '_, '_>) -> Self {
        Self {
            half_strength_accounts: section.number("half_strength_accounts", 20.0, 0.0..=1e6),
            hour_cost: section.number("hour_cost", 60.0, 0.0..=1e6),
        }
    }

    /// What `play` is worth on an account of this churn probability and ARR.
    #[must_use]
    pub fn value(&self, play: &Play, probability: f64, arr: Option<f64>) -> Value {
        let prior = play.prior_effect;
        let shrunk = prior.log_odds * prior.strength_accounts
            / (prior.strength_accounts + self.half_strength_accounts);
        let inside = probability.clamp(EDGE, 1.0 - EDGE);
        let logit = (inside / (1.0 - inside)).ln();
        let probability_after = 1.0 / (1.0 + (-(logit + shrunk)).exp());
        let probability_fall = (inside - probability_after).max(0.0);
        let cost = play.cost + play.effort_hours * self.hour_cost;
        Value {
            probability_after,
            probability_fall,
            cost,
            saved_arr: arr.map(|arr| arr * probability_fall - cost),
            new_arr: arr.map(|arr| arr * play.growth_share),
        }
    }
}

impl Value {
    /// What plays are ranked by: saved and new ARR after cost where the ARR is known, else the fall of the
    /// churn probability. Above 0 it is better than doing nothing.
    #[must_use]
    pub fn rank(&self) -> f64 {
        match (self.saved_arr, self.new_arr) {
            (Some(saved), Some(new)) => saved + new,
            _ => self.probability_fall,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::policy::tests::default_policy;

    #[test]
    fn the_value_is_arr_times_the_fall_less_the_cost() {
        let policy = default_policy();
        let mut play = policy.playbooks.plays()[0].clone();
        play.prior_effect.log_odds = -0.6;
        play.prior_effect.strength_accounts = 40.0;
        play.effort_hours = 2.0;
        play.cost = 30.0;
        play.growth_share = 0.0;
        let value = policy.value.value(&play, 0.5, Some(10_000.0));
        // −0.6 × 40/60 = −0.4; σ(−0.4) = 0.401312…
        assert!((value.probability_after - 0.401_312_339_887_548).abs() < 1e-12);
        assert!((value.cost - 150.0).abs() < 1e-9);
        assert!((value.saved_arr.unwrap() - (10_000.0 * (0.5 - 0.401_312_339_887_548) - 150.0)).abs() < 1e-6);
        assert!((policy.value.value(&play, 0.5, None).rank() - value.probability_fall).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn a_play_never_raises_the_probability(p in 0.0_f64..=1.0, which in 0_usize..1000) {
            let policy = default_policy();
            let plays = policy.playbooks.plays();
            let value = policy.value.value(&plays[which % plays.len()], p, Some(1_000.0));
            prop_assert!(value.probability_fall >= 0.0);
            prop_assert!((0.0..=1.0).contains(&value.probability_after));
        }
    }
}
