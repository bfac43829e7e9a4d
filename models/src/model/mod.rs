//! The whole model: one row of features in, a calibrated probability and its reasons out.

mod scoring;

use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind, Role, Row, matrix::TableError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use scoring::Scratch;

use crate::additive::AdditiveModel;
use crate::blend::{Blend, MAX_MEMBERS, blended};
use crate::boost::BoostModel;
use crate::calibrate::{Calibration, Calibrator, SegmentOffsets, VennAbers};
use crate::compiled::{BLOCK, CompiledTrees};
use crate::encode::{Encoder, EncoderError};
use crate::explain::{Background, Explanation, LeafPatterns};
use crate::fit::FittedClassifier;
use crate::forest::ForestModel;
use crate::interchange::{Exported, onnx};
use crate::logistic::LinearModel;
use crate::probability::{logit, sigmoid};
use crate::tree::TreeError;
use scoring::Scoring;

/// A fitted learner, over encoded rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Classifier {
    /// Log-odds as a weighted sum.
    Linear(LinearModel),
    /// A churn share as the mean of trees.
    Forest(ForestModel),
    /// Log-odds as a sum of trees.
    Boost(BoostModel),
    /// Log-odds as a sum of one step function a column.
    Additive(AdditiveModel),
}

/// A model that answers: one or several classifiers, calibrator, evidence interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChurnModel {
    specs: Vec<FeatureSpec>,
    members: Vec<Member>,
    calibrator: Calibrator,
    interval: VennAbers,
    /// A part of its own of a bundle, since older formats have none.
    #[serde(skip)]
    pub(crate) segments: Option<SegmentOffsets>,
}

/// A classifier with its encoder, its weight in the sum of log-odds, and the background of its explanations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Member {
    weight: f64,
    encoder: Encoder,
    classifier: Classifier,
    background: Background,
    /// Made anew from the classifier wherever a model is read.
    #[serde(skip)]
    compiled: Option<CompiledTrees>,
    /// As `compiled`.
    #[serde(skip)]
    patterns: Option<LeafPatterns>,
}

/// The answer for one row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Calibrated churn probability.
    pub probability: f64,
    /// Lower end of the Venn–Abers interval, at most `probability`.
    pub p_low: f64,
    /// Upper end of the Venn–Abers interval, at least `probability`.
    pub p_high: f64,
    /// The classifiers' own log-odds, before calibration.
    pub margin: f64,
}

