//! Offsets by segment: what the calibrated log-odds of one segment's accounts are off by, shrunk by how alike segments are.

use std::collections::BTreeMap;

use holdfast_features::{FeatureSpec, FeatureTable, Row, Value};
use serde::{Deserialize, Serialize};

use crate::encode::{EncoderError, readable};
use crate::newton::{Coefficients, NotConverged, Problem, minimise};
use crate::probability::sigmoid;

/// A segment with fewer rows than this has no offset.
const MIN_ROWS: usize = 30;
/// More segments than this are none.
const MAX_SEGMENTS: usize = 50;
/// Error of the offsets, in standard errors.
const TOLERANCE: f64 = 1e-8;

/// Which segment each row belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Segments<'a> {
    /// The position, in the specs, of the feature that tells it.
    pub feature: usize,
    /// One a row; `None` where it is not known.
    pub of: &'a [Option<&'a str>],
    /// One a row: the block of time that it lies in, rising. Offsets are deployed where those of earlier blocks helped
    /// in later ones; where there is one block only, where those of some groups helped others.
    pub blocks: &'a [u32],
}

/// Fitted offsets, by the categories of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentOffsets {
    /// The position of the feature in the specs.
    feature: usize,
    /// Sorted.
    segments: Vec<String>,
    /// In log-odds, one a segment.
    offsets: Vec<f64>,
    /// The mean offset of the rows that explanations compare with.
    pub(crate) background: f64,
}

/// What one segment's rows say of its offset, at an offset of 0.
#[derive(Debug, Clone, Copy, Default)]
struct Evidence {
    rows: usize,
    /// Σ w·(y − p).
    score: f64,
    /// Σ w·p·(1 − p).
    information: f64,
    /// The variance of the score, by group.
    variance: f64,
}

impl SegmentOffsets {
    /// Empirical Bayes: offsets are draws from a normal distribution of a mean of its own, whose variance is DerSimonian
    /// and Laird's (1986) of the offsets' first steps (score / information), with the rows of one group taken together;
    /// each offset is the mode of its posterior, so that the mean probability of all that get one is their rate. `None` where
    /// segments differ no more than chance would have them, and where fewer than two have rows enough.
    pub(super) fn fit(
        logits: &[f64],
        labels: &[f64],
        weights: &[f64],
        groups: &[u32],
        segments: Segments<'_>,
    ) -> Result<Option<Self>, NotConverged> {
        let mut evidence = evidence(logits, labels, weights, groups, segments.of);
        evidence.retain(|_, own| own.rows >= MIN_ROWS && own.information > 0.0 && own.variance > 0.0);
        if !(2..=MAX_SEGMENTS).contains(&evidence.len()) {
            return Ok(None);
        }
        let between = between_variance(evidence.values());
        if between <= 0.0 {
            return Ok(None);
        }
        let names: Vec<&str> = evidence.keys().copied().collect();
        let width = names.len();
        // Rows that get no offset say nothing of those of others.
        let place = |row: usize| segments.of[row].and_then(|segment| names.binary_search(&segment).ok());
        let kept: Vec<(usize, usize)> =
            (0..logits.len()).filter_map(|row| Some((row, place(row)?))).collect();
        let mut design = vec![0.0; kept.len() * width];
        for (row, &(_, at)) in design.chunks_exact_mut(width).zip(&kept) {
            row[at] = 1.0;
        }
        let of_kept = |values: &[f64]| kept.iter().map(|&(row, _)| values[row]).collect::<Vec<f64>>();
        // Where the rows of a group say the same, their weights promise more information than there is.
        let ridge: Vec<f64> = evidence.values().map(|own| own.variance / own.information / between).collect();
        let problem = Problem {
            design: &design,
            n_columns: width,
            offsets: Some(&of_kept(logits)),
            targets: &of_kept(labels),
            weights: &of_kept(weights),
            ridge: &ridge,
            centre: &vec![0.0; width],
            lasso: None,
            orders: None,
        };
        let start = Coefficients { slopes: vec![0.0; width], intercept: 0.0 };
        // The intercept, which no ridge draws, keeps the mean probability at the observed rate.
        let Coefficients { slopes, intercept } = minimise(&problem, start, TOLERANCE)?;
        let offsets = slopes.into_iter().map(|slope| slope + intercept).collect();
        let segments_found = names.into_iter().map(str::to_owned).collect();
        Ok(Some(Self { feature: segments.feature, segments: segments_found, offsets, background: 0.0 }))
    }

    /// The offset of a segment, in log-odds; 0 where it is not known.
    #[must_use]
    pub fn of(&self, segment: Option<&str>) -> f64 {
        let at = segment
            .and_then(|segment| self.segments.binary_search_by(|known| known.as_str().cmp(segment)).ok());
        at.map_or(0.0, |at| self.offsets[at])
    }

