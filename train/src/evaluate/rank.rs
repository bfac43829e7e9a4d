//! How well scores put churned rows before the others: AUC, average precision, gains, lift.
//!
//! Ties never depend on the order of rows: within a tie every figure is its expected value under random
//! breaking (average precision, by its step-wise definition, takes a tie as one step).

use serde::{Deserialize, Serialize};

/// The weight of the rows of one distinct score. Blocks are kept by falling score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// The score (a probability, except for a ranking).
    pub score: f64,
    /// Summed weight of the churned rows.
    pub positive: f64,
    /// Summed weight of the other rows.
    pub negative: f64,
}

impl Block {
    /// Summed weight of all its rows.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.positive + self.negative
    }
}

/// Which block each row belongs to: sorted once, refilled for each set of weights.
#[derive(Debug, Clone)]
pub struct Tally {
    scores: Vec<f64>,
    block_of_row: Vec<usize>,
}

impl Tally {
    /// Sorts finite `scores` (one a row) into blocks.
    #[must_use]
    pub fn new(scores: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut distinct: Vec<f64> = Vec::new();
        let mut block_of_row = vec![0; scores.len()];
        for row in order {
            // `==` rather than a comparison of bits: 0.0 and -0.0 are one score.
            if distinct.last().is_none_or(|&last| last != scores[row]) {
                distinct.push(scores[row]);
            }
            block_of_row[row] = distinct.len() - 1;
        }
        Self { scores: distinct, block_of_row }
    }

    /// The blocks by falling score, with `weights` and `labels` (0 or 1) of one entry a row.
    #[must_use]
    pub fn blocks(&self, labels: &[f64], weights: &[f64]) -> Vec<Block> {
        let mut blocks: Vec<Block> =
            self.scores.iter().map(|&score| Block { score, positive: 0.0, negative: 0.0 }).collect();
        for ((&block, &label), &weight) in self.block_of_row.iter().zip(labels).zip(weights) {
            if label > 0.5 {
                blocks[block].positive += weight;
            } else {
                blocks[block].negative += weight;
            }
        }
        blocks
    }
}

/// Summed weight of churned and of other rows.
#[must_use]
pub fn totals(blocks: &[Block]) -> (f64, f64) {
    blocks.iter().fold((0.0, 0.0), |(p, n), block| (p + block.positive, n + block.negative))
}

/// Area under the ROC curve: the probability that a churned row scores above another one, a tie counting ½
/// (Hanley & McNeil 1982, Radiology 143:29). `None` where one class is absent.
#[must_use]
pub fn auc(blocks: &[Block]) -> Option<f64> {
    let (positive, negative) = totals(blocks);
    if positive <= 0.0 || negative <= 0.0 {
        return None;
    }
    let mut negative_below = negative;
    let mut area = 0.0;
    for block in blocks {
        negative_below -= block.negative;
        area += block.positive * (negative_below + 0.5 * block.negative);
    }
    Some((area / (positive * negative)).clamp(0.0, 1.0))
}

/// Average precision: Σ (recallₖ − recallₖ₋₁) · precisionₖ over the distinct scores, without interpolation
/// (scikit-learn's `average_precision_score`). `None` without a churned row.
#[must_use]
pub fn average_precision(blocks: &[Block]) -> Option<f64> {
    let (positive, _) = totals(blocks);
    if positive <= 0.0 {
        return None;
    }
    let (mut caught, mut seen, mut sum) = (0.0, 0.0, 0.0);
    for block in blocks.iter().filter(|block| block.positive > 0.0 || block.negative > 0.0) {
        caught += block.positive;
        seen += block.weight();
        sum += block.positive * caught / seen;
    }
    Some((sum / positive).clamp(0.0, 1.0))
}

/// Where the riskiest rows end: all blocks before `block`, and the `part` (0 to 1) of it that still fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    block: usize,
    part: f64,
}

/// The cut after the riskiest `share` (0 to 1) of the weight.
#[must_use]
pub fn cut(blocks: &[Block], share: f64) -> Cut {
    let (positive, negative) = totals(blocks);
    let mut room = share * (positive + negative);
    for (index, block) in blocks.iter().enumerate() {
        let weight = block.weight();
        if weight > 0.0 && weight >= room {
            return Cut { block: index, part: room / weight };
        }
        room -= weight;
    }
    Cut { block: blocks.len(), part: 0.0 }
}