/// Why parts do not make a model, or a table does not fit to it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// Explanations compare with at least one row.
    #[error("no background rows for explanations")]
    NoBackground,
    /// Too many background rows, or numbers that are no encoded rows.
    #[error("the explanation background of {found} numbers does not hold 1 to {most} rows of {width}")]
    Background {
        /// How many numbers it holds.
        found: usize,
        /// The most rows.
        most: usize,
        /// The encoded columns.
        width: usize,
    },
    /// No classifier, or more than any real model has.
    #[error("{found} classifiers, not 1 to {most}")]
    Members {
        /// How many there are.
        found: usize,
        /// The most.
        most: usize,
    },
    /// The encoder does not fit to the specs.
    #[error("encoder: {0}")]
    Encoder(#[from] EncoderError),
    /// A tree of the classifier is broken.
    #[error("tree {index}: {error}")]
    Tree {
        /// Which tree.
        index: usize,
        /// What is wrong with it.
        error: TreeError,
    },
    /// A forest or a boosted model without trees.
    #[error("the classifier has no trees")]
    NoTrees,
    /// The linear model has another number of weights than the encoder has columns.
    #[error("{weights} weights for {width} encoded columns")]
    Weights {
        /// The weights.
        weights: usize,
        /// The encoded columns.
        width: usize,
    },
    /// A number that is NaN, infinite or out of its range.
    #[error("the {0} holds a number that cannot be used")]
    NotUsable(&'static str),
    /// The classifier and the encoder are made for different learners.
    #[error("a {classifier} cannot read rows encoded for another learner")]
    Mismatch {
        /// The classifier.
        classifier: &'static str,
    },
    /// A feature that the model learnt from is absent or of another type.
    #[error("the model's features are not all in the table: {0}")]
    Table(#[from] TableError),
}

impl Classifier {
    /// The output on the scale that is a sum over features or trees: log-odds, for a forest the churn share.
    pub(crate) fn raw(&self, encoded: &[f64]) -> f64 {
        match self {
            Self::Linear(model) => model.raw(encoded),
            Self::Forest(model) => model.raw(encoded),
            Self::Boost(model) | Self::Additive(AdditiveModel { sum: model, .. }) => model.raw(encoded),
        }
    }

    /// The log-odds of a raw output.
    pub(crate) fn margin(&self, raw: f64) -> f64 {
        match self {
            Self::Linear(_) | Self::Boost(_) | Self::Additive(_) => raw,
            Self::Forest(_) => logit(raw),
        }
    }

    /// `logistic`, `forest`, `boost` or `additive`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear(_) => "logistic",
            Self::Forest(_) => "forest",
            Self::Boost(_) => "boost",
            Self::Additive(_) => "additive",
        }
    }

    fn validate(&self, encoder: &Encoder) -> Result<(), ModelError> {
        let width = encoder.width();
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let trees = match self {
            Self::Linear(model) => {
                if model.weights.len() != width {
                    return Err(ModelError::Weights { weights: model.weights.len(), width });
                }
                if !finite(&model.weights) || !model.intercept.is_finite() {
                    return Err(ModelError::NotUsable("linear model"));
                }
                return match encoder {
                    Encoder::Linear(_) => Ok(()),
                    Encoder::Tree(_) => Err(ModelError::Mismatch { classifier: self.name() }),
                };
            }
            Self::Forest(model) => &model.trees,
            Self::Boost(model) | Self::Additive(AdditiveModel { sum: model, .. }) => {
                if !model.base.is_finite() {
                    return Err(ModelError::NotUsable("boosted model"));
                }
                &model.trees
            }
        };
        if matches!(encoder, Encoder::Linear(_)) {
            return Err(ModelError::Mismatch { classifier: self.name() });
        }
        if trees.is_empty() {
            return Err(ModelError::NoTrees);
        }
        for (index, tree) in trees.iter().enumerate() {
            tree.validate(width).map_err(|error| ModelError::Tree { index, error })?;
        }
        Ok(())
    }
}

impl FittedClassifier {
    /// Checks a classifier that came from a file, for rows of `specs`.
    pub(crate) fn validate(&self, specs: &[FeatureSpec]) -> Result<(), ModelError> {
        self.encoder.validate(specs)?;
        self.classifier.validate(&self.encoder)
    }
}

impl Member {
    fn scoring(&self) -> Scoring<'_> {
        Scoring { encoder: &self.encoder, classifier: &self.classifier, compiled: self.compiled.as_ref() }
    }
}

impl ChurnModel {
    /// Joins a fitted classifier and its calibration. Explanations compare with `background_rows` of `table`, the
    /// table that the classifier was fitted on; see [`crate::explain::choose_background`].
    ///
    /// # Errors
    /// Refuses an empty or too large background, and parts that do not fit to each other.
    pub fn new(
        fitted: impl Into<Blend>,
        calibration: &Calibration,
        table: &FeatureTable,
        background_rows: &[usize],
    ) -> Result<Self, ModelError> {
        let member = |(weight, fitted)| {
            let FittedClassifier { encoder, classifier } = fitted;
            let encoded = encoder.encode_rows(table, background_rows);
            let background = Background::new(encoded, background_rows.len(), &classifier)?;
            Ok(Member { weight, encoder, classifier, background, compiled: None, patterns: None })
        };
        let mut model = Self {
            specs: table.specs().to_vec(),
            members: fitted.into().members.into_iter().map(member).collect::<Result<_, ModelError>>()?,
            calibrator: calibration.calibrator,
            interval: calibration.interval.clone(),
            segments: calibration.segments.as_ref().map(|offsets| offsets.against(table, background_rows)),
        };
        model.validate()?;
        model.compile();
        Ok(model)
    }

    /// Compiles the trees of a valid model. A model that was read answers the same without, only slower.
    pub(crate) fn compile(&mut self) {
        for Member { encoder, classifier, background, compiled, patterns, .. } in &mut self.members {
            *compiled = classifier.compiled(encoder.width());
            *patterns = background.patterns(classifier, encoder.sources());
        }
    }

