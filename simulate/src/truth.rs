//! The truth about an account at a snapshot: its latent health then, and the probability of churn given
//! everything up to then.
//!
//! The probability is the mean over continuations of the same process that made the past: whoever knew the
//! latent state at `as_of` could not do better. It judges a model without the noise of sampled outcomes.

use std::sync::Arc;

use arrow::array::ArrayRef;
use holdfast_features::{DAY, Timestamp};
use rand::Rng;

use crate::business::{CheckedBusiness, months_after};
use crate::latent::{ENGAGEMENT, FINANCIAL, Outcome, RELATIONSHIP, State, USAGE, future_outage};
use crate::life::{Life, Term};
use crate::record::{Columns, Record};

/// Distances of the snapshots from the end of a term, in days.
pub const SNAPSHOT_DAYS: [i64; 5] = [180, 120, 90, 60, 30];
/// Shorter terms, in months, roll: they are observed on a grid of days, not before their end.
pub const SHORTEST_TERM_MONTHS: u32 = 6;
/// Days between the observations of rolling contracts, counted from 1970-01-01.
pub const ROLLING_GRID_DAYS: i64 = 30;
/// Horizons for rolling contracts, in days.
pub const ROLLING_HORIZONS: [i64; 3] = [30, 60, 90];
/// The horizon for rolling contracts where one is asked about, in days.
pub const SOON_DAYS: i64 = 30;
/// Continuations a snapshot: a standard error of the probability of about 0.01 half a year ahead, less later.
const N_CONTINUATIONS: u32 = 64;

/// A row of `truth`.
#[derive(Debug, Clone)]
pub(crate) struct TruthRow {
    pub account_id: Arc<str>,
    pub as_of: Timestamp,
    pub horizon_days: i64,
    pub term_end: Option<Timestamp>,
    pub churn_probability: f64,
    pub health: [f64; 4],
    /// Whether it churned; unknown where the horizon ends after the history.
    pub churned: Option<bool>,
    pub is_api_only: bool,
}

/// The truth at each snapshot of an account: at fixed distances before the end of each term, or on the grid
/// where terms are short; and for an open account at the end of the history.
pub(crate) fn truth(business: &CheckedBusiness, life: &Life, rng: &mut impl Rng) -> Vec<TruthRow> {
    let until = business.until;
    let is_rolling = life.profile.temper.term_months < SHORTEST_TERM_MONTHS;
    let mut observed: Vec<(&Term, Timestamp)> = Vec::new();
    if is_rolling {
        let first = life.profile.started_at.day().div_euclid(ROLLING_GRID_DAYS) + 1;
        let grid = (first..).map(|step| Timestamp(step * ROLLING_GRID_DAYS * DAY));
        for as_of in grid.take_while(|&as_of| as_of < life.last) {
            let running = life.terms.iter().find(|term| term.start <= as_of && as_of < term.end);
            observed.extend(running.map(|term| (term, as_of)));
        }
    } else {
        for term in &life.terms {
            let dates = SNAPSHOT_DAYS.map(|distance| term.end.plus_days(-distance));
            observed
                .extend(dates.into_iter().filter(|&at| term.start < at && at < until).map(|at| (term, at)));
        }
    }
    if let Some(open) = life.terms.last().filter(|term| term.outcome.is_none() && until < term.end) {
        observed.push((open, until));
    }
    let rows = observed.into_iter().flat_map(|(term, as_of)| {
        if is_rolling {
            rolling(life, term, as_of, until, rng)
        } else {
            vec![renewal(life, term, as_of, rng)]
        }
    });
    rows.collect()
}

/// The probability of churn seen from `as_of`, as the snapshots there would have it; `None` where no term runs.
pub(crate) fn at(life: &Life, as_of: Timestamp, rng: &mut impl Rng) -> Option<f64> {
    let term = life.terms.iter().find(|term| term.start <= as_of && as_of < term.end)?;
    let is_rolling = life.profile.temper.term_months < SHORTEST_TERM_MONTHS;
    let end = if is_rolling { as_of.plus_days(SOON_DAYS) } else { term.end };
    let [probability] = continuations(life, term, as_of, [end], rng);
    Some(probability)
}

