//! Training rows as trees and shapes see them: encoded, binned, with what is known before the first round.

use super::bins::{Bins, Codes};
use super::params::Monotone;
use crate::encode::{Encoder, Missing, Order, TreeEncoder, learnable};
use crate::fit::{FitError, TrainingRows};
use crate::probability::logit;

/// Training rows in bins.
pub(crate) struct Binned {
    pub(crate) encoder: Encoder,
    pub(crate) bins: Bins,
    pub(crate) codes: Codes,
    pub(crate) labels: Vec<f64>,
    pub(crate) weights: Vec<f64>,
    /// One an encoded column.
    pub(crate) orders: Vec<Order>,
    /// The log-odds of the weighted share of churned rows.
    pub(crate) base: f64,
}

impl Binned {
    /// At least one column in at most `max_bins` bins each, bound by the declared directions where `monotone` says so.
    pub(crate) fn of(
        training: &TrainingRows<'_>,
        max_bins: usize,
        monotone: Monotone,
        seed: u64,
    ) -> Result<Self, FitError> {
        let (encoder, columns) = TreeEncoder::fit(training, Missing::Keep, seed);
        let encoder = Encoder::Tree(encoder);
        let width = encoder.width();
        if width == 0 {
            return Err(FitError::NoInformation(learnable(training.table.specs()).count()));
        }
        let (labels, weights) = training.targets();
        let bins = Bins::fit(&columns, &weights, max_bins, seed);
        let codes = bins.codes(&columns);
        let orders = match monotone {
            Monotone::Declared => encoder.orders(training.table.specs()),
            Monotone::Free => vec![Order::Free; width],
        };
        let positive: f64 = labels.iter().zip(&weights).map(|(label, weight)| label * weight).sum();
        let base = logit(positive / weights.iter().sum::<f64>());
        Ok(Self { encoder, bins, codes, labels, weights, orders, base })
    }

    /// The bins that other rows of the same table fall into.
    pub(crate) fn codes_of(&self, rows: &TrainingRows<'_>) -> Codes {
        self.bins.codes(&self.encoder.encode_columns(rows.table, rows.rows))
    }
}