    /// All columns of the table that it was fitted on, context included, in their order.
    #[must_use]
    pub fn specs(&self) -> &[FeatureSpec] {
        &self.specs
    }

    /// The calibrator.
    #[must_use]
    pub fn calibrator(&self) -> Calibrator {
        self.calibrator
    }

    /// `table` with its columns in the order of [`Self::specs`]. Absent context columns, which no model reads, come
    /// as missing values; columns that the model does not know are left out.
    ///
    /// # Errors
    /// [`TableError::Missing`] with every absent feature; [`TableError::Type`] where a type differs.
    pub fn align(&self, table: &FeatureTable) -> Result<FeatureTable, TableError> {
        let is_absent =
            |spec: &&FeatureSpec| spec.role == Role::Context && table.index_of(&spec.name).is_none();
        if !self.specs.iter().any(|spec| is_absent(&spec)) {
            return table.select(&self.specs);
        }
        let n_rows = table.n_rows();
        let present: Vec<FeatureSpec> = self.specs.iter().filter(|spec| !is_absent(spec)).cloned().collect();
        let mut found = table.select(&present)?.columns().to_vec().into_iter();
        let columns = self
            .specs
            .iter()
            .filter_map(|spec| match (is_absent(&spec), spec.kind) {
                (false, _) => found.next(),
                (true, Kind::Category) => Some(Column::Text(vec![None; n_rows])),
                (true, Kind::Number | Kind::Boolean) => Some(Column::Number(vec![f64::NAN; n_rows])),
            })
            .collect();
        FeatureTable::new(self.specs.clone(), columns, n_rows)
    }

    /// The answer for `row`, which belongs to an aligned table (see [`Self::align`]).
    #[must_use]
    pub fn predict(&self, row: Row<'_>) -> Prediction {
        self.predict_with(row, &mut Scratch::default())
    }

    /// As [`Self::predict`], without allocating once `scratch` was used.
    #[must_use]
    pub fn predict_with(&self, row: Row<'_>, scratch: &mut Scratch) -> Prediction {
        let margin =
            blended(self.members.iter().map(|member| (member.weight, member.scoring().row(row, scratch))));
        self.prediction(margin, row)
    }

    /// The answer for the margin of `row`.
    fn prediction(&self, margin: f64, row: Row<'_>) -> Prediction {
        let probability = sigmoid(self.calibrator.apply(margin) + self.offset(row));
        let (p0, p1) = self.interval.interval(margin);
        // The parametric calibrator may lie outside of the interval, which then is widened to hold it: its width then
        // also tells how far the two calibrations disagree.
        Prediction { probability, p_low: p0.min(probability), p_high: p1.max(probability), margin }
    }

    /// What the segment of `row` adds to the calibrated log-odds.
    fn offset(&self, row: Row<'_>) -> f64 {
        self.segments.as_ref().map_or(0.0, |offsets| offsets.of_row(row))
    }

    /// Why `row` of an aligned table is scored as it is: contributions of its features to the calibrated log-odds.
    #[must_use]
    pub fn explain(&self, row: Row<'_>) -> Explanation {
        let learnt: Vec<usize> = crate::encode::learnable(&self.specs).map(|(feature, _)| feature).collect();
        let members = self.members.iter().map(
            |Member { weight, encoder, classifier, background, patterns, .. }| {
                let mut encoded = vec![0.0; encoder.width()];
                encoder.encode(row, &mut encoded);
                let weighted = |raw: f64| weight * classifier.margin(raw);
                background.explain(
                    classifier,
                    patterns.as_ref(),
                    &encoded,
                    (encoder.sources(), &learnt),
                    weighted,
                )
            },
        );
        let explanation = Explanation::sum(members).through(|margin| self.calibrator.apply(margin));
        match &self.segments {
            Some(offsets) => explanation.plus(offsets.feature(), offsets.of_row(row), offsets.background),
            None => explanation,
        }
    }

