//! The latent health of an account, week by week, and what it makes of a renewal.
//!
//! One Ornstein–Uhlenbeck process a dimension (discretised as AR(1) with weekly steps) around the account's
//! own level, plus shocks: people leave and are replaced, the service fails, prices rise, the success team
//! acts. The simulated past and the truth about the future both come from [`State::step`].

use holdfast_features::Dimension;
use rand::{Rng, RngExt};

use crate::draw::{between, chance, normal, sigmoid};
use crate::profile::Temper;

/// Positions of the dimensions in every array of four.
pub(crate) const USAGE: usize = 0;
pub(crate) const ENGAGEMENT: usize = 1;
pub(crate) const FINANCIAL: usize = 2;
pub(crate) const RELATIONSHIP: usize = 3;

/// Weekly memory: half of a deviation is gone after 18 weeks.
const PHI: f64 = 0.963;
/// Weekly noise: a stationary standard deviation of about 0.82 around the account's level.
const SIGMA: f64 = 0.22;
/// Outages of one shard a week: 0.9 a year.
pub(crate) const OUTAGE_RATE: f64 = 0.9 / 52.18;
/// Weeks between two decisions of the success team on an account.
const TOUCH_WEEKS: u32 = 8;
/// Days before the term's end at which a price rise is announced.
const PRICE_NOTICE_DAYS: f64 = 90.0;
/// Weeks over which a market changes.
const DRIFT_WEEKS: f64 = 26.0;
/// What health is worth in a changed market: money and people decide.
const CHANGED_WEIGHTS: [f64; 4] = [0.14, 0.14, 0.36, 0.36];
/// The steepness of churn in health.
const STEEPNESS: f64 = 2.6;

/// How a term ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Churned,
    Contracted,
    Renewed,
    Expanded,
}

/// A person in a role at the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// The customer never had one.
    Never,
    Held,
    Vacant,
}

/// What changed in a role during a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Left,
    Replaced,
}

/// A decision of the success team on an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assignment {
    pub dimension: Dimension,
    pub is_treatment: bool,
    /// The probability of the arm that was drawn.
    pub propensity: f64,
    pub is_delivered: bool,
}

/// What happened to an account in a week.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Week {
    pub champion: Option<Change>,
    pub sponsor: Option<Change>,
    /// Severity of an outage.
    pub outage: Option<f64>,
    pub assignment: Option<Assignment>,
    /// Announced for the coming renewal, as a share of the price.
    pub price_rise: Option<f64>,
}

/// Where an account stands.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub health: [f64; 4],
    pub champion: Seat,
    pub sponsor: Seat,
    /// The announced price rise of the coming renewal, as a share.
    pub price_rise: f64,
    /// Weeks since the first term began.
    pub week: u32,
}

impl State {
    pub(crate) fn first(temper: &Temper, rng: &mut impl Rng) -> Self {
        let mut health = temper.base;
        for level in &mut health {
            *level += 0.5 * normal(rng);
        }
        Self { health, champion: temper.champion, sponsor: temper.sponsor, price_rise: 0.0, week: 0 }
    }

    /// One week on. `days_left` counts from the new week's start to the end of the running term.
    pub(crate) fn step(
        &mut self,
        temper: &Temper,
        days_left: f64,
        outage: Option<f64>,
        rng: &mut impl Rng,
    ) -> Week {
        self.week += 1;
        let mut level = temper.base;
        if self.champion == Seat::Vacant {
            level[RELATIONSHIP] -= 0.5;
            level[USAGE] -= 0.3;
        }
        if self.sponsor == Seat::Vacant {
            level[RELATIONSHIP] -= 0.6;
        }
        for (health, level) in self.health.iter_mut().zip(level) {
            *health = level + PHI * (*health - level) + SIGMA * normal(rng);
        }
        let mut week = Week { outage, ..Week::default() };
        if let Some(severity) = outage {
            self.health[USAGE] -= 0.5 * temper.outage_sensitivity * severity;
            self.health[ENGAGEMENT] -= temper.outage_sensitivity * severity;
        }
        week.champion = turn_over(&mut self.champion, 0.0055, rng);
        match week.champion {
            Some(Change::Left) => {
                self.health[RELATIONSHIP] -= 0.9;
                self.health[USAGE] -= 0.3;
            }
            Some(Change::Replaced) => self.health[RELATIONSHIP] += 0.5,
            None => {}
        }
        week.sponsor = turn_over(&mut self.sponsor, 0.004, rng);
        match week.sponsor {
            Some(Change::Left) => self.health[RELATIONSHIP] -= 1.0,
            Some(Change::Replaced) => self.health[RELATIONSHIP] += 0.5,
            None => {}
        }
        let is_notice_week = (PRICE_NOTICE_DAYS - 7.0..PRICE_NOTICE_DAYS).contains(&days_left);
        if temper.term_months >= 6 && is_notice_week && chance(rng, 0.3) {
            self.price_rise = between(rng, 0.03, 0.15);
            week.price_rise = Some(self.price_rise);
        }
        if self.week >= TOUCH_WEEKS && self.week % TOUCH_WEEKS == temper.touch_week {
            week.assignment = Some(self.assign(temper, rng));
        }
        week
    }

