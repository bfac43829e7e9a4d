//! Facts → features: one kernel for training and serving alike.
//!
//! Each feature is declared once, with all that a reader needs and how it is computed. The kernel sees one
//! account's facts at a time, sorted by the time they became known, and uses only those before the
//! observation; outcomes (solved, paid, left, reached) only once their own time is past. Accounts are
//! computed in parallel and written in the order of the keys, so neither threads nor neighbours show.

mod catalogue;
mod context;
mod declared;
mod engagement;
mod events;
mod explain;
mod financial;
mod fingerprint;
mod plan;
mod relationship;
mod rows;
mod sweep;
mod usage;
mod usage_days;
mod usage_people;
mod usage_rhythm;
mod usage_window;
mod view;
mod window;
mod without;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::history::{Book, History, MutableColumn, Text};
use crate::matrix::{Column as Values, FeatureTable, RowKey, TableError};
use crate::settings::Section;
use crate::snapshot::Snapshot;
use crate::spec::{FeatureSpec, Kind};
use crate::store::StoreError;
use crate::time::Timestamp;
pub use catalogue::catalogue;
pub use explain::{Behind, Explanation, explain};
pub(crate) use fingerprint::{Arrivals, Ends, Fingerprints, fingerprints};
use plan::Plan;
pub use sweep::{Computed, sweep};
pub(crate) use sweep::{GROUP_ROWS, group_lengths, in_order};

/// Which features to make of a history, `[features]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputeConfig {
    /// The number of single events that get features of their own: those that most accounts use.
    pub max_events: usize,
}

/// The row that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The account.
    pub account_id: Text,
    /// The observation time.
    pub as_of: Timestamp,
    /// The subscription that term and age refer to; `None` is the active one whose term ends next.
    pub subscription_id: Option<Text>,
}

/// Why a feature table cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComputeError {
    /// A stored specification names a feature that this version does not know.
    #[error(
        "feature `{feature}` is not known to this version: train again, or use the version that trained the model"
    )]
    UnknownFeature {
        /// The feature.
        feature: String,
    },
    /// A feature is asked for by name that this history does not offer.
    #[error(
        "this history offers no feature `{feature}`: docs/features.md lists all, `check` the tables they need"
    )]
    NoSuchFeature {
        /// The feature.
        feature: String,
    },
    /// A stored specification needs a table that the history does not have.
    #[error(
        "feature `{feature}` needs the table `{table}`, which this history does not have: add it, or train without"
    )]
    AbsentTable {
        /// The feature.
        feature: String,
        /// The table.
        table: String,
    },
    /// A stored specification needs a constant column of `accounts` that the history does not have.
    #[error(
        "feature `{feature}` needs the column `{column}` of accounts, declared constant in the configuration"
    )]
    AbsentColumn {
        /// The feature.
        feature: String,
        /// The column.
        column: String,
    },
    /// A feature has another type than when the model was trained.
    #[error(
        "feature `{feature}` is stored as {stored:?}, but this history gives {computed:?}: correct the column"
    )]
    OtherKind {
        /// The feature.
        feature: String,
        /// The type in the specification.
        stored: Kind,
        /// The type here.
        computed: Kind,
    },
    /// A key names an account that the history does not have.
    #[error("row {row}: account `{account_id}` is in no table of the history")]
    UnknownAccount {
        /// 0-based key.
        row: usize,
        /// The account.
        account_id: Text,
    },
    /// The specifications do not make a table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Facts that were packed cannot be read back.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What holds for the whole history rather than for an account.
struct Whole<'a> {
    /// Usage comes as daily sums.
    usage_is_daily: bool,
    /// The columns of `subscriptions` whose values of today hold at every time.
    constant: &'a [MutableColumn],
    /// The book of contracts.
    book: Arc<Book>,
    until: Option<Timestamp>,
    currency: Option<&'a Text>,
}

/// Days that any feature of usage looks back.
pub(crate) const USAGE_DAYS: i64 = usage_days::DAYS as i64;

/// Events with features of their own, unless configured.
const MAX_EVENTS: usize = 8;

impl Default for ComputeConfig {
    fn default() -> Self {
        Self { max_events: MAX_EVENTS }
    }
}

impl ComputeConfig {
    /// Reads `[features]`; what is absent keeps its default.
    pub fn from_section(section: &mut Section<'_, '_>) -> Self {
        let max_events = section.integer("max_events", 8, 0..=100);
        Self { max_events: usize::try_from(max_events).unwrap_or(MAX_EVENTS) }
    }
}

