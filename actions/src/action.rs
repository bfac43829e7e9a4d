//! From the eligible plays to a ranked list of what to do, and what the guardrails held back.

use holdfast_features::{Dimension, Timestamp};
use serde::Serialize;

use crate::band::Band;
use crate::expression::Scalar;
use crate::facts::Facts;
use crate::guardrail::{Delivery, Guardrail, Objection, Verdict};
use crate::name::Name;
use crate::playbook::{Channel, Play};
use crate::policy::Policy;
use crate::reason::{self, Reasons, money};
use crate::response::Escalation;
use crate::talk;
use crate::value::Value;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Action {
    /// The play's id.
    pub play: String,
    /// What it is, in a few words.
    pub title: String,
    /// The side of the account that it works on.
    pub dimension: Option<Dimension>,
    /// Why it is recommended for this account, in words and numbers.
    pub reasons: Vec<String>,
    /// Hours after `as_of` within which to do it.
    pub due_within_hours: f64,
    /// `as_of` plus these hours.
    pub due_at: Timestamp,
    /// The role that does it.
    pub owner_role: String,
    /// How the customer is reached.
    pub channel: Channel,
    /// How much of it a machine may do.
    pub delivery: Delivery,
    /// Why a person must approve it first; `None` where nobody must.
    pub approval: Option<String>,
    /// Whether it may be carried out without a person.
    pub automated: bool,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// What helps doing it.
    pub resources: Vec<String>,
    /// How to see that it worked.
    pub success_criteria: String,
    /// What to do when it does not work.
    pub escalation: String,
    /// What to say: three points, the first from the account's own data where there is something to name.
    pub talking_points: Vec<String>,
    /// Churn probability now, less that after the action.
    pub probability_fall: f64,
    /// ARR × fall of the churn probability − cost; `None` where the ARR is not known.
    pub expected_saved_arr: Option<f64>,
    /// Expected new ARR, 0 for plays that do not sell; `None` where the ARR is not known.
    pub expected_new_arr: Option<f64>,
    /// Money and hours that it takes, in the currency of the ARR.
    pub cost: f64,
}

/// A play that was eligible and is not recommended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    /// The play's id.
    pub play: String,
    /// Its title.
    pub title: String,
    /// What held it back.
    pub guardrail: Guardrail,
    /// What the guardrail saw.
    pub why: String,
}

/// What is to be done, what was held back, and, where nobody is to do anything, why.
pub(crate) struct Choice {
    pub(crate) actions: Vec<Action>,
    pub(crate) suppressed: Vec<Suppressed>,
    pub(crate) note: Option<String>,
}

/// The eligible plays, ranked, and those held back; both in a fixed order.
pub(crate) fn choose(
    policy: &Policy,
    facts: &Facts<'_>,
    reasons: &Reasons,
    escalation: Option<&Escalation>,
) -> Choice {
    let value_of = |name: &Name| facts.value(name);
    let mut ranked: Vec<(&Play, Value, Delivery, Vec<Objection>)> = Vec::new();
    let mut suppressed = Vec::new();
    let mut nearest: Option<(&Play, Value)> = None;
    for play in policy.playbooks.plays() {
        if !play.when.holds(&value_of) {
            continue;
        }
        let mut hold_back = |guardrail, why| {
            suppressed.push(Suppressed { play: play.id.clone(), title: play.title.clone(), guardrail, why });
        };
        match policy.guardrails.judge(play, facts) {
            Verdict::Suppressed(objection) => hold_back(objection.guardrail, objection.why),
            Verdict::Allowed { delivery, approvals } => {
                let value = policy.value.value(play, facts.probability, facts.arr());
                if value.rank() > 0.0 {
                    ranked.push((play, value, delivery, approvals));
                } else {
                    hold_back(Guardrail::DoNothing, not_worth(&value, facts));
                    if nearest.is_none_or(|(_, best)| best.rank() < value.rank()) {
                        nearest = Some((play, value));
                    }
                }
            }
        }
    }
    // Plays come in the order of their ids and the sort is stable: equal values keep that order.
    ranked.sort_by(|a, b| b.1.rank().total_cmp(&a.1.rank()));
    let by_hand = ranked.iter().any(|(_, _, delivery, _)| *delivery != Delivery::Automated);
    let needs_nobody = ranked.is_empty() || (facts.band == Band::High && !by_hand);
    let note = needs_nobody.then(|| nobody_acts(ranked.is_empty(), nearest, &suppressed, facts));
    ranked.truncate(policy.max_actions);
    let hours = policy.bands.hours(facts.band);
    let hours = escalation.map_or(hours, |escalation| hours.min(escalation.respond_within_hours));
    let actions = ranked
        .into_iter()
        .map(|(play, value, delivery, approvals)| Action {
            play: play.id.clone(),
            title: play.title.clone(),
            dimension: play.dimension,
            reasons: grounds(play, facts),
            due_within_hours: hours,
            due_at: due_at(facts.account.as_of, hours),
            owner_role: play.owner_role.clone(),
            channel: play.channel,
            delivery,
            approval: approval(&approvals),
            automated: delivery == Delivery::Automated,
            steps: play.steps.clone(),
            resources: play.resources.clone(),
            success_criteria: play.success_criteria.clone(),
            escalation: play.escalation.clone(),
            talking_points: talk::talking_points(play, facts, reasons),
            probability_fall: value.probability_fall,
            expected_saved_arr: value.saved_arr,
            expected_new_arr: value.new_arr,
            cost: value.cost,
        })
        .collect();
    Choice { actions, suppressed, note }
}

