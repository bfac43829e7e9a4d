//! What an account is from the start: size, contract, temper.

use std::sync::Arc;

use holdfast_features::Timestamp;
use rand::{Rng, RngExt};

use crate::business::Business;
use crate::draw::{between, chance, log_normal, normal, pick, whole};
use crate::latent::Seat;
use crate::scenario::{Process, Tail};

const INDUSTRIES: [&str; 8] =
    ["software", "logistics", "healthcare", "finance", "retail", "manufacturing", "education", "media"];
const COUNTRIES: [&str; 8] = ["US", "GB", "DE", "FR", "NL", "CA", "AU", "SE"];
const FIRST: [&str; 16] = [
    "Nor", "Bel", "Cal", "Dor", "Ever", "Fen", "Gran", "Hal", "Iver", "Kel", "Lum", "Mer", "Ost", "Pell",
    "Quin", "Ros",
];
const SECOND: [&str; 12] =
    ["vane", "ton", "mont", "dale", "wick", "haven", "ridge", "stone", "mark", "field", "ford", "gate"];

/// The number of independent parts of the service; an outage hits one of them.
pub(crate) const N_SHARDS: u8 = 12;

/// How much care an account gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    High,
    Mid,
    Low,
}

impl Tier {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::High => "high_touch",
            Self::Mid => "mid_touch",
            Self::Low => "low_touch",
        }
    }

    /// Vendor contacts relative to a high-touch account.
    pub(crate) fn touch(self) -> f64 {
        match self {
            Self::High => 1.0,
            Self::Mid => 0.55,
            Self::Low => 0.2,
        }
    }
}

/// How an account reacts: what the latent process needs of it.
#[derive(Debug, Clone)]
pub(crate) struct Temper {
    /// The level to which each dimension's health returns.
    pub base: [f64; 4],
    pub term_months: u32,
    pub is_api_only: bool,
    /// Whether there is a champion and a sponsor at the start.
    pub champion: Seat,
    pub sponsor: Seat,
    /// Logit of churn for each 10 % of price rise.
    pub price_sensitivity: f64,
    /// Health lost by an outage of severity 1.
    pub outage_sensitivity: f64,
    /// Reacts badly to being called on.
    pub is_sleeping_dog: bool,
    /// In the randomised slice of the interventions.
    pub is_randomised: bool,
    /// The week within eight in which the success team decides whether to act.
    pub touch_week: u32,
    /// What the scenario makes of all accounts.
    pub process: Process,
    /// The week in which the market begins to change; infinite where it does not.
    pub drift_week: f64,
}

/// An account before its life begins.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub index: u32,
    pub account_id: Arc<str>,
    pub name: String,
    pub parent: Option<String>,
    pub industry: &'static str,
    pub country: &'static str,
    pub n_employees: u32,
    pub tier: Tier,
    pub is_strategic: bool,
    pub plan: &'static str,
    pub csm: Option<String>,
    pub started_at: Timestamp,
    pub arr: f64,
    pub n_seats: u32,
    pub billing_months: u32,
    pub auto_renew: bool,
    pub shard: u8,
    pub temper: Temper,
}

pub(crate) fn account_id(index: u32) -> String {
    format!("acct-{index:05}")
}

/// The number of the simulated account called `account_id`; `None` for a name that no simulation gives.
#[must_use]
pub fn account_index(account_id: &str) -> Option<u32> {
    account_id.strip_prefix("acct-")?.parse().ok()
}

