//! What may be done, whatever the score says.
//!
//! Every eligible play passes all guardrails. None of them reads the probability, and each can only take
//! freedom away: from *automated* to a *draft* that a person approves, to a task for a *person*, to nothing.

use holdfast_features::signal::SignalKind;
use serde::Serialize;

use crate::band::Band;
use crate::facts::Facts;
use crate::playbook::{Addressee, Play, Topic};
use crate::reason::{counted, money};
use crate::rule::Noting;
use crate::touch::Touch;

/// The limits of the guardrails.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardrailPolicy {
    /// Above this ARR outbound messages are drafts that a person approves.
    pub approval_arr: f64,
    /// Above this ARR nothing outbound is done by a machine, approved or not.
    pub never_automated_arr: f64,
    /// Accounts above this share of their tier by health get no automated outreach.
    pub top_health_share: f64,
    /// Outbound plays per account in 30 days.
    pub touches_per_month: u32,
}

/// A reason to hold a play back or to slow it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guardrail {
    /// An active escalation, do-not-contact or legal hold.
    AccountHold,
    /// The ARR is above the approval limit, or not known.
    ApprovalLimit,
    /// The ARR is above the limit of automation.
    AutomationLimit,
    /// Messages about the renewal are never sent automatically.
    RenewalMessage,
    /// The account is among the healthiest of its tier.
    TopHealth,
    /// The play was used a short while ago.
    Cooldown,
    /// The account was contacted often enough this month.
    TouchCap,
    /// Nothing is sold before an outcome was achieved.
    UpsellBeforeOutcome,
    /// The person addressed left.
    ContactLeft,
    /// A strategic account is always reviewed by a person.
    StrategicReview,
    /// Doing nothing is expected to be worth more.
    DoNothing,
}

/// How much of a play a machine may do, the freest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// All of it.
    Automated,
    /// It drafts; a person approves and sends.
    Draft,
    /// Nothing: a person does it.
    Person,
}

/// A guardrail that spoke, and what it saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Objection {
    /// Which.
    pub guardrail: Guardrail,
    /// What it saw and what follows.
    pub why: String,
}

/// What the guardrails leave of a play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done so.
    Allowed {
        /// How much a machine may do.
        delivery: Delivery,
        /// Why a person must approve it; empty where nobody must.
        approvals: Vec<Objection>,
    },
    /// It may not be done; the first guardrail that forbids it.
    Suppressed(Objection),
}

impl Guardrail {
    /// The lower-case name, as on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountHold => "account_hold",
            Self::ApprovalLimit => "approval_limit",
            Self::AutomationLimit => "automation_limit",
            Self::RenewalMessage => "renewal_message",
            Self::TopHealth => "top_health",
            Self::Cooldown => "cooldown",
            Self::TouchCap => "touch_cap",
            Self::UpsellBeforeOutcome => "upsell_before_outcome",
            Self::ContactLeft => "contact_left",
            Self::StrategicReview => "strategic_review",
            Self::DoNothing => "do_nothing",
        }
    }
}

impl Verdict {
    fn forbid(guardrail: Guardrail, why: String) -> Self {
        Self::Suppressed(Objection { guardrail, why })
    }
}

/// What stands against contacting the account at all.
const HOLDS: [(&str, &str); 3] = [
    ("active_escalation", "an escalation is active"),
    ("do_not_contact", "the account must not be contacted"),
    ("legal_hold", "the account is under legal hold"),
];

impl GuardrailPolicy {
    pub(crate) fn read(section: &mut Noting<'_, '_, '_>) -> Self {
        let line = section.line_of("never_automated_arr").or_else(|| section.line_of("approval_arr"));
        let policy = Self {
            approval_arr: section.number("approval_arr", 10_000.0, 0.0..=1e15),
            never_automated_arr: section.number("never_automated_arr", 50_000.0, 0.0..=1e15),
            top_health_share: section.number("top_health_share", 0.75, 0.0..=1.0),
            touches_per_month: section.count("touches_per_month", 4, 0..=1_000),
        };
        if policy.never_automated_arr < policy.approval_arr {
            section.report(
                line.unwrap_or(1),
                format!(
                    "never_automated_arr {} must not be below approval_arr {}",
                    policy.never_automated_arr, policy.approval_arr
                ),
            );
        }
        policy
    }

