//! How senior the contacts are, by the words of their titles.

use super::people::{People, person};
use super::roles::joint;
use crate::compute::declared::Declared;
use crate::compute::view::View;
use crate::compute::window::{count, is_within, mean};
use crate::history::Contact;
use crate::spec::Direction::{LowersRisk, RaisesRisk};

/// 1 staff, 2 manager, 3 director, 4 vice president, 5 the top: chiefs, founders, presidents.
pub(super) type Level = u8;

const STAFF: Level = 1;
const MANAGER: Level = 2;
const DIRECTOR: Level = 3;
const VICE_PRESIDENT: Level = 4;
const TOP: Level = 5;

pub(super) const SENIORITY: &[Declared] = &[
    person(
        "executives",
        "people",
        LowersRisk,
        "Contacts who have not left of the rank of vice president or above, by their titles; missing where no title is known.",
        |p| p.ranked(count(p.present_levels().filter(|&level| level >= VICE_PRESIDENT))),
    ),
    person(
        "seniority_highest",
        "level",
        LowersRisk,
        "Highest level of a contact who has not left: 5 chief, founder or president, 4 vice president, 3 director or head, 2 manager or lead, 1 any other title.",
        |p| p.present_levels().max().map_or(f64::NAN, f64::from),
    ),
    person(
        "seniority_mean",
        "level",
        LowersRisk,
        "Mean such level of the contacts who have not left.",
        |p| mean(p.present_levels().map(f64::from)),
    ),
    person(
        "seniority_change_180d",
        "level",
        LowersRisk,
        "Highest such level now less that of 180 days ago.",
        |p| {
            let at = p.as_of.plus_days(-180);
            let was_there = |one: &Contact| one.created_at < at && one.left_at.is_none_or(|left| left >= at);
            let before = p.levels().filter(|(one, _)| was_there(one)).filter_map(|(_, level)| level).max();
            let now = p.present_levels().max();
            now.zip(before).map_or(f64::NAN, |(now, before)| f64::from(now) - f64::from(before))
        },
    ),
    person(
        "executives_left_180d",
        "people",
        RaisesRisk,
        "Contacts of the rank of vice president or above who left in the last 180 days; missing where no title is known.",
        |p| {
            let left =
                p.levels().filter(|(one, _)| one.left_at.is_some_and(|at| is_within(at, p.as_of, &(0..180))));
            p.ranked(count(left.filter(|(_, level)| *level >= Some(VICE_PRESIDENT))))
        },
    ),
    joint(
        "executives_active_90d",
        "people",
        LowersRisk,
        "Contacts who have not left of the rank of vice president or above with two-way contact in the last 90 days; missing where no title is known, or activities name nobody.",
        |view| {
            let executives = active(view).filter(|&level| level >= VICE_PRESIDENT);
            match (&view.people, &view.activities) {
                (Some(people), Some(activities)) if !activities.seen().threads.is_empty() => {
                    people.ranked(count(executives))
                }
                _ => f64::NAN,
            }
        },
    ),
    joint(
        "seniority_active_90d",
        "level",
        LowersRisk,
        "Highest level of a contact who has not left with two-way contact in the last 90 days.",
        |view| active(view).max().map_or(f64::NAN, f64::from),
    ),
];

impl People<'_> {
    fn present_levels(&self) -> impl Iterator<Item = Level> {
        self.levels().filter(|(one, _)| self.is_present(one)).filter_map(|(_, level)| level)
    }

    /// The number, where any title is known.
    fn ranked(&self, number: f64) -> f64 {
        if self.levels().any(|(_, level)| level.is_some()) { number } else { f64::NAN }
    }
}

/// The levels of those who have not left and were in two-way contact in the last 90 days.
fn active(view: &View<'_>) -> impl Iterator<Item = Level> {
    let both = view.people.as_ref().zip(view.activities.as_ref());
    both.into_iter().flat_map(|(people, activities)| {
        let is_active = |one: &Contact| {
            people.is_present(one)
                && activities.seen().with(&one.contact_id).is_some_and(|thread| thread.two_way_90 > 0)
        };
        people.levels().filter(move |(one, _)| is_active(one)).filter_map(|(_, level)| level)
    })
}

/// The level that a title tells; `None` of an empty one.
pub(super) fn level(title: &str) -> Option<Level> {
    let title = title.to_lowercase();
    let [mut any, mut assistant, mut vice, mut top, mut director, mut managing, mut manager] = [false; 7];
    for word in title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        any = true;
        match word {
            "assistant" => assistant = true,
            "vp" | "svp" | "evp" | "avp" | "vice" => vice = true,
            "founder" | "cofounder" | "president" => top = true,
            "director" | "head" => director = true,
            "managing" => managing = true,
            "manager" | "lead" | "supervisor" => manager = true,
            word => top |= is_chief(word),
        }
    }
    any.then_some(if assistant {
        // The assistant of a chief is none.
        STAFF
    } else if vice {
        VICE_PRESIDENT
    } else if top || title.trim() == "owner" {
        TOP
    } else if director {
        if managing { TOP } else { DIRECTOR }
    } else if manager {
        MANAGER
    } else {
        STAFF
    })
}

fn is_chief(word: &str) -> bool {
    matches!(
        word,
        "chief" | "ceo" | "cfo" | "cto" | "cio" | "coo" | "cmo" | "cro" | "cpo" | "cdo" | "ciso" | "chro"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_tell_levels() {
        for (title, expected) in [
            ("CEO & Co-Founder", Some(TOP)),
            ("Chief Information Officer", Some(TOP)),
            ("Managing Director", Some(TOP)),
            ("President", Some(TOP)),
            ("Owner", Some(TOP)),
            ("Product Owner", Some(STAFF)),
            ("Vice President, Sales", Some(VICE_PRESIDENT)),
            ("SVP Operations", Some(VICE_PRESIDENT)),
            ("Head of Data", Some(DIRECTOR)),
            ("Director of IT", Some(DIRECTOR)),
            ("Team-lead", Some(MANAGER)),
            ("IT Manager", Some(MANAGER)),
            ("Executive Assistant to the CEO", Some(STAFF)),
            ("Analyst", Some(STAFF)),
            (" - ", None),
        ] {
            assert_eq!(level(title), expected, "{title}");
        }
    }
}