    /// The offset of a row whose columns stand in the order of the specs. Allocates nothing.
    #[must_use]
    pub fn of_row(&self, row: Row<'_>) -> f64 {
        match row.value(self.feature) {
            Value::Text(segment) => self.of(segment),
            Value::Number(_) => 0.0,
        }
    }

    /// The position, in the specs, of the feature that tells the segment.
    #[must_use]
    pub fn feature(&self) -> usize {
        self.feature
    }

    /// The same for explanations that compare with the given rows of a table.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred rows")]
    pub(crate) fn against(&self, table: &FeatureTable, rows: &[usize]) -> Self {
        let sum: f64 = rows.iter().map(|&row| self.of_row(table.row(row))).sum();
        Self { background: sum / rows.len().max(1) as f64, ..self.clone() }
    }

    /// Checks offsets that came from a file.
    pub(crate) fn validate(&self, specs: &[FeatureSpec]) -> Result<(), EncoderError> {
        let name = readable(specs, self.feature, true)?.name.clone();
        if !self.segments.is_sorted_by(|a, b| a < b) {
            return Err(EncoderError::Unsorted(name));
        }
        let numbers = self.offsets.iter().chain([&self.background]);
        if self.segments.len() != self.offsets.len() || numbers.into_iter().any(|number| !number.is_finite())
        {
            return Err(EncoderError::Number(name));
        }
        Ok(())
    }
}

/// The variance of the segments' offsets beyond chance, by DerSimonian and Laird's moments; at least two segments.
#[expect(clippy::cast_precision_loss, reason = "a few segments")]
fn between_variance<'a>(evidence: impl ExactSizeIterator<Item = &'a Evidence> + Clone) -> f64 {
    let by_chance = evidence.len() as f64 - 1.0;
    // The offset's first step, and the inverse of its variance.
    let steps = evidence.map(|own| (own.score / own.information, own.information.powi(2) / own.variance));
    let total: f64 = steps.clone().map(|(_, weight)| weight).sum();
    let mean = steps.clone().map(|(step, weight)| step * weight).sum::<f64>() / total;
    let heterogeneity: f64 = steps.clone().map(|(step, weight)| weight * (step - mean).powi(2)).sum();
    let squares: f64 = steps.map(|(_, weight)| weight.powi(2)).sum();
    (heterogeneity - by_chance) / (total - squares / total)
}

fn evidence<'a>(
    logits: &[f64],
    labels: &[f64],
    weights: &[f64],
    groups: &[u32],
    segments: &[Option<&'a str>],
) -> BTreeMap<&'a str, Evidence> {
    let mut by_group: BTreeMap<(&str, u32), f64> = BTreeMap::new();
    let mut evidence: BTreeMap<&str, Evidence> = BTreeMap::new();
    for (row, segment) in segments.iter().enumerate() {
        let Some(segment) = *segment else { continue };
        let probability = sigmoid(logits[row]);
        let score = weights[row] * (labels[row] - probability);
        let own = evidence.entry(segment).or_default();
        own.rows += 1;
        own.score += score;
        own.information += weights[row] * probability * (1.0 - probability);
        *by_group.entry((segment, groups[row])).or_default() += score;
    }
    for ((segment, _), score) in by_group {
        evidence.entry(segment).or_default().variance += score.powi(2);
    }
    evidence
}

#[cfg(test)]
impl SegmentOffsets {
    /// Offsets of two segments, for tests of what reads some.
    pub(crate) fn example(feature: usize, segments: [&str; 2]) -> Self {
        Self {
            feature,
            segments: segments.map(str::to_owned).to_vec(),
            offsets: vec![0.3, -0.2],
            background: 0.0,
        }
    }

