//! What to say to the customer: only what they would say of themselves.
//!
//! A talking point is spoken aloud. It may name what the customer did and can check (use, tickets, invoices,
//! milestones), never what we hold of them: scores of their tone, a person's opinion of us, our health score, who is
//! silent or gone.

use holdfast_features::Dimension;
use holdfast_features::signal::{Signal, SignalKind};

use crate::facts::Facts;
use crate::name::Name;
use crate::playbook::{Play, Topic};
use crate::reason::{self, Reasons};

/// Plain counts and dates of what both sides can look up. Columns that are not named here, such as those of a
/// prepared table, are not said.
const SAYABLE: [&str; 27] = [
    "events_7d",
    "events_14d",
    "events_28d",
    "events_90d",
    "active_days_7d",
    "active_days_28d",
    "active_days_90d",
    "days_since_last_use",
    "users_7d",
    "users_14d",
    "users_28d",
    "users_90d",
    "features_in_use_28d",
    "seats_active_share_28d",
    "tickets_7d",
    "tickets_28d",
    "tickets_90d",
    "open_tickets",
    "oldest_open_ticket_days",
    "urgent_tickets_90d",
    "escalated_tickets_90d",
    "milestones_overdue",
    "outcomes_achieved",
    "trained_seats_share",
    "days_since_qbr",
    "overdue_invoices",
    "max_days_overdue",
];

/// Three points: what the data show, where something is there that fits the play and can be said, then the play's own.
pub(crate) fn talking_points(play: &Play, facts: &Facts<'_>, reasons: &Reasons) -> Vec<String> {
    let [first, second, third] = play.talking_points.clone();
    let observed = if play.outbound { observed(play, facts, reasons) } else { None };
    match observed {
        Some(observed) => vec![format!("What we see: {observed}."), first, second],
        None => vec![first, second, third],
    }
}

/// A signal that made the play eligible, else one of its dimension, else the strongest reason of its dimension.
fn observed(play: &Play, facts: &Facts<'_>, reasons: &Reasons) -> Option<String> {
    let value_of = |name: &Name| facts.value(name);
    let grounds = play.when.grounds(&value_of);
    let is_ground = |signal: &&&Signal| grounds.iter().any(|name| **name == Name::Signal(signal.kind));
    // An offer to buy more does not begin with an unpaid invoice.
    let may_complain = play.topic != Topic::Upsell;
    let fits =
        |dimension: Option<Dimension>| may_complain && dimension.is_some() && dimension == play.dimension;
    let sayable: Vec<&Signal> = facts.signals.iter().filter(|signal| may_be_said(signal.kind)).collect();
    let of_the_play = sayable.iter().find(is_ground);
    let beside = || sayable.iter().find(|signal| fits(signal.dimension) && !signal.kind.is_favourable());
    if let Some(signal) = of_the_play.or_else(beside) {
        return Some(signal.text.clone());
    }
    reasons
        .raising
        .iter()
        .find(|reason| fits(reason.dimension) && SAYABLE.contains(&reason.feature.as_str()))
        .and_then(|reason| reason::fact(facts.account.row, &reason.feature))
}

fn may_be_said(kind: SignalKind) -> bool {
    match kind {
        SignalKind::UsageDecline
        | SignalKind::SupportSpike
        | SignalKind::FeatureAdopted
        | SignalKind::ExplorationSpike
        | SignalKind::QbrMissed
        | SignalKind::PaymentLate
        | SignalKind::OverCapacity
        | SignalKind::UnderUsed
        | SignalKind::MilestoneMissed
        | SignalKind::FirstValueLate
        | SignalKind::RenewalNear
        | SignalKind::CancelRequested => true,
        // Compared with others, or about a person, or our own measure.
        SignalKind::AdoptionStall
        | SignalKind::SponsorSilent
        | SignalKind::SponsorLeft
        | SignalKind::ChampionLeft
        | SignalKind::ResponseSlowing
        | SignalKind::SentimentFalling
        | SignalKind::NpsDetractor
        | SignalKind::HealthDrop => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::name::{Name, Names};

    use super::*;

    #[test]
    fn what_may_be_said_is_a_feature_of_the_product() {
        let names = Names::new(&[]);
        let is_known = |feature| matches!(names.find(feature), Some((Name::Feature { .. }, _)));
        for feature in SAYABLE {
            assert!(is_known(feature), "{feature}");
        }
        for feature in
            ["sentiment_28d", "ticket_sentiment_90d", "nps_latest", "csat_latest", "sponsor_present"]
        {
            assert!(is_known(feature) && !SAYABLE.contains(&feature), "{feature}");
        }
    }
}
