//! Opportunities: what else the customer considers to buy.

use crate::compute::declared::{CURRENCY, Declared, How, Needs};
use crate::compute::view::View;
use crate::compute::window::{count, days_since, is_within, ratio, total};
use crate::history::{MutableColumn, Opportunity, OpportunityType as Type};
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

/// A feature that weighs opportunities against the revenue of the time.
const fn share_of_arr(
    name: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&View<'_>) -> f64,
) -> Declared {
    let words = (name, "share", meaning);
    let needs = Needs::Table("opportunities");
    Declared::number(words, Dimension::Financial, direction, needs, How::View(value))
        .of_today(&[MutableColumn::Mrr])
}

fn open_amount(view: &View<'_>, kind: Type) -> f64 {
    view.opportunities.as_ref().map_or(f64::NAN, |opportunities| opportunities.open_amount(kind))
}

pub(super) const OPPORTUNITIES: &[Declared] = &[
    opportunity(
        "open_expansion_opportunities",
        "opportunities",
        LowersRisk,
        "Expansion opportunities open at the observation.",
        |o| count(o.open(Type::Expansion)),
    ),
    opportunity(
        "open_expansion_amount",
        CURRENCY,
        LowersRisk,
        "Amount of the open expansion opportunities.",
        |o| o.open(Type::Expansion).filter_map(|one| one.amount).sum(),
    ),
    opportunity(
        "open_renewal_opportunities",
        "opportunities",
        Unknown,
        "Renewal opportunities open at the observation.",
        |o| count(o.open(Type::Renewal)),
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
    opportunity(
        "open_new_opportunities",
        "opportunities",
        LowersRisk,
        "Opportunities of new business open at the observation.",
        |o| count(o.open(Type::New)),
    ),
    opportunity("open_renewal_amount", CURRENCY, Unknown, "Amount of the open renewal opportunities.", |o| {
        o.open_amount(Type::Renewal)
    }),
    share_of_arr(
        "open_expansion_share_of_arr",
        LowersRisk,
        "Amount of the open expansion opportunities for each unit of annual recurring revenue.",
        |view| ratio(open_amount(view, Type::Expansion), view.contract.mrr() * 12.0),
    ),
    share_of_arr(
        "open_renewal_share_of_arr",
        LowersRisk,
        "Amount of the open renewal opportunities for each unit of annual recurring revenue; missing where none is open.",
        |view| {
            let any = view.opportunities.as_ref().is_some_and(|o| o.open(Type::Renewal).next().is_some());
            let share = ratio(open_amount(view, Type::Renewal), view.contract.mrr() * 12.0);
            if any { share } else { f64::NAN }
        },
    ),
    opportunity(
        "open_expansion_age_days",
        "days",
        Unknown,
        "Days since the oldest open expansion opportunity was opened; missing where none is open.",
        |o| o.age(Type::Expansion),
    ),
    opportunity(
        "open_renewal_age_days",
        "days",
        Unknown,
        "Days since the oldest open renewal opportunity was opened; missing where none is open.",
        |o| o.age(Type::Renewal),
    ),
    opportunity(
        "expansions_won_365d",
        "opportunities",
        LowersRisk,
        "Expansion opportunities won in the last 365 days.",
        |o| count(o.decided(true)),
    ),
    opportunity(
        "expansions_lost_365d",
        "opportunities",
        RaisesRisk,
        "Expansion opportunities lost in the last 365 days.",
        |o| count(o.decided(false)),
    ),
    opportunity(
        "expansion_amount_lost_365d",
        CURRENCY,
        RaisesRisk,
        "Amount of the expansion opportunities lost in the last 365 days.",
        |o| total(o.decided(false).filter_map(|one| one.amount)),
    ),
    opportunity(
        "days_since_expansion_lost",
        "days",
        LowersRisk,
        "Days since an expansion opportunity was lost.",
        |o| o.days_since_decided(false),
    ),
    opportunity(
        "days_since_expansion_won",
        "days",
        RaisesRisk,
        "Days since an expansion opportunity was won.",
        |o| o.days_since_decided(true),
    ),
];

impl<'a> Opportunities<'a> {
    /// `None` where no opportunity is known yet.
    pub(in crate::compute) fn at(opportunities: &'a [Opportunity], as_of: Timestamp) -> Option<Self> {
        let visible = &opportunities[..opportunities.partition_point(|one| one.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of })
    }

    fn open(&self, kind: Type) -> impl Iterator<Item = &'a Opportunity> {
        let as_of = self.as_of;
        let is_open = move |one: &&Opportunity| one.closed_at.is_none_or(|closed| closed >= as_of);
        self.visible.iter().filter(move |one| one.opportunity_type == kind && is_open(one))
    }

    fn closed(&self) -> impl Iterator<Item = &'a Opportunity> {
        let as_of = self.as_of;
        self.visible.iter().filter(move |one| one.closed_at.is_some_and(|at| is_within(at, as_of, &(0..365))))
    }
    fn open_amount(&self, kind: Type) -> f64 {
        total(self.open(kind).filter_map(|one| one.amount))
    }

    fn age(&self, kind: Type) -> f64 {
        let first = self.open(kind).map(|one| one.created_at).min();
        first.map_or(f64::NAN, |first| self.as_of.days_since(first))
    }

    /// Expansion opportunities won or lost in the last year.
    fn decided(&self, won: bool) -> impl Iterator<Item = &'a Opportunity> {
        self.closed().filter(move |one| is_expansion(one, won))
    }

    fn days_since_decided(&self, won: bool) -> f64 {
        let those = self.visible.iter().filter(|one| is_expansion(one, won));
        days_since(self.as_of, those.filter_map(|one| one.closed_at))
    }
}

fn is_expansion(one: &Opportunity, won: bool) -> bool {
    one.opportunity_type == Type::Expansion && one.is_won == Some(won)
}
