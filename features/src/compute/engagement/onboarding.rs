//! Milestones against their plan: onboarding, time to first value, what is kept and what is late.

use super::journey::{Milestones, is_value, milestone};
use crate::compute::declared::{Declared, How, Needs};
use crate::compute::view::View;
use crate::compute::window::{count, flag, mean, ratio};
use crate::history::{Milestone, MilestoneKind};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// A feature of milestones and the account's start.
const fn since_start(
    name: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&View<'_>) -> f64,
) -> Declared {
    let words = (name, "days", meaning);
    Declared::number(words, Dimension::Engagement, direction, Needs::Table("milestones"), How::View(value))
}

pub(super) const ONBOARDING: &[Declared] = &[
    milestone(
        "onboarding_reached_share",
        "share",
        LowersRisk,
        "Share of the onboarding milestones known that were reached.",
        |m| mean(m.of_kind(MilestoneKind::Onboarding).map(|one| flag(m.is_reached(one)))),
    ),
    milestone(
        "onboarding_late_days",
        "days",
        RaisesRisk,
        "Most days by which an onboarding milestone was reached after its target, or is overdue; 0 where all are in time, missing where none has a target.",
        |m| {
            m.of_kind(MilestoneKind::Onboarding)
                .filter_map(|one| m.lateness(one))
                .reduce(f64::max)
                .unwrap_or(f64::NAN)
        },
    ),
    since_start(
        "days_to_onboard",
        RaisesRisk,
        "Days from the account's first term to the last onboarding milestone, once all known ones are reached.",
        |view| {
            after_start(view, |m| {
                let all = m.of_kind(MilestoneKind::Onboarding).all(|one| m.is_reached(one));
                let last = m.of_kind(MilestoneKind::Onboarding).filter_map(|one| one.achieved_at).max();
                last.filter(|_| all)
            })
        },
    ),
    since_start(
        "days_to_first_value",
        RaisesRisk,
        "Days from the account's first term to the first outcome, first-value or ROI milestone reached; missing until then.",
        |view| {
            after_start(view, |m| {
                m.reached().filter(|one| is_value(one.kind)).filter_map(|one| one.achieved_at).min()
            })
        },
    ),
    since_start(
        "days_without_value",
        RaisesRisk,
        "Days since the account's first term, while none of the outcome, first-value and ROI milestones known is reached; 0 from the first on, missing where none is known.",
        |view| {
            let Some(milestones) = &view.milestones else { return f64::NAN };
            if milestones.reached().any(|one| is_value(one.kind)) {
                0.0
            } else if milestones.visible.iter().any(|one| is_value(one.kind)) {
                after_start(view, |m| Some(m.as_of))
            } else {
                f64::NAN
            }
        },
    ),
    milestone(
        "milestones_on_time_share",
        "share",
        LowersRisk,
        "Share of the milestones with a target, reached or due so far, that were reached by it.",
        |m| m.on_time(|_| true),
    ),
    milestone(
        "milestones_late_mean_days",
        "days",
        RaisesRisk,
        "Mean days by which the milestones with a target, reached or due so far, were or are late; 0 for one in time.",
        |m| mean(m.visible.iter().filter_map(|one| m.lateness(one))),
    ),
    milestone(
        "milestones_overdue_most_days",
        "days",
        RaisesRisk,
        "Days since the earliest of the latest targets of the milestones that are overdue; 0 where none is.",
        |m| m.overdue().into_values().min().map_or(0.0, |target| m.as_of.days_since(target)),
    ),
    milestone(
        "commitments_kept_share",
        "share",
        LowersRisk,
        "Share of the commitments with a target, reached or due so far, that were kept by it.",
        |m| m.on_time(|one| one.kind == MilestoneKind::Commitment),
    ),
    milestone(
        "commitments_overdue",
        "milestones",
        RaisesRisk,
        "Commitments past their target and not reached; missing where none is known.",
        |m| {
            let late = m.of_kind(MilestoneKind::Commitment).filter(|one| m.is_overdue(one));
            let any = m.of_kind(MilestoneKind::Commitment).next().is_some();
            if any { count(late) } else { f64::NAN }
        },
    ),
    milestone(
        "days_to_next_milestone",
        "days",
        Unknown,
        "Days to the next target ahead of a milestone not reached.",
        |m| {
            let ahead = m.visible.iter().filter(|one| !m.is_reached(one)).filter_map(|one| one.target_at);
            let next = ahead.filter(|&target| target >= m.as_of).min();
            next.map_or(f64::NAN, |target| target.days_since(m.as_of))
        },
    ),
];

/// Days from the account's first term to that moment, 0 where it was earlier; NaN where there is none.
fn after_start(view: &View<'_>, moment: fn(&Milestones<'_>) -> Option<Timestamp>) -> f64 {
    let moment = view.milestones.as_ref().and_then(moment);
    let days = moment.zip(view.contract.started_at()).map(|(at, started)| at.days_since(started).max(0.0));
    days.unwrap_or(f64::NAN)
}

impl<'a> Milestones<'a> {
    fn of_kind(&self, kind: MilestoneKind) -> impl Iterator<Item = &'a Milestone> {
        self.visible.iter().filter(move |one| one.kind == kind)
    }

    fn is_overdue(&self, one: &Milestone) -> bool {
        !self.is_reached(one) && one.target_at.is_some_and(|target| target < self.as_of)
    }

    /// Days after its target of a milestone reached or due; 0 where it was reached by it.
    fn lateness(&self, one: &Milestone) -> Option<f64> {
        let target = one.target_at.filter(|&target| target < self.as_of || self.is_reached(one))?;
        let at = one.achieved_at.filter(|&at| at < self.as_of).unwrap_or(self.as_of);
        Some(at.days_since(target).max(0.0))
    }

    fn on_time(&self, of: fn(&Milestone) -> bool) -> f64 {
        let judged = || self.visible.iter().filter(|one| of(one)).filter_map(|one| self.lateness(one));
        ratio(count(judged().filter(|&late| late == 0.0)), count(judged()))
    }
}
