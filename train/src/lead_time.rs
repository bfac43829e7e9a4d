//! How far ahead an alert stands, with time for a fixed share of accounts.
//!
//! At each scoring the riskiest accounts, as many as the budget has time for, are flagged. An alert is sustained once two
//! successive scorings flag a renewal; the second of them is when it is known to be, and its distance to the term's end is
//! the lead time. A churner without a sustained alert has none. A threshold of h days is held against those churners alone
//! whose second scoring was at least h days ahead: for the others nothing could have been known in time.

use serde::{Deserialize, Serialize};

/// Days ahead that are asked about.
pub const THRESHOLDS: [u32; 5] = [30, 45, 60, 90, 180];

/// One scoring of one renewal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The number of the renewal.
    pub renewal: usize,
    /// The number of the scoring, in time order.
    pub scoring: usize,
    /// Days to the end of the term, > 0.
    pub days_left: f64,
}

/// What came of alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadTime {
    /// For each of [`THRESHOLDS`], the share of churners with a sustained alert at least as many days ahead.
    pub caught: Vec<Caught>,
    /// Median lead time of all churners in days, 0 for those never caught; `None` without a churner.
    pub median_days: Option<f64>,
    /// The share of the decided renewals ever flagged that churned: the precision at the first flag. `None` where nothing
    /// was flagged.
    pub precision_at_first: Option<f64>,
    /// Of the pairs of successive scorings of a renewal of which one at least is flagged, the share in which the other is
    /// not. `None` without such a pair.
    pub flip_flop: Option<f64>,
    /// The share of scorings of decided renewals whose flag is what became of them.
    pub accuracy: Option<f64>,
}

/// The churners caught in time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Caught {
    /// At least so many days ahead.
    pub days: u32,
    /// Churners who were scored twice by then.
    pub in_reach: usize,
    /// The share of them with a sustained alert by then; `None` of nobody.
    pub share: Option<f64>,
}

/// What `scores` (one a row, riskier is higher; NaN is never flagged) would have raised with time for `budget` of the
/// accounts (0 to 1, at least one account) at each scoring. `churned` has an entry a renewal, `None` while it is open.
/// Rows are ordered by scoring; ties keep their order, which must tell nothing of outcomes.
#[must_use]
pub fn lead_time(rows: &[Scored], scores: &[f64], churned: &[Option<bool>], budget: f64) -> LeadTime {
    let flagged = flags(rows, scores, budget);
    let mut by_renewal: Vec<Vec<(f64, bool)>> = vec![Vec::new(); churned.len()];
    for (row, &flag) in rows.iter().zip(&flagged) {
        by_renewal[row.renewal].push((row.days_left, flag));
    }
    let mut leads: Vec<(f64, f64)> = Vec::new();
    let (mut first, mut first_churned) = (0, 0);
    let (mut alerts, mut changes) = (0, 0);
    let (mut right, mut decided) = (0, 0);
    for (scorings, churned) in by_renewal.iter().zip(churned) {
        for pair in scorings.windows(2) {
            alerts += usize::from(pair[0].1 || pair[1].1);
            changes += usize::from(pair[0].1 != pair[1].1);
        }
        let Some(churned) = *churned else { continue };
        decided += scorings.len();
        right += scorings.iter().filter(|(_, flag)| *flag == churned).count();
        if scorings.iter().any(|(_, flag)| *flag) {
            first += 1;
            first_churned += usize::from(churned);
        }
        if churned && !scorings.is_empty() {
            let sustained = scorings.windows(2).find(|pair| pair[0].1 && pair[1].1).map(|pair| pair[1].0);
            let reach = scorings.get(1).map_or(0.0, |second| second.0);
            leads.push((sustained.unwrap_or(0.0), reach));
        }
    }
    let caught = THRESHOLDS.map(|days| {
        let wanted = f64::from(days);
        let reached: Vec<f64> =
            leads.iter().filter(|(_, reach)| *reach >= wanted).map(|(lead, _)| *lead).collect();
        let n_caught = reached.iter().filter(|&&lead| lead >= wanted).count();
        Caught { days, in_reach: reached.len(), share: ratio(n_caught, reached.len()) }
    });
    LeadTime {
        caught: caught.to_vec(),
        median_days: median(leads.into_iter().map(|(lead, _)| lead).collect()),
        precision_at_first: ratio(first_churned, first),
        flip_flop: ratio(changes, alerts),
        accuracy: ratio(right, decided),
    }
}

