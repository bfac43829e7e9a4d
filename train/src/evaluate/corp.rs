//! Calibration without bins: the reliability curve by isotonic regression and the decomposition of a score into
//! miscalibration, discrimination and uncertainty ("CORP"; Dimitriadis, Gneiting & Jordan 2021, PNAS 118:e2016191118).

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::ScoredRows;
use super::bootstrap::{Resampler, quantile, stream};
use super::proper::{base_rate, bin_of, brier, log_loss};
use super::rank::{Block, Tally};

/// Replicates behind the consistency band.
const BAND_REPLICATES: usize = 200;
/// The band holds the reliability curve of calibrated probabilities with this probability, point by point.
const BAND_LEVEL: f64 = 0.9;
/// At most this many points describe the band.
const BAND_POINTS: usize = 64;
const HISTOGRAM_BINS: usize = 20;

/// A mean score split into parts: score = miscalibration − discrimination + uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decomposition {
    /// What a perfect monotone recalibration would save (≥ 0, 0 is ideal).
    pub miscalibration: f64,
    /// What the recalibrated probabilities save against always saying the base rate (≥ 0, higher is better).
    pub discrimination: f64,
    /// The score of always saying the base rate.
    pub uncertainty: f64,
}

/// A flat piece of the reliability curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityStep {
    /// Its lowest probability.
    pub low: f64,
    /// Its highest probability.
    pub high: f64,
    /// The share of its rows that churned.
    pub observed: f64,
    /// Its share of all rows (by weight).
    pub share: f64,
}

/// Where the reliability curve of calibrated probabilities would lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BandPoint {
    /// The stated probability.
    pub probability: f64,
    /// 5 % point of the curve there.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
}

/// One bar of the histogram of probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HistogramBin {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Share of all rows in it that churned.
    pub churned: f64,
    /// Share of all rows in it that did not.
    pub retained: f64,
}

/// The reliability curve with its surroundings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The curve, by rising probability.
    pub steps: Vec<ReliabilityStep>,
    /// The 90 % consistency band, by rising probability.
    pub band: Vec<BandPoint>,
    /// Probabilities in twenty bins of equal width.
    pub histogram: Vec<HistogramBin>,
}

/// Decomposition of the Brier score; `None` when no row counts.
#[must_use]
pub fn decompose_brier(blocks: &[Block]) -> Option<Decomposition> {
    decompose(blocks, brier)
}

/// Decomposition of the log loss; `None` when no row counts.
#[must_use]
pub fn decompose_log_loss(blocks: &[Block]) -> Option<Decomposition> {
    decompose(blocks, log_loss)
}

fn decompose(blocks: &[Block], score: fn(&[Block]) -> Option<f64>) -> Option<Decomposition> {
    let with = |value: &dyn Fn(usize) -> f64| -> Option<f64> {
        let changed: Vec<Block> =
            blocks.iter().enumerate().map(|(index, block)| Block { score: value(index), ..*block }).collect();
        score(&changed)
    };
    let base = base_rate(blocks)?;
    let fitted = isotonic(blocks);
    let (raw, recalibrated, reference) = (score(blocks)?, with(&|index| fitted[index])?, with(&|_| base)?);
    // Both differences are ≥ 0 in exact arithmetic (the base rate and the identity are monotone).
    Some(Decomposition {
        miscalibration: (raw - recalibrated).max(0.0),
        discrimination: (reference - recalibrated).max(0.0),
        uncertainty: reference,
    })
}

/// The isotonic regression of the labels on the score, one value a block, by pooling adjacent violators
/// (Ayer et al. 1955, Annals of Mathematical Statistics 26:641). Blocks without weight take the value below them.
#[must_use]
pub fn isotonic(blocks: &[Block]) -> Vec<f64> {
    struct Pool {
        positive: f64,
        weight: f64,
        blocks: usize,
    }
    impl Pool {
        fn mean(&self) -> f64 {
            self.positive / self.weight
        }
    }
    let mut pools: Vec<Pool> = Vec::new();
    let mut leading = 0;
    for block in blocks.iter().rev() {
        if block.weight() <= 0.0 {
            match pools.last_mut() {
                Some(last) => last.blocks += 1,
                None => leading += 1,
            }
            continue;
        }
        let mut pool = Pool {
            positive: block.positive,
            weight: block.weight(),
            blocks: 1 + std::mem::take(&mut leading),
        };
        while let Some(below) = pools.pop_if(|below| below.mean() >= pool.mean()) {
            pool.positive += below.positive;
            pool.weight += below.weight;
            pool.blocks += below.blocks;
        }
        pools.push(pool);
    }
    let mut values: Vec<f64> =
        pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean(), pool.blocks)).collect();
    values.resize(blocks.len(), 0.0);
    values.reverse();
    values
}

