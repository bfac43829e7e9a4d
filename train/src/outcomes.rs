//! How accounts go on that do not churn: the four outcomes of a decision, learnt and judged on the rows of the model.

use holdfast_features::history::Outcome;
use holdfast_models::outcome::{self, OutcomeModel};
use holdfast_models::{Candidate, FitError, Scratch, logistic};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::learning::LearningRows;
use crate::procedure::{Learnt, Tested};
use crate::progress::Progress;
use crate::rows::HistoryRows;

/// Few rows contract or expand, and their features are those of all: a strong ridge on straight lines.
const STRENGTH: f64 = 100.0;
/// The order of all fours here: that of `OutcomeProbabilities`.
const ORDER: [(Outcome, &str); 4] = [
    (Outcome::Churned, "churned"),
    (Outcome::Contracted, "contracted"),
    (Outcome::Renewed, "renewed"),
    (Outcome::Expanded, "expanded"),
];

/// What the report says of the four outcomes, on later rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeReport {
    /// Judged rows whose outcome is known from contracts.
    pub rows: usize,
    /// Mean log loss of the four probabilities, nats.
    pub log_loss: f64,
    /// That of the rates of the rows learnt from, given to every row.
    pub base_log_loss: f64,
    /// That of the churn model's probability, what it leaves shared out by the rates of the rows learnt from that stayed.
    #[serde(default)]
    pub constant_log_loss: f64,
    /// One for each outcome: churned, contracted, renewed, expanded.
    pub outcomes: Vec<OutcomeFigures>,
}

/// One outcome on the judged rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeFigures {
    /// Its name.
    pub outcome: String,
    /// Rows that came to it (unweighted).
    pub rows: usize,
    /// Their weighted share.
    pub observed: f64,
    /// The weighted mean of its probabilities.
    pub mean_probability: f64,
    /// Of the weight of its rows, the share for which each outcome, in the same order, was the likeliest.
    pub likeliest: [f64; 4],
}

/// What is known of a judged row.
struct JudgedRow {
    outcome: usize,
    weight: f64,
    probabilities: [f64; 4],
    base: [f64; 4],
}

impl JudgedRow {
    /// The churn model's probability, and constant shares of what it leaves.
    fn constant(&self) -> [f64; 4] {
        let [churned, ..] = self.probabilities;
        let stayed = 1.0 - self.base[0];
        let [_, shares @ ..] = self.base.map(|rate| if stayed > 0.0 { rate / stayed } else { 0.0 });
        let [contracted, renewed, expanded] = shares.map(|share| (1.0 - churned) * share);
        [churned, contracted, renewed, expanded]
    }
}

/// The model of `all` rows that take part, and how one learnt for each judging fold did on the judged rows; `None` where outcomes other
/// than churn are not known or too rare.
///
/// # Errors
/// What the learner says of rows that it cannot fit.
pub fn learn(
    rows: &HistoryRows,
    all: &[usize],
    learnt: &Learnt,
    seed: u64,
    progress: &Progress,
) -> Result<Option<(OutcomeModel, OutcomeReport)>, TrainError> {
    let _stage = progress.stage("how accounts go on", 0);
    let candidate =
        Candidate::Logistic(logistic::Params { strength: STRENGTH, ..logistic::Params::default() }.check()?);
    let outcomes: Vec<Option<Outcome>> = rows.snapshots.iter().map(|snapshot| snapshot.outcome).collect();
    let fit = |train: &[usize]| {
        outcome::fit(&candidate, &rows.data.training(train), &outcomes, seed)
            .map_err(|source: FitError| TrainError::Fit { candidate: candidate.describe(), source })
    };
    let Some(model) = fit(all)? else { return Ok(None) };
    let tested = &learnt.tested;
    let fitted: Vec<Option<OutcomeModel>> =
        tested.splits.par_iter().map(|split| fit(&split.train)).collect::<Result<_, _>>()?;
    let Some(fitted) = fitted.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
    let judged = judged(&rows.data, &outcomes, tested, &fitted);
    Ok((!judged.is_empty()).then(|| (model, report(&judged))))
}

