//! The same figures within segments: stage, tier, distance to the end of the term.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::figures::evaluate;
use super::{Estimate, EvaluateError, EvaluateOptions, ScoredRows};

/// With fewer rows of either class the figures of a segment are noise and are left out.
pub const FEWEST_OF_A_CLASS: usize = 5;

/// Segments that have an order of their own: the lifecycle, then the way to the end of a term.
const ORDER: [&str; 11] = [
    "onboarding",
    "adoption",
    "value_realisation",
    "expansion",
    "renewal",
    "overdue",
    "up to 30 days",
    "31 to 60 days",
    "61 to 90 days",
    "91 to 180 days",
    "over 180 days",
];
const NOT_KNOWN: &str = "not known";

/// The figures of one segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentEvaluation {
    /// What the rows are split by, for example `stage`.
    pub by: String,
    /// Which part this is, for example `onboarding`.
    pub segment: String,
    /// Number of rows.
    pub rows: usize,
    /// Number of accounts.
    pub groups: usize,
    /// Number of churned rows (unweighted).
    pub positives: usize,
    /// The weighted share of churned rows.
    pub base_rate: Estimate,
    /// The weighted mean of the probabilities.
    pub mean_probability: Option<f64>,
    /// Area under the ROC curve; `None` with fewer than five rows of either class.
    pub auc: Option<Estimate>,
    /// Lift at 10 %; `None` with fewer than five rows of either class.
    pub lift_10: Option<Estimate>,
    /// Mean log loss, nats.
    pub log_loss: Option<Estimate>,
}

/// The figures of each segment; `values` names the segment of each row, an empty one means "not known". Stages and
/// distances come in their natural order, others by name; those in which no row has weight are left out.
///
/// # Errors
/// As [`evaluate`], and [`EvaluateError::Length`] for `values`.
pub fn by_segment<T: AsRef<str>>(
    rows: &ScoredRows<'_>,
    by: &str,
    values: &[T],
    options: &EvaluateOptions,
) -> Result<Vec<SegmentEvaluation>, EvaluateError> {
    let (expected, found) = (rows.labels.len(), values.len());
    if found != expected {
        return Err(EvaluateError::Length { column: "segment", expected, found });
    }
    let mut members: BTreeMap<(usize, &str), Vec<usize>> = BTreeMap::new();
    for (row, value) in values.iter().enumerate() {
        let key = match value.as_ref() {
            "" => (ORDER.len() + 1, NOT_KNOWN),
            name => (ORDER.iter().position(|&known| known == name).unwrap_or(ORDER.len()), name),
        };
        members.entry(key).or_default().push(row);
    }
    let mut segments = Vec::with_capacity(members.len());
    for ((_, name), members) in members {
        let take = |column: &[f64]| -> Vec<f64> { members.iter().map(|&row| column[row]).collect() };
        let [labels, probabilities, weights] = [rows.labels, rows.probabilities, rows.weights].map(take);
        let groups: Vec<usize> = members.iter().map(|&row| rows.groups[row]).collect();
        let part = ScoredRows {
            labels: &labels,
            probabilities: &probabilities,
            weights: &weights,
            groups: &groups,
            arr: None,
        };
        let evaluation = match evaluate(&part, options) {
            Err(EvaluateError::NoWeight) => continue,
            other => other?,
        };
        let rarer = evaluation.positives.min(evaluation.rows - evaluation.positives);
        let enough = rarer >= FEWEST_OF_A_CLASS;
        segments.push(SegmentEvaluation {
            by: by.to_owned(),
            segment: name.to_owned(),
            rows: evaluation.rows,
            groups: evaluation.groups,
            positives: evaluation.positives,
            base_rate: evaluation.base_rate,
            mean_probability: evaluation.mean_probability,
            auc: evaluation.auc.filter(|_| enough),
            lift_10: evaluation.lift_10.filter(|_| enough),
            log_loss: evaluation.log_loss,
        });
    }
    Ok(segments)
}

/// The segment of a distance to the end of the term, in days; empty for NaN.
#[must_use]
pub fn term_distance(days_to_term_end: f64) -> &'static str {
    match days_to_term_end {
        days if days.is_nan() => "",
        days if days < 0.0 => "overdue",
        days if days <= 30.0 => "up to 30 days",
        days if days <= 60.0 => "31 to 60 days",
        days if days <= 90.0 => "61 to 90 days",
        days if days <= 180.0 => "91 to 180 days",
        _ => "over 180 days",
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::fixture;
    use super::*;

    #[test]
    fn segments_partition_the_rows_and_small_ones_have_no_ranking() {
        let f = fixture();
        let names: Vec<&str> = (0..60)
            .map(|row| {
                if row < 3 {
                    ""
                } else if row < 30 {
                    "a"
                } else {
                    "b"
                }
            })
            .collect();
        let options = EvaluateOptions { replicates: 0, ..EvaluateOptions::default() };
        let segments = by_segment(&f.rows(), "tier", &names, &options).unwrap();
        let found: Vec<(&str, usize)> = segments.iter().map(|s| (s.segment.as_str(), s.rows)).collect();
        assert_eq!(found, [("a", 27), ("b", 30), ("not known", 3)]);
        let stages: Vec<&str> = (0..60).map(|row| ["renewal", "adoption", "onboarding"][row % 3]).collect();
        let by_stage = by_segment(&f.rows(), "stage", &stages, &options).unwrap();
        let order: Vec<&str> = by_stage.iter().map(|s| s.segment.as_str()).collect();
        assert_eq!(order, ["onboarding", "adoption", "renewal"]);
        assert_eq!(segments.iter().map(|s| s.positives).sum::<usize>(), 15);
        assert!(segments[0].auc.is_some() && segments[2].auc.is_none());
        assert_eq!(
            by_segment(&f.rows(), "tier", &names[1..], &options),
            Err(EvaluateError::Length { column: "segment", expected: 60, found: 59 })
        );
    }

    #[test]
    fn distances_have_no_gap() {
        assert_eq!(term_distance(-0.5), "overdue");
        assert_eq!(term_distance(30.0), "up to 30 days");
        assert_eq!(term_distance(30.5), "31 to 60 days");
        assert_eq!(term_distance(1e9), "over 180 days");
        assert_eq!(term_distance(f64::NAN), "");
    }
}
