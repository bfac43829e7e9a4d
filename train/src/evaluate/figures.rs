//! All figures of one set of rows, with their intervals.

use super::bootstrap::{Interval, Resampler};
use super::rank::{Block, Tally};
use super::{
    AtCapacity, Difference, Estimate, EvaluateError, EvaluateOptions, Evaluation, Recalibration, Scale,
    ScoredRows, corp, proper, rank, recalibration,
};

/// All figures of probabilities on rows.
///
/// # Errors
/// The first of the [`EvaluateError`]s that applies.
pub fn evaluate(rows: &ScoredRows<'_>, options: &EvaluateOptions) -> Result<Evaluation, EvaluateError> {
    check(rows, options)?;
    check_scores(rows.probabilities, Scale::Probability)?;
    let resampler = Resampler::new(rows.groups);
    let tally = Tally::new(rows.probabilities);
    let blocks = tally.blocks(rows.labels, rows.weights);
    let ideal = recalibration::Line { intercept: 0.0, slope: 1.0 };
    let fitted = recalibration::line(&blocks, ideal);
    let statistics = |blocks: &[Block]| {
        let line = fitted.and_then(|from| recalibration::line(blocks, from));
        [
            proper::log_loss(blocks),
            proper::brier(blocks),
            line.map(|line| line.slope),
            line.map(|line| line.intercept),
            recalibration::in_the_large(blocks),
        ]
    };
    let intervals = resampler.intervals(options.seed, options.replicates, |factors| {
        statistics(&tally.blocks(rows.labels, &scaled(rows.weights, factors)))
    });
    let [log_loss, brier, slope, intercept, in_the_large] = estimates(statistics(&blocks), intervals);
    Ok(Evaluation {
        mean_probability: proper::mean_probability(&blocks),
        log_loss,
        brier,
        brier_parts: corp::decompose_brier(&blocks),
        log_loss_parts: corp::decompose_log_loss(&blocks),
        recalibration: Some(Recalibration { slope, intercept, in_the_large }),
        spiegelhalter_z: proper::spiegelhalter_z(rows.labels, rows.probabilities, rows.weights),
        expected_calibration_error: proper::expected_calibration_error(&blocks),
        reliability: Some(corp::reliability(rows, &tally, &resampler, options.seed)),
        ..ranking_figures(rows, &tally, &resampler, options)?
    })
}

/// The figures that need only an order of risk: for rules whose score is no probability. `rows.probabilities`
/// may then be any finite numbers.
///
/// # Errors
/// The first of the [`EvaluateError`]s that applies.
pub fn evaluate_ranking(
    rows: &ScoredRows<'_>,
    options: &EvaluateOptions,
) -> Result<Evaluation, EvaluateError> {
    check(rows, options)?;
    check_scores(rows.probabilities, Scale::Ranking)?;
    ranking_figures(rows, &Tally::new(rows.probabilities), &Resampler::new(rows.groups), options)
}

/// The figures of the probabilities in `rows` minus those of `other` (one entry a row, on `scale`), with
/// intervals from replicates drawn for both together.
///
/// # Errors
/// The first of the [`EvaluateError`]s that applies.
pub fn difference(
    rows: &ScoredRows<'_>,
    other: &[f64],
    scale: Scale,
    options: &EvaluateOptions,
) -> Result<Difference, EvaluateError> {
    check(rows, options)?;
    check_scores(rows.probabilities, Scale::Probability)?;
    length("other", other, rows.labels.len())?;
    check_scores(other, scale)?;
    let (ours, theirs) = (Tally::new(rows.probabilities), Tally::new(other));
    let statistics = |weights: &[f64]| {
        let (ours, theirs) = (ours.blocks(rows.labels, weights), theirs.blocks(rows.labels, weights));
        let minus = |statistic: fn(&[Block]) -> Option<f64>| Some(statistic(&ours)? - statistic(&theirs)?);
        let log_loss = match scale {
            Scale::Probability => minus(proper::log_loss),
            Scale::Ranking => None,
        };
        [minus(rank::auc), log_loss]
    };
    let intervals = Resampler::new(rows.groups)
        .intervals(options.seed, options.replicates, |factors| statistics(&scaled(rows.weights, factors)));
    let [auc, log_loss] = estimates(statistics(rows.weights), intervals);
    Ok(Difference { auc, log_loss })
}

