//! People: roles, ranks, threads and who speaks well of us.

use super::{ago, assert_values, values};
use crate::history::*;
use crate::snapshot::testing::{account, yearly};

use ContactRole::{Champion, ExecutiveSponsor, User};
use Initiator::{Customer, Vendor};

fn contact(id: &str, role: ContactRole, title: Option<&str>, created: i64, left: Option<i64>) -> Contact {
    Contact {
        visible_at: ago(created),
        contact_id: id.into(),
        role: Some(role),
        title: title.map(Text::from),
        created_at: ago(created),
        left_at: left.map(ago),
    }
}

fn touch(id: &str, days: i64, by: Initiator) -> Activity {
    let met = by == Vendor && days != 15;
    Activity {
        visible_at: ago(days),
        activity_id: format!("{id}-{days}").into(),
        contact_id: Some(id.into()),
        activity_type: if met { ActivityType::Meeting } else { ActivityType::Email },
        occurred_at: ago(days),
        initiated_by: Some(by),
        is_automated: None,
        status: met.then_some(ActivityStatus::Completed),
        response_hours: None,
        sentiment: None,
    }
}

fn nps(id: &str, days: i64, score: f64) -> Survey {
    Survey { visible_at: ago(days), contact_id: Some(id.into()), kind: None, score, responded_at: ago(days) }
}

fn facts() -> AccountFacts {
    let mut facts = account(vec![yearly("s", "2023-01-01", "2025-06-01")]);
    facts.contacts = vec![
        contact("c0", ExecutiveSponsor, Some("VP Ops"), 500, Some(100)),
        contact("c1", ExecutiveSponsor, Some("Chief Operating Officer"), 80, None),
        contact("c2", Champion, Some("Head of Data"), 400, None),
        contact("c3", User, Some("Analyst"), 300, Some(50)),
        contact("c4", Champion, None, 700, Some(600)),
        contact("c5", User, Some("Team Lead"), 30, None),
        contact("c6", User, None, 10, None),
    ];
    facts.activities = vec![
        touch("c2", 130, Customer),
        touch("c3", 120, Customer),
        touch("c5", 95, Customer),
        touch("c1", 60, Vendor),
        touch("c2", 40, Vendor),
        touch("c2", 20, Customer),
        touch("c1", 15, Vendor),
    ];
    facts.surveys = vec![nps("c2", 200, 10.0), nps("c0", 110, 9.0), nps("c2", 50, 6.0), nps("c1", 30, 9.0)];
    facts
}

#[test]
fn sponsor_and_champion_are_there_silent_gone_or_replaced() {
    assert_values(
        &facts(),
        &[
            ("sponsor_tenure_days", 80.0),
            ("champion_tenure_days", 400.0),
            ("days_without_sponsor", 0.0),
            ("days_without_champion", 0.0),
            ("sponsor_replaced", 1.0),
            ("champion_replaced", 0.0),
            ("sponsors_left_365d", 1.0),
            ("champions_left_365d", 0.0),
            ("sponsor_silent_days", 60.0),
            ("champion_silent_days", 20.0),
            ("sponsor_contacts_90d", 1.0),
            ("champion_contacts_90d", 2.0),
            ("sponsor_nps_365d", 9.0),
            ("champion_nps_365d", 6.0),
        ],
    );
    let names = ["days_without_sponsor", "sponsor_replaced", "sponsor_tenure_days", "sponsor_contacts_90d"];
    assert_eq!(values(&facts(), 90, names), [Some(10.0), Some(0.0), None, None]);
    assert_eq!(values(&facts(), 110, names), [Some(0.0), None, Some(390.0), Some(0.0)]);
}

#[test]
fn people_come_go_and_have_ranks() {
    assert_values(
        &facts(),
        &[
            ("contacts_net_180d", 1.0),
            ("contacts_turnover_180d", 2.0 / 3.0),
            ("contact_tenure_mean_days", 130.0),
            ("days_since_contact_left", 50.0),
            ("days_since_contact_joined", 10.0),
            ("executives", 1.0),
            ("seniority_highest", 5.0),
            ("seniority_mean", 10.0 / 3.0),
            ("seniority_change_180d", 1.0),
            ("executives_left_180d", 1.0),
            ("executives_active_90d", 1.0),
            ("seniority_active_90d", 5.0),
        ],
    );
    let mut untitled = facts();
    untitled.contacts.iter_mut().for_each(|one| one.title = None);
    let names = ["executives", "executives_left_180d", "executives_active_90d", "seniority_highest"];
    assert_eq!(values(&untitled, 0, names), [None; 4]);
}

#[test]
fn threads_and_promoters_are_counted_by_person() {
    assert_values(
        &facts(),
        &[
            ("contacts_two_way_90d", 2.0),
            ("contacts_two_way_change_90d", -1.0),
            ("top_contact_share_90d", 2.0 / 3.0),
            ("contacts_two_way_share_90d", 0.5),
            ("roles_two_way_90d", 2.0),
            ("contacts_fallen_silent", 1.0),
            ("promoter_contacts", 1.0),
            ("detractor_contacts", 1.0),
            ("promoters_left_365d", 1.0),
            ("days_since_champion_contact", 20.0),
            ("contacts_active_28d", 2.0),
            ("contacts_active_share_90d", 0.5),
        ],
    );
    assert_eq!(values(&facts(), 105, ["promoters_left_365d", "promoter_contacts"]), [Some(0.0), Some(2.0)]);
}
