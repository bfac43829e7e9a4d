//! One account's facts and observations → its feature rows: the kernel. No file, no thread, no clock.

use std::borrow::Cow;

use super::plan::{Column, Plan};
use super::usage_window::{Sweeping, UsageSweep};
use super::view::View;
use super::{Key, Whole};
use crate::history::{AccountFacts, Candidate};
use crate::matrix::Column as Values;
use crate::spec::Kind;
use crate::stage::{self, StageConfig};
use crate::store::{UsageColumns, UsageRows};
use crate::time::{DAY, Timestamp};

/// An account's facts as the kernel takes them.
pub(super) struct Account<'a> {
    /// All but usage, each list in the order of `visible_at`.
    pub(super) facts: Cow<'a, AccountFacts>,
    /// Its events are positions in the names that the plan was prepared for.
    pub(super) usage: UsageRows<'a>,
}

/// What serves one account after another.
#[derive(Default)]
pub(super) struct Kernel {
    usage: UsageSweep,
    /// Positions of the keys of one time of day, by observation time.
    order: Vec<usize>,
    /// The numbers of the account's rows, row by row: they go to their columns together.
    numbers: Vec<f64>,
}

impl Kernel {
    /// Appends the rows of `keys`, all of one account and ascending, to `columns`, which follow the plan's.
    pub(super) fn append(
        &mut self,
        account: &Account<'_>,
        keys: &[&Key],
        plan: &Plan,
        sweeping: Sweeping<'_>,
        whole: &Whole<'_>,
        columns: &mut [Values],
    ) {
        let phase = |key: &Key| if sweeping.is_daily { 0 } else { key.as_of.0.rem_euclid(DAY) };
        self.order.clear();
        self.order.extend(0..keys.len());
        // Days begin at the observations' time of day: those of one time of day share a sweep.
        self.order.sort_by_key(|&at| (phase(keys[at]), keys[at].as_of));
        let start = columns.first().map_or(0, Values::n_rows);
        for column in columns.iter_mut() {
            if let Values::Text(values) = column {
                values.resize(start + keys.len(), None);
            }
        }
        let Self { usage, order, numbers } = self;
        let n_columns = columns.len();
        numbers.clear();
        numbers.resize(keys.len() * n_columns, f64::NAN);
        for of_phase in order.chunk_by(|&a, &b| phase(keys[a]) == phase(keys[b])) {
            let mut as_ofs: Vec<Timestamp> = of_phase.iter().map(|&at| keys[at].as_of).collect();
            as_ofs.dedup();
            let has_usage = !account.usage.event.is_empty();
            if has_usage {
                usage.begin(&account.usage, &as_ofs, sweeping);
            }
            for &at in of_phase {
                let key = keys[at];
                let index = as_ofs.partition_point(|as_of| *as_of < key.as_of);
                let window = if has_usage { usage.at(&account.usage, index, key.as_of) } else { None };
                let view = View::at(&account.facts, key.as_of, key.subscription_id.as_ref(), window, whole);
                let numbers = &mut numbers[at * n_columns..][..n_columns];
                fill(&view, plan, numbers, start + at, columns);
            }
        }
        for (at, column) in columns.iter_mut().enumerate() {
            if let Values::Number(values) = column {
                values.extend((at..numbers.len()).step_by(n_columns).map(|at| numbers[at]));
            }
        }
    }
}

/// Fills a row: its `numbers`, and its texts at `row` of the columns.
fn fill(view: &View<'_>, plan: &Plan, numbers: &mut [f64], row: usize, columns: &mut [Values]) {
    for ((column, values), value) in plan.columns.iter().zip(columns).zip(numbers) {
        match values {
            // Adding zero turns -0.0, the sum of nothing, into 0.0: equal values then have equal bits.
            Values::Number(_) => *value = number(column, view) + 0.0,
            Values::Text(values) => values[row] = text(column, plan, view),
        }
    }
}

fn number(column: &Column, view: &View<'_>) -> f64 {
    match column {
        Column::Declared(declared) => declared.number_at(view),
        Column::Event(measure, slot) => {
            view.usage.as_ref().map_or(f64::NAN, |usage| measure.value(usage, *slot))
        }
        Column::Candidate(index) => match view.account().and_then(|account| account.candidates.get(*index)) {
            Some(Candidate::Number(Some(number))) => *number,
            _ => f64::NAN,
        },
        Column::Stage => f64::NAN,
    }
}

fn text(column: &Column, plan: &Plan, view: &View<'_>) -> Option<std::sync::Arc<str>> {
    match column {
        Column::Declared(declared) if declared.kind == Kind::Category => declared.text_at(view),
        Column::Candidate(index) => match view.account()?.candidates.get(*index)? {
            Candidate::Text(text) => text.clone(),
            Candidate::Number(_) => None,
        },
        Column::Stage => {
            let number = |name: &str| {
                let declared = plan.stage_inputs.iter().find(|declared| declared.name == name)?;
                Some(declared.number_at(view)).filter(|value| !value.is_nan())
            };
            Some(stage::place(number, &StageConfig::default()).stage.name().into())
        }
        Column::Declared(_) | Column::Event(..) => None,
    }
}

/// The usage of an account whose rows stand in its facts; `names` are the events by position.
pub(super) fn own_usage(facts: &AccountFacts, names: &[crate::history::Text]) -> UsageColumns {
    let position = |event: &str| names.binary_search_by(|name| (**name).cmp(event)).unwrap_or(0);
    UsageColumns::from_rows(&facts.usage, |event| u32::try_from(position(event)).unwrap_or(0))
}
