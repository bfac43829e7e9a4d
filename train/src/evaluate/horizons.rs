//! How good probabilities of a churn within so many days are, on rows followed for different lengths of time.
//!
//! Who is followed how long depends on dates alone. A horizon is judged on the rows followed to its end, whatever became
//! of them before; risk groups are compared with the incidence that all rows show for as long as each was followed.

use holdfast_models::HorizonRisk;
use holdfast_models::horizon::{Followed, HORIZONS, N_PERIODS, PERIOD_DAYS, at_horizons, observed_hazards};
use serde::{Deserialize, Serialize};

use super::rank::{self, Tally};
use super::{Estimate, EvaluateError, EvaluateOptions, ScoredRows, evaluate, proper};

/// The share of the riskiest rows in each group of a comparison, and its name.
const GROUPS: [(f64, f64, &str); 3] =
    [(0.0, 0.1, "riskiest tenth"), (0.1, 0.5, "next four tenths"), (0.5, 1.0, "safer half")];

/// Judged rows; every slice has one entry a row.
#[derive(Debug, Clone, Copy)]
pub struct HorizonScores<'a> {
    /// The probabilities to judge.
    pub risks: &'a [[HorizonRisk; HORIZONS.len()]],
    /// What a row would get that is known nothing of.
    pub base: &'a [[HorizonRisk; HORIZONS.len()]],
    /// The churn model's probability of its own question.
    pub renewal: &'a [f64],
    /// How each row was followed, with its weight.
    pub followed: &'a [Followed],
    /// Rows with the same number are resampled together.
    pub groups: &'a [usize],
}

/// The figures of one horizon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HorizonEvaluation {
    /// The horizon, in days.
    pub days: u32,
    /// Rows followed to its end.
    pub rows: usize,
    /// Those of them that churned (unweighted).
    pub churned: usize,
    /// The weighted share of them that churned.
    pub observed: Estimate,
    /// The weighted mean of the probabilities.
    pub mean_probability: Option<f64>,
    /// Area under the ROC curve.
    pub auc: Option<Estimate>,
    /// Mean log loss, nats.
    pub log_loss: Option<Estimate>,
    /// Slope of the label on the logit of the probability; 1 is ideal.
    pub calibration_slope: Option<Estimate>,
    /// The mean log loss of the base rate that was known before.
    pub base_log_loss: Option<f64>,
    /// Area under the ROC curve of the churn model's probability of its own question.
    pub renewal_auc: Option<f64>,
    /// The mean log loss of that probability, taken for one of this horizon.
    pub renewal_log_loss: Option<f64>,
}

/// What was said of a group of rows and what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskGroup {
    /// Which rows by their probability at the longest horizon.
    pub name: String,
    /// Number of rows.
    pub rows: usize,
    /// The weighted mean probability at each horizon.
    pub predicted: Vec<f64>,
    /// The share that churned by each horizon: Aalen and Johansen's estimate on all followed periods.
    pub observed: Vec<f64>,
}

/// The figures of each horizon to whose end at least one row was followed.
///
/// # Errors
/// As [`evaluate`].
pub fn by_horizon(
    scores: &HorizonScores<'_>,
    options: &EvaluateOptions,
) -> Result<Vec<HorizonEvaluation>, EvaluateError> {
    let mut evaluations = Vec::new();
    for (horizon, days) in HORIZONS.into_iter().enumerate() {
        let n_periods = usize::try_from(days / PERIOD_DAYS).unwrap_or(N_PERIODS);
        let known: Vec<usize> =
            (0..scores.followed.len()).filter(|&row| scores.followed[row].periods >= n_periods).collect();
        if known.is_empty() {
            continue;
        }
        let of = |value: &dyn Fn(usize) -> f64| known.iter().map(|&row| value(row)).collect::<Vec<f64>>();
        let churned = |row: usize| scores.followed[row].ended.is_some_and(|(period, _)| period < n_periods);
        let labels = of(&|row| f64::from(u8::from(churned(row))));
        let weights = of(&|row| scores.followed[row].weight);
        let probabilities = of(&|row| scores.risks[row][horizon].churn_probability);
        let groups: Vec<usize> = known.iter().map(|&row| scores.groups[row]).collect();
        let rows = ScoredRows {
            labels: &labels,
            probabilities: &probabilities,
            weights: &weights,
            groups: &groups,
            arr: None,
        };
        let found = evaluate(&rows, options)?;
        let blocks = |values: &[f64]| Tally::new(values).blocks(&labels, &weights);
        let renewal = blocks(&of(&|row| scores.renewal[row]));
        evaluations.push(HorizonEvaluation {
            days,
            rows: found.rows,
            churned: found.positives,
            observed: found.base_rate,
            mean_probability: found.mean_probability,
            auc: found.auc,
            log_loss: found.log_loss,
            calibration_slope: found.recalibration.and_then(|line| line.slope),
            base_log_loss: proper::log_loss(&blocks(&of(&|row| scores.base[row][horizon].churn_probability))),
            renewal_auc: rank::auc(&renewal),
            renewal_log_loss: proper::log_loss(&renewal),
        });
    }
    Ok(evaluations)
}