    /// Each segment and its offset in log-odds.
    fn all(&self) -> impl Iterator<Item = (&str, f64)> {
        self.segments.iter().map(String::as_str).zip(self.offsets.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Log-odds, labels, groups and segments.
    type Rows = (Vec<f64>, Vec<f64>, Vec<u32>, Vec<Option<&'static str>>);

    /// `n` rows of four segments whose log-odds are off by `shifts`, all else right; `copies` rows an account.
    fn rows(n: u32, shifts: [f64; 4], copies: u32) -> Rows {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut rows = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for account in 0..n {
            let segment = (account % 4) as usize;
            let logit = rng.random_range(-3.0..0.0);
            let label = f64::from(u8::from(rng.random_bool(sigmoid(logit + shifts[segment]))));
            for _ in 0..copies {
                rows.0.push(logit);
                rows.1.push(label);
                rows.2.push(account);
                rows.3.push(Some(["adoption", "expansion", "onboarding", "renewal"][segment]));
            }
        }
        rows
    }

    fn fit(n: u32, shifts: [f64; 4], copies: u32) -> Option<SegmentOffsets> {
        let (logits, labels, groups, of) = rows(n, shifts, copies);
        let weights = vec![1.0; logits.len()];
        let segments = Segments { feature: 0, of: &of, blocks: &vec![0; of.len()] };
        SegmentOffsets::fit(&logits, &labels, &weights, &groups, segments).unwrap()
    }

    #[test]
    fn known_offsets_are_found_and_none_where_there_are_none() {
        let found = fit(20_000, [0.6, -0.4, 0.0, -0.2], 1).unwrap();
        for ((_, found), expected) in found.all().zip([0.6, -0.4, 0.0, -0.2]) {
            // Three standard errors of 5,000 rows.
            assert!((found - expected).abs() < 0.15, "{found} {expected}");
        }
        assert_eq!(found.of(Some("adoption")).to_bits(), found.offsets[0].to_bits());
        assert_eq!((found.of(Some("another")), found.of(None)), (0.0, 0.0));
        let chance = fit(20_000, [0.0; 4], 1);
        let offsets = chance.iter().flat_map(SegmentOffsets::all);
        // Three standard errors of the rate of all rows, which offsets correct too.
        assert!(offsets.fold(0.0, |most: f64, (_, offset)| most.max(offset.abs())) < 0.07, "{chance:?}");
        assert_eq!(fit(80, [2.0, -2.0, 0.0, 0.0], 1), None, "twenty rows a segment");
    }

    #[test]
    fn few_rows_shrink_and_copies_of_an_account_are_no_news() {
        let shifts = [0.6, -0.4, 0.0, -0.2];
        let largest =
            |offsets: &SegmentOffsets| offsets.all().map(|(_, offset)| offset.abs()).fold(0.0, f64::max);
        let (few, copied) = (fit(600, shifts, 1).unwrap(), fit(600, shifts, 5).unwrap());
        assert!(largest(&few) < 1.2);
        for ((_, once), (_, five)) in few.all().zip(copied.all()) {
            assert!((once - five).abs() < 1e-6, "{once} {five}");
        }
    }

    #[test]
    fn the_mean_probability_is_the_rate_however_unequal_the_segments() {
        let (mut logits, labels, groups, mut of) = rows(40_000, [0.0; 4], 1);
        // One row in twenty lies in a segment that the log-odds are far off for; the others make up for it.
        for (row, segment) in of.iter_mut().enumerate() {
            let (small, shift) = if row % 20 == 0 { (true, 0.95) } else { (false, -0.05) };
            logits[row] -= shift;
            *segment = Some(if small { "small" } else { ["a", "b", "c", "d"][row % 4] });
        }
        let weights = vec![1.0; logits.len()];
        let segments = Segments { feature: 0, of: &of, blocks: &vec![0; of.len()] };
        let offsets = SegmentOffsets::fit(&logits, &labels, &weights, &groups, segments).unwrap().unwrap();
        assert!(offsets.of(Some("small")) > 0.5, "{offsets:?}");
        let said: f64 = logits.iter().zip(&of).map(|(logit, of)| sigmoid(logit + offsets.of(*of))).sum();
        assert!((said - labels.iter().sum::<f64>()).abs() < 1e-3, "{said}");
    }

    #[test]
    fn refuses_offsets_that_cannot_be_looked_up() {
        let table = crate::testing::table(40).0;
        let plan = table.specs().iter().position(|spec| spec.name == "plan").unwrap();
        let segments = vec!["a".to_owned(), "b".to_owned()];
        let good = SegmentOffsets { feature: plan, segments, offsets: vec![0.1, -0.2], background: 0.0 };
        let check = |spoil: &dyn Fn(&mut SegmentOffsets)| {
            let mut offsets = good.clone();
            spoil(&mut offsets);
            offsets.validate(table.specs())
        };
        assert_eq!(check(&|_| ()), Ok(()));
        assert_eq!(check(&|offsets| offsets.segments.reverse()), Err(EncoderError::Unsorted("plan".into())));
        assert_eq!(check(&|offsets| offsets.offsets.truncate(1)), Err(EncoderError::Number("plan".into())));
        assert_eq!(check(&|offsets| offsets.background = f64::NAN), Err(EncoderError::Number("plan".into())));
        assert!(matches!(check(&|offsets| offsets.feature = 0), Err(EncoderError::Source { .. })));
        assert!(matches!(check(&|offsets| offsets.feature = 1), Err(EncoderError::Type(_))));
    }
}
