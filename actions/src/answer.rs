//! The whole answer for one account: how it stands, why, and what to do.

use holdfast_features::{Row, Timestamp};
use holdfast_models::Bundle;
use holdfast_models::explain::Explanation;
use serde::Serialize;

use crate::action::{self, Action, Choice, Suppressed};
use crate::assess::{Assessment, assess};
use crate::facts::Account;
use crate::policy::Policy;
use crate::reason::{self, Reasons};
use crate::response::Escalation;
use crate::touch;

/// How an account stands, why, and what to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// How it stands.
    pub assessment: Assessment,
    /// What each feature adds to the calibrated logit.
    #[serde(skip)]
    pub explanation: Explanation,
    /// What raises and what lowers the churn probability, and what is not known.
    pub reasons: Reasons,
    /// What to do, the next best action first; empty where doing nothing is best.
    pub actions: Vec<Action>,
    /// What was eligible and held back, in the order of the plays' ids.
    pub suppressed: Vec<Suppressed>,
    /// That and why an executive is called.
    pub escalation: Option<Escalation>,
    /// What else the reader should know, in sentences.
    pub notes: Vec<String>,
    /// Churn probability × ARR, what is lost on average when nothing is done; `None` without ARR.
    pub arr_at_risk: Option<f64>,
    /// The currency of all money in the answer, where it is known.
    pub currency: Option<String>,
}

/// The answer for one row of a table aligned with the bundle's model
/// ([`holdfast_models::ChurnModel::align`]), without earlier readings.
#[must_use]
pub fn answer(policy: &Policy, bundle: &Bundle, row: Row<'_>, as_of: Timestamp) -> Answer {
    answer_account(policy, bundle, &Account { row, as_of, readings: &[], touches: &[] })
}

/// The answer for `account`, whose row belongs to a table aligned with the bundle's model.
#[must_use]
pub fn answer_account(policy: &Policy, bundle: &Bundle, account: &Account<'_>) -> Answer {
    let row = account.row;
    let (told, unread) = touch::of_row(row);
    let touches = if account.touches.is_empty() { &told } else { account.touches };
    let account = &Account { touches, ..*account };
    let assessment = assess(policy, bundle, account);
    let facts = assessment.facts(*account);
    let segment = row.text(bundle.benchmarks.segment_column());
    let explanation = bundle.model.explain(row);
    let reasons = reason::reasons(
        row,
        bundle.model.specs(),
        &explanation.contributions,
        |feature| bundle.benchmarks.quantile(segment, feature, 50.0),
        policy.reasons_per_dimension,
    );
    let escalation = policy.escalation.escalation(&facts);
    let Choice { actions, suppressed, note } = action::choose(policy, &facts, &reasons, escalation.as_ref());
    let mut notes: Vec<String> = policy.escalation.overdue_review(&facts).into_iter().collect();
    notes.extend(note);
    notes.extend(unread.iter().map(|part| {
        format!("No cooldown is kept for `{part}` in {}: it is no `action@YYYY-MM-DD`", touch::COLUMN)
    }));
    let arr_at_risk = facts.arr().map(|arr| arr * facts.probability);
    let currency = facts.currency().map(str::to_owned);
    Answer { assessment, explanation, reasons, actions, suppressed, escalation, notes, arr_at_risk, currency }
}