impl Profile {
    pub(crate) fn draw(business: &Business, until: Timestamp, index: u32, rng: &mut impl Rng) -> Self {
        let process = business.scenario.process();
        let industry = pick(rng, &INDUSTRIES);
        let term_months = draw_term_months(rng);
        let term_months = if process.constant_churn.is_some() { 12 } else { term_months };
        let arr = draw_arr(rng, term_months, process.arr_tail);
        let tier = match arr {
            60_000.0.. => Tier::High,
            14_000.0.. => Tier::Mid,
            _ => Tier::Low,
        };
        let plan = match arr {
            80_000.0.. => "enterprise",
            20_000.0.. => "business",
            5_000.0.. => "team",
            _ => "starter",
        };
        let price_a_seat = between(rng, 380.0, 720.0);
        let is_api_only = chance(rng, if industry == "software" { 0.22 } else { 0.10 });
        let parent =
            (index > 0 && chance(rng, 0.06)).then(|| account_id(index - rng.random_range(1..=index.min(6))));
        let csm = match tier {
            Tier::High => Some(format!("csm-{:02}", rng.random_range(1..=6))),
            Tier::Mid => Some(format!("csm-{:02}", rng.random_range(7..=14))),
            Tier::Low => None,
        };
        let mut profile = Self {
            index,
            account_id: account_id(index).into(),
            name: format!("{}{} {}", pick(rng, &FIRST), pick(rng, &SECOND), title(industry)),
            parent,
            industry,
            country: pick(rng, &COUNTRIES),
            n_employees: whole(log_normal(rng, arr / 90.0, 0.7)).max(3),
            tier,
            is_strategic: chance(rng, if tier == Tier::High { 0.25 } else { 0.01 }),
            plan,
            csm,
            started_at: draw_start(business, until, rng),
            arr,
            n_seats: whole(arr / price_a_seat).clamp(3, 400),
            billing_months: draw_billing_months(rng, term_months),
            auto_renew: term_months == 1 || chance(rng, 0.6),
            shard: rng.random_range(0..N_SHARDS),
            temper: draw_temper(rng, term_months, tier, is_api_only, process),
        };
        if let Some(drift) = process.drift {
            let begins = drift.from * until.days_since(business.start);
            profile.temper.drift_week = (begins - profile.started_at.days_since(business.start)) / 7.0;
        }
        profile
    }
}

fn draw_term_months(rng: &mut impl Rng) -> u32 {
    match rng.random::<f64>() {
        ..0.14 => 1,
        ..0.20 => 3,
        ..0.34 => 6,
        _ => 12,
    }
}

/// Log-normal with a Pareto tail, yearly; short contracts are small ones.
fn draw_arr(rng: &mut impl Rng, term_months: u32, tail: Tail) -> f64 {
    let median = match term_months {
        1 => 3_200.0,
        3 => 6_000.0,
        6 => 9_000.0,
        _ => 13_000.0,
    };
    let body = log_normal(rng, median, 0.95);
    let factor = if chance(rng, tail.chance) {
        rng.random::<f64>().max(1e-3).powf(-1.0 / tail.exponent) * 3.0
    } else {
        1.0
    };
    (body * factor).clamp(900.0, tail.most).round()
}

fn draw_billing_months(rng: &mut impl Rng, term_months: u32) -> u32 {
    match (term_months, rng.random::<f64>()) {
        (1, _) | (_, ..0.45) => 1,
        (3, _) | (_, ..0.8) => 3,
        _ => term_months,
    }
}

/// Half of the customers come in the first quarter of the history, the others evenly afterwards.
fn draw_start(business: &Business, until: Timestamp, rng: &mut impl Rng) -> Timestamp {
    let days = until.day() - business.start.day();
    let quarter = days / 4;
    let day =
        if chance(rng, 0.5) { rng.random_range(0..quarter) } else { rng.random_range(quarter..days - 30) };
    business.start.plus_days(day)
}

fn draw_temper(
    rng: &mut impl Rng,
    term_months: u32,
    tier: Tier,
    is_api_only: bool,
    process: Process,
) -> Temper {
    let shared = normal(rng);
    let seat = |is_held| if is_held { Seat::Held } else { Seat::Never };
    let mut base = [0.0; 4];
    for level in &mut base {
        *level = 0.15 + 0.48 * shared + 0.45 * normal(rng);
    }
    if is_api_only {
        // What is built into a customer's own systems is not dropped lightly.
        base[0] += 0.35;
    }
    Temper {
        base,
        term_months,
        is_api_only,
        sponsor: seat(chance(rng, if tier == Tier::Low { 0.45 } else { 0.97 })),
        champion: seat(chance(rng, if is_api_only { 0.6 } else { 0.92 })),
        price_sensitivity: between(rng, 0.3, 1.1),
        outage_sensitivity: between(rng, 0.2, 0.8),
        is_sleeping_dog: chance(rng, process.sleeping_dogs),
        is_randomised: chance(rng, 0.1),
        touch_week: rng.random_range(0..8),
        process,
        drift_week: f64::INFINITY,
    }
}

fn title(industry: &str) -> &'static str {
    match industry {
        "software" => "Software",
        "logistics" => "Logistics",
        "healthcare" => "Health",
        "finance" => "Capital",
        "retail" => "Stores",
        "manufacturing" => "Works",
        "education" => "Learning",
        _ => "Media",
    }
}