/// Everything that needs only the order of the scores; the rest is `None`.
fn ranking_figures(
    rows: &ScoredRows<'_>,
    tally: &Tally,
    resampler: &Resampler,
    options: &EvaluateOptions,
) -> Result<Evaluation, EvaluateError> {
    // Each row counted by what it pays; unknown ARR counts as nothing.
    let money: Option<Vec<f64>> = rows.arr.map(|arr| {
        let known = arr.iter().map(|&amount| if amount.is_nan() { 0.0 } else { amount });
        rows.weights.iter().zip(known).map(|(weight, amount)| weight * amount).collect()
    });
    let share_caught = |blocks: &[Block], cut: rank::Cut| {
        let (positive, _) = rank::totals(blocks);
        (positive > 0.0).then(|| (rank::caught(blocks, cut) / positive).min(1.0))
    };
    let statistics = |factors: &[f64]| {
        let blocks = tally.blocks(rows.labels, &scaled(rows.weights, factors));
        let cut = rank::cut(&blocks, options.capacity);
        let base_rate = proper::base_rate(&blocks);
        let recall = share_caught(&blocks, cut);
        let precision = recall.zip(base_rate).map(|(r, base)| (r * base / options.capacity).min(1.0));
        let arr_recall = money
            .as_ref()
            .and_then(|money| share_caught(&tally.blocks(rows.labels, &scaled(money, factors)), cut));
        [
            base_rate,
            rank::auc(&blocks),
            rank::average_precision(&blocks),
            rank::lift_at(&blocks, 0.1),
            precision,
            recall,
            arr_recall,
        ]
    };
    let intervals = resampler.intervals(options.seed, options.replicates, statistics);
    let all = statistics(&vec![1.0; rows.labels.len()]);
    let [base_rate, auc, average_precision, lift_10, precision, recall, arr_recall] =
        estimates(all, intervals);
    let blocks = tally.blocks(rows.labels, rows.weights);
    let unweighted = tally.blocks(rows.labels, &vec![1.0; rows.labels.len()]);
    let cut = rank::cut(&blocks, options.capacity);
    Ok(Evaluation {
        rows: rows.labels.len(),
        positives: rows.labels.iter().filter(|&&label| label > 0.5).count(),
        groups: resampler.n_groups(),
        base_rate: base_rate.ok_or(EvaluateError::NoWeight)?,
        mean_probability: None,
        auc,
        average_precision,
        lift_10,
        log_loss: None,
        brier: None,
        brier_parts: None,
        log_loss_parts: None,
        recalibration: None,
        spiegelhalter_z: None,
        expected_calibration_error: None,
        at_capacity: precision.zip(recall).map(|(precision, recall)| AtCapacity {
            share: options.capacity,
            rows: rank::reached(&unweighted, cut),
            precision,
            recall,
            arr_recall,
        }),
        gains: rank::gains(&blocks),
        risk_bands: rank::risk_bands(&blocks),
        reliability: None,
    })
}

fn scaled(weights: &[f64], factors: &[f64]) -> Vec<f64> {
    weights.iter().zip(factors).map(|(weight, factor)| weight * factor).collect()
}

fn estimates<const N: usize>(
    values: [Option<f64>; N],
    intervals: [Option<Interval>; N],
) -> [Option<Estimate>; N] {
    std::array::from_fn(|index| {
        let interval = intervals[index];
        values[index].filter(|value| value.is_finite()).map(|value| Estimate {
            value,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        })
    })
}

