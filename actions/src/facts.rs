//! What is known of one account when it is decided what to do: the values of the names in expressions.

use holdfast_features::signal::{Signal, SignalKind};
use holdfast_features::stage::{Placement, Stage};
use holdfast_features::{Row, Timestamp};

use crate::band::Band;
use crate::expression::{Scalar, Type};
use crate::health::Health;
use crate::name::Name;
use crate::reading::Reading;
use crate::touch::Touch;

/// An account at a moment, with what the caller knows beside its features.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Its features, context columns included.
    pub row: Row<'a>,
    /// The moment that the features describe.
    pub as_of: Timestamp,
    /// How it stood earlier, in any order: [`crate::Readings::before`]. Without them no fall in health is seen,
    /// and the band is that of today.
    pub readings: &'a [Reading],
    /// What was done for the account before, in any order. Where there are none, an answer goes by those that
    /// the row tells of ([`crate::touch::of_row`]).
    pub touches: &'a [Touch],
}

/// What is known of an account: its features and everything derived from them.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The account.
    pub account: Account<'a>,
    /// Calibrated churn probability.
    pub probability: f64,
    /// Where it is; `None` for a table without the features that tell.
    pub placement: Option<Placement>,
    /// How it does.
    pub health: &'a Health,
    /// The risk band.
    pub band: Band,
    /// The band by health alone, which no probability moves; `None` without health.
    pub health_band: Option<Band>,
    /// What happens.
    pub signals: &'a [Signal],
    /// The share of accounts of its tier with a lower health; `None` where not known.
    pub health_percentile: Option<f64>,
}

impl<'a> Facts<'a> {
    /// The value of `name`; `None` where it is not known.
    #[must_use]
    pub fn value(&self, name: &Name) -> Option<Scalar<'a>> {
        match name {
            Name::Feature { name, of: Type::Number } => self.account.row.number(name).map(Scalar::Number),
            Name::Feature { name, of: Type::Boolean } => {
                self.account.row.number(name).map(|value| Scalar::Boolean(value != 0.0))
            }
            Name::Feature { name, of: Type::Text } => self.account.row.text(name).map(Scalar::Text),
            Name::Signal(kind) => Some(Scalar::Boolean(self.signal(*kind).is_some())),
            Name::Stage => self.stage().map(|stage| Scalar::Text(stage.name())),
            Name::Band => Some(Scalar::Text(self.band.name())),
            Name::Tier => self.account.row.text("tier").map(Scalar::Text),
            Name::Arr => self.arr().map(Scalar::Number),
            Name::Probability => Some(Scalar::Number(self.probability)),
            Name::DataSparse => Some(Scalar::Boolean(self.health.data_sparse)),
            Name::Health(None) => self.health.overall.map(Scalar::Number),
            Name::Health(Some(dimension)) => self.health.of(*dimension).score.map(Scalar::Number),
        }
    }

    /// The signal of this kind, where it is on.
    #[must_use]
    pub fn signal(&self, kind: SignalKind) -> Option<&'a Signal> {
        self.signals.iter().find(|signal| signal.kind == kind)
    }

    /// The lifecycle stage.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        self.placement.map(|placement| placement.stage)
    }

    /// Annual recurring revenue in [`Self::currency`].
    #[must_use]
    pub fn arr(&self) -> Option<f64> {
        self.account.row.number("arr")
    }

    /// The currency of all money, where it is known.
    #[must_use]
    pub fn currency(&self) -> Option<&'a str> {
        self.account.row.text("currency")
    }

    /// Whether the account is known to be strategic.
    #[must_use]
    pub fn is_strategic(&self) -> bool {
        self.account.row.is_true("is_strategic")
    }
}
