//! Opportunities: what else the customer considers to buy.

use crate::compute::declared::{CURRENCY, Declared, How, Needs};
use crate::compute::window::{count, days_since, is_within, ratio};
use crate::history::{Opportunity, OpportunityType};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// The opportunities known at an observation; at least one. How they end is known from `closed_at` on.
pub(in crate::compute) struct Opportunities<'a> {
    visible: &'a [Opportunity],
    as_of: Timestamp,
}

const fn opportunity(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&Opportunities<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    let needs = Needs::Table("opportunities");
    Declared::number(words, Dimension::Financial, direction, needs, How::Opportunities(value))
}

pub(super) const OPPORTUNITIES: &[Declared] = &[
    opportunity(
        "open_expansion_opportunities",
        "opportunities",
        LowersRisk,
        "Expansion opportunities open at the observation.",
        |o| count(o.open(OpportunityType::Expansion)),
    ),
    opportunity(
        "open_expansion_amount",
        CURRENCY,
        LowersRisk,
        "Amount of the open expansion opportunities.",
        |o| o.open(OpportunityType::Expansion).filter_map(|one| one.amount).sum(),
    ),
    opportunity(
        "open_renewal_opportunities",
        "opportunities",
        Unknown,
        "Renewal opportunities open at the observation.",
        |o| count(o.open(OpportunityType::Renewal)),
    ),
    opportunity(
        "opportunities_lost_365d",
        "opportunities",
        RaisesRisk,
        "Opportunities lost in the last 365 days.",
        |o| count(o.closed().filter(|one| one.is_won == Some(false))),
    ),
    opportunity(
        "opportunity_win_share_365d",
        "share",
        LowersRisk,
        "Share of the opportunities closed in the last 365 days that were won.",
        |o| ratio(count(o.closed().filter(|one| one.is_won == Some(true))), count(o.closed())),
    ),
    opportunity(
        "days_since_opportunity",
        "days",
        RaisesRisk,
        "Days since the latest opportunity was opened.",
        |o| days_since(o.as_of, o.visible.iter().map(|one| one.created_at)),
    ),
];

impl<'a> Opportunities<'a> {
    /// `None` where no opportunity is known yet.
    pub(in crate::compute) fn at(opportunities: &'a [Opportunity], as_of: Timestamp) -> Option<Self> {
        let visible = &opportunities[..opportunities.partition_point(|one| one.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of })
    }

    fn open(&self, kind: OpportunityType) -> impl Iterator<Item = &'a Opportunity> {
        let as_of = self.as_of;
        let is_open = move |one: &&Opportunity| one.closed_at.is_none_or(|closed| closed >= as_of);
        self.visible.iter().filter(move |one| one.opportunity_type == kind && is_open(one))
    }

    fn closed(&self) -> impl Iterator<Item = &'a Opportunity> {
        let as_of = self.as_of;
        self.visible.iter().filter(move |one| one.closed_at.is_some_and(|at| is_within(at, as_of, &(0..365))))
    }
}