    /// What the guardrails leave of `play` for this account. Everything that is not outbound passes, except
    /// for its cooldown.
    #[must_use]
    pub fn judge(&self, play: &Play, facts: &Facts<'_>) -> Verdict {
        if let Some(verdict) = self.forbidden(play, facts) {
            return verdict;
        }
        let by_machine = play.automatable;
        if !play.outbound {
            let delivery = if by_machine { Delivery::Automated } else { Delivery::Person };
            return Verdict::Allowed { delivery, approvals: Vec::new() };
        }
        let mut delivery = if by_machine { Delivery::Automated } else { Delivery::Person };
        let mut approvals = Vec::new();
        let mut object = |guardrail, at_most: Delivery, why: String| {
            delivery = delivery.max(at_most);
            approvals.push(Objection { guardrail, why });
        };
        if let Some(hold) = hold(facts) {
            object(
                Guardrail::AccountHold,
                Delivery::Person,
                format!("{hold}: agree with the account's owner before reaching out"),
            );
        }
        if facts.is_strategic() {
            object(
                Guardrail::StrategicReview,
                Delivery::Draft,
                "strategic account: a person reviews it first".to_owned(),
            );
        }
        if by_machine {
            if play.topic == Topic::Renewal {
                object(
                    Guardrail::RenewalMessage,
                    Delivery::Draft,
                    "renewal messages are never sent automatically: review the draft".to_owned(),
                );
            }
            match facts.arr() {
                None => object(
                    Guardrail::ApprovalLimit,
                    Delivery::Draft,
                    "the account's ARR is not known, so a person approves".to_owned(),
                ),
                Some(arr) if arr > self.never_automated_arr => object(
                    Guardrail::AutomationLimit,
                    Delivery::Person,
                    format!(
                        "ARR {} is above {}: never automated",
                        money(arr, facts.currency()),
                        money(self.never_automated_arr, facts.currency())
                    ),
                ),
                Some(arr) if arr > self.approval_arr => object(
                    Guardrail::ApprovalLimit,
                    Delivery::Draft,
                    format!(
                        "ARR {} is above the approval limit of {}",
                        money(arr, facts.currency()),
                        money(self.approval_arr, facts.currency())
                    ),
                ),
                Some(_) => {}
            }
        }
        Verdict::Allowed { delivery, approvals }
    }

    fn forbidden(&self, play: &Play, facts: &Facts<'_>) -> Option<Verdict> {
        let days_ago = |touch: &&Touch| facts.account.as_of.days_since(touch.at);
        let last = facts
            .account
            .touches
            .iter()
            .filter(|touch| touch.play == play.id)
            .map(|touch| days_ago(&touch))
            .filter(|days| (0.0..play.cooldown_days).contains(days))
            .min_by(f64::total_cmp);
        if let Some(days) = last {
            let why = format!(
                "last used {} ago; it rests for {}",
                counted(days.round(), "days"),
                counted(play.cooldown_days, "days")
            );
            return Some(Verdict::forbid(Guardrail::Cooldown, why));
        }
        if !play.outbound {
            return None;
        }
        // A message about the renewal is drafted for a person in any case, so it is not automated outreach.
        let automated_outreach = play.automatable && play.topic != Topic::Renewal;
        if automated_outreach && let Some(hold) = hold(facts) {
            let why = format!("{hold}: no automated outreach, human tasks only");
            return Some(Verdict::forbid(Guardrail::AccountHold, why));
        }
        if let Some(who) = absent(play.addressee, facts) {
            return Some(Verdict::forbid(Guardrail::ContactLeft, who));
        }
        if play.topic == Topic::Upsell && facts.account.row.number("outcomes_achieved") == Some(0.0) {
            let why = "no outcome milestone is achieved yet: nothing is sold before".to_owned();
            return Some(Verdict::forbid(Guardrail::UpsellBeforeOutcome, why));
        }
        if automated_outreach && self.is_top_health(facts) {
            let why = match facts.health_percentile {
                Some(share) => {
                    format!("healthier than {:.0} % of its tier: no automated outreach", share * 100.0)
                }
                None => "healthy: no automated outreach".to_owned(),
            };
            return Some(Verdict::forbid(Guardrail::TopHealth, why));
        }
        let told = facts.account.touches.iter().filter(|touch| (0.0..30.0).contains(&days_ago(touch)));
        let logged = facts.account.row.number("touches_30d").unwrap_or(0.0);
        let touches = told.map(|_| 1.0).sum::<f64>().max(logged);
        if touches >= f64::from(self.touches_per_month) {
            let why = format!(
                "contacted {} in the last 30 days; at most {} is allowed",
                counted(touches, "times"),
                self.touches_per_month
            );
            return Some(Verdict::forbid(Guardrail::TouchCap, why));
        }
        None
    }

    /// Where the account's place in its tier is not known, the healthy band by health alone stands for the top
    /// quartile.
    fn is_top_health(&self, facts: &Facts<'_>) -> bool {
        match facts.health_percentile {
            Some(share) => share >= self.top_health_share,
            None => facts.health_band == Some(Band::Healthy),
        }
    }
}

fn hold(facts: &Facts<'_>) -> Option<&'static str> {
    HOLDS.into_iter().find(|(column, _)| facts.account.row.is_true(column)).map(|(_, why)| why)
}

/// Why the addressee cannot be reached, where that is known.
fn absent(addressee: Addressee, facts: &Facts<'_>) -> Option<String> {
    let (present, left, signal, who) = match addressee {
        Addressee::ExecutiveSponsor => {
            ("sponsor_present", "days_since_sponsor_left", SignalKind::SponsorLeft, "executive sponsor")
        }
        Addressee::Champion => {
            ("champion_present", "days_since_champion_left", SignalKind::ChampionLeft, "champion")
        }
        _ => return None,
    };
    let row = facts.account.row;
    if row.number(present) == Some(0.0) || facts.signal(signal).is_some() {
        return Some(match row.number(left) {
            Some(days) => format!("the {who} left {} ago and nobody followed", counted(days.round(), "days")),
            None => format!("the account has no {who}"),
        });
    }
    None
}

#[cfg(test)]
mod tests;