impl From<&Snapshot> for Key {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            account_id: snapshot.account_id.clone(),
            as_of: snapshot.as_of,
            subscription_id: snapshot.subscription_id.clone(),
        }
    }
}

impl From<&RowKey> for Key {
    fn from(key: &RowKey) -> Self {
        Self { account_id: key.account_id.clone(), as_of: key.as_of, subscription_id: None }
    }
}

impl From<&Key> for RowKey {
    fn from(key: &Key) -> Self {
        Self { account_id: key.account_id.clone(), as_of: key.as_of }
    }
}

/// Every feature that the history offers: the declared ones of the tables it has, those of its most used
/// events, its constant account columns, the stage, and the context that decisions read.
///
/// # Errors
/// Packed facts that cannot be read back.
pub fn specs(history: &History, config: &ComputeConfig) -> Result<Vec<FeatureSpec>, ComputeError> {
    plan::specs(history, config)
}

/// The features called `names`, in their order; of single events any that the history may know.
///
/// # Errors
/// [`ComputeError::NoSuchFeature`] for a name that this history does not offer.
pub fn specs_of(history: &History, names: &[String]) -> Result<Vec<FeatureSpec>, ComputeError> {
    plan::specs_of(history, names)
}

/// The tables, besides those that every snapshot needs, that the features called `names` are made from; `None` where
/// that may be any.
#[must_use]
pub fn tables_of(names: &[String]) -> Option<BTreeSet<&'static str>> {
    plan::tables_of(names)
}

/// The features of `specs`, one row a key, in the order of the keys. `specs` come from [`specs`] or from a
/// stored bundle; the same facts give the same bits either way.
///
/// # Errors
/// [`ComputeError`] names the feature that this history cannot give, or the account that it does not have.
pub fn table(history: &History, keys: &[Key], specs: &[FeatureSpec]) -> Result<FeatureTable, ComputeError> {
    let mut columns = blank_columns(specs, keys.len());
    let part = |part: Computed| Ok::<_, ComputeError>(part);
    sweep(history, keys, specs, part, |part| {
        for (column, values) in columns.iter_mut().zip(part.columns) {
            match (column, values) {
                (Values::Number(column), Values::Number(values)) => {
                    part.rows.iter().zip(values).for_each(|(&row, value)| column[row] = value);
                }
                (Values::Text(column), Values::Text(values)) => {
                    part.rows.iter().zip(values).for_each(|(&row, value)| column[row] = value);
                }
                (Values::Number(_), Values::Text(_)) | (Values::Text(_), Values::Number(_)) => {}
            }
        }
        Ok(())
    })?;
    Ok(FeatureTable::new(specs.to_vec(), columns, keys.len())?)
}

/// Columns with room for `n_rows`.
fn empty_columns(specs: &[FeatureSpec], n_rows: usize) -> Vec<Values> {
    let empty = |spec: &FeatureSpec| match spec.kind {
        Kind::Category => Values::Text(Vec::with_capacity(n_rows)),
        Kind::Number | Kind::Boolean => Values::Number(Vec::with_capacity(n_rows)),
    };
    specs.iter().map(empty).collect()
}

/// Columns of missing values.
pub(crate) fn blank_columns(specs: &[FeatureSpec], n_rows: usize) -> Vec<Values> {
    let blank = |spec: &FeatureSpec| match spec.kind {
        Kind::Category => Values::Text(vec![None; n_rows]),
        Kind::Number | Kind::Boolean => Values::Number(vec![f64::NAN; n_rows]),
    };
    specs.iter().map(blank).collect()
}

impl<'a> Whole<'a> {
    fn of(history: &'a History, plan: &'a Plan) -> Self {
        Self {
            usage_is_daily: history.tables.iter().any(|summary| summary.table == "usage_daily"),
            constant: &plan.constant,
            book: history.book.clone().unwrap_or_else(|| Arc::new(Book::of(&history.accounts))),
            until: history.until,
            currency: history.currency.as_ref(),
        }
    }

    /// Whether today's value of the column is that of `as_of`: the configuration says that it never changes, or
    /// nothing is known after.
    fn tells(&self, column: MutableColumn, as_of: Timestamp) -> bool {
        self.constant.contains(&column) || self.is_latest(as_of)
    }

    /// Whether nothing is known after `as_of`, so that an export shows what was so then.
    fn is_latest(&self, as_of: Timestamp) -> bool {
        self.until.is_none_or(|until| as_of >= until)
    }
}

#[cfg(test)]
mod tests;