    /// The success team sees health through noise, calls on those who look ill, and mends what looks worst;
    /// in the randomised slice a coin decides.
    fn assign(&mut self, temper: &Temper, rng: &mut impl Rng) -> Assignment {
        let policy = temper.process.policy;
        let seen = self.health.map(|health| health + policy.noise * normal(rng));
        let worst = (0..4).fold(0, |worst, i| if seen[i] < seen[worst] { i } else { worst });
        let mean = seen.iter().sum::<f64>() / 4.0;
        let chance_to_treat = if temper.is_randomised {
            0.5
        } else {
            sigmoid(policy.intercept + policy.slope * mean).clamp(0.02, 0.9)
        };
        let is_treatment = chance(rng, chance_to_treat);
        let is_delivered = is_treatment && chance(rng, 0.85);
        if is_delivered {
            self.health[worst] += self.effect(temper);
        }
        Assignment {
            dimension: Dimension::ALL[worst],
            is_treatment,
            propensity: if is_treatment { chance_to_treat } else { 1.0 - chance_to_treat },
            is_delivered,
        }
    }

    /// Lost causes stay lost, sleeping dogs wake, the others gain.
    fn effect(&self, temper: &Temper) -> f64 {
        if temper.is_sleeping_dog {
            temper.process.sleeping_effect
        } else if self.score(temper) < -1.3 {
            0.0
        } else {
            0.55
        }
    }

    /// Health in one number: in the first year use and support count most, later money and people too, and
    /// one very ill dimension weighs by itself.
    fn score(&self, temper: &Temper) -> f64 {
        let weights = if self.week < 52 { [0.42, 0.30, 0.10, 0.18] } else { [0.30, 0.20, 0.22, 0.28] };
        let drifted = self.drifted(temper);
        let weights =
            std::array::from_fn::<f64, 4, _>(|i| weights[i] + drifted * (CHANGED_WEIGHTS[i] - weights[i]));
        let mean: f64 = self.health.iter().zip(weights).map(|(health, weight)| health * weight).sum();
        let worst = self.health.iter().copied().fold(f64::INFINITY, f64::min);
        let silent = if temper.is_api_only { 0.1 } else { 0.0 };
        mean + silent - 0.35 * (-1.0 - worst).max(0.0)
    }

    /// How far the market has changed, 0 to 1.
    fn drifted(&self, temper: &Temper) -> f64 {
        ((f64::from(self.week) - temper.drift_week) / DRIFT_WEEKS).clamp(0.0, 1.0)
    }

    /// Probabilities of churned, contracted, renewed, expanded for a term that ends now: a logit with four
    /// outcomes.
    pub(crate) fn outcome_probabilities(&self, temper: &Temper) -> [f64; 4] {
        let score = self.score(temper);
        // Shorter terms decide more often, so that about as many churn in a year.
        let term = match temper.term_months {
            1 => -2.75,
            3 => -1.55,
            6 => -0.85,
            _ => 0.0,
        };
        let price = temper.price_sensitivity * self.price_rise * 10.0;
        let process = &temper.process;
        let shift =
            process.churn_shift + process.drift.map_or(0.0, |drift| drift.churn * self.drifted(temper));
        let utilities = [
            -2.5 + shift + term - STEEPNESS * score + price,
            -2.3 + 0.3 * term - 0.7 * score,
            0.0,
            -1.6 + 0.3 * term + 0.8 * score + 0.3 * self.health[USAGE],
        ];
        let exponentials = utilities.map(f64::exp);
        let total: f64 = exponentials.iter().sum();
        let shares = exponentials.map(|value| value / total);
        match process.constant_churn {
            Some(churned) => {
                let kept = (1.0 - churned) / (1.0 - shares[0]);
                [churned, shares[1] * kept, shares[2] * kept, shares[3] * kept]
            }
            None => shares,
        }
    }

    pub(crate) fn churn_probability(&self, temper: &Temper) -> f64 {
        self.outcome_probabilities(temper)[0]
    }

    pub(crate) fn draw_outcome(&self, temper: &Temper, rng: &mut impl Rng) -> Outcome {
        let [churned, contracted, renewed, _] = self.outcome_probabilities(temper);
        let draw: f64 = rng.random();
        if draw < churned {
            Outcome::Churned
        } else if draw < churned + contracted {
            Outcome::Contracted
        } else if draw < churned + contracted + renewed {
            Outcome::Renewed
        } else {
            Outcome::Expanded
        }
    }
}

fn turn_over(seat: &mut Seat, leaves_a_week: f64, rng: &mut impl Rng) -> Option<Change> {
    match seat {
        Seat::Held if chance(rng, leaves_a_week) => {
            *seat = Seat::Vacant;
            Some(Change::Left)
        }
        Seat::Vacant if chance(rng, 0.09) => {
            *seat = Seat::Held;
            Some(Change::Replaced)
        }
        _ => None,
    }
}

/// The outage of a week that nobody knows yet.
pub(crate) fn future_outage(rng: &mut impl Rng) -> Option<f64> {
    chance(rng, 1.0 - (-OUTAGE_RATE).exp()).then(|| draw_severity(rng))
}

pub(crate) fn draw_severity(rng: &mut impl Rng) -> f64 {
    between(rng, 0.5, 1.5)
}
