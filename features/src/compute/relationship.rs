//! Relationship: who the people are, who is in touch, who left.

use std::collections::BTreeSet;
use std::ops::Range;

use super::declared::{Declared, How, Needs};
use super::engagement::Activities;
use super::view::View;
use super::window::{count, days_since, flag, is_within, number, ratio};
use crate::history::{Activity, Contact, ContactRole, Initiator};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// The contacts known at an observation; at least one. A departure is known from its own time on.
pub(super) struct People<'a> {
    visible: &'a [Contact],
    as_of: Timestamp,
}

const fn person(
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

const fn touch(
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

/// All of them.
pub(super) const FEATURES: &[Declared] = &[
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
        |p| count(p.visible.iter().filter(|one| is_within(one.created_at, p.as_of, &(0..180)))),
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
            (Some(people), Some(activities)) => {
                ratio(in_touch(activities, 0..90), count(people.present(None)))
            }
            _ => f64::NAN,
        }),
    ),
    touch(
        "contacts_active_28d",
        "people",
        LowersRisk,
        "Distinct contacts with activities in the last 28 days.",
        |a| in_touch(a, 0..28),
    ),
    touch(
        "contacts_active_90d",
        "people",
        LowersRisk,
        "Distinct contacts with activities in the last 90 days.",
        |a| in_touch(a, 0..90),
    ),
    touch(
        "customer_initiated_90d",
        "activities",
        LowersRisk,
        "Activities that the customer began in the last 90 days.",
        |a| count(a.within(0..90).filter(|one| one.initiated_by == Some(Initiator::Customer))),
    ),
    touch(
        "customer_initiated_share_90d",
        "share",
        LowersRisk,
        "Share of the last 90 days' activities that the customer began.",
        |a| {
            let told = || a.within(0..90).filter(|one| one.initiated_by.is_some());
            ratio(count(told().filter(|one| one.initiated_by == Some(Initiator::Customer))), count(told()))
        },
    ),
    touch(
        "days_since_customer_contact",
        "days",
        RaisesRisk,
        "Days since the customer last began a contact.",
        |a| days_since(a.as_of, by_customer(a).map(|one| one.occurred_at)),
    ),
];

impl<'a> People<'a> {
    /// `None` where no contact is known yet.
    pub(super) fn at(contacts: &'a [Contact], as_of: Timestamp) -> Option<Self> {
        let visible = &contacts[..contacts.partition_point(|one| one.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of })
    }

    /// Those who have not left, of one role or of any.
    fn present(&self, role: Option<ContactRole>) -> impl Iterator<Item = &'a Contact> {
        let as_of = self.as_of;
        self.visible
            .iter()
            .filter(move |one| role.is_none() || one.role == role)
            .filter(move |one| one.left_at.is_none_or(|left| left >= as_of))
    }

    fn has(&self, role: ContactRole) -> f64 {
        flag(self.present(Some(role)).next().is_some())
    }

    fn left(&self, days: Range<i64>) -> impl Iterator<Item = &'a Contact> {
        let as_of = self.as_of;
        self.visible.iter().filter(move |one| one.left_at.is_some_and(|left| is_within(left, as_of, &days)))
    }

    fn days_since_left(&self, role: ContactRole) -> f64 {
        let those = self.visible.iter().filter(|one| one.role == Some(role));
        days_since(self.as_of, those.filter_map(|one| one.left_at))
    }
}

fn by_customer<'a>(activities: &Activities<'a>) -> impl Iterator<Item = &'a Activity> {
    activities.visible.iter().filter(|one| one.initiated_by == Some(Initiator::Customer))
}

fn in_touch(activities: &Activities<'_>, days: Range<i64>) -> f64 {
    let people: BTreeSet<_> = activities
        .within(days)
        .filter(|one| one.is_automated != Some(true))
        .filter_map(|one| one.contact_id.as_deref())
        .collect();
    let names_people = activities.visible.iter().any(|one| one.contact_id.is_some());
    if names_people { number(people.len()) } else { f64::NAN }
}

/// Days since a contact of `role` began an activity; missing where none ever did.
fn begun_by(view: &View<'_>, role: ContactRole) -> f64 {
    let (Some(people), Some(activities)) = (&view.people, &view.activities) else { return f64::NAN };
    let ids: BTreeSet<&str> =
        people.visible.iter().filter(|one| one.role == Some(role)).map(|one| &*one.contact_id).collect();
    let theirs = by_customer(activities)
        .filter(|one| one.contact_id.as_deref().is_some_and(|contact| ids.contains(contact)));
    days_since(view.as_of, theirs.map(|one| one.occurred_at))
}
