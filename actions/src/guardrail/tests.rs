use holdfast_features::signal::Signal;
use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::band::Band;
use crate::facts::Account;
use crate::health::Health;
use crate::policy::Policy;
use crate::policy::tests::default_policy;
use crate::touch::Touch;

/// An account by its columns, what else is known of it, and the default policy.
#[derive(Debug, Clone)]
struct Case {
    columns: Vec<(&'static str, f64)>,
    probability: f64,
    health_percentile: Option<f64>,
    health_band: Option<Band>,
    touches: Vec<Touch>,
}

fn case(columns: &[(&'static str, f64)]) -> Case {
    Case {
        columns: columns.to_vec(),
        probability: 0.3,
        health_percentile: Some(0.4),
        health_band: Some(Band::Low),
        touches: Vec::new(),
    }
}

fn day(number: i64) -> Timestamp {
    Timestamp(0).plus_days(20_000 + number)
}

fn with_facts<T>(policy: &Policy, case: &Case, run: impl FnOnce(&Facts<'_>) -> T) -> T {
    let specs = case.columns.iter().map(|(name, _)| FeatureSpec::prepared(name, Kind::Number)).collect();
    let columns = case.columns.iter().map(|(_, value)| Column::Number(vec![*value])).collect();
    let table = FeatureTable::new(specs, columns, 1).unwrap();
    let row = table.row(0);
    let health: Health = policy.health.health(row, None, |_, _| None);
    let signals: Vec<Signal> = holdfast_features::signal::of(row, &policy.signals);
    let by_probability = policy.bands.of_probability(case.probability, 0.1);
    run(&Facts {
        account: Account { row, as_of: day(0), readings: &[], touches: &case.touches },
        probability: case.probability,
        placement: None,
        health: &health,
        band: case.health_band.map_or(by_probability, |band| band.max(by_probability)),
        health_band: case.health_band,
        signals: &signals,
        health_percentile: case.health_percentile,
    })
}

fn judge(play: &str, case: &Case) -> Verdict {
    let policy = default_policy();
    let play = policy.playbooks.plays().iter().find(|found| found.id == play).unwrap();
    with_facts(&policy, case, |facts| policy.guardrails.judge(play, facts))
}

fn suppressed_by(play: &str, case: &Case) -> Option<Guardrail> {
    match judge(play, case) {
        Verdict::Suppressed(objection) => Some(objection.guardrail),
        Verdict::Allowed { .. } => None,
    }
}

fn delivery(play: &str, case: &Case) -> (Delivery, Vec<Guardrail>) {
    match judge(play, case) {
        Verdict::Allowed { delivery, approvals } => {
            (delivery, approvals.iter().map(|objection| objection.guardrail).collect())
        }
        Verdict::Suppressed(objection) => panic!("{play} suppressed: {objection:?}"),
    }
}

#[test]
fn small_accounts_get_automated_outreach_and_large_ones_approval() {
    let at = |arr| delivery("best_practice_message", &case(&[("arr", arr)]));
    assert_eq!(at(10_000.0), (Delivery::Automated, vec![]));
    assert_eq!(at(10_000.5), (Delivery::Draft, vec![Guardrail::ApprovalLimit]));
    assert_eq!(at(50_000.5), (Delivery::Person, vec![Guardrail::AutomationLimit]));
    assert_eq!(
        delivery("best_practice_message", &case(&[])),
        (Delivery::Draft, vec![Guardrail::ApprovalLimit]),
        "an unknown ARR is no small ARR"
    );
}

#[test]
fn holds_leave_human_tasks_only() {
    for hold in ["active_escalation", "do_not_contact", "legal_hold"] {
        let held = case(&[("arr", 500.0), (hold, 1.0)]);
        assert_eq!(suppressed_by("best_practice_message", &held), Some(Guardrail::AccountHold));
        assert_eq!(delivery("discovery_call", &held), (Delivery::Person, vec![Guardrail::AccountHold]));
        assert_eq!(delivery("daily_monitoring", &held), (Delivery::Person, vec![]), "nobody notices");
        let (renewal, why) = delivery("renewal_draft", &held);
        assert_eq!(renewal, Delivery::Person);
        assert!(why.contains(&Guardrail::AccountHold));
    }
}

#[test]
fn renewal_messages_are_drafts_whatever_the_arr() {
    let small = delivery("renewal_draft", &case(&[("arr", 100.0)]));
    assert_eq!(small, (Delivery::Draft, vec![Guardrail::RenewalMessage]));
    let top = Case { health_percentile: Some(0.99), ..case(&[("arr", 100.0)]) };
    assert_eq!(delivery("renewal_draft", &top).0, Delivery::Draft);
}

#[test]
fn the_healthiest_of_a_tier_get_no_automated_outreach() {
    let at =
        |health_percentile, health_band| Case { health_percentile, health_band, ..case(&[("arr", 100.0)]) };
    let by = |case: &Case| suppressed_by("deepen_new_feature", case);
    assert_eq!(by(&at(Some(0.75), Some(Band::Low))), Some(Guardrail::TopHealth));
    assert_eq!(by(&at(Some(0.74), Some(Band::Healthy))), None);
    assert_eq!(by(&at(None, Some(Band::Healthy))), Some(Guardrail::TopHealth));
    assert_eq!(by(&at(None, None)), None);
    assert_eq!(suppressed_by("quarterly_check_in", &at(Some(0.9), None)), None, "a person may call");
}

#[test]
fn plays_rest_and_touches_are_capped() {
    let touched = |play: &str, days: &[i64]| {
        let touch = |day_ago: &i64| Touch { play: play.to_owned(), at: day(-day_ago) };
        Case { touches: days.iter().map(touch).collect(), ..case(&[("arr", 100.0)]) }
    };
    let by = |case: &Case| suppressed_by("discovery_call", case);
    assert_eq!(by(&touched("discovery_call", &[29])), Some(Guardrail::Cooldown));
    assert_eq!(by(&touched("discovery_call", &[30])), None);
    assert_eq!(by(&touched("other", &[1, 2, 3])), None);
    assert_eq!(by(&touched("other", &[1, 2, 3, 4])), Some(Guardrail::TouchCap));
    assert_eq!(by(&touched("other", &[1, 2, 3, 31])), None);
    assert_eq!(by(&touched("other", &[-1, -2, -3, -4])), None, "the future does not count");
    assert_eq!(by(&case(&[("touches_30d", 4.0)])), Some(Guardrail::TouchCap));
    assert_eq!(suppressed_by("war_room", &case(&[("touches_30d", 9.0)])), None, "nobody is touched");
}

#[test]
fn nothing_is_sold_before_an_outcome_where_outcomes_are_known() {
    let by = |columns: &[(&'static str, f64)]| suppressed_by("capacity_expansion", &case(columns));
    assert_eq!(by(&[("outcomes_achieved", 0.0)]), Some(Guardrail::UpsellBeforeOutcome));
    assert_eq!(by(&[("outcomes_achieved", 1.0)]), None);
    assert_eq!(by(&[]), None);
}

#[test]
fn contacts_who_left_are_not_addressed() {
    let left = case(&[("sponsor_present", 0.0), ("days_since_sponsor_left", 12.0)]);
    let Verdict::Suppressed(objection) = judge("value_review", &left) else { panic!("not suppressed") };
    assert_eq!(objection.guardrail, Guardrail::ContactLeft);
    assert_eq!(objection.why, "the executive sponsor left 12 days ago and nobody followed");
    assert_eq!(suppressed_by("usage_recovery_call", &left), None, "the champion is there");
    assert_eq!(
        suppressed_by("usage_recovery_call", &case(&[("champion_present", 0.0)])),
        Some(Guardrail::ContactLeft)
    );
    assert_eq!(suppressed_by("value_review", &case(&[("sponsor_present", 1.0)])), None);
}

#[test]
fn strategic_accounts_are_reviewed_by_a_person() {
    let strategic = case(&[("arr", 500.0), ("is_strategic", 1.0)]);
    assert_eq!(
        delivery("best_practice_message", &strategic),
        (Delivery::Draft, vec![Guardrail::StrategicReview])
    );
    assert_eq!(delivery("discovery_call", &strategic), (Delivery::Person, vec![Guardrail::StrategicReview]));
}

fn any_case() -> impl Strategy<Value = Case> {
    let flag = || proptest::option::of(prop_oneof![Just(0.0), Just(1.0)]);
    let columns = (
        proptest::option::of(0.0_f64..200_000.0),
        (flag(), flag(), flag(), flag(), flag(), flag()),
        proptest::option::of(0.0_f64..3.0),
        proptest::option::of(0.0_f64..8.0),
    );
    let known = (proptest::option::of(0.0_f64..=1.0), proptest::option::of(0_usize..4), 0.0_f64..=1.0);
    (columns, known).prop_map(|((arr, flags, outcomes, touches), (health_percentile, band, probability))| {
        let (escalation, no_contact, legal, strategic, sponsor, champion) = flags;
        let columns = [
            ("arr", arr),
            ("active_escalation", escalation),
            ("do_not_contact", no_contact),
            ("legal_hold", legal),
            ("is_strategic", strategic),
            ("sponsor_present", sponsor),
            ("champion_present", champion),
            ("outcomes_achieved", outcomes.map(f64::floor)),
            ("touches_30d", touches.map(f64::floor)),
        ];
        Case {
            columns: columns.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            probability,
            health_percentile,
            health_band: band.map(|band| Band::ALL[band]),
            touches: Vec::new(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// No guardrail gives way to a higher probability: every verdict on every play stays what it was.
    #[test]
    fn no_guardrail_reads_the_probability(case in any_case(), higher in 0.0_f64..=1.0) {
        let policy = default_policy();
        let raised = Case { probability: case.probability.max(higher), ..case.clone() };
        for play in policy.playbooks.plays() {
            let before = with_facts(&policy, &case, |facts| policy.guardrails.judge(play, facts));
            let after = with_facts(&policy, &raised, |facts| policy.guardrails.judge(play, facts));
            prop_assert_eq!(before, after, "{}", &play.id);
        }
    }

    /// What the guardrails promise holds for every account and play.
    #[test]
    fn automation_stays_within_its_limits(case in any_case()) {
        let policy = default_policy();
        let column = |name: &str| case.columns.iter().find(|(found, _)| *found == name).map(|(_, value)| *value);
        for play in policy.playbooks.plays().iter().filter(|play| play.outbound) {
            let verdict = with_facts(&policy, &case, |facts| policy.guardrails.judge(play, facts));
            let Verdict::Allowed { delivery, approvals } = verdict else { continue };
            if delivery == Delivery::Automated {
                prop_assert!(column("arr").is_some_and(|arr| arr <= 10_000.0));
                prop_assert!(HOLDS.iter().all(|(hold, _)| column(hold) != Some(1.0)));
                prop_assert!(column("is_strategic") != Some(1.0));
                prop_assert!(play.topic != Topic::Renewal);
                prop_assert!(approvals.is_empty());
            } else if play.automatable {
                prop_assert!(!approvals.is_empty(), "{} needs a reason to slow down", &play.id);
            }
        }
    }
}
