//! What a reader of the report must not overlook.

use std::collections::BTreeMap;

use holdfast_features::{Column, Role};

use crate::columns::percent;
use crate::evaluate::Evaluation;
use crate::evaluate::rank::{self, Tally};
use crate::learning::LearningRows;
use crate::report::NamedEvaluation;

/// A single feature that ranks this well is more likely a leak than a finding (methods of the field: AUC > 0.95).
const SUSPICIOUS_AUC: f64 = 0.95;
/// So is a model that ranks this well.
const SUSPICIOUS_MODEL_AUC: f64 = 0.98;
/// Below this many churned rows figures are rough, whatever their intervals say.
const FEW_POSITIVES: usize = 30;

/// The alarms that the judged rows and the data raise, as sentences.
#[must_use]
pub fn alarms(data: &LearningRows, evaluation: &Evaluation, baselines: &[NamedEvaluation]) -> Vec<String> {
    let mut warnings = Vec::new();
    let no_better = baselines.iter().find(|rule| {
        matches!((&rule.evaluation.log_loss, &evaluation.log_loss), (Some(rule), Some(model)) if rule.value <= model.value)
    });
    if let Some(rule) = no_better {
        warnings.push(format!(
            "The model's probabilities are no better than the rule \"{}\" on these rows.",
            rule.name
        ));
    }
    if evaluation.positives < FEW_POSITIVES {
        warnings
            .push(format!("Only {} churned rows were judged: the figures are rough.", evaluation.positives));
    }
    warnings.extend(off_on_average(evaluation));
    if let Some(auc) = evaluation.auc.map(|auc| auc.value).filter(|auc| *auc > SUSPICIOUS_MODEL_AUC) {
        warnings.push(format!(
            "An AUC of {auc:.3} is better than churn can be foreseen: look among the most important features for one \
             that was written after the outcome."
        ));
    }
    warnings.extend(suspicious(data));
    warnings
}

/// A warning where the probabilities are too high or too low on average, beyond what chance explains.
fn off_on_average(evaluation: &Evaluation) -> Option<String> {
    let offset = evaluation.recalibration?.in_the_large?;
    let way = match (offset.low?, offset.high?) {
        (_, high) if high < 0.0 => "too high",
        (low, _) if low > 0.0 => "too low",
        _ => return None,
    };
    Some(format!(
        "The probabilities were {way} on average: {} against {} of the judged rows that churned. The rate has moved \
         since the rows learnt from; read them as an order of risk, or train again when more outcomes are known.",
        percent(evaluation.mean_probability?),
        percent(evaluation.base_rate.value)
    ))
}

/// A warning for each feature that ranks the rows almost perfectly by itself.
fn suspicious(data: &LearningRows) -> Vec<String> {
    let columns = data.table.specs().iter().zip(data.table.columns());
    columns
        .filter(|(spec, _)| spec.role == Role::Feature)
        .filter_map(|(spec, column)| {
            let rates;
            let values = match column {
                Column::Number(values) => values,
                Column::Text(values) => {
                    rates = rates_elsewhere(values, data);
                    &rates
                }
            };
            let known: Vec<usize> = (0..values.len()).filter(|&row| !values[row].is_nan()).collect();
            let take = |values: &[f64]| known.iter().map(|&row| values[row]).collect::<Vec<f64>>();
            let auc = rank::auc(&Tally::new(&take(values)).blocks(&take(&data.labels), &take(&data.weights)))?;
            let auc = auc.max(1.0 - auc);
            (auc > SUSPICIOUS_AUC).then(|| {
                format!(
                    "`{}` alone has an AUC of {auc:.3}: check that it was really known at the observation date.",
                    spec.name
                )
            })
        })
        .collect()
}

/// For each row the churn rate of its category among the other half of the groups, NaN where none has it: a rate that
/// knew the row's own label would rank it by that.
fn rates_elsewhere<T: AsRef<str>>(values: &[Option<T>], data: &LearningRows) -> Vec<f64> {
    let half = |row: usize| data.groups[row] as usize % 2;
    let mut sums: BTreeMap<&str, [(f64, f64); 2]> = BTreeMap::new();
    for (row, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        let (churned, all) = &mut sums.entry(value.as_ref()).or_default()[half(row)];
        *churned += data.weights[row] * data.labels[row];
        *all += data.weights[row];
    }
    let rate = |row: usize| {
        let (churned, all) = sums.get(values[row].as_ref()?.as_ref())?[1 - half(row)];
        (all > 0.0).then(|| churned / all)
    };
    (0..values.len()).map(|row| rate(row).unwrap_or(f64::NAN)).collect()
}

#[cfg(test)]
mod tests {
    use holdfast_features::{FeatureSpec, FeatureTable, Kind};

    use super::*;
    use crate::evaluate::{EvaluateOptions, ScoredRows, evaluate};

    const N: usize = 400;

    fn labels() -> Vec<f64> {
        (0..N).map(|row| f64::from(u8::from(row % 5 == 0))).collect()
    }

    /// A category that repeats the label, one that has nothing to do with it, and one that is each row's own.
    fn data() -> LearningRows {
        let labels = labels();
        let text =
            |of: &dyn Fn(usize) -> String| Column::Text((0..N).map(|row| Some(of(row).into())).collect());
        let columns = vec![
            text(&|row| if labels[row] > 0.0 { "closed".to_owned() } else { "open".to_owned() }),
            text(&|row| format!("plan {}", row * 7 % 3)),
            text(&|row| format!("customer {row}")),
        ];
        let specs =
            ["status", "plan", "name"].map(|name| FeatureSpec::prepared(name, Kind::Category)).to_vec();
        LearningRows {
            table: FeatureTable::new(specs, columns, N).unwrap(),
            labels,
            weights: vec![1.0; N],
            groups: (0..).take(N).collect(),
            blocks: vec![0; N],
        }
    }

    fn judged(probability: f64) -> Evaluation {
        let labels = labels();
        let probabilities: Vec<f64> =
            (0..N).map(|row| probability + 0.001 * f64::from(u8::from(row % 2 == 0))).collect();
        let groups: Vec<usize> = (0..N).collect();
        let rows = ScoredRows {
            labels: &labels,
            probabilities: &probabilities,
            weights: &[1.0; N],
            groups: &groups,
            arr: None,
        };
        evaluate(&rows, &EvaluateOptions { replicates: 100, ..EvaluateOptions::default() }).unwrap()
    }

    #[test]
    fn a_category_that_repeats_the_label_is_named_and_others_are_not() {
        let found = suspicious(&data());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("`status` alone has an AUC of 1.000"), "{found:?}");
    }

    #[test]
    fn probabilities_that_are_off_on_average_are_told_with_the_way() {
        let told = |probability| off_on_average(&judged(probability)).unwrap_or_default();
        assert!(told(0.4).contains("too high"), "{}", told(0.4));
        assert!(told(0.05).contains("too low"), "{}", told(0.05));
        assert_eq!(told(0.2), "");
    }
}
