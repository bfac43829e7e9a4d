//! Invoices: how punctually they are paid.

use std::ops::Range;

use crate::compute::declared::{CURRENCY, Declared, How, Needs};
use crate::compute::window::{count, days_since, is_within, mean, ratio, recent};
use crate::history::Invoice;
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// The invoices known at an observation; at least one. Payment is known from its own time on.
pub(in crate::compute) struct Invoices<'a> {
    pub(super) visible: &'a [Invoice],
    pub(super) as_of: Timestamp,
}

/// A feature of `invoices`.
pub(super) const fn invoice(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&Invoices<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(words, Dimension::Financial, direction, Needs::Table("invoices"), How::Invoices(value))
}

pub(super) const INVOICES: &[Declared] = &[
    invoice("overdue_invoices", "invoices", RaisesRisk, "Invoices past their due date and not paid.", |i| {
        count(i.unpaid().filter(|one| i.days_overdue(one) > 0.0))
    }),
    invoice(
        "max_days_overdue",
        "days",
        RaisesRisk,
        "Days since the due date of the longest unpaid invoice; 0 where none is overdue.",
        |i| i.unpaid().map(|one| i.days_overdue(one)).fold(0.0, f64::max),
    ),
    invoice(
        "unpaid_amount",
        CURRENCY,
        RaisesRisk,
        "Amount due of invoices past their due date and not paid.",
        |i| i.unpaid().filter(|one| i.days_overdue(one) > 0.0).map(|one| one.amount_due).sum(),
    ),
    Declared::number(
        (
            "open_invoice_attempts",
            "attempts",
            "Most collection attempts of an unpaid invoice past its due date, 0 where there is none; missing at past dates.",
        ),
        Dimension::Financial,
        RaisesRisk,
        Needs::Table("invoices"),
        // An export shows the attempts of today: how many there were at a past date, it does not tell.
        How::View(|v| match &v.invoices {
            Some(invoices) if v.whole.is_latest(v.as_of) => invoices.most_attempts(),
            _ => f64::NAN,
        }),
    )
    .context(),
    invoice(
        "failed_payments_365d",
        "invoices",
        RaisesRisk,
        "Invoices of the last 365 days, paid since, that took more than one attempt or failed.",
        |i| {
            // Attempts are known from the payment on.
            let failed = |one: &&Invoice| {
                i.is_paid(one) && (one.failure_code.is_some() || one.attempt_count > Some(1.0))
            };
            count(i.issued(0..365).filter(failed))
        },
    ),
    invoice(
        "late_share_365d",
        "share",
        RaisesRisk,
        "Share of the invoices due in the last 365 days that were paid late or not yet.",
        |i| ratio(count(i.due(0..365).filter(|one| i.is_late(one))), count(i.due(0..365))),
    ),
    invoice(
        "days_to_pay_365d",
        "days",
        RaisesRisk,
        "Mean days from issue to payment of the invoices paid in the last 365 days.",
        |i| {
            let paid = i.visible.iter().filter_map(|one| Some((one, one.paid_at?)));
            let paid = paid.filter(|(_, at)| is_within(*at, i.as_of, &(0..365)));
            mean(paid.map(|(one, at)| at.days_since(one.created_at)))
        },
    ),
    invoice(
        "short_paid_share_365d",
        "share",
        RaisesRisk,
        "Share of the amount due on invoices paid in the last 365 days that was not paid.",
        |i| {
            let paid = || {
                i.visible.iter().filter(|one| one.paid_at.is_some_and(|at| is_within(at, i.as_of, &(0..365))))
            };
            let due: f64 = paid().map(|one| one.amount_due).sum();
            let short: f64 =
                paid().map(|one| (one.amount_due - one.amount_paid.unwrap_or(one.amount_due)).max(0.0)).sum();
            ratio(short, due)
        },
    ),
    invoice("invoices_365d", "invoices", Unknown, "Invoices issued in the last 365 days.", |i| {
        count(i.issued(0..365))
    }),
    invoice("days_since_payment", "days", Unknown, "Days since the latest payment.", |i| {
        days_since(i.as_of, i.visible.iter().filter_map(|one| one.paid_at))
    }),
    invoice(
        "billing_trend_180d",
        "ratio",
        LowersRisk,
        "Amount billed in the last 90 days per unit billed in the 90 before.",
        |i| {
            let billed = |days: Range<i64>| -> f64 { i.issued(days).map(|one| one.amount_due).sum() };
            ratio(billed(0..90), billed(90..180))
        },
    ),
];

impl<'a> Invoices<'a> {
    /// `None` where no invoice is known yet.
    pub(in crate::compute) fn at(invoices: &'a [Invoice], as_of: Timestamp) -> Option<Self> {
        let visible = &invoices[..invoices.partition_point(|one| one.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of })
    }

    pub(super) fn issued(&self, days: Range<i64>) -> impl Iterator<Item = &'a Invoice> {
        let (visible, as_of): (&'a [Invoice], _) = (self.visible, self.as_of);
        recent(visible, as_of, days.end, |one| one.visible_at)
            .iter()
            .filter(move |one| is_within(one.created_at, as_of, &days))
    }

    fn due(&self, days: Range<i64>) -> impl Iterator<Item = &'a Invoice> {
        let as_of = self.as_of;
        self.visible.iter().filter(move |one| one.due_at.is_some_and(|due| is_within(due, as_of, &days)))
    }

    pub(super) fn is_paid(&self, one: &Invoice) -> bool {
        one.paid_at.is_some_and(|paid| paid < self.as_of)
    }

    pub(super) fn unpaid(&self) -> impl Iterator<Item = &'a Invoice> {
        self.visible.iter().filter(|one| !self.is_paid(one))
    }

    /// Negative or 0 where it is not due yet, or has no due date.
    fn days_overdue(&self, one: &Invoice) -> f64 {
        one.due_at.map_or(0.0, |due| self.as_of.days_since(due))
    }

    pub(super) fn is_late(&self, one: &Invoice) -> bool {
        let grace = |due: Timestamp| due.plus_days(1);
        let paid = one.paid_at.filter(|&paid| paid < self.as_of).unwrap_or(self.as_of);
        one.due_at.is_some_and(|due| paid > grace(due))
    }

    fn most_attempts(&self) -> f64 {
        let overdue = self.unpaid().filter(|one| self.days_overdue(one) > 0.0);
        overdue.filter_map(|one| one.attempt_count).fold(0.0, f64::max)
    }
}