/// Will the term be renewed at its end?
fn renewal(life: &Life, term: &Term, as_of: Timestamp, rng: &mut impl Rng) -> TruthRow {
    let [churn_probability] = continuations(life, term, as_of, [term.end], rng);
    TruthRow {
        horizon_days: term.end.day() - as_of.day(),
        term_end: Some(term.end),
        churn_probability,
        churned: term.outcome.map(|outcome| outcome == Outcome::Churned),
        ..row(life, as_of)
    }
}

/// Will the account be gone within each horizon?
fn rolling(
    life: &Life,
    term: &Term,
    as_of: Timestamp,
    until: Timestamp,
    rng: &mut impl Rng,
) -> Vec<TruthRow> {
    let ends = ROLLING_HORIZONS.map(|days| as_of.plus_days(days));
    let probabilities = continuations(life, term, as_of, ends, rng);
    let horizons = ROLLING_HORIZONS.into_iter().zip(ends).zip(probabilities);
    let row = |((horizon_days, end), churn_probability)| {
        let churned = life.ended_at.is_some_and(|ended_at| ended_at <= end);
        let is_known = end <= until;
        TruthRow { horizon_days, churn_probability, churned: is_known.then_some(churned), ..row(life, as_of) }
    };
    horizons.map(row).collect()
}

/// A row of which only the account and the time are filled in.
fn row(life: &Life, as_of: Timestamp) -> TruthRow {
    TruthRow {
        account_id: life.profile.account_id.clone(),
        as_of,
        horizon_days: 0,
        term_end: None,
        churn_probability: 0.0,
        health: life.state_at(as_of).health,
        churned: None,
        is_api_only: life.profile.temper.is_api_only,
    }
}

/// The probability of churn at or before each of `ends` (ascending), seen from `as_of` within `term`.
fn continuations<const N: usize>(
    life: &Life,
    term: &Term,
    as_of: Timestamp,
    ends: [Timestamp; N],
    rng: &mut impl Rng,
) -> [f64; N] {
    let mut sums = [0.0; N];
    for _ in 0..N_CONTINUATIONS {
        for (sum, probability) in sums.iter_mut().zip(continuation(life, term, as_of, ends, rng)) {
            *sum += probability;
        }
    }
    sums.map(|sum| sum / f64::from(N_CONTINUATIONS))
}

fn continuation<const N: usize>(
    life: &Life,
    term: &Term,
    as_of: Timestamp,
    ends: [Timestamp; N],
    rng: &mut impl Rng,
) -> [f64; N] {
    let temper = &life.profile.temper;
    let mut state: State = life.state_at(as_of).clone();
    let mut survives = 1.0;
    let mut term_end = term.end;
    ends.map(|end| {
        while term_end <= end {
            while life.week_start(state.week + 1) <= term_end {
                let days_left = term_end.days_since(life.week_start(state.week + 1));
                let outage = future_outage(rng);
                state.step(temper, days_left, outage, rng);
            }
            survives *= 1.0 - state.churn_probability(temper);
            state.price_rise = 0.0;
            term_end = months_after(term_end, temper.term_months);
        }
        1.0 - survives
    })
}

impl Record for TruthRow {
    const TABLE: &'static str = "truth";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("account_id", rows.text(|row| &row.account_id)),
            ("as_of", rows.time(|row| Some(row.as_of))),
            ("horizon_days", rows.integer(|row| u32::try_from(row.horizon_days).ok())),
            ("term_end", rows.time(|row| row.term_end)),
            ("churn_probability", rows.number(|row| Some(row.churn_probability))),
            ("usage_health", rows.number(|row| Some(row.health[USAGE]))),
            ("engagement_health", rows.number(|row| Some(row.health[ENGAGEMENT]))),
            ("financial_health", rows.number(|row| Some(row.health[FINANCIAL]))),
            ("relationship_health", rows.number(|row| Some(row.health[RELATIONSHIP]))),
            ("churned", rows.boolean(|row| row.churned)),
            ("is_api_only", rows.boolean(|row| Some(row.is_api_only))),
        ]
    }
}
