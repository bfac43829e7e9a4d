//! Typed rows → the facts of accounts, a function a table.

mod commercial;
mod customer;

use crate::history::{AccountFacts, Text};
use crate::time::Timestamp;

use super::check::Batch;
use super::contract::words::Words;
use super::convert::Typed;

/// A row that is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct UsedRow {
    /// 0-based row of the batch.
    pub(super) row: usize,
    /// The position of its account.
    pub(super) account: usize,
    /// From when features may use it; the epoch for attributes of today.
    pub(super) visible_at: Timestamp,
}

/// The values of a column that may be absent.
struct Values<'a, T>(Option<&'a [Option<T>]>);

impl<T: Clone> Values<'_, T> {
    fn at(&self, row: usize) -> Option<T> {
        self.0.and_then(|values| values[row].clone())
    }
}

/// Adds the used rows of `batch` to the facts of their accounts. Required values are there in every used row:
/// [`Batch::check`] has seen to it.
pub(super) fn append(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    match batch.schema.name {
        "subscriptions" => commercial::subscriptions(batch, rows, facts),
        "subscription_events" => commercial::subscription_events(batch, rows, facts),
        "accounts" => customer::accounts(batch, rows, facts),
        "account_history" => customer::account_history(batch, rows, facts),
        "usage_events" => customer::usage_events(batch, rows, facts),
        "usage_daily" => customer::usage_daily(batch, rows, facts),
        "tickets" => customer::tickets(batch, rows, facts),
        "contacts" => customer::contacts(batch, rows, facts),
        "activities" => customer::activities(batch, rows, facts),
        "surveys" => customer::surveys(batch, rows, facts),
        "invoices" => commercial::invoices(batch, rows, facts),
        "opportunities" => commercial::opportunities(batch, rows, facts),
        "milestones" => customer::milestones(batch, rows, facts),
        "account_states" => customer::account_states(batch, rows, facts),
        "interventions" => commercial::interventions(batch, rows, facts),
        "labels" => commercial::labels(batch, rows, facts),
        _ => {}
    }
}

impl Batch {
    fn column(&self, name: &str) -> Option<&Typed> {
        self.columns[self.position(name)?].as_ref()
    }

    /// The texts of the column `name`.
    pub(super) fn texts(&self, name: &str) -> Option<&[Option<Text>]> {
        match self.column(name)? {
            Typed::Text(values) => Some(values),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Values<'_, Text> {
        Values(self.texts(name))
    }

    fn at(&self, name: &str) -> Values<'_, Timestamp> {
        Values(self.times(name))
    }

    fn number(&self, name: &str) -> Values<'_, f64> {
        Values(self.column(name).and_then(|typed| match typed {
            Typed::Number(values) => Some(values.as_slice()),
            _ => None,
        }))
    }

    fn boolean(&self, name: &str) -> Values<'_, bool> {
        Values(self.column(name).and_then(|typed| match typed {
            Typed::Boolean(values) => Some(values.as_slice()),
            _ => None,
        }))
    }

    /// What the words of the column `name` mean, row by row.
    pub(super) fn meaning<T: Copy, const N: usize>(
        &self,
        name: &str,
        words: &'static Words<T, N>,
    ) -> impl Fn(usize) -> Option<T> {
        let positions = self.column(name).and_then(|typed| match typed {
            Typed::Word(positions) => Some(positions.as_slice()),
            _ => None,
        });
        move |row| positions.and_then(|positions| positions[row]).map(|position| words[position].1)
    }
}

/// Makes a fact of each row and hands it to its account.
fn each(
    rows: &[UsedRow],
    facts: &mut [AccountFacts],
    add: impl Fn(UsedRow, &mut AccountFacts) -> Option<()>,
) {
    for &used in rows {
        let added = add(used, &mut facts[used.account]);
        debug_assert!(added.is_some(), "a required value is missing in a checked row");
    }
}