/// Everything but the scores themselves.
fn check(rows: &ScoredRows<'_>, options: &EvaluateOptions) -> Result<(), EvaluateError> {
    let expected = rows.labels.len();
    if expected == 0 {
        return Err(EvaluateError::NoRows);
    }
    if !(options.capacity > 0.0 && options.capacity <= 1.0) {
        return Err(EvaluateError::Capacity(options.capacity));
    }
    length("probabilities", rows.probabilities, expected)?;
    length("weights", rows.weights, expected)?;
    length("groups", rows.groups, expected)?;
    length("arr", rows.arr.unwrap_or(rows.labels), expected)?;
    if let Some((row, value)) = first(rows.labels, |label| label != 0.0 && label != 1.0) {
        return Err(EvaluateError::Label { row, value });
    }
    if let Some((row, value)) = first(rows.weights, |weight| !(weight >= 0.0 && weight.is_finite())) {
        return Err(EvaluateError::Weight { row, value });
    }
    if rows.weights.iter().all(|&weight| weight == 0.0) {
        return Err(EvaluateError::NoWeight);
    }
    match rows.arr.and_then(|arr| first(arr, |amount| amount < 0.0 || amount.is_infinite())) {
        Some((row, value)) => Err(EvaluateError::Arr { row, value }),
        None => Ok(()),
    }
}

fn check_scores(scores: &[f64], scale: Scale) -> Result<(), EvaluateError> {
    match scale {
        Scale::Probability => first(scores, |q| !(0.0..=1.0).contains(&q))
            .map_or(Ok(()), |(row, value)| Err(EvaluateError::Probability { row, value })),
        Scale::Ranking => first(scores, |score| !score.is_finite())
            .map_or(Ok(()), |(row, value)| Err(EvaluateError::Score { row, value })),
    }
}

fn length<T>(column: &'static str, values: &[T], expected: usize) -> Result<(), EvaluateError> {
    let found = values.len();
    if found == expected { Ok(()) } else { Err(EvaluateError::Length { column, expected, found }) }
}