/// Expected weight of churned rows before `cut`, ties broken at random: a tie across it gives its part. `blocks`
/// may hold other weights (money) than those the cut was made with, of the same [`Tally`].
#[must_use]
pub fn caught(blocks: &[Block], cut: Cut) -> f64 {
    let whole: f64 = blocks.iter().take(cut.block).map(|block| block.positive).sum();
    whole + blocks.get(cut.block).map_or(0.0, |block| cut.part * block.positive)
}

/// Weight of all rows before `cut`; as in [`caught`], `blocks` may hold other weights.
#[must_use]
pub fn reached(blocks: &[Block], cut: Cut) -> f64 {
    let whole: f64 = blocks.iter().take(cut.block).map(Block::weight).sum();
    whole + blocks.get(cut.block).map_or(0.0, |block| cut.part * block.weight())
}

/// Churn rate among the riskiest `share` of the weight over the churn rate of all. `None` without a churned
/// row or for a share of 0.
#[must_use]
pub fn lift_at(blocks: &[Block], share: f64) -> Option<f64> {
    let (positive, _) = totals(blocks);
    (positive > 0.0 && share > 0.0).then(|| caught(blocks, cut(blocks, share)) / (positive * share))
}

/// One point of the cumulative gains curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GainsPoint {
    /// Share of all rows worked through, riskiest first, 0 to 1.
    pub share: f64,
    /// Share of all churned rows among them, 0 to 1.
    pub caught: f64,
}

/// The gains curve at every percent, 0 to 1 (101 points); empty without a churned row.
#[must_use]
pub fn gains(blocks: &[Block]) -> Vec<GainsPoint> {
    let (positive, _) = totals(blocks);
    if positive <= 0.0 {
        return Vec::new();
    }
    (0..=100_u8)
        .map(|percent| {
            let share = f64::from(percent) / 100.0;
            GainsPoint { share, caught: (caught(blocks, cut(blocks, share)) / positive).min(1.0) }
        })
        .collect()
}

/// One of the ten bands of equal weight, riskiest first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskBand {
    /// 1 (riskiest) to 10.
    pub band: u8,
    /// Mean score of its rows (for a ranking: of the score).
    pub mean_score: f64,
    /// Share of its rows that churned.
    pub observed: f64,
}

