//! `contacts`: who is in which role, from when until when.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::ArrayRef;
use holdfast_features::Timestamp;
use rand::{Rng, RngExt};

use super::Arriving;
use crate::draw::{between, chance, later, moment_of_week, pick};
use crate::latent::{Change, Seat};
use crate::life::Life;
use crate::record::{Columns, Record};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Sponsor,
    Champion,
    Admin,
    Billing,
    User,
}

#[derive(Debug, Clone)]
pub(super) struct ContactRow {
    contact_id: String,
    account_id: Arc<str>,
    role: Role,
    title: &'static str,
    created_at: Timestamp,
    left_at: Option<Timestamp>,
    recorded_at: Timestamp,
}

/// The people of one account.
#[derive(Debug)]
pub(super) struct Contacts {
    pub rows: Vec<ContactRow>,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Sponsor => "executive_sponsor",
            Self::Champion => "champion",
            Self::Admin => "admin",
            Self::Billing => "billing",
            Self::User => "user",
        }
    }

    fn titles(self) -> &'static [&'static str] {
        match self {
            Self::Sponsor => {
                &["Chief Operating Officer", "VP Operations", "Chief Information Officer", "VP Sales"]
            }
            Self::Champion => {
                &["Head of Operations", "Operations Manager", "Programme Lead", "Director of Analytics"]
            }
            Self::Admin => &["IT Administrator", "Systems Engineer"],
            Self::Billing => &["Accounts Payable", "Procurement Manager"],
            Self::User => &["Analyst", "Team Lead", "Coordinator"],
        }
    }
}

impl Contacts {
    /// The person in `role` at `at`.
    pub(super) fn holder(&self, role: Role, at: Timestamp) -> Option<&str> {
        let holds = |row: &&ContactRow| {
            row.role == role && row.created_at <= at && row.left_at.is_none_or(|left| at < left)
        };
        self.rows.iter().rev().find(holds).map(|row| row.contact_id.as_str())
    }

    /// Anybody at the account at `at`.
    pub(super) fn anybody(&self, at: Timestamp, rng: &mut impl Rng) -> Option<&str> {
        let role = pick(rng, &[Role::Champion, Role::User, Role::User, Role::Admin]);
        self.holder(role, at).or_else(|| self.holder(Role::Admin, at))
    }
}

pub(super) fn contacts(life: &Life, rng: &mut impl Rng) -> Contacts {
    let mut contacts = Contacts { rows: Vec::new() };
    let start = life.profile.started_at;
    let temper = &life.profile.temper;
    if temper.sponsor == Seat::Held {
        join(&mut contacts, life, Role::Sponsor, start, rng);
    }
    if temper.champion == Seat::Held {
        join(&mut contacts, life, Role::Champion, start, rng);
    }
    join(&mut contacts, life, Role::Admin, start, rng);
    if !temper.is_api_only || chance(rng, 0.5) {
        join(&mut contacts, life, Role::Billing, start, rng);
    }
    for _ in 0..rng.random_range(0..=2) {
        let joins = start.plus_days(rng.random_range(0..60));
        join(&mut contacts, life, Role::User, joins, rng);
    }
    for (_, week_start, _, week) in life.each_week() {
        for (role, change) in [(Role::Champion, week.champion), (Role::Sponsor, week.sponsor)] {
            let Some(change) = change else { continue };
            let at = moment_of_week(rng, week_start);
            match change {
                Change::Left => {
                    let held =
                        contacts.rows.iter_mut().rev().find(|row| row.role == role && row.left_at.is_none());
                    if let Some(row) = held {
                        row.left_at = (at < life.last).then_some(at.max(row.created_at));
                    }
                }
                Change::Replaced => join(&mut contacts, life, role, at, rng),
            }
        }
    }
    contacts.rows.retain(|row| row.created_at < life.last);
    contacts
}

fn join(contacts: &mut Contacts, life: &Life, role: Role, created_at: Timestamp, rng: &mut impl Rng) {
    contacts.rows.push(ContactRow {
        contact_id: format!("contact-{:05}-{}", life.profile.index, contacts.rows.len()),
        account_id: life.profile.account_id.clone(),
        role,
        title: pick(rng, role.titles()),
        created_at,
        left_at: None,
        recorded_at: later(created_at, between(rng, 0.0, 1.5)),
    });
}

impl Record for ContactRow {
    const TABLE: &'static str = "contacts";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("contact_id", rows.text(|row| &row.contact_id)),
            ("account_id", rows.text(|row| &row.account_id)),
            ("role", rows.text(|row| row.role.name())),
            ("title", rows.optional_text(|row| Some(Cow::from(row.title)))),
            ("created_at", rows.time(|row| Some(row.created_at))),
            ("left_at", rows.time(|row| row.left_at)),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Arriving for ContactRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}
