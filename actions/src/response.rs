//! Executive escalation: when an account is brought to an executive, whatever its score.

use holdfast_features::signal::SignalKind;
use holdfast_features::stage::Stage;
use serde::Serialize;

use crate::band::Band;
use crate::facts::Facts;
use crate::reason::{counted, money};
use crate::rule::Noting;

/// When accounts are escalated.
#[derive(Debug, Clone, PartialEq)]
pub struct EscalationPolicy {
    /// Days within which a fall of health counts; how deep it must be is `decisions.signals.health_drop`.
    pub health_drop_days: f64,
    /// ARR above which a renewal at risk is escalated.
    pub renewal_arr: f64,
    /// Hours within which an executive answers.
    pub respond_hours: f64,
    /// Days after which a strategic account needs a new review.
    pub strategic_review_days: f64,
}

/// What asked for an executive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Health fell far in a short time.
    HealthDrop,
    /// The executive sponsor is silent.
    SponsorSilent,
    /// A large renewal is at risk.
    RenewalAtRisk,
    /// A strategic account is at medium risk or worse.
    StrategicAtRisk,
}

/// The account is to be brought to an executive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Escalation {
    /// Every rule that asks for it, in words.
    pub reasons: Vec<(Trigger, String)>,
    /// Hours within which to answer.
    pub respond_within_hours: f64,
}

impl EscalationPolicy {
    pub(crate) fn read(section: &mut Noting<'_, '_, '_>) -> Self {
        Self {
            health_drop_days: section.number("health_drop_days", 30.0, 1.0..=365.0),
            renewal_arr: section.number("renewal_arr", 100_000.0, 0.0..=1e15),
            respond_hours: section.number("respond_hours", 24.0, 1.0..=8_760.0),
            strategic_review_days: section.number("strategic_review_days", 180.0, 1.0..=3_650.0),
        }
    }

    /// The escalation of this account, where any rule asks for one.
    #[must_use]
    pub fn escalation(&self, facts: &Facts<'_>) -> Option<Escalation> {
        let mut reasons = Vec::new();
        for (trigger, kind) in [
            (Trigger::HealthDrop, SignalKind::HealthDrop),
            (Trigger::SponsorSilent, SignalKind::SponsorSilent),
        ] {
            if let Some(signal) = facts.signal(kind) {
                reasons.push((trigger, signal.text.clone()));
            }
        }
        let at_risk = facts.band >= Band::Medium;
        let renewing =
            facts.stage() == Some(Stage::Renewal) || facts.signal(SignalKind::RenewalNear).is_some();
        if let Some(arr) = facts.arr().filter(|arr| *arr > self.renewal_arr && at_risk && renewing) {
            reasons.push((
                Trigger::RenewalAtRisk,
                format!(
                    "The renewal of {} ARR is at risk ({}, churn probability {:.0} %)",
                    money(arr, facts.currency()),
                    facts.band.label(),
                    facts.probability * 100.0
                ),
            ));
        }
        if facts.is_strategic() && at_risk {
            reasons.push((
                Trigger::StrategicAtRisk,
                format!("A strategic account is at {}", facts.band.label()),
            ));
        }
        (!reasons.is_empty()).then_some(Escalation { reasons, respond_within_hours: self.respond_hours })
    }

    /// That the strategic review of this account is older than it should be, in words.
    #[must_use]
    pub fn overdue_review(&self, facts: &Facts<'_>) -> Option<String> {
        let days = facts.account.row.number("days_since_strategic_review")?;
        (facts.is_strategic() && days > self.strategic_review_days).then(|| {
            format!(
                "The last strategic review was {} ago; one is due every {}",
                counted(days.round(), "days"),
                counted(self.strategic_review_days, "days")
            )
        })
    }
}
