//! Milestones: what the customer reached, what is late, how often it was tried.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::compute::declared::{Declared, How, Needs};
use crate::compute::window::{count, days_since, flag, is_within, number, ratio};
use crate::history::{Milestone, MilestoneKind, MutableColumn};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// The milestones known at an observation; at least one. A row is an attempt at its name: it counts as
/// reached from `achieved_at` on, and as missed once its target is past.
pub(in crate::compute) struct Milestones<'a> {
    pub(super) visible: &'a [Milestone],
    pub(super) as_of: Timestamp,
    pub(in crate::compute) seats: f64,
}

/// A feature of `milestones`.
pub(super) const fn milestone(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&Milestones<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(
        words,
        Dimension::Engagement,
        direction,
        Needs::Table("milestones"),
        How::Milestones(value),
    )
}

pub(super) const MILESTONES: &[Declared] = &[
    milestone("milestones_achieved", "milestones", LowersRisk, "Distinct milestones reached so far.", |m| {
        number(m.reached().map(|one| &one.milestone).collect::<BTreeSet<_>>().len())
    }),
    milestone(
        "milestones_achieved_28d",
        "milestones",
        LowersRisk,
        "Milestones reached in the last 28 days.",
        |m| count(m.reached_within(0..28)),
    ),
    milestone(
        "milestones_achieved_90d",
        "milestones",
        LowersRisk,
        "Milestones reached in the last 90 days.",
        |m| count(m.reached_within(0..90)),
    ),
    milestone(
        "milestone_attempts_28d",
        "attempts",
        LowersRisk,
        "Targets and achievements of milestones in the last 28 days.",
        |m| count(m.attempts(0..28)),
    ),
    milestone(
        "milestone_attempts_90d",
        "attempts",
        LowersRisk,
        "Targets and achievements of milestones in the last 90 days.",
        |m| count(m.attempts(0..90)),
    ),
    milestone(
        "milestone_attempts",
        "attempts",
        Unknown,
        "Targets and achievements of milestones so far.",
        |m| count(m.visible.iter().filter(|one| m.tried_at(one).is_some())),
    ),
    milestone(
        "milestone_success_share",
        "share",
        LowersRisk,
        "Share of the attempts so far that reached their milestone.",
        |m| ratio(count(m.reached()), count(m.visible.iter().filter(|one| m.tried_at(one).is_some()))),
    ),
    milestone(
        "days_since_milestone_attempt",
        "days",
        RaisesRisk,
        "Days since the latest target or achievement.",
        |m| days_since(m.as_of, m.visible.iter().filter_map(|one| m.tried_at(one))),
    ),
    milestone(
        "days_since_milestone_achieved",
        "days",
        RaisesRisk,
        "Days since a milestone was reached.",
        |m| days_since(m.as_of, m.reached().filter_map(|one| one.achieved_at)),
    ),
    milestone(
        "milestones_overdue",
        "milestones",
        RaisesRisk,
        "Distinct milestones whose target is past and that were never reached.",
        |m| number(m.overdue().len()),
    ),
    milestone(
        "days_since_milestone_missed",
        "days",
        Unknown,
        "Days since the target of the latest milestone that is overdue.",
        |m| days_since(m.as_of, m.overdue().into_values()),
    ),
    milestone("milestones_planned", "milestones", LowersRisk, "Milestones with a target still ahead.", |m| {
        count(
            m.visible
                .iter()
                .filter(|one| !m.is_reached(one) && one.target_at.is_some_and(|at| at >= m.as_of)),
        )
    }),
    milestone(
        "outcomes_achieved",
        "milestones",
        LowersRisk,
        "Outcome, first-value and ROI milestones reached so far.",
        |m| count(m.reached().filter(|one| is_value(one.kind))),
    ),
    milestone(
        "first_value_reached",
        "",
        LowersRisk,
        "Whether any outcome, first-value or ROI milestone was reached.",
        |m| flag(m.reached().any(|one| is_value(one.kind))),
    )
    .boolean(),
    milestone(
        "roi_achieved",
        "milestones",
        LowersRisk,
        "ROI milestones reached so far; missing where none is tracked.",
        |m| {
            let tracked = m.visible.iter().any(|one| one.kind == MilestoneKind::Roi);
            let reached = count(m.reached().filter(|one| one.kind == MilestoneKind::Roi));
            if tracked { reached } else { f64::NAN }
        },
    ),
    milestone(
        "trained_seats_share",
        "share",
        LowersRisk,
        "Seats trained (the values of training milestones reached) for each seat bought.",
        |m| {
            let trained =
                || m.reached().filter(|one| one.kind == MilestoneKind::Training).filter_map(|one| one.value);
            let any = trained().next().is_some();
            // `min` would turn a missing share into 1.
            let share = if any { ratio(trained().sum(), m.seats) } else { f64::NAN };
            if share > 1.0 { 1.0 } else { share }
        },
    )
    .of_today(&[MutableColumn::Quantity]),
];

impl<'a> Milestones<'a> {
    /// `None` where no milestone is known yet. `seats` is NaN where unknown.
    pub(in crate::compute) fn at(milestones: &'a [Milestone], as_of: Timestamp, seats: f64) -> Option<Self> {
        let visible = &milestones[..milestones.partition_point(|one| one.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of, seats })
    }

    pub(super) fn is_reached(&self, one: &Milestone) -> bool {
        one.achieved_at.is_some_and(|at| at < self.as_of)
    }

    pub(super) fn reached(&self) -> impl Iterator<Item = &'a Milestone> {
        let as_of = self.as_of;
        self.visible.iter().filter(move |one| one.achieved_at.is_some_and(|at| at < as_of))
    }

    fn reached_within(&self, days: Range<i64>) -> impl Iterator<Item = &'a Milestone> {
        let as_of = self.as_of;
        let within = move |at: Timestamp| is_within(at, as_of, &days);
        self.visible.iter().filter(move |one| one.achieved_at.is_some_and(&within))
    }

    /// When a row was an attempt: reached, else its target came.
    fn tried_at(&self, one: &Milestone) -> Option<Timestamp> {
        one.achieved_at.filter(|&at| at < self.as_of).or(one.target_at.filter(|&at| at < self.as_of))
    }

    fn attempts(&self, days: Range<i64>) -> impl Iterator<Item = Timestamp> {
        let as_of = self.as_of;
        self.visible
            .iter()
            .filter_map(|one| self.tried_at(one))
            .filter(move |&at| is_within(at, as_of, &days))
    }

    /// Each overdue milestone with its latest past target.
    pub(super) fn overdue(&self) -> BTreeMap<&'a str, Timestamp> {
        let mut overdue = BTreeMap::new();
        for one in self.visible {
            if let Some(target) = one.target_at.filter(|&at| at < self.as_of) {
                let latest = overdue.entry(&*one.milestone).or_insert(target);
                *latest = target.max(*latest);
            }
        }
        for one in self.reached() {
            overdue.remove(&*one.milestone);
        }
        overdue
    }
}

pub(super) fn is_value(kind: MilestoneKind) -> bool {
    matches!(kind, MilestoneKind::Outcome | MilestoneKind::FirstValue | MilestoneKind::Roi)
}
