//! Lateness, failed collection, amounts.

use super::{ago, assert_values, values};
use crate::history::*;
use crate::snapshot::testing::{account, yearly};

fn invoice(created: i64, due: i64, paid: Option<i64>, attempts: Option<f64>) -> Invoice {
    Invoice {
        visible_at: ago(created),
        invoice_id: format!("i{created}").into(),
        amount_due: 100.0,
        amount_paid: None,
        created_at: ago(created),
        due_at: Some(ago(due)),
        paid_at: paid.map(ago),
        attempt_count: attempts,
        failure_code: None,
    }
}

fn facts() -> AccountFacts {
    let mut facts = account(vec![yearly("s", "2023-01-01", "2025-06-01")]);
    facts.invoices = vec![
        invoice(500, 470, Some(460), None),
        invoice(300, 270, Some(275), Some(1.0)),
        invoice(200, 170, Some(150), Some(3.0)),
        Invoice { failure_code: Some("declined".into()), ..invoice(100, 70, Some(60), Some(1.0)) },
        Invoice { amount_due: 50.0, ..invoice(60, 30, None, None) },
        Invoice { amount_due: -25.0, ..invoice(40, 35, None, None) },
        invoice(20, -10, None, None),
    ];
    facts
}

#[test]
fn lateness_failures_and_amounts() {
    assert_values(
        &facts(),
        &[
            ("days_late_365d", 15.0),
            ("days_late_max_365d", 30.0),
            ("days_late_change_180d", 20.0),
            ("days_late_latest", 30.0),
            ("late_in_a_row", 3.0),
            ("days_to_pay_change_180d", 20.0),
            ("unpaid_share_365d", 50.0 / 425.0),
            ("open_invoices", 2.0),
            ("failed_payments_90d", 1.0),
            ("failed_share_365d", 2.0 / 3.0),
            ("payment_attempts_365d", 5.0 / 3.0),
            ("days_since_failed_payment", 60.0),
            ("billed_365d", 425.0),
            ("billing_ratio_365d", 4.25),
            ("credit_notes_365d", 1.0),
        ],
    );
}

#[test]
fn a_payment_and_its_failures_are_known_from_their_own_time_on() {
    let names = ["days_late_latest", "days_since_failed_payment", "failed_payments_90d", "open_invoices"];
    assert_eq!(values(&facts(), 160, names), [Some(10.0), None, Some(0.0), Some(1.0)]);
    assert_eq!(values(&facts(), 140, names), [Some(20.0), Some(10.0), Some(1.0), Some(0.0)]);
    assert_eq!(values(&facts(), 490, ["late_in_a_row", "days_late_365d"]), [None; 2], "nothing is due yet");
}
