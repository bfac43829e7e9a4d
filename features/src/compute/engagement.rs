//! Engagement: support, conversations, surveys and the milestones of the journey.

mod activities;
mod answers;
mod conversation;
mod journey;
mod meetings;
mod onboarding;
mod severity;
mod solutions;
mod support;
mod surveys;

use super::declared::Declared;

pub(super) use activities::{Activities, answered_at};
pub(super) use journey::Milestones;
pub(super) use support::Tickets;
pub(super) use surveys::{Surveys, is_detractor, is_promoter};

/// All of them.
pub(super) const FEATURES: [&[Declared]; 9] = [
    support::TICKETS,
    severity::SEVERITY,
    solutions::SOLUTIONS,
    conversation::ACTIVITIES,
    meetings::MEETINGS,
    answers::ANSWERS,
    surveys::SURVEYS,
    journey::MILESTONES,
    onboarding::ONBOARDING,
];
