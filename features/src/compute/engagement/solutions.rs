//! How tickets were solved: how often again, how fast, how well received. Told from their solution on.

use std::ops::Range;

use super::support::{Tickets, ticket};
use crate::compute::declared::Declared;
use crate::compute::window::{mean, median, number, ratio, slope};
use crate::history::Ticket;
use crate::spec::Direction::{LowersRisk, RaisesRisk};
use crate::time::Timestamp;

pub(super) const SOLUTIONS: &[Declared] = &[
    ticket(
        "reopens_180d",
        "times",
        RaisesRisk,
        "How often the tickets solved in the last 180 days were reopened, in all; missing where none tells.",
        |t| {
            let reopens: Vec<f64> = t.solved(0..180).filter_map(|one| one.reopens).collect();
            if reopens.is_empty() { f64::NAN } else { reopens.iter().sum() }
        },
    ),
    ticket(
        "reply_ratio_90d",
        "ratio",
        RaisesRisk,
        "Median minutes to the first reply of tickets solved in the last 90 days, over those of the 90 before.",
        |t| ratio(t.reply_minutes(0..90), t.reply_minutes(90..180)),
    ),
    ticket(
        "resolution_ratio_90d",
        "ratio",
        RaisesRisk,
        "Median hours to solution of tickets solved in the last 90 days, over those of the 90 before.",
        |t| ratio(t.resolution_hours(0..90), t.resolution_hours(90..180)),
    ),
    ticket(
        "resolution_hours_worst_90d",
        "hours",
        RaisesRisk,
        "Most hours from opening to solution of a ticket solved in the last 90 days.",
        |t| t.hours(0..90).reduce(f64::max).unwrap_or(f64::NAN),
    ),
    ticket(
        "ticket_satisfaction_change_90d",
        "score",
        LowersRisk,
        "Mean satisfaction with tickets solved in the last 90 days less that of the 90 before.",
        |t| t.satisfaction(0..90) - t.satisfaction(90..180),
    ),
    ticket(
        "ticket_satisfaction_trend",
        "score",
        LowersRisk,
        "Linear trend of the satisfaction with the last four tickets rated, from one to the next; missing below 3.",
        |t| t.satisfaction_trend(),
    ),
    ticket(
        "ticket_satisfaction_lowest_180d",
        "score",
        LowersRisk,
        "Lowest satisfaction with a ticket solved in the last 180 days.",
        |t| t.solved(0..180).filter_map(|one| one.satisfaction_score).reduce(f64::min).unwrap_or(f64::NAN),
    ),
    ticket(
        "ticket_sentiment_change_90d",
        "score",
        LowersRisk,
        "Mean sentiment of tickets solved in the last 90 days less that of the 90 before.",
        |t| t.tone(0..90) - t.tone(90..180),
    ),
];

impl Tickets<'_> {
    fn reply_minutes(&self, days: Range<i64>) -> f64 {
        median(self.solved(days).filter_map(|one| one.reply_time_minutes))
    }

    fn hours(&self, days: Range<i64>) -> impl Iterator<Item = f64> {
        self.solved(days).filter_map(|one| Some(one.solved_at?.days_since(one.created_at) * 24.0))
    }

    fn resolution_hours(&self, days: Range<i64>) -> f64 {
        median(self.hours(days))
    }

    fn satisfaction(&self, days: Range<i64>) -> f64 {
        mean(self.solved(days).filter_map(|one| one.satisfaction_score))
    }

    fn tone(&self, days: Range<i64>) -> f64 {
        mean(self.solved(days).filter_map(|one| one.sentiment))
    }

    fn satisfaction_trend(&self) -> f64 {
        let as_of = self.as_of;
        let rated = |one: &Ticket| Some((one.solved_at.filter(|&at| at < as_of)?, one.satisfaction_score?));
        let mut rated: Vec<(Timestamp, f64)> = self.visible.iter().filter_map(rated).collect();
        rated.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let from = rated.len().saturating_sub(4);
        let points: Vec<(f64, f64)> =
            rated[from..].iter().enumerate().map(|(place, (_, score))| (number(place), *score)).collect();
        slope(&points)
    }
}