/// The reliability curve, its consistency band and the histogram of the probabilities.
///
/// The band (Bröcker & Smith 2007, Weather and Forecasting 22:651, with the probabilities held fixed) is where the
/// curve would lie if the probabilities were right: outcomes are redrawn from them and the curve refitted. Rows of
/// one account share one random number, so the band is as wide as the number of accounts demands.
#[must_use]
pub fn reliability(rows: &ScoredRows<'_>, tally: &Tally, resampler: &Resampler, seed: u64) -> Reliability {
    let blocks = tally.blocks(rows.labels, rows.weights);
    Reliability {
        steps: steps(&blocks),
        band: band(rows, tally, resampler, seed),
        histogram: histogram(&blocks),
    }
}

fn steps(blocks: &[Block]) -> Vec<ReliabilityStep> {
    let total: f64 = blocks.iter().map(Block::weight).sum();
    let mut steps: Vec<ReliabilityStep> = Vec::new();
    for (block, value) in blocks.iter().zip(isotonic(blocks)).rev() {
        if block.weight() <= 0.0 {
            continue;
        }
        let share = block.weight() / total;
        match steps.last_mut() {
            Some(step) if step.observed == value => {
                step.high = block.score;
                step.share += share;
            }
            _ => steps.push(ReliabilityStep { low: block.score, high: block.score, observed: value, share }),
        }
    }
    steps
}

fn band(rows: &ScoredRows<'_>, tally: &Tally, resampler: &Resampler, seed: u64) -> Vec<BandPoint> {
    let blocks = tally.blocks(rows.labels, rows.weights);
    let counted: Vec<usize> = (0..blocks.len()).filter(|&b| blocks[b].weight() > 0.0).collect();
    let Some(last) = counted.len().checked_sub(1) else { return Vec::new() };
    let points = counted.len().min(BAND_POINTS);
    let grid: Vec<usize> = (0..points).rev().map(|k| counted[k * last / (points - 1).max(1)]).collect();
    let curves: Vec<Vec<f64>> = (0..BAND_REPLICATES)
        .into_par_iter()
        .map(|replicate| {
            let mut rng = stream(seed, replicate);
            let luck: Vec<f64> = (0..resampler.n_groups()).map(|_| rng.random()).collect();
            let labels: Vec<f64> = resampler
                .group_of_row()
                .iter()
                .zip(rows.probabilities)
                .map(|(&group, &q)| if luck[group] < q { 1.0 } else { 0.0 })
                .collect();
            let fitted = isotonic(&tally.blocks(&labels, rows.weights));
            grid.iter().map(|&block| fitted[block]).collect()
        })
        .collect();
    let tail = (1.0 - BAND_LEVEL) / 2.0;
    grid.iter()
        .enumerate()
        .filter_map(|(point, &block)| {
            let mut values: Vec<f64> = curves.iter().map(|curve| curve[point]).collect();
            values.sort_by(f64::total_cmp);
            Some(BandPoint {
                probability: blocks[block].score,
                low: quantile(&values, tail)?,
                high: quantile(&values, 1.0 - tail)?,
            })
        })
        .collect()
}

