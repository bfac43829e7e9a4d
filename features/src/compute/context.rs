//! What decisions read and no model learns from: attributes of today, states in force, the log of actions.
//!
//! These columns are in every table made from a history, missing where nothing is known.

use super::declared::{Declared, How, Needs};
use super::view::View;
use super::window::{count, days_since, flag, is_within};
use crate::history::{Account, FieldChange, Intervention, MutableColumn, StateKind, Text};
use crate::spec::{Dimension, Direction, Kind, Role};

const fn number(
    name: &'static str,
    unit: &'static str,
    table: &'static str,
    meaning: &'static str,
    value: fn(&View<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    let needs = Needs::ContextWithout(table);
    Declared::number(words, Dimension::Relationship, Direction::Unknown, needs, How::View(value)).context()
}

const fn text(
    name: &'static str,
    table: &'static str,
    meaning: &'static str,
    value: fn(&View<'_>) -> Option<Text>,
) -> Declared {
    Declared {
        name,
        dimension: None,
        kind: Kind::Category,
        role: Role::Context,
        direction: Direction::Unknown,
        unit: "",
        meaning,
        needs: Needs::ContextWithout(table),
        of_today: &[],
        how: How::Text(value),
    }
}

/// All of them.
pub(super) const FEATURES: &[Declared] = &[
    number(
        "cancel_requested",
        "",
        "subscriptions",
        "Whether the customer asked to cancel a running subscription.",
        |v| flag(v.contract.cancel_requested()),
    )
    .boolean(),
    number(
        "is_strategic",
        "",
        "accounts",
        "Whether a person always reviews decisions on the account.",
        |v| v.account().and_then(|account| account.is_strategic).map_or(f64::NAN, flag),
    )
    .boolean(),
    number("days_since_strategic_review", "days", "accounts", "Days since the last strategic review.", |v| {
        days_since(v.as_of, v.account().and_then(|account| account.strategic_reviewed_at).into_iter())
    }),
    number("active_escalation", "", "account_states", "Whether an escalation is active.", |v| {
        flag(state(v, StateKind::ActiveEscalation).is_some())
    })
    .boolean(),
    number("do_not_contact", "", "account_states", "Whether the account must not be contacted.", |v| {
        flag(state(v, StateKind::DoNotContact).is_some())
    })
    .boolean(),
    number("legal_hold", "", "account_states", "Whether a legal hold is in force.", |v| {
        flag(state(v, StateKind::LegalHold).is_some())
    })
    .boolean(),
    number(
        "touches_30d",
        "actions",
        "interventions",
        "Actions delivered to the account in the last 30 days.",
        |v| {
            let delivered = v.facts.interventions.iter().filter(|one| one.visible_at < v.as_of);
            count(delivered.filter(|one| one.delivered_at.is_some_and(|at| is_within(at, v.as_of, &(0..30)))))
        },
    ),
    number(
        "days_since_touch",
        "days",
        "interventions",
        "Days since an action was delivered to the account.",
        |v| {
            let known = v.facts.interventions.iter().filter(|one| one.visible_at < v.as_of);
            days_since(v.as_of, known.filter_map(|one| one.delivered_at))
        },
    ),
    text("manual_health", "account_states", "The health that a person gave the account.", |v| {
        state(v, StateKind::ManualHealth).flatten()
    }),
    text("tier", "accounts", "The account's tier of service.", |v| {
        field(v, "tier", |account| account.tier.clone())
    }),
    text("csm_id", "accounts", "The account's customer-success manager.", |v| {
        field(v, "csm_id", |account| account.csm_id.clone())
    }),
    text("currency", "subscriptions", "The currency of all money in the row.", |v| v.whole.currency.cloned()),
    text("plan", "subscriptions", "The plan of the subscription in question.", |v| {
        v.contract.subscription_of_today(MutableColumn::Plan)?.plan.clone()
    })
    .of_today(&[MutableColumn::Plan]),
    text(
        "recent_plays",
        "interventions",
        "The treated actions of the last 365 days, newest first, as action@YYYY-MM-DD joined with `;`; the day of delivery, else of assignment.",
        recent_plays,
    ),
];

fn recent_plays(view: &View<'_>) -> Option<Text> {
    let done_at =
        |one: &Intervention| one.delivered_at.filter(|&at| at < view.as_of).unwrap_or(one.assigned_at);
    let known = view.facts.interventions.iter().filter(|one| one.is_treatment && one.visible_at < view.as_of);
    let mut plays: Vec<_> = known
        .map(|one| (done_at(one), &one.action))
        .filter(|(at, _)| is_within(*at, view.as_of, &(0..365)))
        .collect();
    plays.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let words: Vec<String> =
        plays.into_iter().map(|(at, action)| format!("{action}@{}", at.midnight())).collect();
    (!words.is_empty()).then(|| words.join(";").into())
}

/// The value of the latest state of that kind in force; `None` where none is.
fn state(view: &View<'_>, kind: StateKind) -> Option<Option<Text>> {
    let in_force = view.facts.states.iter().filter(|one| {
        one.state == kind
            && one.visible_at < view.as_of
            && one.ended_at.is_none_or(|ended| ended >= view.as_of)
    });
    // Of several that began at once the choice must not hang on when they will end.
    in_force.max_by_key(|one| (one.started_at, one.visible_at, &one.value)).map(|one| one.value.clone())
}

/// The field's value by the history of the account's fields, where it tells; else today's.
fn field(view: &View<'_>, name: &str, today: impl Fn(&Account) -> Option<Text>) -> Option<Text> {
    let known = |change: &&FieldChange| *change.field == *name && change.visible_at < view.as_of;
    let latest = view.facts.field_changes.iter().filter(known).max_by_key(|change| change.valid_from);
    match latest {
        Some(change) => change.value.clone(),
        None => view.account().and_then(today),
    }
}
