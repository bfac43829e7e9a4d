//! `accounts` and `account_history`.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::ArrayRef;
use holdfast_features::Timestamp;
use rand::{Rng, RngExt};

use super::Arriving;
use crate::draw::{chance, known_after, later, moment_of_week};
use crate::life::{Life, World};
use crate::profile::Profile;
use crate::record::{Columns, Record};

#[derive(Debug, Clone)]
pub(super) struct AccountRow {
    profile: Profile,
    strategic_reviewed_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) struct AccountHistoryRow {
    account_id: Arc<str>,
    field: &'static str,
    value: Option<String>,
    valid_from: Timestamp,
    recorded_at: Timestamp,
}

pub(super) fn row(life: &Life, world: &World, rng: &mut impl Rng) -> AccountRow {
    let review = world.until.plus_days(-rng.random_range(5..330)).max(life.profile.started_at);
    AccountRow {
        strategic_reviewed_at: life.profile.is_strategic.then_some(review.min(life.last)),
        profile: life.profile.clone(),
    }
}

/// What the account was from the start, and the success managers before today's.
pub(super) fn changes(life: &Life, rng: &mut impl Rng) -> Vec<AccountHistoryRow> {
    let profile = &life.profile;
    let mut rows = Vec::new();
    let mut push = |field, value: Option<String>, valid_from, recorded_at| {
        rows.push(AccountHistoryRow {
            account_id: profile.account_id.clone(),
            field,
            value,
            valid_from,
            recorded_at,
        });
    };
    let start = profile.started_at;
    let entered = later(start, rng.random::<f64>() * 0.4);
    push("tier", Some(profile.tier.name().to_owned()), start, entered);
    push("plan", Some(profile.plan.to_owned()), start, entered);
    if let Some(csm) = &profile.csm {
        let change = life.each_week().skip(8).find(|_| chance(rng, 0.006)).map(|(_, at, ..)| at);
        match change {
            Some(week) => {
                let at = moment_of_week(rng, week).min(life.last);
                push("csm_id", Some(format!("csm-{:02}", rng.random_range(15..=20))), start, entered);
                push("csm_id", Some(csm.clone()), at, known_after(rng, at));
            }
            None => push("csm_id", Some(csm.clone()), start, entered),
        }
    }
    rows
}

impl Record for AccountRow {
    const TABLE: &'static str = "accounts";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("account_id", rows.text(|row| &row.profile.account_id)),
            ("parent_account_id", rows.optional_text(|row| row.profile.parent.as_deref().map(Cow::from))),
            ("name", rows.text(|row| &row.profile.name)),
            ("created_at", rows.time(|row| Some(row.profile.started_at))),
            ("industry", rows.text(|row| row.profile.industry)),
            ("country", rows.text(|row| row.profile.country)),
            ("employee_count", rows.integer(|row| Some(row.profile.n_employees))),
            ("tier", rows.text(|row| row.profile.tier.name())),
            ("is_strategic", rows.boolean(|row| Some(row.profile.is_strategic))),
            ("strategic_reviewed_at", rows.date(|row| row.strategic_reviewed_at)),
            ("csm_id", rows.optional_text(|row| row.profile.csm.as_deref().map(Cow::from))),
        ]
    }
}

impl Record for AccountHistoryRow {
    const TABLE: &'static str = "account_history";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("account_id", rows.text(|row| &row.account_id)),
            ("field", rows.text(|row| row.field)),
            ("value", rows.optional_text(|row| row.value.as_deref().map(Cow::from))),
            ("valid_from", rows.time(|row| Some(row.valid_from))),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Arriving for AccountHistoryRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}
