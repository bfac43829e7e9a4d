//! Milestones against their plan.

use super::{ago, assert_values, values};
use crate::history::*;
use crate::snapshot::testing::{account, yearly};

use MilestoneKind::{Commitment, FirstValue, Onboarding, Outcome, Roi};

fn milestone(kind: MilestoneKind, target: Option<i64>, achieved: Option<i64>) -> Milestone {
    Milestone {
        visible_at: ago(300),
        milestone: format!("{kind:?}-{target:?}").into(),
        kind,
        target_at: target.map(ago),
        achieved_at: achieved.map(ago),
        value: None,
    }
}

fn facts() -> AccountFacts {
    // Begun 300 days before the observation.
    let mut facts = account(vec![yearly("s", "2024-03-07", "2025-03-07")]);
    facts.milestones = vec![
        milestone(Onboarding, Some(280), Some(285)),
        milestone(Onboarding, Some(260), Some(240)),
        milestone(FirstValue, None, Some(200)),
        milestone(Roi, Some(100), None),
        milestone(Commitment, Some(50), Some(60)),
        milestone(Commitment, Some(30), None),
        milestone(Outcome, Some(-40), None),
    ];
    facts
}

#[test]
fn plans_and_what_became_of_them() {
    assert_values(
        &facts(),
        &[
            ("onboarding_reached_share", 1.0),
            ("onboarding_late_days", 20.0),
            ("days_to_onboard", 60.0),
            ("days_to_first_value", 100.0),
            ("days_without_value", 0.0),
            ("milestones_on_time_share", 0.4),
            ("milestones_late_mean_days", 30.0),
            ("milestones_overdue_most_days", 100.0),
            ("commitments_kept_share", 0.5),
            ("commitments_overdue", 1.0),
            ("days_to_next_milestone", 40.0),
        ],
    );
}

#[test]
fn nothing_is_reached_before_its_time() {
    let names = [
        "onboarding_reached_share",
        "onboarding_late_days",
        "days_to_onboard",
        "days_to_first_value",
        "days_without_value",
        "commitments_overdue",
    ];
    let early = [Some(0.5), Some(10.0), None, None, Some(50.0), Some(0.0)];
    assert_eq!(values(&facts(), 250, names), early);
    let mut facts = facts();
    facts.milestones.retain(|one| one.kind == Commitment);
    let names = ["onboarding_reached_share", "onboarding_late_days", "days_without_value"];
    assert_eq!(values(&facts, 0, names), [None; 3], "never planned");
}
