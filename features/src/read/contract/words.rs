//! The words of the contract's enumerations and what they mean.
//!
//! Words are compared in lower case with `_` for spaces and hyphens; several may mean the same.

use crate::history::{
    ActivityStatus, ActivityType, Channel, ContactRole, Initiator, MilestoneKind, OpportunityType, Outcome,
    Priority, StateKind, SubscriptionEventType as Event, SurveyKind,
};

/// Words and their meanings, in the order in which messages list them.
pub(in crate::read) type Words<T, const N: usize> = [(&'static str, T); N];

/// The words alone.
pub(super) const fn names<T: Copy, const N: usize>(words: &Words<T, N>) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = words[index].0;
        index += 1;
    }
    names
}

pub(in crate::read) const EVENT_TYPES: Words<Event, 8> = [
    ("new", Event::New),
    ("renewal", Event::Renewal),
    ("expansion", Event::Expansion),
    ("contraction", Event::Contraction),
    ("cancel_requested", Event::CancelRequested),
    ("churn", Event::Churn),
    ("pause", Event::Pause),
    ("reactivation", Event::Reactivation),
];

/// Whether a subscription ended by the customer's will.
pub(in crate::read) const CANCEL_TYPES: Words<bool, 2> = [("voluntary", true), ("involuntary", false)];

pub(in crate::read) const TIERS: Words<&str, 3> =
    [("high_touch", "high_touch"), ("mid_touch", "mid_touch"), ("low_touch", "low_touch")];

pub(in crate::read) const CHANNELS: Words<Channel, 5> = [
    ("ui", Channel::Ui),
    ("api", Channel::Api),
    ("mobile", Channel::Mobile),
    ("integration", Channel::Integration),
    ("web", Channel::Ui),
];

pub(in crate::read) const PRIORITIES: Words<Priority, 5> = [
    ("low", Priority::Low),
    ("normal", Priority::Normal),
    ("high", Priority::High),
    ("urgent", Priority::Urgent),
    ("medium", Priority::Normal),
];

pub(in crate::read) const CONTACT_ROLES: Words<ContactRole, 5> = [
    ("executive_sponsor", ContactRole::ExecutiveSponsor),
    ("champion", ContactRole::Champion),
    ("admin", ContactRole::Admin),
    ("billing", ContactRole::Billing),
    ("user", ContactRole::User),
];

pub(in crate::read) const ACTIVITY_TYPES: Words<ActivityType, 7> = [
    ("email", ActivityType::Email),
    ("call", ActivityType::Call),
    ("meeting", ActivityType::Meeting),
    ("qbr", ActivityType::Qbr),
    ("training", ActivityType::Training),
    ("webinar", ActivityType::Webinar),
    ("community", ActivityType::Community),
];

pub(in crate::read) const INITIATORS: Words<Initiator, 2> =
    [("customer", Initiator::Customer), ("vendor", Initiator::Vendor)];

pub(in crate::read) const ACTIVITY_STATUSES: Words<ActivityStatus, 4> = [
    ("completed", ActivityStatus::Completed),
    ("cancelled", ActivityStatus::Cancelled),
    ("no_show", ActivityStatus::NoShow),
    ("canceled", ActivityStatus::Cancelled),
];

pub(in crate::read) const SURVEY_KINDS: Words<SurveyKind, 3> =
    [("nps", SurveyKind::Nps), ("csat", SurveyKind::Csat), ("ces", SurveyKind::Ces)];

pub(in crate::read) const OPPORTUNITY_TYPES: Words<OpportunityType, 3> = [
    ("renewal", OpportunityType::Renewal),
    ("expansion", OpportunityType::Expansion),
    ("new", OpportunityType::New),
];

pub(in crate::read) const MILESTONE_KINDS: Words<MilestoneKind, 6> = [
    ("onboarding", MilestoneKind::Onboarding),
    ("first_value", MilestoneKind::FirstValue),
    ("training", MilestoneKind::Training),
    ("outcome", MilestoneKind::Outcome),
    ("roi", MilestoneKind::Roi),
    ("commitment", MilestoneKind::Commitment),
];

pub(in crate::read) const STATE_KINDS: Words<StateKind, 4> = [
    ("active_escalation", StateKind::ActiveEscalation),
    ("do_not_contact", StateKind::DoNotContact),
    ("legal_hold", StateKind::LegalHold),
    ("manual_health", StateKind::ManualHealth),
];

/// Whether an account is treated.
pub(in crate::read) const ARMS: Words<bool, 2> = [("treatment", true), ("control", false)];

pub(in crate::read) const OUTCOMES: Words<Outcome, 4> = [
    ("renewed", Outcome::Renewed),
    ("churned", Outcome::Churned),
    ("contracted", Outcome::Contracted),
    ("expanded", Outcome::Expanded),
];

pub(in crate::read) const CHURN_TYPES: Words<&str, 4> = [
    ("voluntary", "voluntary"),
    ("involuntary", "involuntary"),
    ("acquired", "acquired"),
    ("closed_down", "closed_down"),
];