/// The rows in groups of falling risk, by weight; groups without rows are left out.
#[must_use]
pub fn risk_groups(scores: &HorizonScores<'_>) -> Vec<RiskGroup> {
    let last = HORIZONS.len() - 1;
    let mut order: Vec<usize> = (0..scores.risks.len()).collect();
    order.sort_by(|&a, &b| {
        scores.risks[b][last].churn_probability.total_cmp(&scores.risks[a][last].churn_probability)
    });
    let all: f64 = scores.followed.iter().map(|row| row.weight).sum();
    let mut before = 0.0;
    let mut members: [Vec<usize>; GROUPS.len()] = Default::default();
    for row in order {
        let share = before / all;
        if let Some(group) = GROUPS.iter().position(|&(from, to, _)| from <= share && share < to) {
            members[group].push(row);
        }
        before += scores.followed[row].weight;
    }
    let group = |((_, _, name), rows): (&(f64, f64, &str), Vec<usize>)| {
        let followed: Vec<Followed> = rows.iter().map(|&row| scores.followed[row]).collect();
        let weight: f64 = followed.iter().map(|row| row.weight).sum();
        let mean = |horizon: usize| {
            let weighted =
                |&row: &usize| scores.followed[row].weight * scores.risks[row][horizon].churn_probability;
            rows.iter().map(weighted).sum::<f64>() / weight
        };
        let hazards = observed_hazards::<1, N_PERIODS>(&followed).map(|[hazard]| hazard);
        (weight > 0.0).then(|| RiskGroup {
            name: (*name).to_owned(),
            rows: rows.len(),
            predicted: (0..HORIZONS.len()).map(mean).collect(),
            observed: at_horizons(&hazards).iter().map(|risk| risk.churn_probability).collect(),
        })
    };
    GROUPS.iter().zip(members).filter_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn risks(probability: f64) -> [HorizonRisk; HORIZONS.len()] {
        HORIZONS.map(|days| HorizonRisk { days, churn_probability: probability * f64::from(days) / 180.0 })
    }

    #[test]
    fn a_horizon_is_judged_on_the_rows_followed_to_its_end() {
        let followed = |periods, ended: Option<usize>| Followed {
            periods,
            ended: ended.map(|period| (period, 0)),
            weight: 0.5,
        };
        let rows = [
            followed(6, Some(4)),
            followed(6, None),
            followed(3, Some(0)),
            followed(3, None),
            followed(1, None),
        ];
        let given = [0.9, 0.1, 0.8, 0.2, 0.3].map(risks);
        let scores = HorizonScores {
            risks: &given,
            base: &[0.4; 5].map(risks),
            renewal: &[0.1, 0.2, 0.9, 0.3, 0.3],
            followed: &rows,
            groups: &[0, 1, 2, 3, 4],
        };
        let options = EvaluateOptions { replicates: 0, ..EvaluateOptions::default() };
        let found = by_horizon(&scores, &options).unwrap();
        let counts: Vec<(u32, usize, usize)> =
            found.iter().map(|one| (one.days, one.rows, one.churned)).collect();
        assert_eq!(counts, [(30, 5, 1), (60, 4, 1), (90, 4, 1), (180, 2, 1)]);
        assert_eq!(found[3].auc.map(|auc| auc.value), Some(1.0));
        assert_eq!(found[3].renewal_auc, Some(0.0));
        let expected = -(0.4_f64.ln() + 0.6_f64.ln()) / 2.0;
        assert!(found[3].base_log_loss.is_some_and(|loss| (loss - expected).abs() < 1e-12));
        let groups = risk_groups(&scores);
        assert_eq!(groups.iter().map(|group| group.rows).sum::<usize>(), 5);
        assert_eq!((groups[0].name.as_str(), groups[0].rows), ("riskiest tenth", 1));
        assert!((groups[0].predicted[3] - 0.9).abs() < 1e-12);
        assert_eq!(groups[0].observed, [0.0, 0.0, 0.0, 1.0]);
    }
}
