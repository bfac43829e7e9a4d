//! How late invoices are paid, how collection fails, how much is billed. Credit notes are never late.

use std::ops::Range;

use super::invoices::{Invoices, invoice};
use crate::compute::declared::{CURRENCY, Declared};
use crate::compute::window::{count, days_since, is_within, mean, ratio, total};
use crate::history::Invoice;
use crate::spec::Direction::{LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

pub(super) const LATENESS: &[Declared] = &[
    invoice(
        "days_late_365d",
        "days",
        RaisesRisk,
        "Mean days from due date to payment, or to the observation where not paid, of the invoices due in the last 365 days; 0 for one in time. Credit notes do not count.",
        |i| mean(i.late_days(0..365)),
    ),
    invoice(
        "days_late_max_365d",
        "days",
        RaisesRisk,
        "Most such days of an invoice due in the last 365 days.",
        |i| i.late_days(0..365).reduce(f64::max).unwrap_or(f64::NAN),
    ),
    invoice(
        "days_late_change_180d",
        "days",
        RaisesRisk,
        "Mean such days of the invoices due in the last 180 days, less those of the 180 before.",
        |i| mean(i.late_days(0..180)) - mean(i.late_days(180..360)),
    ),
    invoice("days_late_latest", "days", RaisesRisk, "Such days of the invoice due last.", |i| {
        let latest = i.owed().max_by_key(|(due, one)| (*due, &one.invoice_id));
        latest.map_or(f64::NAN, |(due, one)| i.late(due, one))
    }),
    invoice(
        "late_in_a_row",
        "invoices",
        RaisesRisk,
        "Invoices paid more than a day late or not yet, one after another, up to the one due last.",
        |i| {
            let mut owed: Vec<(Timestamp, &Invoice)> = i.owed().collect();
            owed.sort_by(|a, b| (b.0, &b.1.invoice_id).cmp(&(a.0, &a.1.invoice_id)));
            if owed.is_empty() { f64::NAN } else { count(owed.iter().take_while(|(_, one)| i.is_late(one))) }
        },
    ),
    invoice(
        "days_to_pay_change_180d",
        "days",
        RaisesRisk,
        "Mean days from issue to payment of the invoices paid in the last 180 days, less those of the 180 before.",
        |i| i.days_to_pay(0..180) - i.days_to_pay(180..360),
    ),
    invoice(
        "unpaid_share_365d",
        "share",
        RaisesRisk,
        "Amount due of invoices past their due date and not paid, for each unit billed in the last 365 days.",
        |i| {
            let overdue = i.owed().filter(|(_, one)| !i.is_paid(one));
            ratio(total(overdue.map(|(_, one)| one.amount_due)), i.billed(0..365))
        },
    ),
    invoice(
        "open_invoices",
        "invoices",
        Unknown,
        "Invoices issued and not paid, due or not. Credit notes do not count.",
        |i| count(i.unpaid().filter(|one| one.amount_due > 0.0)),
    ),
    invoice(
        "failed_payments_90d",
        "invoices",
        RaisesRisk,
        "Invoices paid in the last 90 days that took more than one attempt or failed.",
        |i| count(i.paid(0..90).filter(|(_, one)| has_failed(one))),
    ),
    invoice(
        "failed_share_365d",
        "share",
        RaisesRisk,
        "Share of the invoices paid in the last 365 days that took more than one attempt or failed; missing where none tells.",
        |i| {
            let told = || i.paid(0..365).filter(|(_, one)| has_failed(one) || one.attempt_count.is_some());
            ratio(count(told().filter(|(_, one)| has_failed(one))), count(told()))
        },
    ),
    invoice(
        "payment_attempts_365d",
        "attempts",
        RaisesRisk,
        "Mean collection attempts of the invoices paid in the last 365 days.",
        |i| mean(i.paid(0..365).filter_map(|(_, one)| one.attempt_count)),
    ),
    invoice(
        "days_since_failed_payment",
        "days",
        LowersRisk,
        "Days since an invoice was paid that took more than one attempt or failed.",
        |i| {
            let failed = i.visible.iter().filter(|one| has_failed(one));
            days_since(i.as_of, failed.filter_map(|one| one.paid_at))
        },
    ),
    invoice("billed_365d", CURRENCY, Unknown, "Amount billed in the last 365 days.", |i| i.billed(0..365)),
    invoice(
        "billing_ratio_365d",
        "ratio",
        LowersRisk,
        "Amount billed in the last 365 days per unit billed in the 365 before.",
        |i| ratio(i.billed(0..365), i.billed(365..730)),
    ),
    invoice(
        "credit_notes_365d",
        "invoices",
        Unknown,
        "Credit notes, of amounts below 0, issued in the last 365 days.",
        |i| count(i.issued(0..365).filter(|one| one.amount_due < 0.0)),
    ),
];

impl<'a> Invoices<'a> {
    /// Invoices whose due date is past, with it.
    fn owed(&self) -> impl Iterator<Item = (Timestamp, &'a Invoice)> {
        let (visible, as_of): (&'a [Invoice], _) = (self.visible, self.as_of);
        let due =
            visible.iter().filter(|one| one.amount_due > 0.0).filter_map(|one| Some((one.due_at?, one)));
        due.filter(move |(due, _)| *due < as_of)
    }

    /// Days from the due date to the payment or the observation.
    fn late(&self, due: Timestamp, one: &Invoice) -> f64 {
        let paid = one.paid_at.filter(|&paid| paid < self.as_of).unwrap_or(self.as_of);
        paid.days_since(due).max(0.0)
    }

    fn late_days(&self, days: Range<i64>) -> impl Iterator<Item = f64> {
        let owed = self.owed().filter(move |(due, _)| is_within(*due, self.as_of, &days));
        owed.map(|(due, one)| self.late(due, one))
    }

    /// Invoices paid within `days` before the observation, with the time.
    fn paid(&self, days: Range<i64>) -> impl Iterator<Item = (Timestamp, &'a Invoice)> {
        let (visible, as_of): (&'a [Invoice], _) = (self.visible, self.as_of);
        let paid = visible.iter().filter_map(|one| Some((one.paid_at?, one)));
        paid.filter(move |(paid, _)| is_within(*paid, as_of, &days))
    }

    fn days_to_pay(&self, days: Range<i64>) -> f64 {
        mean(self.paid(days).map(|(paid, one)| paid.days_since(one.created_at)))
    }

    fn billed(&self, days: Range<i64>) -> f64 {
        total(self.issued(days).map(|one| one.amount_due))
    }
}

/// Told from the payment on.
fn has_failed(one: &Invoice) -> bool {
    one.failure_code.is_some() || one.attempt_count > Some(1.0)
}
