//! `activities`: e-mails, calls, meetings, business reviews, training, webinars, community.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::ArrayRef;
use holdfast_features::Timestamp;
use rand::Rng;

use super::Arriving;
use super::people::{Contacts, Role};
use crate::draw::{chance, count, known_after, log_normal, moment_of_week, normal, sigmoid};
use crate::latent::{ENGAGEMENT, RELATIONSHIP, State};
use crate::life::Life;
use crate::profile::Tier;
use crate::record::{Columns, Record};

/// Weeks between two business reviews.
const REVIEW_WEEKS: u32 = 13;

#[derive(Debug, Clone)]
pub(super) struct ActivityRow {
    activity_id: String,
    account_id: Arc<str>,
    contact_id: Option<String>,
    kind: &'static str,
    occurred_at: Timestamp,
    is_from_customer: bool,
    is_automated: bool,
    status: Option<&'static str>,
    response_hours: Option<f64>,
    sentiment: Option<f64>,
    recorded_at: Timestamp,
}

/// One week's contacts with one account.
struct Desk<'a, R> {
    life: &'a Life,
    contacts: &'a Contacts,
    state: &'a State,
    week_start: Timestamp,
    rng: &'a mut R,
    rows: &'a mut Vec<ActivityRow>,
}

/// What an activity is before it has a time and a person.
#[derive(Clone, Copy)]
struct Draft {
    kind: &'static str,
    role: Option<Role>,
    is_from_customer: bool,
    is_automated: bool,
}

pub(super) fn activities(life: &Life, contacts: &Contacts, rng: &mut impl Rng) -> Vec<ActivityRow> {
    let mut rows = Vec::new();
    let quiet = if life.profile.temper.is_api_only { 0.35 } else { 1.0 };
    let touch = life.profile.tier.touch();
    for (week, week_start, state, _) in life.each_week() {
        let [engagement, relationship] = [state.health[ENGAGEMENT], state.health[RELATIONSHIP]];
        let mut desk = Desk { life, contacts, state, week_start, rng: &mut *rng, rows: &mut rows };
        let vendor = Draft { kind: "email", role: None, is_from_customer: false, is_automated: false };
        let customer = Draft { is_from_customer: true, ..vendor };
        desk.several(Draft { is_automated: true, ..vendor }, 0.22);
        desk.several(vendor, 0.45 * touch * quiet);
        desk.several(customer, 0.5 * (0.3 + touch) * quiet * (0.5 * engagement).exp());
        let sponsor = Draft { role: Some(Role::Sponsor), ..customer };
        desk.several(sponsor, 0.22 * (0.35 + touch) * quiet * (0.9 * relationship).exp());
        desk.several(
            Draft { kind: "call", ..vendor },
            0.16 * (0.2 + touch) * quiet * (0.5 * relationship).exp(),
        );
        let champion = Draft { kind: "meeting", role: Some(Role::Champion), ..vendor };
        desk.several(champion, 0.22 * (0.2 + touch) * quiet * (0.7 * relationship).exp());
        let training = if week < 12 { 0.18 } else { 0.015 };
        desk.several(Draft { kind: "training", ..customer }, training * quiet * (0.4 * engagement).exp());
        desk.several(Draft { kind: "webinar", ..customer }, 0.03 * quiet * (0.6 * engagement).exp());
        desk.several(Draft { kind: "community", ..customer }, 0.06 * quiet * (0.6 * engagement).exp());
        if life.profile.tier != Tier::Low && week > 0 && week % REVIEW_WEEKS == 0 {
            desk.once(Draft { kind: "qbr", role: Some(Role::Sponsor), ..vendor });
        }
    }
    rows.retain(|row| row.occurred_at < life.last);
    rows
}

impl<R: Rng> Desk<'_, R> {
    fn several(&mut self, draft: Draft, mean: f64) {
        for _ in 0..count(self.rng, mean) {
            self.once(draft);
        }
    }

    fn once(&mut self, draft: Draft) {
        let at = moment_of_week(self.rng, self.week_start);
        let person = match draft.role {
            Some(role) => self.contacts.holder(role, at),
            None => self.contacts.anybody(at, self.rng),
        };
        let is_meeting = matches!(draft.kind, "call" | "meeting" | "qbr");
        if person.is_none() && draft.is_from_customer {
            return;
        }
        let person = person.map(str::to_owned);
        let [engagement, relationship] = [self.state.health[ENGAGEMENT], self.state.health[RELATIONSHIP]];
        let status = is_meeting.then(|| {
            // A review without a sponsor mostly falls through.
            let absent = if draft.kind == "qbr" && person.is_none() { 2.5 } else { 0.0 };
            if chance(self.rng, sigmoid(-2.0 - 0.9 * relationship + absent)) {
                if chance(self.rng, 0.6) { "cancelled" } else { "no_show" }
            } else {
                "completed"
            }
        });
        let is_answered = draft.kind == "email"
            && !draft.is_from_customer
            && !draft.is_automated
            && chance(self.rng, sigmoid(0.7 + 0.6 * engagement));
        let speaks = draft.is_from_customer || status == Some("completed");
        self.rows.push(ActivityRow {
            activity_id: format!("activity-{:05}-{}", self.life.profile.index, self.rows.len()),
            account_id: self.life.profile.account_id.clone(),
            contact_id: person,
            kind: draft.kind,
            occurred_at: at,
            is_from_customer: draft.is_from_customer,
            is_automated: draft.is_automated,
            status,
            response_hours: is_answered.then(|| {
                (log_normal(self.rng, 12.0, 0.7) * (-0.45 * engagement).exp() * 10.0).round() / 10.0
            }),
            sentiment: (speaks && chance(self.rng, 0.7)).then(|| {
                let mood = 0.15 + 0.15 * engagement + 0.25 * relationship + 0.4 * normal(self.rng);
                (mood.tanh() * 100.0).round() / 100.0
            }),
            recorded_at: if draft.is_automated { at } else { known_after(self.rng, at) },
        });
    }
}

impl Record for ActivityRow {
    const TABLE: &'static str = "activities";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("activity_id", rows.text(|row| &row.activity_id)),
            ("account_id", rows.text(|row| &row.account_id)),
            ("contact_id", rows.optional_text(|row| row.contact_id.as_deref().map(Cow::from))),
            ("type", rows.text(|row| row.kind)),
            ("occurred_at", rows.time(|row| Some(row.occurred_at))),
            ("initiated_by", rows.text(|row| if row.is_from_customer { "customer" } else { "vendor" })),
            ("is_automated", rows.boolean(|row| Some(row.is_automated))),
            ("status", rows.optional_text(|row| row.status.map(Cow::from))),
            ("response_hours", rows.number(|row| row.response_hours)),
            ("sentiment", rows.number(|row| row.sentiment)),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Arriving for ActivityRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}
