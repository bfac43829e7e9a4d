//! Raw outputs and margins of encoded rows, by compiled trees where there are trees: the one path for training, batch
//! and serving.

use holdfast_features::FeatureTable;

use super::Classifier;
use crate::additive::AdditiveModel;
use crate::compiled::{BLOCK, CompiledTrees, Walk};
use crate::encode::Encoder;
use crate::fit::FittedClassifier;

/// Fewer rows are walked plainly in less time than compiling takes.
const COMPILED_FROM: usize = 200;

/// Room for encoded rows, used again from row to row.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    encoded: Vec<f64>,
    walk: Walk,
}

impl Classifier {
    /// The trees compiled, for rows of `width` encoded columns; `None` for a linear model, and for trees with more
    /// thresholds than compile: those are walked plainly, to the same bits.
    pub(super) fn compiled(&self, width: usize) -> Option<CompiledTrees> {
        let trees = match self {
            Self::Linear(_) => return None,
            Self::Forest(model) => model.trees(),
            Self::Boost(model) | Self::Additive(AdditiveModel { sum: model, .. }) => model.trees(),
        };
        CompiledTrees::of_trees(trees, width).ok()
    }

    /// The log-odds, not calibrated, of one encoded row.
    fn margin_of(&self, compiled: Option<&CompiledTrees>, encoded: &[f64], walk: &mut Walk) -> f64 {
        self.margin(match (self, compiled) {
            (Self::Boost(model) | Self::Additive(AdditiveModel { sum: model, .. }), Some(trees)) => {
                trees.sum(model.base, encoded, walk)
            }
            (Self::Forest(model), Some(trees)) => model.mean(trees.sum(0.0, encoded, walk)),
            _ => self.raw(encoded),
        })
    }

    /// The log-odds, not calibrated, of encoded rows, row-major: the bits of [`Self::margin_of`].
    fn margins_of(
        &self,
        compiled: Option<&CompiledTrees>,
        rows: &[f64],
        width: usize,
        walk: &mut Walk,
    ) -> Vec<f64> {
        let n_rows = rows.len() / width.max(1);
        let mut margins = match (self, compiled) {
            (Self::Boost(model) | Self::Additive(AdditiveModel { sum: model, .. }), Some(trees)) => {
                let mut sums = vec![model.base; n_rows];
                trees.add_to(&mut sums, rows, walk);
                sums
            }
            (Self::Forest(model), Some(trees)) => {
                let mut sums = vec![0.0; n_rows];
                trees.add_to(&mut sums, rows, walk);
                sums.iter_mut().for_each(|sum| *sum = model.mean(*sum));
                sums
            }
            _ => rows.chunks_exact(width.max(1)).map(|row| self.raw(row)).collect(),
        };
        margins.iter_mut().for_each(|raw| *raw = self.margin(*raw));
        margins
    }

    /// The log-odds, not calibrated, of rows of a table.
    pub(crate) fn margins(&self, encoder: &Encoder, table: &FeatureTable, rows: &[usize]) -> Vec<f64> {
        let compiled = if rows.len() < COMPILED_FROM { None } else { self.compiled(encoder.width()) };
        let scoring = Scoring { encoder, classifier: self, compiled: compiled.as_ref() };
        let mut scratch = Scratch::default();
        rows.chunks(BLOCK).flat_map(|block| scoring.block(table, block, &mut scratch)).collect()
    }
}

impl FittedClassifier {
    /// The raw margin of one row of an aligned table; allocates nothing once `scratch` was used.
    pub(crate) fn margin(&self, row: holdfast_features::Row<'_>, scratch: &mut Scratch) -> f64 {
        Scoring { encoder: &self.encoder, classifier: &self.classifier, compiled: None }.row(row, scratch)
    }
}

/// What makes a margin of a row.
pub(super) struct Scoring<'a> {
    pub(super) encoder: &'a Encoder,
    pub(super) classifier: &'a Classifier,
    pub(super) compiled: Option<&'a CompiledTrees>,
}

impl Scoring<'_> {
    /// Of one row; allocates nothing once `scratch` was used.
    pub(super) fn row(&self, row: holdfast_features::Row<'_>, scratch: &mut Scratch) -> f64 {
        scratch.encoded.resize(self.encoder.width(), 0.0);
        self.encoder.encode(row, &mut scratch.encoded);
        self.classifier.margin_of(self.compiled, &scratch.encoded, &mut scratch.walk)
    }

    /// Of at most [`BLOCK`] rows of a table: the bits of [`Self::row`].
    pub(super) fn block(&self, table: &FeatureTable, rows: &[usize], scratch: &mut Scratch) -> Vec<f64> {
        let width = self.encoder.width();
        scratch.encoded.resize(rows.len() * width, 0.0);
        for (&row, out) in rows.iter().zip(scratch.encoded.chunks_exact_mut(width.max(1))) {
            self.encoder.encode(table.row(row), out);
        }
        self.classifier.margins_of(self.compiled, &scratch.encoded, width, &mut scratch.walk)
    }
}
