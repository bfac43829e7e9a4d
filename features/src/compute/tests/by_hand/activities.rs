//! Attendance, answers, silence and tone.

use super::{ago, assert_values, values};
use crate::history::*;
use crate::snapshot::testing::{account, yearly};

use ActivityStatus::{Cancelled, Completed, NoShow};
use ActivityType::{Call, Community, Email, Meeting, Qbr, Training, Webinar};
use Initiator::{Customer, Vendor};

fn activity(activity_type: ActivityType, days: i64, by: Initiator) -> Activity {
    Activity {
        visible_at: ago(days),
        activity_id: format!("{activity_type:?}-{days}").into(),
        contact_id: None,
        activity_type,
        occurred_at: ago(days),
        initiated_by: Some(by),
        is_automated: Some(false),
        status: None,
        response_hours: None,
        sentiment: None,
    }
}

fn with_status(status: ActivityStatus, activity: Activity) -> Activity {
    Activity { status: Some(status), ..activity }
}

fn answered(hours: f64, activity: Activity) -> Activity {
    Activity { response_hours: Some(hours), ..activity }
}

fn in_tone(sentiment: f64, activity: Activity) -> Activity {
    Activity { sentiment: Some(sentiment), ..activity }
}

fn facts() -> AccountFacts {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-06-01")]);
    facts.activities = vec![
        with_status(Completed, activity(Training, 300, Vendor)),
        with_status(Completed, activity(Qbr, 200, Vendor)),
        with_status(Cancelled, activity(Qbr, 150, Vendor)),
        with_status(Completed, activity(Call, 140, Vendor)),
        with_status(Completed, activity(Call, 130, Vendor)),
        activity(Community, 120, Customer),
        activity(Email, 115, Customer),
        activity(Email, 110, Customer),
        in_tone(0.6, answered(24.0, activity(Email, 100, Vendor))),
        in_tone(-0.2, answered(48.0, activity(Email, 60, Vendor))),
        with_status(Completed, activity(Training, 50, Vendor)),
        activity(Email, 40, Vendor),
        in_tone(0.2, activity(Email, 30, Customer)),
        with_status(NoShow, activity(Webinar, 25, Vendor)),
        with_status(Completed, activity(Meeting, 20, Vendor)),
        activity(Community, 12, Customer),
        with_status(NoShow, activity(Meeting, 10, Vendor)),
        activity(Email, 5, Vendor),
        Activity { is_automated: Some(true), ..activity(Email, 3, Vendor) },
    ];
    facts
}

#[test]
fn who_comes_is_counted_by_what_was_planned() {
    assert_values(
        &facts(),
        &[
            ("meeting_attendance_90d", 0.5),
            ("meeting_attendance_change_90d", 0.5 - 2.0 / 3.0),
            ("meetings_ratio_90d", 0.5),
            ("days_since_meeting", 20.0),
            ("meetings_missed_in_a_row", 1.0),
            ("qbrs_365d", 1.0),
            ("qbr_attendance_365d", 0.5),
            ("trainings_365d", 2.0),
            ("training_attendance_365d", 2.0 / 3.0),
            ("days_since_training", 50.0),
            ("community_28d", 1.0),
            ("community_ratio_90d", 1.0),
            ("days_since_community", 12.0),
            ("automated_share_90d", 0.1),
        ],
    );
}

#[test]
fn answers_and_silence_are_told_from_what_we_began() {
    assert_values(
        &facts(),
        &[
            ("emails_answered_share_28d", 0.0),
            ("emails_answered_share_90d", 1.0 / 3.0),
            ("emails_answered_share_change_90d", 1.0 / 3.0 - 1.0),
            ("response_hours_90d", 48.0),
            ("outreach_28d", 3.0),
            ("outreach_90d", 5.0),
            ("outreach_unanswered", 2.0),
            ("days_unanswered", 10.0),
            ("days_since_customer_wrote", 30.0),
            ("emails_from_customer_28d", 0.0),
            ("emails_from_customer_90d", 1.0),
            ("emails_from_customer_ratio_90d", 0.5),
            ("customer_initiated_share_28d", 1.0 / 6.0),
            ("customer_initiated_share_change_90d", 0.2 - 3.0 / 7.0),
            ("two_way_contacts_28d", 2.0),
            ("two_way_contacts_90d", 5.0),
            ("two_way_contacts_ratio_90d", 5.0 / 6.0),
            ("two_way_weeks_12w", 5.0),
            ("days_since_two_way_contact", 12.0),
            ("days_since_customer_contact", 12.0),
            ("customer_initiated_90d", 2.0),
        ],
    );
}

#[test]
fn tone_is_told_by_level_low_and_trend() {
    assert_values(
        &facts(),
        &[
            ("sentiment_latest", 0.2),
            ("sentiment_90d", 0.0),
            ("sentiment_lowest_90d", -0.2),
            ("sentiment_negative_share_90d", 0.5),
            // Months −10/3, −2, −1; sentiments 0.6, −0.2, 0.2.
            ("sentiment_slope_180d", -7.2 / 37.0),
        ],
    );
}

#[test]
fn an_answer_counts_from_its_own_time_on() {
    let names = ["emails_answered_share_28d", "days_since_customer_wrote"];
    assert_eq!(values(&facts(), 59, names), [Some(0.0), Some(40.0)], "99 − 59 days: the answer before");
    assert_eq!(values(&facts(), 57, names), [Some(1.0), Some(1.0)]);
}

#[test]
fn a_channel_never_used_is_missing_and_outreach_without_any_answer_counts() {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-06-01")]);
    facts.activities = vec![activity(Email, 8, Vendor), activity(Email, 5, Vendor)];
    assert_values(
        &facts,
        &[("outreach_unanswered", 2.0), ("days_unanswered", 8.0), ("emails_answered_share_28d", 0.0)],
    );
    let missing = [
        "qbrs_365d",
        "trainings_365d",
        "community_28d",
        "meetings_missed_in_a_row",
        "emails_from_customer_28d",
        "two_way_contacts_28d",
        "two_way_weeks_12w",
        "sentiment_latest",
        "contacts_two_way_90d",
    ];
    assert_eq!(values(&facts, 0, missing), [None; 9]);
    facts.activities = vec![activity(Community, 8, Customer)];
    assert_eq!(values(&facts, 0, ["outreach_unanswered", "outreach_28d", "days_unanswered"]), [None; 3]);
}
