//! One account from its first contract to its churn or the end of the history.

use holdfast_features::Timestamp;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp};

use crate::business::{CheckedBusiness, months_after};
use crate::draw::{between, cents, chance, later, whole};
use crate::latent::{OUTAGE_RATE, Outcome, State, USAGE, Week, draw_severity};
use crate::profile::{N_SHARDS, Profile};

/// The independent random streams of a simulation, each seeded by (seed, account): the facts drawn from a
/// life never change the life.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Life = 0,
    Facts = 1,
    Truth = 2,
    Outages = 3,
    AnyDate = 4,
}

pub(crate) fn stream(seed: u64, stream: Stream, index: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((stream as u64) << 32) | u64::from(index));
    rng
}

/// What all accounts share: the end of the history and the outages of each shard.
#[derive(Debug)]
pub(crate) struct World {
    pub until: Timestamp,
    /// By shard: time and severity, in time order.
    outages: Vec<Vec<(Timestamp, f64)>>,
}

impl World {
    pub(crate) fn draw(business: &CheckedBusiness) -> Self {
        let outages = (0..N_SHARDS).map(|shard| {
            let rng = &mut stream(business.params.seed, Stream::Outages, u32::from(shard));
            let mut outages = Vec::new();
            let mut at = business.params.start;
            // The rate is a positive constant, so that the distribution exists.
            while let Ok(gap) = Exp::new(OUTAGE_RATE / 7.0) {
                at = later(at, gap.sample(rng));
                if at >= business.until {
                    break;
                }
                outages.push((at, draw_severity(rng)));
            }
            outages
        });
        Self { until: business.until, outages: outages.collect() }
    }

    /// The severity of the first outage of `shard` in the seven days from `week_start`.
    fn outage(&self, shard: u8, week_start: Timestamp) -> Option<f64> {
        let week_end = week_start.plus_days(7);
        let outages = self.outages.get(usize::from(shard))?;
        outages.iter().find(|(at, _)| (week_start..week_end).contains(at)).map(|&(_, severity)| severity)
    }
}

/// A price and a size, in force from a time on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Price {
    pub from: Timestamp,
    pub mrr: f64,
    pub n_seats: u32,
}

/// One contract term.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub start: Timestamp,
    pub end: Timestamp,
    /// `None` while the term is open at the end of the history.
    pub outcome: Option<Outcome>,
}

/// All that happened to an account, before anybody observed it.
#[derive(Debug)]
pub(crate) struct Life {
    pub profile: Profile,
    /// The state at the start of each week.
    pub states: Vec<State>,
    /// What happened in each week; one for each state.
    pub weeks: Vec<Week>,
    pub terms: Vec<Term>,
    /// In time order; the first is that of the first term.
    pub prices: Vec<Price>,
    pub ended_at: Option<Timestamp>,
    /// No fact of the account is later: its end, or that of the history.
    pub last: Timestamp,
}

impl Life {
    pub(crate) fn live(profile: Profile, world: &World, rng: &mut impl Rng) -> Self {
        let temper = profile.temper.clone();
        let started_at = profile.started_at;
        let term = |number: u32| Term {
            start: months_after(started_at, temper.term_months * number),
            end: months_after(started_at, temper.term_months * (number + 1)),
            outcome: None,
        };
        let mut state = State::first(&temper, rng);
        let mut terms = vec![term(0)];
        let mut price = Price { from: started_at, mrr: cents(profile.arr / 12.0), n_seats: profile.n_seats };
        let mut prices = vec![price];
        let mut states = vec![state.clone()];
        let mut weeks = vec![Week::default()];
        let mut number = 0;
        let mut ended_at = None;
        'life: loop {
            let next_week = started_at.plus_days(7 * i64::from(state.week + 1));
            while let Some(current) = terms.last_mut() {
                if current.end >= next_week || current.end > world.until {
                    break;
                }
                let outcome = state.draw_outcome(&temper, rng);
                current.outcome = Some(outcome);
                if outcome == Outcome::Churned {
                    ended_at = Some(current.end);
                    break 'life;
                }
                price = renewed_price(price, current.end, outcome, state.price_rise, rng);
                prices.push(price);
                state.price_rise = 0.0;
                number += 1;
                terms.push(term(number));
            }
            if next_week >= world.until {
                break;
            }
            let days_left = terms.last().map_or(0.0, |term| term.end.days_since(next_week));
            weeks.push(state.step(&temper, days_left, world.outage(profile.shard, next_week), rng));
            states.push(state.clone());
            if state.health[USAGE] > 0.8 && days_left > 45.0 && chance(rng, 0.012) {
                price = resized(price, next_week, between(rng, 1.05, 1.25));
                prices.push(price);
            }
        }
        Self { profile, states, weeks, terms, prices, last: ended_at.unwrap_or(world.until), ended_at }
    }

    /// The start of week number `week`.
    pub(crate) fn week_start(&self, week: u32) -> Timestamp {
        self.profile.started_at.plus_days(7 * i64::from(week))
    }

    /// The number of the week that `at` falls in.
    pub(crate) fn week_of(&self, at: Timestamp) -> u32 {
        whole(at.days_since(self.profile.started_at) / 7.0)
    }

    /// The state in the week of `at`; the last known one afterwards.
    pub(crate) fn state_at(&self, at: Timestamp) -> &State {
        let week = self.week_of(at) as usize;
        &self.states[week.min(self.states.len() - 1)]
    }

    /// The price in force at `at`.
    pub(crate) fn price_at(&self, at: Timestamp) -> Price {
        let later = self.prices.partition_point(|price| price.from <= at);
        self.prices[later.saturating_sub(1)]
    }

    /// Each week of the life: its number, start, state and happenings.
    pub(crate) fn each_week(&self) -> impl Iterator<Item = (u32, Timestamp, &State, &Week)> {
        self.states
            .iter()
            .zip(&self.weeks)
            .map(|(state, week)| (state.week, self.week_start(state.week), state, week))
    }
}

fn renewed_price(price: Price, from: Timestamp, outcome: Outcome, rise: f64, rng: &mut impl Rng) -> Price {
    match outcome {
        Outcome::Contracted => resized(price, from, between(rng, 0.6, 0.92)),
        Outcome::Expanded => {
            let grown = resized(price, from, between(rng, 1.08, 1.45));
            Price { mrr: cents(grown.mrr * (1.0 + rise)), ..grown }
        }
        Outcome::Renewed | Outcome::Churned => Price { from, mrr: cents(price.mrr * (1.0 + rise)), ..price },
    }
}

fn resized(price: Price, from: Timestamp, factor: f64) -> Price {
    let n_seats = whole((f64::from(price.n_seats) * factor).round()).max(1);
    Price { from, mrr: cents(price.mrr * factor), n_seats }
}