fn judged(
    data: &LearningRows,
    outcomes: &[Option<Outcome>],
    tested: &Tested,
    fitted: &[OutcomeModel],
) -> Vec<JudgedRow> {
    let place = |row: usize| ORDER.iter().position(|&(outcome, _)| outcomes[row] == Some(outcome));
    let mut scratch = Scratch::default();
    let mut churned = tested.probabilities.iter();
    let mut judged = Vec::new();
    for (split, model) in tested.splits.iter().zip(fitted) {
        let mut base = [0.0; 4];
        for &row in &split.train {
            if let Some(place) = place(row) {
                base[place] += data.weights[row];
            }
        }
        let total: f64 = base.iter().sum();
        let base = base.map(|weight| weight / total);
        for (&row, &churned) in split.validate.iter().zip(churned.by_ref()) {
            let Some(outcome) = place(row) else { continue };
            let found = model.probabilities(churned, data.table.row(row), &mut scratch);
            let (weight, probabilities) = (data.weights[row], found.in_order());
            judged.push(JudgedRow { outcome, weight, probabilities, base });
        }
    }
    judged
}

fn report(judged: &[JudgedRow]) -> OutcomeReport {
    let total: f64 = judged.iter().map(|row| row.weight).sum();
    let loss = |of: fn(&JudgedRow) -> [f64; 4]| {
        // A probability of 0 for what came would be an infinite loss: one in a million is the least, as elsewhere.
        let of_row = |row: &JudgedRow| -row.weight * of(row)[row.outcome].max(1e-6).ln();
        judged.iter().map(of_row).sum::<f64>() / total
    };
    let figures = |(place, (_, name)): (usize, &(Outcome, &str))| {
        let own = || judged.iter().filter(move |row| row.outcome == place);
        let weight: f64 = own().map(|row| row.weight).sum();
        let mut likeliest = [0.0; 4];
        for row in own() {
            let first = (0..4).max_by(|&a, &b| row.probabilities[a].total_cmp(&row.probabilities[b]));
            likeliest[first.unwrap_or(0)] += row.weight / weight;
        }
        OutcomeFigures {
            outcome: (*name).to_owned(),
            rows: own().count(),
            observed: weight / total,
            mean_probability: judged.iter().map(|row| row.weight * row.probabilities[place]).sum::<f64>()
                / total,
            likeliest,
        }
    };
    OutcomeReport {
        rows: judged.len(),
        log_loss: loss(|row| row.probabilities),
        base_log_loss: loss(|row| row.base),
        constant_log_loss: loss(JudgedRow::constant),
        outcomes: ORDER.iter().enumerate().map(figures).collect(),
    }
}

impl OutcomeReport {
    /// Whether sharing out what the churn probability leaves by an account's features did better on rows not learnt from
    /// than constant shares.
    #[must_use]
    pub fn is_better_than_constant(&self) -> bool {
        self.log_loss < self.constant_log_loss
    }

    /// The figures for the terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let shares = self.outcomes.iter().map(|one| {
            format!("{} {:.1} % ({:.1} %)", one.outcome, 100.0 * one.mean_probability, 100.0 * one.observed)
        });
        format!(
            "Four outcomes of a decision, predicted (observed): {}; log loss {:.4}, constant shares of those who stay \
             {:.4}, base rates {:.4}\n",
            shares.collect::<Vec<_>>().join(", "),
            self.log_loss,
            self.constant_log_loss,
            self.base_log_loss
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_known_rows() {
        let row = |outcome, probabilities| JudgedRow { outcome, weight: 2.0, probabilities, base: [0.25; 4] };
        let rows = [row(0, [0.5, 0.1, 0.3, 0.1]), row(2, [0.1, 0.1, 0.7, 0.1]), row(2, [0.6, 0.1, 0.2, 0.1])];
        let found = report(&rows);
        assert!((found.base_log_loss - 4.0_f64.ln()).abs() < 1e-12);
        let expected = -(0.5_f64.ln() + 0.7_f64.ln() + 0.2_f64.ln()) / 3.0;
        assert!((found.log_loss - expected).abs() < 1e-12);
        assert_eq!(found.outcomes[2].likeliest, [0.5, 0.0, 0.5, 0.0]);
        assert_eq!((found.outcomes[2].rows, found.outcomes[1].rows), (2, 0));
        assert!((found.outcomes[0].mean_probability - 0.4).abs() < 1e-12);
        assert!(found.text().contains("churned 40.0 % (33.3 %)"), "{}", found.text());
        // Of what is left a third goes to each of the other three.
        let constant = -(0.5_f64.ln() + 0.3_f64.ln() + (0.4_f64 / 3.0).ln()) / 3.0;
        assert!((found.constant_log_loss - constant).abs() < 1e-12);
        assert!(found.is_better_than_constant());
        // Churn is foretold better than by its rate, what is left is shared out worse.
        let poor = report(&[row(2, [0.05, 0.4, 0.15, 0.4])]);
        assert!(!poor.is_better_than_constant());
    }
}
