//! Feature values → the numbers a classifier reads. Fitted on training rows only, then frozen.
//!
//! An encoded column has one *source*: the feature (by its position in the table's specs) that it is made
//! from. Only features with [`Role::Feature`] are encoded.

mod linear;
mod parts;
mod tree;

use holdfast_features::{Direction, FeatureSpec, FeatureTable, Kind, Role, Row};
use serde::{Deserialize, Serialize};

pub use linear::{LinearEncoder, LinearOptions};
pub(crate) use parts::part_of;
pub use tree::{Missing, TreeEncoder};

/// A fitted encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Encoder {
    /// For the logistic learner: standardised, one-hot, with indicators of missing values.
    Linear(LinearEncoder),
    /// For trees: numbers as they are, categories as target statistics.
    Tree(TreeEncoder),
}

/// Which way the risk may move with an encoded column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Rising,
    Falling,
    Free,
}

/// Why an encoder that came from a file is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncoderError {
    /// A column's source is not among the features, or is no feature to learn from.
    #[error("the encoder reads feature {feature}, which is not one of the {features} that it may read")]
    Source {
        /// The position asked for.
        feature: usize,
        /// The number of features.
        features: usize,
    },
    /// The encoder treats a text as a number, or the reverse.
    #[error("the encoder reads feature `{0}` as another type than its spec declares")]
    Type(String),
    /// A constant of the encoding is NaN or infinite, or a scale is not positive.
    #[error("the encoding of feature `{0}` holds a number that cannot be used")]
    Number(String),
    /// Categories are kept sorted, so that they can be searched.
    #[error("the categories of feature `{0}` are not sorted")]
    Unsorted(String),
    /// The columns do not lie one after the other.
    #[error("the encoded columns of feature `{0}` overlap or leave a gap")]
    Layout(String),
}

impl Encoder {
    /// The number of encoded columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.sources().len()
    }

    /// For each encoded column, the position of its feature in the specs.
    #[must_use]
    pub fn sources(&self) -> &[usize] {
        match self {
            Self::Linear(encoder) => encoder.sources(),
            Self::Tree(encoder) => encoder.sources(),
        }
    }

    /// Which way the risk may move with each encoded column, by the directions of `specs`.
    pub(crate) fn orders(&self, specs: &[FeatureSpec]) -> Vec<Order> {
        match self {
            Self::Linear(encoder) => encoder.orders(specs),
            Self::Tree(encoder) => {
                encoder.sources().iter().map(|&source| Order::of(&specs[source])).collect()
            }
        }
    }

    /// Writes the encoded `row` to `out`, which is [`Self::width`] long; `row` belongs to a table whose columns
    /// stand in the order of the specs that the encoder was fitted on.
    pub fn encode(&self, row: Row<'_>, out: &mut [f64]) {
        match self {
            Self::Linear(encoder) => encoder.encode(row, out),
            Self::Tree(encoder) => encoder.encode(row, out),
        }
    }

    /// The given rows of `table`, row-major, [`Self::width`] numbers a row.
    #[must_use]
    pub fn encode_rows(&self, table: &FeatureTable, rows: &[usize]) -> Vec<f64> {
        let width = self.width();
        let mut matrix = vec![0.0; rows.len() * width];
        if width > 0 {
            for (&row, out) in rows.iter().zip(matrix.chunks_exact_mut(width)) {
                self.encode(table.row(row), out);
            }
        }
        matrix
    }

    /// The given rows of `table`, column by column.
    pub(crate) fn encode_columns(&self, table: &FeatureTable, rows: &[usize]) -> Vec<Vec<f64>> {
        let mut encoded = vec![0.0; self.width()];
        let mut columns = vec![Vec::with_capacity(rows.len()); self.width()];
        for &row in rows {
            self.encode(table.row(row), &mut encoded);
            for (column, &value) in columns.iter_mut().zip(&encoded) {
                column.push(value);
            }
        }
        columns
    }

    /// Checks that the encoder, read from a file, fits to `specs` and can encode without surprises.
    ///
    /// # Errors
    /// One [`EncoderError`] a way to fail.
    pub fn validate(&self, specs: &[FeatureSpec]) -> Result<(), EncoderError> {
        match self {
            Self::Linear(encoder) => encoder.validate(specs),
            Self::Tree(encoder) => encoder.validate(specs),
        }
    }
}

impl Order {
    /// A category has no order, whatever its direction says.
    fn of(spec: &FeatureSpec) -> Self {
        match (spec.kind, spec.direction) {
            (Kind::Category, _) | (_, Direction::Unknown) => Self::Free,
            (_, Direction::RaisesRisk) => Self::Rising,
            (_, Direction::LowersRisk) => Self::Falling,
        }
    }

    /// The part of `slope` that the order allows.
    pub(crate) fn allowed(self, slope: f64) -> f64 {
        match self {
            Self::Rising => slope.max(0.0),
            Self::Falling => slope.min(0.0),
            Self::Free => slope,
        }
    }
}

/// The spec at `feature`, if a model may learn from it and it is of the type that the encoder reads.
pub(crate) fn readable(
    specs: &[FeatureSpec],
    feature: usize,
    text: bool,
) -> Result<&FeatureSpec, EncoderError> {
    let spec = specs
        .get(feature)
        .filter(|spec| spec.role == Role::Feature)
        .ok_or(EncoderError::Source { feature, features: specs.len() })?;
    if text == (spec.kind == Kind::Category) { Ok(spec) } else { Err(EncoderError::Type(spec.name.clone())) }
}

/// The positions of the features that models learn from.
pub(crate) fn learnable(specs: &[FeatureSpec]) -> impl Iterator<Item = (usize, &FeatureSpec)> {
    specs.iter().enumerate().filter(|(_, spec)| spec.role == Role::Feature)
}
