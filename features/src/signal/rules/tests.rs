use super::*;

fn signals(values: &[(&str, f64)]) -> Vec<Signal> {
    let find = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    all(&find, &SignalConfig::default(), Peers::default())
}

fn kinds(values: &[(&str, f64)]) -> Vec<SignalKind> {
    signals(values).into_iter().map(|signal| signal.kind).collect()
}

#[test]
fn a_decline_says_its_numbers() {
    let found = signals(&[("users_14d", 16.0), ("users_prior_14d", 28.0)]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].text, "Active users fell 43 % (28 → 16) in the last 14 days against the 14 before");
    assert_eq!(found[0].evidence[0].feature, "users_14d");
    assert_eq!(found[0].evidence[0].window_days, Some(14));
    assert_eq!(found[0].evidence[1].text, "28 users in the 14 days before");
}

#[test]
fn a_decline_begins_at_a_fifth_and_needs_a_base() {
    assert_eq!(kinds(&[("events_14d", 80.0), ("events_prior_14d", 100.0)]), [SignalKind::UsageDecline]);
    assert!(kinds(&[("events_14d", 81.0), ("events_prior_14d", 100.0)]).is_empty());
    assert!(kinds(&[("events_14d", 1.0), ("events_prior_14d", 2.0)]).is_empty());
    assert!(kinds(&[("events_14d", 0.0), ("events_prior_14d", 0.0)]).is_empty());
}

#[test]
fn nothing_known_gives_no_signal() {
    assert!(signals(&[]).is_empty());
}

#[test]
fn each_signal_has_a_case_that_fires_and_one_that_does_not() {
    use SignalKind as K;
    type Values<'a> = &'a [(&'a str, f64)];
    let cases: [(K, Values<'_>, Values<'_>); 17] = [
        (K::SupportSpike, &[("tickets_7d", 3.0)], &[("tickets_7d", 2.0)]),
        (K::FeatureAdopted, &[("adopted_events_28d", 1.0)], &[("adopted_events_28d", 0.0)]),
        (
            K::ExplorationSpike,
            &[("distinct_events_14d", 6.0), ("distinct_events_prior_14d", 4.0)],
            &[("distinct_events_14d", 5.0), ("distinct_events_prior_14d", 4.0)],
        ),
        (
            K::AdoptionStall,
            &[("days_since_new_event", 90.0), ("distinct_events_28d", 2.0), ("distinct_events_90d", 4.0)],
            &[("days_since_new_event", 89.0), ("distinct_events_28d", 2.0), ("distinct_events_90d", 4.0)],
        ),
        (
            K::SponsorSilent,
            &[("days_since_sponsor_contact", 60.0), ("sponsor_present", 1.0)],
            &[("days_since_sponsor_contact", 60.0), ("sponsor_present", 0.0)],
        ),
        (
            K::SponsorLeft,
            &[("days_since_sponsor_left", 10.0), ("sponsor_present", 0.0)],
            &[("days_since_sponsor_left", 10.0), ("sponsor_present", 1.0)],
        ),
        (
            K::ChampionLeft,
            &[("days_since_champion_left", 10.0), ("champion_present", 0.0)],
            &[("days_since_champion_left", 100.0), ("champion_present", 0.0)],
        ),
        (
            K::QbrMissed,
            &[("days_since_qbr_missed", 20.0), ("days_since_qbr", 120.0)],
            &[("days_since_qbr_missed", 20.0), ("days_since_qbr", 5.0)],
        ),
        (
            K::ResponseSlowing,
            &[("response_hours_28d", 20.0), ("response_hours_prior_90d", 10.0)],
            &[("response_hours_28d", 19.0), ("response_hours_prior_90d", 10.0)],
        ),
        (
            K::SentimentFalling,
            &[("sentiment_28d", -0.2), ("sentiment_prior_90d", 0.4)],
            &[("sentiment_28d", 0.2), ("sentiment_prior_90d", 0.4)],
        ),
        (
            K::NpsDetractor,
            &[("nps_latest", 6.0), ("days_since_nps", 3.0)],
            &[("nps_latest", 7.0), ("days_since_nps", 3.0)],
        ),
        (K::PaymentLate, &[("max_days_overdue", 15.5)], &[("max_days_overdue", 15.0)]),
        (K::OverCapacity, &[("seats_active_share_28d", 0.9)], &[("seats_active_share_28d", 0.89)]),
        (
            K::MilestoneMissed,
            &[("milestones_overdue", 1.0), ("days_since_milestone_missed", 4.0)],
            &[("milestones_overdue", 0.0), ("days_since_milestone_missed", 4.0)],
        ),
        (
            K::FirstValueLate,
            &[("first_value_reached", 0.0), ("tenure_days", 60.0)],
            &[("first_value_reached", 1.0), ("tenure_days", 60.0)],
        ),
        (
            K::RenewalNear,
            &[("days_to_term_end", 90.0), ("term_months", 12.0)],
            &[("days_to_term_end", 20.0), ("term_months", 1.0)],
        ),
        (K::CancelRequested, &[("cancel_requested", 1.0)], &[("cancel_requested", 0.0)]),
    ];
    for (kind, fires, quiet) in cases {
        assert_eq!(kinds(fires), [kind]);
        assert!(kinds(quiet).is_empty(), "{kind:?} must stay quiet");
    }
    assert_eq!(kinds(&[("seats_active_share_28d", 0.3), ("seats", 10.0)]), [K::UnderUsed]);
    assert_eq!(kinds(&[("open_invoice_attempts", 2.0)]), [K::PaymentLate]);
}

#[test]
fn the_segment_decides_where_it_is_known() {
    let values = [("days_since_new_event", 120.0), ("distinct_events_28d", 5.0)];
    let find = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let among = |median| {
        all(&find, &SignalConfig::default(), Peers { median_distinct_events_28d: Some(median) }).len()
    };
    assert_eq!((among(6.0), among(5.0)), (1, 0));
}

#[test]
fn health_drops_by_twenty_points() {
    let config = SignalConfig::default();
    let drop = health_drop(80.0, 60.0, &config).unwrap();
    assert_eq!(drop.text, "Health fell 20 points (80 → 60) within 30 days");
    assert!(health_drop(80.0, 60.5, &config).is_none());
}