fn histogram(blocks: &[Block]) -> Vec<HistogramBin> {
    let total: f64 = blocks.iter().map(Block::weight).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "twenty bins")]
    let edge = |bin: usize| bin as f64 / HISTOGRAM_BINS as f64;
    let mut bins: Vec<HistogramBin> = (0..HISTOGRAM_BINS)
        .map(|bin| HistogramBin { low: edge(bin), high: edge(bin + 1), churned: 0.0, retained: 0.0 })
        .collect();
    for block in blocks {
        let bin = &mut bins[bin_of(block.score, HISTOGRAM_BINS)];
        bin.churned += block.positive / total;
        bin.retained += block.negative / total;
    }
    bins
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{close, fixture};
    use super::*;

    /// Oracle: model-diagnostics 1.5.0 `decompose` with `SquaredError()` and `LogLoss()` on the fixture.
    #[test]
    fn decompositions_are_those_of_model_diagnostics() {
        let f = fixture();
        let tally = Tally::new(&f.probabilities);
        let check = |found: Option<Decomposition>, expected: [f64; 3]| {
            let found = found.unwrap();
            close(Some(found.miscalibration), expected[0]);
            close(Some(found.discrimination), expected[1]);
            close(Some(found.uncertainty), expected[2]);
        };
        let plain = tally.blocks(&f.labels, &f.ones);
        check(decompose_brier(&plain), [0.033_977_222_222_222_24, 0.054_888_888_888_888_904, 0.1875]);
        check(
            decompose_log_loss(&plain),
            [0.119_889_987_260_807_52, 0.161_442_467_221_998, 0.562_335_144_618_808_2],
        );
        let weighted = tally.blocks(&f.labels, &f.weights);
        check(
            decompose_brier(&weighted),
            [0.029_747_968_290_142_063, 0.056_082_435_206_046_72, 0.164_767_352_821_944_96],
        );
        check(
            decompose_log_loss(&weighted),
            [0.109_148_640_650_034_6, 0.173_928_150_778_067_56, 0.511_366_513_824_734_5],
        );
    }

    #[test]
    fn calibrated_probabilities_stay_inside_their_band() {
        // 2,000 rows, probability (i mod 100) / 100, of which exactly that share churned.
        let probabilities: Vec<f64> = (0..2000_u32).map(|i| f64::from(i % 100) / 100.0).collect();
        let labels: Vec<f64> = (0..2000_u32).map(|i| f64::from(u8::from((i / 100) * 5 < i % 100))).collect();
        let groups: Vec<usize> = (0..2000).collect();
        let rows = ScoredRows {
            labels: &labels,
            probabilities: &probabilities,
            weights: &[1.0; 2000],
            groups: &groups,
            arr: None,
        };
        let curve = reliability(&rows, &Tally::new(&probabilities), &Resampler::new(&groups), 1);
        assert_eq!(curve.band.len(), BAND_POINTS);
        for point in &curve.band {
            let step = curve.steps.iter().find(|step| step.high >= point.probability).unwrap();
            assert!(
                (point.low - 0.03..=point.high + 0.03).contains(&step.observed),
                "{point:?} against {step:?}"
            );
        }
        // The same outcomes against probabilities pushed to the extremes leave the band.
        let extreme: Vec<f64> = probabilities.iter().map(|q| q.powi(3)).collect();
        let rows = ScoredRows { probabilities: &extreme, ..rows };
        let curve = reliability(&rows, &Tally::new(&extreme), &Resampler::new(&groups), 1);
        let middle = curve.band.iter().find(|point| point.probability > 0.2).unwrap();
        let step = curve.steps.iter().find(|step| step.high >= middle.probability).unwrap();
        assert!(step.observed > middle.high, "{middle:?} against {step:?}");
    }

    #[test]
    fn histogram_by_hand() {
        let blocks = Tally::new(&[0.0, 0.05, 1.0, 1.0]).blocks(&[0.0, 1.0, 1.0, 0.0], &[1.0; 4]);
        let bins = histogram(&blocks);
        assert_eq!(bins.len(), 20);
        assert_eq!((bins[0].churned, bins[0].retained), (0.0, 0.25));
        assert_eq!((bins[1].churned, bins[1].retained), (0.25, 0.0));
        assert_eq!((bins[19].churned, bins[19].retained), (0.25, 0.25));
    }

    proptest! {
        /// Both parts are ≥ 0 and add up to the score; the curve is monotone and keeps the mean.
        #[test]
        fn parts_add_up(
            rows in prop::collection::vec((0..2_u8, 1..20_u8, 0..4_u8), 1..60),
        ) {
            let labels: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
            let probabilities: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 20.0).collect();
            let weights: Vec<f64> = rows.iter().map(|r| f64::from(r.2)).collect();
            prop_assume!(weights.iter().any(|&w| w > 0.0));
            let blocks = Tally::new(&probabilities).blocks(&labels, &weights);
            for (parts, score) in [
                (decompose_brier(&blocks).unwrap(), brier(&blocks).unwrap()),
                (decompose_log_loss(&blocks).unwrap(), log_loss(&blocks).unwrap()),
            ] {
                prop_assert!(parts.miscalibration >= 0.0 && parts.discrimination >= 0.0);
                let sum = parts.miscalibration - parts.discrimination + parts.uncertainty;
                prop_assert!((sum - score).abs() < 1e-9, "{sum} is not {score}");
            }
            let fitted = isotonic(&blocks);
            let counted = blocks.iter().zip(&fitted).filter(|(block, _)| block.weight() > 0.0);
            let values: Vec<f64> = counted.clone().map(|(_, &value)| value).collect();
            prop_assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
            let mean: f64 = counted.map(|(block, value)| block.weight() * value).sum::<f64>()
                / weights.iter().sum::<f64>();
            prop_assert!((mean - base_rate(&blocks).unwrap()).abs() < 1e-9);
        }
    }
}
