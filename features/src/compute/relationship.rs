//! Relationship: who the people are, who is in touch, who left.

mod people;
mod roles;
mod seniority;
mod threads;

use super::declared::Declared;

pub(super) use people::People;

/// All of them.
pub(super) const FEATURES: [&[Declared]; 4] =
    [people::PEOPLE, roles::ROLES, seniority::SENIORITY, threads::THREADS];
