//! The times that all accounts live in: how many contracts of the whole book ended and began lately.
//!
//! These are the same for every account at one date. Where renewals get harder or easier for all, a model sees it in
//! them as of the date, and need not guess it from single accounts.

use crate::compute::declared::{Declared, How, Needs};
use crate::compute::view::View;
use crate::compute::window::{number, ratio};
use crate::spec::Dimension;
use crate::spec::Direction::Unknown;

const fn book(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    value: fn(&View<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(words, Dimension::Financial, Unknown, Needs::Table("subscriptions"), How::View(value))
}

/// All of them.
pub(super) const FEATURES: &[Declared] = &[
    book(
        "book_churn_rate_30d",
        "share",
        "Contracts of the whole book that ended in the last 30 days, for each in force before them.",
        |v| churn_rate(v, 30),
    ),
    book(
        "book_churn_rate_90d",
        "share",
        "Contracts of the whole book that ended in the last 90 days, for each in force before them.",
        |v| churn_rate(v, 90),
    ),
    book(
        "book_start_rate_30d",
        "share",
        "Contracts of the whole book that began in the last 30 days, for each in force before them.",
        |v| ratio(number(v.whole.book.began(v.as_of, 30)), in_force(v, 30)),
    ),
];

fn churn_rate(view: &View<'_>, days: i64) -> f64 {
    ratio(number(view.whole.book.ended(view.as_of, days)), in_force(view, days))
}

fn in_force(view: &View<'_>, days: i64) -> f64 {
    number(view.whole.book.in_force(view.as_of.plus_days(-days)))
}