/// Ten bands of equal weight; ties across a border are split in proportion. Empty when no row counts.
#[must_use]
pub fn risk_bands(blocks: &[Block]) -> Vec<RiskBand> {
    const BANDS: u8 = 10;
    let (positive, negative) = totals(blocks);
    let size = (positive + negative) / f64::from(BANDS);
    if size <= 0.0 {
        return Vec::new();
    }
    let mut bands = Vec::with_capacity(usize::from(BANDS));
    let mut remaining = blocks.iter().filter(|block| block.weight() > 0.0).copied();
    let mut current = remaining.next();
    for band in 1..=BANDS {
        let (mut filled, mut score, mut churned) = (0.0, 0.0, 0.0);
        // Rounding may leave a crumb of the last block over or short: the tolerance closes the band.
        while let Some(block) = current.as_mut() {
            let take = block.weight().min(size - filled);
            let part = take / block.weight();
            score += take * block.score;
            churned += part * block.positive;
            filled += take;
            block.negative *= 1.0 - part;
            block.positive *= 1.0 - part;
            if block.weight() <= size * 1e-9 {
                current = remaining.next();
            }
            if filled >= size * (1.0 - 1e-9) {
                break;
            }
        }
        if filled > 0.0 {
            bands.push(RiskBand { band, mean_score: score / filled, observed: (churned / filled).min(1.0) });
        }
    }
    bands
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{close, fixture};
    use super::*;

    fn blocks(labels: &[f64], scores: &[f64], weights: &[f64]) -> Vec<Block> {
        Tally::new(scores).blocks(labels, weights)
    }

    /// Oracle: scikit-learn 1.9.1 `roc_auc_score` and `average_precision_score` on the fixture.
    #[test]
    fn auc_and_average_precision_are_those_of_scikit_learn() {
        let f = fixture();
        let plain = blocks(&f.labels, &f.probabilities, &f.ones);
        close(auc(&plain), 0.791_111_111_111_111_1);
        close(average_precision(&plain), 0.541_985_635_792_712_7);
        let weighted = blocks(&f.labels, &f.probabilities, &f.weights);
        close(auc(&weighted), 0.830_781_848_004_373_9);
        close(average_precision(&weighted), 0.553_311_910_624_688_4);
    }

    /// By hand: the hypergeometric expectation.
    #[test]
    fn lift_takes_the_expected_value_within_ties() {
        // Two rows fit into 10 %: the single 0.9 and one of the four 0.8, half of which churned.
        let mut scores = vec![0.9, 0.8, 0.8, 0.8, 0.8];
        let mut labels = vec![1.0, 1.0, 1.0, 0.0, 0.0];
        scores.extend(vec![0.1; 15]);
        labels.extend(vec![0.0; 14]);
        labels.push(1.0);
        let blocks = blocks(&labels, &scores, &[1.0; 20]);
        close(lift_at(&blocks, 0.1), (1.0 + 0.5) / (4.0 * 0.1));
        close(Some(caught(&blocks, cut(&blocks, 1.0))), 4.0);
        close(Some(reached(&blocks, cut(&blocks, 0.1))), 2.0);
    }

    /// Oracle: empulse 0.13.1 `lift_score(fraction=0.1)` on the fixture (no tie at the border).
    #[test]
    fn lift_is_that_of_empulse() {
        let f = fixture();
        close(lift_at(&blocks(&f.labels, &f.probabilities, &f.ones), 0.1), 2.0);
    }

    #[test]
    fn one_class_has_no_ranking() {
        let all = blocks(&[1.0, 1.0], &[0.2, 0.3], &[1.0, 1.0]);
        assert_eq!(auc(&all), None);
        close(average_precision(&all), 1.0);
        let none = blocks(&[0.0, 0.0], &[0.2, 0.3], &[1.0, 1.0]);
        assert_eq!((auc(&none), average_precision(&none), lift_at(&none, 0.1)), (None, None, None));
        assert!(gains(&none).is_empty());
    }

    #[test]
    fn a_constant_score_ranks_like_chance() {
        let labels: Vec<f64> = (0..40).map(|row| f64::from(u8::from(row % 5 == 0))).collect();
        let blocks = blocks(&labels, &[0.3; 40], &[1.0; 40]);
        close(auc(&blocks), 0.5);
        close(lift_at(&blocks, 0.1), 1.0);
        assert!(gains(&blocks).iter().all(|point| (point.share - point.caught).abs() < 1e-12));
        assert!(risk_bands(&blocks).iter().all(|band| (band.observed - 0.2).abs() < 1e-9));
    }

    proptest! {
        /// AUC, average precision and lift see only the order of scores and not that of rows.
        #[test]
        fn order_of_scores_is_all_that_counts(
            rows in prop::collection::vec((0..2_u8, 0..12_u8, 1..4_u8), 2..60),
            turn in 0..60_usize,
        ) {
            let labels: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 12.0).collect();
            let weights: Vec<f64> = rows.iter().map(|r| f64::from(r.2) / 2.0).collect();
            let mapped: Vec<f64> = scores.iter().map(|s| (3.0 * s).exp() - 7.0).collect();
            let plain = blocks(&labels, &scores, &weights);
            let monotone = blocks(&labels, &mapped, &weights);
            let turned = |column: &[f64]| -> Vec<f64> {
                let mut column = column.to_vec();
                column.rotate_left(turn % rows.len());
                column
            };
            let permuted = blocks(&turned(&labels), &turned(&scores), &turned(&weights));
            for other in [&monotone, &permuted] {
                prop_assert_eq!(auc(&plain), auc(other));
                prop_assert_eq!(average_precision(&plain), average_precision(other));
                prop_assert_eq!(lift_at(&plain, 0.1), lift_at(other, 0.1));
            }
            let swapped: Vec<f64> = scores.iter().map(|s| -s).collect();
            if let Some(area) = auc(&plain) {
                let reversed = auc(&blocks(&labels, &swapped, &weights)).unwrap();
                prop_assert!((area + reversed - 1.0).abs() < 1e-12);
            }
        }

        /// The ten bands hold all rows once, and the gains curve rises to 1.
        #[test]
        fn bands_and_gains_cover_all_rows(
            rows in prop::collection::vec((0..2_u8, 0..200_u8, 1..4_u8), 1..80),
        ) {
            let labels: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 200.0).collect();
            let weights: Vec<f64> = rows.iter().map(|r| f64::from(r.2)).collect();
            let blocks = blocks(&labels, &scores, &weights);
            let (positive, negative) = totals(&blocks);
            let bands = risk_bands(&blocks);
            prop_assert_eq!(bands.len(), 10);
            let observed: f64 = bands.iter().map(|band| band.observed).sum::<f64>() / 10.0;
            prop_assert!((observed - positive / (positive + negative)).abs() < 1e-6);
            let gains = gains(&blocks);
            prop_assert!(gains.windows(2).all(|pair| pair[0].caught <= pair[1].caught + 1e-12));
            if let Some(last) = gains.last() {
                prop_assert!((last.caught - 1.0).abs() < 1e-9);
            }
        }
    }
}