fn first(values: &[f64], is_bad: impl Fn(f64) -> bool) -> Option<(usize, f64)> {
    values.iter().copied().enumerate().find(|&(_, value)| is_bad(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::fixture;
    use super::*;

    const FEW: EvaluateOptions = EvaluateOptions { seed: 1, replicates: 40, capacity: 0.1 };

    #[test]
    fn the_fixture_has_every_figure_inside_its_interval() {
        let f = fixture();
        let evaluation = evaluate(&f.rows(), &EvaluateOptions { replicates: 300, ..FEW }).unwrap();
        let capacity = evaluation.at_capacity.as_ref().unwrap();
        let recalibration = evaluation.recalibration.unwrap();
        for (name, estimate) in [
            ("base rate", Some(evaluation.base_rate)),
            ("AUC", evaluation.auc),
            ("average precision", evaluation.average_precision),
            ("lift", evaluation.lift_10),
            ("log loss", evaluation.log_loss),
            ("Brier", evaluation.brier),
            ("slope", recalibration.slope),
            ("intercept", recalibration.intercept),
            ("in the large", recalibration.in_the_large),
            ("precision", Some(capacity.precision)),
            ("recall", Some(capacity.recall)),
        ] {
            let estimate = estimate.expect(name);
            let (low, high) = (estimate.low.expect(name), estimate.high.expect(name));
            assert!(low < estimate.value && estimate.value < high, "{name}: {estimate:?}");
        }
        assert_eq!((evaluation.rows, evaluation.positives, evaluation.groups), (60, 15, 20));
        assert_eq!(evaluation.gains.len(), 101);
    }

    #[test]
    fn same_seed_same_figures_in_any_number_of_threads() {
        let f = fixture();
        let threads = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| evaluate(&f.rows(), &FEW).unwrap())
        };
        assert_eq!(threads(1), threads(3));
        let other = evaluate(&f.rows(), &EvaluateOptions { seed: 2, ..FEW }).unwrap();
        assert_ne!(threads(1).auc, other.auc);
    }

    #[test]
    fn recall_in_money_counts_what_each_row_pays() {
        let f = fixture();
        // All the money is on the riskiest row (0.97), which churned or not; on the others there is none known.
        let riskiest = f.probabilities.iter().position(|&q| q > 0.965).unwrap();
        let mut labels = f.labels.clone();
        labels[riskiest] = 1.0;
        let mut arr = vec![f64::NAN; 60];
        arr[riskiest] = 1000.0;
        let rows = ScoredRows { labels: &labels, arr: Some(&arr), ..f.rows() };
        let capacity = evaluate(&rows, &FEW).unwrap().at_capacity.unwrap();
        assert_eq!(capacity.arr_recall.map(|recall| recall.value), Some(1.0));
        let none = evaluate(&ScoredRows { arr: Some(&[f64::NAN; 60]), ..rows }, &FEW).unwrap();
        assert_eq!(none.at_capacity.unwrap().arr_recall, None);
    }

    #[test]
    fn a_scoring_differs_from_itself_by_nothing_and_from_noise_by_much() {
        let f = fixture();
        let same = difference(&f.rows(), &f.probabilities, Scale::Probability, &FEW).unwrap();
        let nothing = Some(Estimate { value: 0.0, low: Some(0.0), high: Some(0.0) });
        assert_eq!((same.auc, same.log_loss), (nothing, nothing));
        let reversed: Vec<f64> = f.probabilities.iter().map(|q| -q).collect();
        let other = difference(&f.rows(), &reversed, Scale::Ranking, &FEW).unwrap();
        assert!(other.auc.unwrap().low.unwrap() > 0.0);
        assert_eq!(other.log_loss, None);
    }

    #[test]
    fn each_bad_input_has_its_error() {
        let f = fixture();
        let rows = f.rows();
        let with = |bad: f64| {
            let mut column = f.ones.clone();
            column[7] = bad;
            column
        };
        let of = |rows: ScoredRows<'_>| evaluate(&rows, &FEW).unwrap_err().to_string();
        let empty = ScoredRows { labels: &[], probabilities: &[], weights: &[], groups: &[], arr: None };
        assert_eq!(evaluate(&empty, &FEW), Err(EvaluateError::NoRows));
        assert!(of(ScoredRows { labels: &with(0.5), ..rows }).contains("row 7: label 0.5"));
        assert!(of(ScoredRows { probabilities: &with(1.5), ..rows }).contains("row 7: probability 1.5"));
        assert!(of(ScoredRows { probabilities: &with(f64::NAN), ..rows }).contains("probability NaN"));
        assert!(of(ScoredRows { weights: &with(-1.0), ..rows }).contains("row 7: weight -1"));
        assert!(of(ScoredRows { arr: Some(&with(-1.0)), ..rows }).contains("row 7: ARR -1"));
        assert!(of(ScoredRows { weights: &f.ones[1..], ..rows }).contains("`weights` has 59 rows"));
        assert_eq!(evaluate(&ScoredRows { weights: &[0.0; 60], ..rows }, &FEW), Err(EvaluateError::NoWeight));
        assert_eq!(
            evaluate(&rows, &EvaluateOptions { capacity: 0.0, ..FEW }),
            Err(EvaluateError::Capacity(0.0))
        );
        let infinite = with(f64::INFINITY);
        let ranking = evaluate_ranking(&ScoredRows { probabilities: &infinite, ..rows }, &FEW);
        assert_eq!(ranking, Err(EvaluateError::Score { row: 7, value: f64::INFINITY }));
        assert!(difference(&rows, &f.ones[1..], Scale::Ranking, &FEW).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever the rows, no figure is NaN or infinite (serde_json writes those as null, which reads back as
        /// an error), and what is written reads back the same.
        #[test]
        fn no_figure_is_ever_not_a_number(
            rows in prop::collection::vec((0..2_u8, 0..8_u8, 0..3_u8, 0..5_usize, 0..3_u8), 1..40),
        ) {
            let labels: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
            let probabilities: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 7.0).collect();
            let weights: Vec<f64> = rows.iter().map(|r| f64::from(r.2)).collect();
            let groups: Vec<usize> = rows.iter().map(|r| r.3).collect();
            let arr: Vec<f64> = rows.iter().map(|r| if r.4 == 0 { f64::NAN } else { f64::from(r.4 - 1) }).collect();
            let scored = ScoredRows {
                labels: &labels, probabilities: &probabilities, weights: &weights, groups: &groups, arr: Some(&arr),
            };
            match evaluate(&scored, &FEW) {
                Ok(evaluation) => {
                    let text = serde_json::to_string(&evaluation).unwrap();
                    let back: Evaluation = serde_json::from_str(&text).unwrap();
                    prop_assert_eq!(back, evaluation);
                }
                Err(error) => {
                    prop_assert_eq!(error, EvaluateError::NoWeight);
                    prop_assert!(weights.iter().all(|&w| w == 0.0));
                }
            }
        }
    }
}
