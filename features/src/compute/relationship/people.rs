//! Who the people are, who joined, who left, who is in touch.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;

use super::seniority::{self, Level};
use crate::compute::declared::{Declared, How, Needs};
use crate::compute::engagement::Activities;
use crate::compute::view::View;
use crate::compute::window::{count, days_since, flag, is_within, mean, number, ratio};
use crate::history::{Contact, ContactRole};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// The contacts known at an observation; at least one. A departure is known from its own time on.
pub(in crate::compute) struct People<'a> {
    pub(super) visible: &'a [Contact],
    pub(super) as_of: Timestamp,
    levels: OnceCell<Vec<Option<Level>>>,
}

/// A feature of `contacts`.
pub(super) const fn person(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&People<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(words, Dimension::Relationship, direction, Needs::Table("contacts"), How::People(value))
}

/// A feature of the role's departures that decisions always find, missing where contacts are not known.
const fn departure(name: &'static str, meaning: &'static str, value: fn(&People<'_>) -> f64) -> Declared {
    let words = (name, "days", meaning);
    let needs = Needs::ContextWithout("contacts");
    Declared::number(words, Dimension::Relationship, Unknown, needs, How::People(value))
}

/// A feature of `activities` about people.
pub(super) const fn touch(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&Activities<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    let needs = Needs::Table("activities");
    Declared::number(words, Dimension::Relationship, direction, needs, How::Activities(value))
}

pub(super) const PEOPLE: &[Declared] = &[
    person("contacts", "people", LowersRisk, "Known contacts who have not left.", |p| count(p.present(None))),
    person(
        "sponsor_present",
        "",
        LowersRisk,
        "Whether an executive sponsor is known and has not left.",
        |p| p.has(ContactRole::ExecutiveSponsor),
    )
    .boolean(),
    person("champion_present", "", LowersRisk, "Whether a champion is known and has not left.", |p| {
        p.has(ContactRole::Champion)
    })
    .boolean(),
    person("roles_covered", "roles", LowersRisk, "Distinct roles of the contacts who have not left.", |p| {
        number(p.present(None).filter_map(|one| one.role).collect::<BTreeSet<_>>().len())
    }),
    person(
        "contacts_joined_180d",
        "people",
        LowersRisk,
        "Contacts who became known in the last 180 days.",
        |p| count(p.joined(0..180)),
    ),
    person("contacts_left_90d", "people", RaisesRisk, "Contacts who left in the last 90 days.", |p| {
        count(p.left(0..90))
    }),
    person(
        "contacts_left_share_365d",
        "share",
        RaisesRisk,
        "Contacts who left in the last 365 days for each who is or was known.",
        |p| ratio(count(p.left(0..365)), number(p.visible.len())),
    ),
    departure(
        "days_since_sponsor_left",
        "Days since an executive sponsor left; missing where none did.",
        |p| p.days_since_left(ContactRole::ExecutiveSponsor),
    ),
    departure("days_since_champion_left", "Days since a champion left; missing where none did.", |p| {
        p.days_since_left(ContactRole::Champion)
    }),
    Declared::number(
        ("days_since_sponsor_contact", "days", "Days since an executive sponsor last began a contact."),
        Dimension::Relationship,
        RaisesRisk,
        Needs::ContextWithout("contacts"),
        How::View(|view| begun_by(view, ContactRole::ExecutiveSponsor)),
    ),
    Declared::number(
        ("days_since_champion_contact", "days", "Days since a champion last began a contact."),
        Dimension::Relationship,
        RaisesRisk,
        Needs::Table("contacts"),
        How::View(|view| begun_by(view, ContactRole::Champion)),
    ),
    Declared::number(
        (
            "contacts_active_share_90d",
            "share",
            "Contacts in touch in the last 90 days for each who has not left.",
        ),
        Dimension::Relationship,
        LowersRisk,
        Needs::Table("contacts"),
        How::View(|view| match (&view.people, &view.activities) {
            (Some(people), Some(activities)) => ratio(in_touch(activities, 90), count(people.present(None))),
            _ => f64::NAN,
        }),
    ),
    touch(
        "contacts_active_28d",
        "people",
        LowersRisk,
        "Distinct contacts with activities in the last 28 days.",
        |a| in_touch(a, 28),
    ),
    touch(
        "contacts_active_90d",
        "people",
        LowersRisk,
        "Distinct contacts with activities in the last 90 days.",
        |a| in_touch(a, 90),
    ),
    touch(
        "customer_initiated_90d",
        "activities",
        LowersRisk,
        "Activities that the customer began in the last 90 days.",
        |a| a.seen().last_90.by_customer.into(),
    ),
    touch(
        "customer_initiated_share_90d",
        "share",
        LowersRisk,
        "Share of the last 90 days' activities that the customer began.",
        |a| ratio(a.seen().last_90.by_customer.into(), a.seen().last_90.initiator_told.into()),
    ),
    touch(
        "days_since_customer_contact",
        "days",
        RaisesRisk,
        "Days since the customer last began a contact.",
        |a| a.days_since(a.seen().by_customer),
    ),
    person(
        "contacts_net_180d",
        "people",
        LowersRisk,
        "Contacts who became known in the last 180 days, less those who left.",
        |p| count(p.joined(0..180)) - count(p.left(0..180)),
    ),
    person(
        "contacts_turnover_180d",
        "share",
        RaisesRisk,
        "Share of the contacts known 180 days ago, and still there then, who left since.",
        |p| mean(p.present_before(180).map(|one| flag(!p.is_present(one)))),
    ),
    person(
        "contact_tenure_mean_days",
        "days",
        LowersRisk,
        "Mean days since the contacts who have not left became known.",
        |p| mean(p.present(None).map(|one| p.as_of.days_since(one.created_at))),
    ),
    person("days_since_contact_left", "days", LowersRisk, "Days since any contact left.", |p| {
        days_since(p.as_of, p.visible.iter().filter_map(|one| one.left_at))
    }),
    person(
        "days_since_contact_joined",
        "days",
        Unknown,
        "Days since the latest contact became known.",
        |p| days_since(p.as_of, p.visible.iter().map(|one| one.created_at)),
    ),
];

impl<'a> People<'a> {
    /// `None` where no contact is known yet.
    pub(in crate::compute) fn at(contacts: &'a [Contact], as_of: Timestamp) -> Option<Self> {
        let visible = &contacts[..contacts.partition_point(|one| one.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of, levels: OnceCell::new() })
    }

    /// Those who have not left, of one role or of any.
    pub(in crate::compute) fn present(&self, role: Option<ContactRole>) -> impl Iterator<Item = &'a Contact> {
        let (visible, as_of): (&'a [Contact], _) = (self.visible, self.as_of);
        visible
            .iter()
            .filter(move |one| role.is_none() || one.role == role)
            .filter(move |one| one.left_at.is_none_or(|left| left >= as_of))
    }

    pub(super) fn is_present(&self, one: &Contact) -> bool {
        one.left_at.is_none_or(|left| left >= self.as_of)
    }

    fn has(&self, role: ContactRole) -> f64 {
        flag(self.present(Some(role)).next().is_some())
    }

    pub(super) fn left(&self, days: Range<i64>) -> impl Iterator<Item = &'a Contact> {
        let (visible, as_of): (&'a [Contact], _) = (self.visible, self.as_of);
        visible.iter().filter(move |one| one.left_at.is_some_and(|left| is_within(left, as_of, &days)))
    }

    fn joined(&self, days: Range<i64>) -> impl Iterator<Item = &'a Contact> {
        let (visible, as_of): (&'a [Contact], _) = (self.visible, self.as_of);
        visible.iter().filter(move |one| is_within(one.created_at, as_of, &days))
    }

    /// Those who were known and had not left `days` ago.
    fn present_before(&self, days: i64) -> impl Iterator<Item = &'a Contact> {
        let (visible, at): (&'a [Contact], _) = (self.visible, self.as_of.plus_days(-days));
        visible.iter().filter(move |one| one.created_at < at && one.left_at.is_none_or(|left| left >= at))
    }

    fn days_since_left(&self, role: ContactRole) -> f64 {
        let those = self.visible.iter().filter(|one| one.role == Some(role));
        days_since(self.as_of, those.filter_map(|one| one.left_at))
    }

    /// Each known contact with the level that the title tells.
    pub(super) fn levels(&self) -> impl Iterator<Item = (&'a Contact, Option<Level>)> {
        let level = |one: &Contact| one.title.as_deref().and_then(seniority::level);
        let levels = self.levels.get_or_init(|| self.visible.iter().map(level).collect());
        let visible: &'a [Contact] = self.visible;
        visible.iter().zip(levels.iter().copied())
    }
}

/// Distinct contacts with an activity by hand in the last `days`; missing where no activity names any.
fn in_touch(activities: &Activities<'_>, days: i64) -> f64 {
    let threads = &activities.seen().threads;
    let is_recent = |last: Timestamp| is_within(last, activities.as_of, &(0..days));
    let recent = threads.iter().filter(|thread| thread.last.is_some_and(is_recent));
    if threads.is_empty() { f64::NAN } else { count(recent) }
}

/// Days since a contact of `role` began an activity; missing where none ever did.
fn begun_by(view: &View<'_>, role: ContactRole) -> f64 {
    let (Some(people), Some(activities)) = (&view.people, &view.activities) else { return f64::NAN };
    let is_theirs = |contact_id: &str| {
        people.visible.iter().any(|one| one.role == Some(role) && *one.contact_id == *contact_id)
    };
    let threads = activities.seen().threads.iter().filter(|thread| is_theirs(thread.contact_id));
    days_since(view.as_of, threads.filter_map(|thread| thread.last_begun))
}
