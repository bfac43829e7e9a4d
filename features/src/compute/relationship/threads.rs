//! Many threads or one: with how many people we talk, and who of them speaks well of us.

use std::collections::BTreeSet;

use super::people::{People, touch};
use super::roles::joint;
use crate::compute::declared::Declared;
use crate::compute::engagement::{Activities, is_detractor, is_promoter};
use crate::compute::view::View;
use crate::compute::window::{count, number, ratio, total};
use crate::history::Contact;
use crate::spec::Direction::{LowersRisk, RaisesRisk};

pub(super) const THREADS: &[Declared] = &[
    touch(
        "contacts_two_way_90d",
        "people",
        LowersRisk,
        "Distinct contacts in two-way contact in the last 90 days; missing where activities name nobody.",
        |a| named(a, count(a.seen().threads.iter().filter(|thread| thread.two_way_90 > 0))),
    ),
    touch(
        "contacts_two_way_change_90d",
        "people",
        LowersRisk,
        "Distinct contacts in two-way contact in the last 90 days, less those in the 90 before.",
        |a| {
            let now = count(a.seen().threads.iter().filter(|thread| thread.two_way_90 > 0));
            let before = count(a.seen().threads.iter().filter(|thread| thread.two_way_prior_90 > 0));
            named(a, now - before)
        },
    ),
    touch(
        "top_contact_share_90d",
        "share",
        RaisesRisk,
        "Share of the last 90 days' two-way contacts with named people that the one most in contact has.",
        |a| {
            let two_way = || a.seen().threads.iter().map(|thread| f64::from(thread.two_way_90));
            ratio(two_way().fold(0.0, f64::max), total(two_way()))
        },
    ),
    joint(
        "contacts_two_way_share_90d",
        "share",
        LowersRisk,
        "Share of the contacts who have not left in two-way contact in the last 90 days; missing where activities name nobody.",
        |view| {
            let (Some(people), Some(activities)) = (&view.people, &view.activities) else { return f64::NAN };
            named(activities, ratio(count(in_contact(people, activities)), count(people.present(None))))
        },
    ),
    joint(
        "roles_two_way_90d",
        "roles",
        LowersRisk,
        "Distinct roles of the contacts who have not left in two-way contact in the last 90 days; missing where activities name nobody.",
        |view| {
            let (Some(people), Some(activities)) = (&view.people, &view.activities) else { return f64::NAN };
            let roles: BTreeSet<_> = in_contact(people, activities).filter_map(|one| one.role).collect();
            named(activities, number(roles.len()))
        },
    ),
    joint(
        "contacts_fallen_silent",
        "people",
        RaisesRisk,
        "Contacts who have not left and were in two-way contact before the last 90 days, not since; missing where activities name nobody.",
        |view| {
            let (Some(people), Some(activities)) = (&view.people, &view.activities) else { return f64::NAN };
            let silent = people.present(None).filter(|one| {
                let thread = activities.seen().with(&one.contact_id);
                thread.is_some_and(|thread| thread.last_two_way.is_some() && thread.two_way_90 == 0)
            });
            named(activities, count(silent))
        },
    ),
    joint(
        "promoter_contacts",
        "people",
        LowersRisk,
        "Contacts who have not left whose latest NPS answer, in the last 365 days, is 9 or 10; missing where nobody known answered.",
        |view| rated(view, |people, one| people.is_present(one), is_promoter),
    ),
    joint(
        "detractor_contacts",
        "people",
        RaisesRisk,
        "Contacts who have not left whose latest NPS answer, in the last 365 days, is 0 to 6; missing where nobody known answered.",
        |view| rated(view, |people, one| people.is_present(one), is_detractor),
    ),
    joint(
        "promoters_left_365d",
        "people",
        RaisesRisk,
        "Contacts who left whose latest NPS answer, in the last 365 days, is 9 or 10; missing where nobody known answered.",
        |view| rated(view, |people, one| !people.is_present(one), is_promoter),
    ),
];

/// The value, where activities name people.
fn named(activities: &Activities<'_>, value: f64) -> f64 {
    if activities.seen().threads.is_empty() { f64::NAN } else { value }
}

/// Those who have not left and were in two-way contact in the last 90 days.
fn in_contact<'a>(people: &People<'a>, activities: &Activities<'_>) -> impl Iterator<Item = &'a Contact> {
    people
        .present(None)
        .filter(|one| activities.seen().with(&one.contact_id).is_some_and(|thread| thread.two_way_90 > 0))
}

/// The number of such contacts whose latest NPS answer is such.
fn rated(view: &View<'_>, of: fn(&People<'_>, &Contact) -> bool, is_such: fn(f64) -> bool) -> f64 {
    let (Some(people), Some(surveys)) = (&view.people, &view.surveys) else { return f64::NAN };
    let scores = surveys.nps_of_contacts();
    let answered = people.visible.iter().filter_map(|one| Some((one, *scores.get(&*one.contact_id)?)));
    let answered: Vec<(&Contact, f64)> = answered.collect();
    let such = answered.iter().filter(|(one, score)| of(people, one) && is_such(*score));
    if answered.is_empty() { f64::NAN } else { count(such) }
}