    /// The answers for all rows of an aligned table, in their order.
    #[must_use]
    pub fn predict_table(&self, table: &FeatureTable) -> Vec<Prediction> {
        let rows: Vec<usize> = (0..table.n_rows()).collect();
        let blocks = rows.par_chunks(BLOCK).map_init(Scratch::default, |scratch, rows| {
            let own = |member: &Member| (member.weight, member.scoring().block(table, rows, scratch));
            let members: Vec<(f64, Vec<f64>)> = self.members.iter().map(own).collect();
            let margin =
                |row| blended(members.iter().map(|(weight, own): &(f64, Vec<f64>)| (*weight, own[row])));
            let answer = |(at, &row): (usize, &usize)| self.prediction(margin(at), table.row(row));
            rows.iter().enumerate().map(answer).collect::<Vec<Prediction>>()
        });
        blocks.flatten_iter().collect()
    }

    /// The model as ONNX (operators of `ai.onnx` 17 and `ai.onnx.ml` 3): one input `encoded_0`, `encoded_1`, … a
    /// classifier, of what its encoder makes of a row (doubles, rows × columns, missing as NaN), and the outputs `margin`
    /// and `probability`, calibrated (doubles, rows × 1). Where the model knows offsets by segment, an input `offset`
    /// (rows × 1) comes last. Sums of trees are single precision there.
    #[must_use]
    pub fn to_onnx(&self) -> Vec<u8> {
        let members: Vec<Exported<'_>> = self
            .members
            .iter()
            .map(|Member { weight, encoder, classifier, .. }| Exported {
                weight: *weight,
                classifier,
                width: encoder.width(),
            })
            .collect();
        let offset = self.segments.as_ref().map(|_| "offset");
        onnx(&members, self.calibrator, offset)
    }

    /// What the encoder of each classifier makes of a row of an aligned table, and the segment's offset where there are
    /// any: the inputs of [`Self::to_onnx`].
    #[must_use]
    pub fn encoded(&self, row: Row<'_>) -> Vec<Vec<f64>> {
        let encode = |member: &Member| {
            let mut encoded = vec![0.0; member.encoder.width()];
            member.encoder.encode(row, &mut encoded);
            encoded
        };
        let offset = self.segments.as_ref().map(|offsets| vec![offsets.of_row(row)]);
        self.members.iter().map(encode).chain(offset).collect()
    }

    /// The classifiers whose weighted log-odds it adds up.
    #[must_use]
    pub fn n_classifiers(&self) -> usize {
        self.members.len()
    }

    /// Mean absolute contribution of each feature (by its position in the specs) over the given rows of an aligned
    /// table, in calibrated log-odds; context columns are left out.
    #[must_use]
    pub fn importance(&self, table: &FeatureTable, rows: &[usize]) -> Vec<(usize, f64)> {
        let explained: Vec<Explanation> = rows.par_iter().map(|&row| self.explain(table.row(row))).collect();
        let share = 1.0 / explained.iter().map(|_| 1.0).sum::<f64>();
        let Some(first) = explained.first() else { return Vec::new() };
        let mut importance: Vec<(usize, f64)> =
            first.contributions.iter().map(|&(feature, _)| (feature, 0.0)).collect();
        for explanation in &explained {
            for (sum, (_, contribution)) in importance.iter_mut().zip(&explanation.contributions) {
                sum.1 += share * contribution.abs();
            }
        }
        importance
    }

    /// Checks a model that came from a file: afterwards no prediction or explanation can panic or loop.
    ///
    /// # Errors
    /// One [`ModelError`] a way to fail.
    pub fn validate(&self) -> Result<(), ModelError> {
        if !(1..=MAX_MEMBERS).contains(&self.members.len()) {
            return Err(ModelError::Members { found: self.members.len(), most: MAX_MEMBERS });
        }
        for Member { weight, encoder, classifier, background, .. } in &self.members {
            if !weight.is_finite() || *weight <= 0.0 {
                return Err(ModelError::NotUsable("weight of a classifier"));
            }
            encoder.validate(&self.specs)?;
            classifier.validate(encoder)?;
            background.validate(encoder.width())?;
        }
        if !self.calibrator.is_valid() {
            return Err(ModelError::NotUsable("calibrator"));
        }
        if let Some(offsets) = &self.segments {
            offsets.validate(&self.specs)?;
        }
        if !self.interval.is_valid() {
            return Err(ModelError::NotUsable("evidence interval"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
