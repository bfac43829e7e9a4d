//! How a feature is declared: once, with all that a reader needs and how it is computed.

use super::engagement::{Activities, Milestones, Surveys, Tickets};
use super::financial::{Invoices, Opportunities};
use super::relationship::People;
use super::usage_window::UsageWindow;
use super::view::View;
use crate::history::{MutableColumn, Text};
use crate::spec::{Dimension, Direction, Kind, Role};

/// One feature.
pub(super) struct Declared {
    pub(super) name: &'static str,
    pub(super) dimension: Option<Dimension>,
    pub(super) kind: Kind,
    pub(super) role: Role,
    pub(super) direction: Direction,
    /// `CURRENCY` stands for the history's own.
    pub(super) unit: &'static str,
    pub(super) meaning: &'static str,
    pub(super) needs: Needs,
    /// The columns of `subscriptions` whose value of today it reads: only where all of them are known at past
    /// times too may a model learn from it.
    pub(super) of_today: &'static [MutableColumn],
    pub(super) how: How,
}

/// Which table a feature is made from, and what becomes of it without the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// `usage_events` or `usage_daily`; without either the feature is off.
    Usage,
    /// The table; without it the feature is off.
    Table(&'static str),
    /// The table; without it the column stays, always missing, for decisions to ask for: [`Role::Context`].
    ContextWithout(&'static str),
}

/// How a value is computed. A function over one table is asked only where the account has facts in it
/// before the observation; elsewhere the value is missing: nobody is silent in a channel never used.
#[derive(Clone, Copy)]
pub(super) enum How {
    Usage(fn(&UsageWindow<'_>) -> f64),
    Tickets(fn(&Tickets<'_>) -> f64),
    Activities(fn(&Activities<'_>) -> f64),
    Surveys(fn(&Surveys<'_>) -> f64),
    Milestones(fn(&Milestones<'_>) -> f64),
    Invoices(fn(&Invoices<'_>) -> f64),
    Opportunities(fn(&Opportunities<'_>) -> f64),
    People(fn(&People<'_>) -> f64),
    View(fn(&View<'_>) -> f64),
    Text(fn(&View<'_>) -> Option<Text>),
}

/// The unit of money in declarations.
pub(super) const CURRENCY: &str = "currency";

impl Declared {
    /// A number to learn from.
    pub(super) const fn number(
        (name, unit, meaning): (&'static str, &'static str, &'static str),
        dimension: Dimension,
        direction: Direction,
        needs: Needs,
        how: How,
    ) -> Self {
        let dimension = Some(dimension);
        Self {
            name,
            dimension,
            kind: Kind::Number,
            role: Role::Feature,
            direction,
            unit,
            meaning,
            needs,
            of_today: &[],
            how,
        }
    }

    /// The same as a boolean.
    pub(super) const fn boolean(self) -> Self {
        Self { kind: Kind::Boolean, ..self }
    }

    /// The same, made from today's values of `columns`.
    pub(super) const fn of_today(self, columns: &'static [MutableColumn]) -> Self {
        Self { of_today: columns, ..self }
    }

    /// The same for decisions only.
    pub(super) const fn context(self) -> Self {
        Self { role: Role::Context, ..self }
    }

    /// The value at `view`, of features that are numbers or booleans.
    pub(super) fn number_at(&self, view: &View<'_>) -> f64 {
        let value = match self.how {
            How::Usage(value) => view.usage.as_ref().map(value),
            How::Tickets(value) => view.tickets.as_ref().map(value),
            How::Activities(value) => view.activities.as_ref().map(value),
            How::Surveys(value) => view.surveys.as_ref().map(value),
            How::Milestones(value) => view.milestones.as_ref().map(value),
            How::Invoices(value) => view.invoices.as_ref().map(value),
            How::Opportunities(value) => view.opportunities.as_ref().map(value),
            How::People(value) => view.people.as_ref().map(value),
            How::View(value) => Some(value(view)),
            How::Text(_) => None,
        };
        value.filter(|value| value.is_finite()).unwrap_or(f64::NAN)
    }

    /// The value at `view`, of features that are categories.
    pub(super) fn text_at(&self, view: &View<'_>) -> Option<Text> {
        match self.how {
            How::Text(value) => value(view),
            _ => None,
        }
    }
}
