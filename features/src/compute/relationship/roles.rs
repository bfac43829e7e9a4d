//! The executive sponsor and the champion: how long they are there, silent, gone, replaced.

use super::people::{People, person};
use crate::compute::declared::{Declared, How, Needs};
use crate::compute::view::View;
use crate::compute::window::{count, days_since, flag, total};
use crate::history::{Contact, ContactRole};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk};

use ContactRole::{Champion, ExecutiveSponsor};

/// Who becomes known from so many days before a departure on is taken for the successor, up to so many after.
const HANDOVER_DAYS: i64 = 30;
const REPLACED_WITHIN_DAYS: i64 = 90;

/// A feature of contacts and what they do or say.
pub(super) const fn joint(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&View<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(words, Dimension::Relationship, direction, Needs::Table("contacts"), How::View(value))
}

pub(super) const ROLES: &[Declared] = &[
    person(
        "sponsor_tenure_days",
        "days",
        LowersRisk,
        "Days since the first of the executive sponsors who have not left became known.",
        |p| p.tenure(ExecutiveSponsor),
    ),
    person(
        "champion_tenure_days",
        "days",
        LowersRisk,
        "Days since the first of the champions who have not left became known.",
        |p| p.tenure(Champion),
    ),
    person(
        "days_without_sponsor",
        "days",
        RaisesRisk,
        "Days since the last executive sponsor left; 0 where one is there, missing where none was ever known.",
        |p| p.days_without(ExecutiveSponsor),
    ),
    person(
        "days_without_champion",
        "days",
        RaisesRisk,
        "Days since the last champion left; 0 where one is there, missing where none was ever known.",
        |p| p.days_without(Champion),
    ),
    person(
        "sponsor_replaced",
        "",
        LowersRisk,
        "Whether another executive sponsor became known between 30 days before and 90 after the latest one left, and is still there; missing where none left.",
        |p| p.replaced(ExecutiveSponsor),
    )
    .boolean(),
    person(
        "champion_replaced",
        "",
        LowersRisk,
        "Whether another champion became known between 30 days before and 90 after the latest one left, and is still there; missing where none left.",
        |p| p.replaced(Champion),
    )
    .boolean(),
    person(
        "sponsors_left_365d",
        "people",
        RaisesRisk,
        "Executive sponsors who left in the last 365 days; missing where none was ever known.",
        |p| p.left_of(ExecutiveSponsor),
    ),
    person(
        "champions_left_365d",
        "people",
        RaisesRisk,
        "Champions who left in the last 365 days; missing where none was ever known.",
        |p| p.left_of(Champion),
    ),
    joint(
        "sponsor_silent_days",
        "days",
        RaisesRisk,
        "Days since the latest two-way contact with an executive sponsor who has not left.",
        |view| silent(view, ExecutiveSponsor),
    ),
    joint(
        "champion_silent_days",
        "days",
        RaisesRisk,
        "Days since the latest two-way contact with a champion who has not left.",
        |view| silent(view, Champion),
    ),
    joint(
        "sponsor_contacts_90d",
        "contacts",
        LowersRisk,
        "Two-way contacts in the last 90 days with executive sponsors who have not left; missing where there is none, or activities name nobody.",
        |view| contacts_with(view, ExecutiveSponsor),
    ),
    joint(
        "champion_contacts_90d",
        "contacts",
        LowersRisk,
        "Two-way contacts in the last 90 days with champions who have not left; missing where there is none, or activities name nobody.",
        |view| contacts_with(view, Champion),
    ),
    joint(
        "sponsor_nps_365d",
        "score",
        LowersRisk,
        "Lowest of the latest NPS answers, in the last 365 days, of the executive sponsors who have not left.",
        |view| lowest_nps(view, ExecutiveSponsor),
    ),
    joint(
        "champion_nps_365d",
        "score",
        LowersRisk,
        "Lowest of the latest NPS answers, in the last 365 days, of the champions who have not left.",
        |view| lowest_nps(view, Champion),
    ),
];

impl<'a> People<'a> {
    fn of_role(&self, role: ContactRole) -> impl Iterator<Item = &'a Contact> {
        let visible: &'a [Contact] = self.visible;
        visible.iter().filter(move |one| one.role == Some(role))
    }

    fn tenure(&self, role: ContactRole) -> f64 {
        let first = self.present(Some(role)).map(|one| one.created_at).min();
        first.map_or(f64::NAN, |first| self.as_of.days_since(first))
    }

    fn days_without(&self, role: ContactRole) -> f64 {
        if self.present(Some(role)).next().is_some() {
            return 0.0;
        }
        days_since(self.as_of, self.of_role(role).filter_map(|one| one.left_at))
    }

    fn replaced(&self, role: ContactRole) -> f64 {
        let departures = self.of_role(role).filter_map(|one| one.left_at);
        let Some(left) = departures.filter(|&left| left < self.as_of).max() else { return f64::NAN };
        let (from, to) = (left.plus_days(-HANDOVER_DAYS), left.plus_days(REPLACED_WITHIN_DAYS));
        flag(self.present(Some(role)).any(|one| (from..=to).contains(&one.created_at)))
    }

    fn left_of(&self, role: ContactRole) -> f64 {
        let known = self.of_role(role).next().is_some();
        if known { count(self.left(0..365).filter(|one| one.role == Some(role))) } else { f64::NAN }
    }
}

fn silent(view: &View<'_>, role: ContactRole) -> f64 {
    let (Some(people), Some(activities)) = (&view.people, &view.activities) else { return f64::NAN };
    let threads = people.present(Some(role)).filter_map(|one| activities.seen().with(&one.contact_id));
    days_since(view.as_of, threads.filter_map(|thread| thread.last_two_way))
}

fn contacts_with(view: &View<'_>, role: ContactRole) -> f64 {
    let (Some(people), Some(activities)) = (&view.people, &view.activities) else { return f64::NAN };
    let seen = activities.seen();
    if seen.threads.is_empty() || people.present(Some(role)).next().is_none() {
        return f64::NAN;
    }
    let threads = people.present(Some(role)).filter_map(|one| seen.with(&one.contact_id));
    total(threads.map(|thread| f64::from(thread.two_way_90)))
}

fn lowest_nps(view: &View<'_>, role: ContactRole) -> f64 {
    let (Some(people), Some(surveys)) = (&view.people, &view.surveys) else { return f64::NAN };
    let scores = surveys.nps_of_contacts();
    let theirs = people.present(Some(role)).filter_map(|one| scores.get(&*one.contact_id).copied());
    theirs.reduce(f64::min).unwrap_or(f64::NAN)
}