/// Which rows are among the riskiest of their scoring.
fn flags(rows: &[Scored], scores: &[f64], budget: f64) -> Vec<bool> {
    let mut flagged = vec![false; rows.len()];
    let mut start = 0;
    for scoring in rows.chunk_by(|a, b| a.scoring == b.scoring) {
        let end = start + scoring.len();
        let mut order: Vec<usize> = (start..end).filter(|&row| !scores[row].is_nan()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        for &row in order.iter().take(within(budget, scoring.len())) {
            flagged[row] = true;
        }
        start = end;
    }
    flagged
}

/// How many of `n` accounts a budget has time for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a count of accounts"
)]
fn within(budget: f64, n: usize) -> usize {
    ((budget * n as f64).round() as usize).max(1)
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| crate::columns::share(part, whole))
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], upper) } else { upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(scorings: &[&[(usize, f64)]]) -> Vec<Scored> {
        let of = |(scoring, rows): (usize, &&[(usize, f64)])| {
            rows.iter()
                .map(move |&(renewal, days_left)| Scored { renewal, scoring, days_left })
                .collect::<Vec<_>>()
        };
        scorings.iter().enumerate().flat_map(of).collect()
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }

    /// By hand: four renewals at three scorings, time for one. The first churns and is flagged at all three; the second
    /// churns and never is.
    #[test]
    fn a_churner_who_is_never_flagged_counts_as_nought() {
        let days = [(0, 120.0), (1, 120.0), (2, 120.0), (3, 120.0)];
        let then = |less: f64| days.map(|(renewal, days)| (renewal, days - less));
        let rows = rows(&[&days, &then(30.0), &then(60.0)]);
        let scores: Vec<f64> = [0.9, 0.1, 0.2, 0.3].repeat(3);
        let churned = [Some(true), Some(true), Some(false), None];
        let found = lead_time(&rows, &scores, &churned, 0.25);
        // The first is known to be sustained at the second scoring, 90 days ahead.
        assert_eq!(found.median_days, Some(45.0));
        let shares: Vec<_> = found.caught.iter().map(|caught| (caught.in_reach, caught.share)).collect();
        assert_eq!(shares, [(2, Some(0.5)), (2, Some(0.5)), (2, Some(0.5)), (2, Some(0.5)), (0, None)]);
        assert_eq!((found.precision_at_first, found.flip_flop), (Some(1.0), Some(0.0)));
        // Nine scorings of decided renewals: three of the first and three of the third are right.
        assert_eq!(found.accuracy, Some(6.0 / 9.0));
    }

    #[test]
    fn one_flag_alone_is_no_alert_and_a_missing_score_is_never_flagged() {
        let rows = rows(&[&[(0, 90.0), (1, 90.0)], &[(0, 60.0), (1, 60.0)], &[(0, 30.0), (1, 30.0)]]);
        let churned = [Some(true), Some(false)];
        let found = lead_time(&rows, &[0.9, 0.1, 0.1, 0.9, 0.9, 0.1], &churned, 0.5);
        assert_eq!((found.median_days, found.flip_flop), (Some(0.0), Some(1.0)));
        assert_eq!(found.precision_at_first, Some(0.5));
        let silent = lead_time(&rows, &[f64::NAN; 6], &churned, 0.5);
        assert_eq!((silent.precision_at_first, silent.flip_flop), (None, None));
        assert_eq!(silent.accuracy, Some(0.5));
    }

    /// Oracle: `benches/peers/lead_time_oracle.py`, the definitions written down a second time, on 120 renewals at 8
    /// scorings drawn by the generator of `evaluate/fixture.rs`.
    #[test]
    fn figures_are_those_of_the_definitions_written_twice() {
        let mut state = 7_u64;
        let mut draw = || {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            f64::from(u32::try_from(state).unwrap()) / f64::from(1_u32 << 31)
        };
        let n_renewals = 120;
        let mut ends = Vec::new();
        let mut churned = Vec::new();
        let mut risks = Vec::new();
        for _ in 0..n_renewals {
            ends.push((40.0 + 300.0 * draw()).floor());
            let risk = draw();
            risks.push(risk);
            churned.push(Some(draw() < risk * risk));
        }
        let (mut rows, mut scores) = (Vec::new(), Vec::new());
        for scoring in 0..8_u8 {
            for renewal in 0..n_renewals {
                let days_left = ends[renewal] - 30.0 * f64::from(scoring);
                if days_left > 0.0 {
                    rows.push(Scored { renewal, scoring: scoring.into(), days_left });
                    scores.push(((risks[renewal] + 0.5 * draw()) * 20.0).floor());
                }
            }
        }
        let found = lead_time(&rows, &scores, &churned, 0.1);
        let close = |found: Option<f64>, expected: f64| {
            assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} is not {expected}");
        };
        for (caught, (in_reach, share)) in found.caught.iter().zip(ORACLE_CAUGHT) {
            assert_eq!(caught.in_reach, in_reach, "{caught:?}");
            close(caught.share, share);
        }
        close(found.median_days, ORACLE[0]);
        close(found.precision_at_first, ORACLE[1]);
        close(found.flip_flop, ORACLE[2]);
        close(found.accuracy, ORACLE[3]);
    }

    const ORACLE_CAUGHT: [(usize, f64); 5] = [
        (36, 0.277_777_777_777_777_8),
        (34, 0.264_705_882_352_941_2),
        (31, 0.258_064_516_129_032_25),
        (29, 0.275_862_068_965_517_24),
        (12, 0.25),
    ];
    const ORACLE: [f64; 4] = [0.0, 0.84, 0.741_935_483_870_967_7, 0.731_601_731_601_731_6];
}
