//! What a model must keep to in each scenario, and whether it did.
//!
//! The figures are promised for 20,000 accounts. Fewer know less: the tolerance grows as the standard error of a mean
//! does, with the square root of 20,000 over the number of accounts.

use holdfast_simulate::Scenario;
use serde::{Deserialize, Serialize};

use super::judged::Business;
use crate::gate::Promote;
use crate::lead_time::median;

/// The number of accounts for which the tolerances are meant.
const PROMISED_ACCOUNTS: f64 = 20_000.0;
/// AUC below the observable ceiling.
const CEILING_GAP: f64 = 0.010;
/// Calibration error, overall and in a stage.
const CALIBRATION: f64 = 0.01;
const STAGE_CALIBRATION: f64 = 0.02;
/// AUC that the report claims against the true one on the same rows.
const HONESTY: f64 = 0.02;
/// AUC beside 0.5 where nothing tells who leaves.
const NULL_AUC: f64 = 0.03;
/// What the planted leak shows in: answers to surveys.
const LEAK: &str = "nps";

/// One promise and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// What is promised.
    pub what: String,
    /// What was found: the median over the seeds; of a share, over all of them.
    pub found: f64,
    /// The largest value that keeps the promise.
    pub at_most: f64,
    /// Whether it was kept.
    pub is_kept: bool,
}

/// The promises of `scenario`, held against businesses of `n_accounts` each.
#[must_use]
pub fn promises(
    scenario: Scenario,
    n_accounts: u32,
    promote: Promote,
    businesses: &[Business],
) -> Vec<Promise> {
    let slack = (PROMISED_ACCOUNTS / f64::from(n_accounts.max(1))).sqrt().max(1.0);
    let held = |what: &str, at_most: f64, of: &dyn Fn(&Business) -> Option<f64>| {
        let found = median(businesses.iter().filter_map(of).collect())?;
        Some(Promise { what: what.to_owned(), found, at_most, is_kept: found <= at_most })
    };
    // A median would forgive what happens in a minority of the businesses.
    let share = |what: &str, of: &dyn Fn(&Business) -> bool| {
        let (all, broken) = (businesses.len(), businesses.iter().filter(|&business| !of(business)).count());
        let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        let found = count(broken) / count(all);
        (all > 0).then(|| Promise { what: what.to_owned(), found, at_most: 0.0, is_kept: broken == 0 })
    };
    let gate = |what, of: &dyn Fn(&Business) -> bool| match promote {
        Promote::WhenBetter => share(what, of),
        Promote::Always => None,
    };
    let gap = held("AUC below the observable ceiling", CEILING_GAP * slack, &|business| {
        Some(business.later.observable.auc? - business.later.model.auc?)
    });
    let calibration = held("calibration error", CALIBRATION * slack, &|business| {
        Some(business.later.model.calibration_error)
    });
    let stage = held("calibration error in the worst stage", STAGE_CALIBRATION * slack, &worst_stage);
    let honesty = held("AUC claimed against the truth on the same rows", HONESTY * slack, &|business| {
        Some((business.claimed.auc? - business.tested.model.auc?).abs())
    });
    let ridge = held("log loss less the ridge's", 0.0, &|business| {
        Some(business.later.model.log_loss - business.ridge?.log_loss)
    });
    let found = match scenario {
        Scenario::Null => vec![
            held("AUC beside 0.5", NULL_AUC * slack, &|business| Some((business.claimed.auc? - 0.5).abs())),
            held("calibration error", CALIBRATION * slack, &|business| {
                Some(business.later.model.calibration_error)
            }),
            gate("share of models put to use", &|business| !business.is_in_use),
        ],
        Scenario::PlantedLeak => vec![share("share of reports that do not name the leak", &|business| {
            business.warnings.iter().any(|warning| is_named(warning))
        })],
        // What a drifting market or late labels cost is measured, not promised away.
        Scenario::Drift | Scenario::LabelDelay => vec![],
        Scenario::FewAccounts => vec![ridge, gap, calibration, honesty],
        _ => vec![
            gap,
            calibration,
            stage,
            honesty,
            gate("share of models held back", &|business| business.is_in_use),
        ],
    };
    found.into_iter().flatten().collect()
}

/// Whether a warning says of a feature of the leak that it alone ranks too well.
fn is_named(warning: &str) -> bool {
    warning.contains("alone has an AUC") && warning.contains(LEAK)
}

/// The largest calibration error of a stage.
pub(super) fn worst_stage(business: &Business) -> Option<f64> {
    business.stages.iter().map(|stage| stage.model.calibration_error).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::expected::Expected;
    use crate::truth::judged::{Claimed, Judged};

    fn figures(auc: f64, calibration_error: f64) -> Expected {
        let (base_rate, log_loss, brier) = (0.15, 0.35, 0.1);
        let (distance, difference, bias) = (0.01, 0.06, 0.002);
        Expected {
            rows: 500,
            base_rate,
            auc: Some(auc),
            log_loss,
            brier,
            distance,
            difference,
            bias,
            calibration_error,
        }
    }

    fn business(auc: f64, calibration_error: f64) -> Business {
        let judged = Judged {
            model: figures(auc, calibration_error),
            observable: figures(0.8, 0.0),
            latent: figures(0.85, 0.0),
        };
        Business {
            seed: 1,
            claimed: Claimed { auc: Some(auc), log_loss: Some(0.35), positives: 90 },
            tested: judged.clone(),
            later: judged,
            stages: vec![],
            ridge: None,
            lead: None,
            is_in_use: true,
            warnings: vec![],
            chosen: String::new(),
        }
    }

    fn kept(scenario: Scenario, n_accounts: u32, business: Business) -> Vec<bool> {
        promises(scenario, n_accounts, Promote::WhenBetter, &[business])
            .iter()
            .map(|promise| promise.is_kept)
            .collect()
    }

    #[test]
    fn a_model_far_below_the_ceiling_or_off_fails_and_fewer_accounts_are_forgiven_more() {
        assert_eq!(kept(Scenario::Default, 20_000, business(0.795, 0.008)), [true; 4]);
        assert_eq!(kept(Scenario::Default, 20_000, business(0.785, 0.012)), [false, false, true, true]);
        assert_eq!(kept(Scenario::Default, 5_000, business(0.785, 0.012)), [true; 4]);
    }

    #[test]
    fn the_null_must_rank_nothing_and_not_be_put_to_use() {
        assert_eq!(kept(Scenario::Null, 20_000, business(0.56, 0.0)), [false, true, false]);
        let held = Business { is_in_use: false, ..business(0.51, 0.0) };
        assert_eq!(kept(Scenario::Null, 20_000, held), [true; 3]);
    }

    #[test]
    fn a_leak_must_be_named() {
        let silent = business(0.99, 0.0);
        assert_eq!(kept(Scenario::PlantedLeak, 20_000, silent.clone()), [false]);
        let found = promises(
            Scenario::PlantedLeak,
            20_000,
            Promote::WhenBetter,
            &[vec!["`nps_latest` alone has an AUC of 0.99: check".to_owned()], vec![], vec![]]
                .map(|warnings| Business { warnings, ..silent.clone() }),
        );
        assert!(!found[0].is_kept && (found[0].found - 2.0 / 3.0).abs() < 1e-12, "two of three say nothing");
        let warnings = vec!["`nps_latest` alone has an AUC of 0.991: check".to_owned()];
        assert_eq!(kept(Scenario::PlantedLeak, 20_000, Business { warnings, ..silent }), [true]);
    }
}
