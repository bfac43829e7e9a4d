//! Engagement: support, conversations, surveys and the milestones of the journey.

mod conversation;
mod journey;
mod support;

use super::declared::Declared;

pub(super) use conversation::{Activities, Surveys};
pub(super) use journey::Milestones;
pub(super) use support::Tickets;

/// All of them.
pub(super) const FEATURES: [&[Declared]; 4] =
    [support::TICKETS, conversation::ACTIVITIES, conversation::SURVEYS, journey::MILESTONES];