/// Why nothing is recommended, or nothing that a person does.
fn nobody_acts(
    is_empty: bool,
    nearest: Option<(&Play, Value)>,
    suppressed: &[Suppressed],
    facts: &Facts<'_>,
) -> String {
    let what = if is_empty { "nothing is recommended" } else { "nothing is recommended to a person" };
    let mut why = Vec::new();
    if let Some((play, value)) = nearest {
        why.push(format!("the play nearest to its worth, \"{}\", {}", play.title, not_worth(&value, facts)));
    }
    let held = suppressed.iter().filter(|one| one.guardrail != Guardrail::DoNothing).count();
    match held {
        0 => {}
        1 => why.push("a guardrail holds back 1 play".to_owned()),
        held => why.push(format!("guardrails hold back {held} plays")),
    }
    if why.is_empty() {
        why.push("no play's condition holds".to_owned());
    }
    format!("Band {}, and {what}: {}", facts.band.label(), why.join("; "))
}

fn not_worth(value: &Value, facts: &Facts<'_>) -> String {
    let currency = facts.currency();
    match facts.arr() {
        Some(arr) => format!(
            "costs {} and is expected to save {}: doing nothing is worth more",
            money(value.cost, currency),
            money(arr * value.probability_fall, currency)
        ),
        None => "is not expected to lower the churn probability".to_owned(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "hours are at most a year by the configuration's range")]
fn due_at(as_of: Timestamp, hours: f64) -> Timestamp {
    as_of + (hours * 3_600e6).round() as i64
}

fn approval(approvals: &[Objection]) -> Option<String> {
    let whys: Vec<&str> = approvals.iter().map(|objection| objection.why.as_str()).collect();
    (!whys.is_empty()).then(|| whys.join("; "))
}

/// What made the play eligible: its signals first, then features, then the account's place.
fn grounds(play: &Play, facts: &Facts<'_>) -> Vec<String> {
    let value_of = |name: &Name| facts.value(name);
    let mut texts: Vec<(u8, String)> = play
        .when
        .grounds(&value_of)
        .into_iter()
        .filter_map(|name| {
            let order = match name {
                Name::Signal(_) => 0,
                Name::Feature { .. } => 1,
                _ => 2,
            };
            ground(name, facts).map(|text| (order, text))
        })
        .collect();
    texts.sort_by_key(|(order, _)| *order);
    texts.into_iter().map(|(_, text)| text).collect()
}

fn ground(name: &Name, facts: &Facts<'_>) -> Option<String> {
    let number = |name: &Name| match facts.value(name) {
        Some(Scalar::Number(number)) => Some(number),
        _ => None,
    };
    match name {
        Name::Signal(kind) => facts.signal(*kind).map(|signal| signal.text.clone()),
        Name::Feature { name, .. } => reason::fact(facts.account.row, name),
        Name::Stage => facts.stage().map(|stage| format!("Stage: {}", stage.name().replace('_', " "))),
        Name::Band => Some(format!("Band: {}", facts.band.label())),
        Name::Tier => facts.account.row.text("tier").map(|tier| format!("Tier: {}", tier.replace('_', " "))),
        Name::Arr => facts.arr().map(|arr| format!("ARR: {}", money(arr, facts.currency()))),
        Name::Probability => Some(format!("Churn probability: {:.0} %", facts.probability * 100.0)),
        Name::DataSparse => facts.health.data_sparse.then(|| "At least one dimension has no data".to_owned()),
        Name::Health(None) => number(name).map(|health| format!("Health: {health:.0} of 100")),
        Name::Health(Some(dimension)) => {
            number(name).map(|health| format!("Health in {}: {health:.0} of 100", dimension.name()))
        }
    }
}
