//! The later block scored again every month, as a team would see it: whom the model and the rules would have flagged, and
//! how long before the end of the term.

use std::collections::BTreeMap;

use holdfast_actions::Policy;
use holdfast_actions::standing::{benchmarks, overall_health};
use holdfast_features::history::Outcome;
use holdfast_features::snapshot::{self, Framing, Snapshot};
use holdfast_features::{Column, FeatureSpec, FeatureTable, Timestamp};
use holdfast_models::probability::sigmoid;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::config::Config;
use crate::history::{HistorySource, Observed};
use crate::judgement::LAST_USE;
use crate::lead_time::{LeadTime, Scored, lead_time};
use crate::learning::calibrated;
use crate::procedure::Learnt;
use crate::progress::Progress;
use crate::rows::{HistoryRows, Roles};
use crate::split::{hash, hashed_folds};

/// Days between two scorings.
const EVERY_DAYS: i64 = 30;
/// Accounts that are followed at most, drawn by a hash of their id: shares of more would say the same, at the price of
/// computing the features of every account once a month.
const MOST_ACCOUNTS: usize = 5_000;

/// How far ahead the model and the rules warn, on the same renewals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadTimes {
    /// The share of accounts that the team has time for at each scoring.
    pub budget: f64,
    /// Days between two scorings.
    pub every_days: i64,
    /// The first and the last scoring.
    pub first: Timestamp,
    /// The last scoring.
    pub last: Timestamp,
    /// Number of scorings.
    pub scorings: usize,
    /// Renewals scored at least once and decided since.
    pub renewals: usize,
    /// Those of them that churned.
    pub churned: usize,
    /// How often "it renews", said of everybody at every scoring, is right.
    pub nobody_accuracy: f64,
    /// The model first, then the rules.
    pub rankings: Vec<Ranking>,
}

/// One way to rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Its name.
    pub name: String,
    /// What came of its alerts.
    pub lead: LeadTime,
}

/// Every scoring of the later block, with scores.
#[derive(Debug, Clone)]
pub struct Scorings {
    /// The rows, by scoring and account.
    pub rows: Vec<Scored>,
    /// The account and time of each row.
    pub observed: Vec<(String, Timestamp)>,
    /// What became of each renewal.
    pub churned: Vec<Option<bool>>,
    /// Names and scores (one a row; riskier is higher, NaN where there is none).
    pub scores: Vec<(String, Vec<f64>)>,
    budget: f64,
}

impl Scorings {
    /// Scores the renewals in force every 30 days from the test block's start to the history's end, each by the
    /// model of the account fold that it was left out of. `None` where nobody with a term is in force.
    ///
    /// # Errors
    /// Features that this history cannot give.
    pub fn new(
        source: &HistorySource,
        rows: &HistoryRows,
        roles: &Roles,
        learnt: &Learnt,
        specs: &[FeatureSpec],
        config: &Config,
        progress: &Progress,
    ) -> Result<Option<Self>, TrainError> {
        let training = &config.training;
        let dates: Vec<Timestamp> = (0..)
            .map(|step| roles.block.start.plus_days(step * EVERY_DAYS))
            .take_while(|&date| date <= source.until)
            .collect();
        let share = sampled_share(source.history.accounts.len());
        let mut snapshots: Vec<Snapshot> = Vec::new();
        for &date in &dates {
            let open = snapshot::open(&source.history, date, &config.snapshots).into_iter();
            snapshots.extend(open.filter(|snapshot| {
                let is_asked = snapshot.framing == Framing::Term && snapshot.horizon_days > 0;
                is_asked && hash(&snapshot.account_id, training.seed) <= share
            }));
        }
        if snapshots.is_empty() {
            return Ok(None);
        }
        let Observed { snapshots, table } = source.observe(snapshots, specs, progress)?;
        let (scored, churned) = renewals(source, config, &snapshots, &dates);
        let names: Vec<&str> = snapshots.iter().map(|snapshot| &*snapshot.group).collect();
        let folds = hashed_folds(&names, training.folds, training.seed);
        let scores = vec![
            ("this model".to_owned(), by_model(learnt, roles, &table, &folds)),
            ("health score, given weights".to_owned(), by_health(&config.decisions, rows, roles, &table)?),
            ("days since last use".to_owned(), last_use(&table)),
        ];
        let observed =
            snapshots.iter().map(|snapshot| (snapshot.account_id.to_string(), snapshot.as_of)).collect();
        Ok(Some(Self { rows: scored, observed, churned, scores, budget: training.capacity }))
    }

    /// The figures; `None` where no scored renewal churned.
    #[must_use]
    pub fn judge(&self) -> Option<LeadTimes> {
        let scored: BTreeMap<usize, usize> = self.rows.iter().fold(BTreeMap::new(), |mut scored, row| {
            *scored.entry(row.renewal).or_default() += 1;
            scored
        });
        let decided: Vec<(bool, usize)> = scored
            .iter()
            .filter_map(|(&renewal, &times)| self.churned[renewal].map(|churned| (churned, times)))
            .collect();
        let churned = decided.iter().filter(|(churned, _)| *churned).count();
        if churned == 0 {
            return None;
        }
        let all: usize = decided.iter().map(|(_, times)| times).sum();
        let kept: usize = decided.iter().filter(|(churned, _)| !churned).map(|(_, times)| times).sum();
        let ranking = |(name, scores): &(String, Vec<f64>)| {
            let lead = lead_time(&self.rows, scores, &self.churned, self.budget);
            // A ranking without a single score says nothing.
            scores.iter().any(|score| !score.is_nan()).then(|| Ranking { name: name.clone(), lead })
        };
        let dates = self.observed.iter().map(|(_, as_of)| *as_of);
        Some(LeadTimes {
            budget: self.budget,
            every_days: EVERY_DAYS,
            first: dates.clone().min()?,
            last: dates.max()?,
            scorings: self.rows.last().map_or(0, |row| row.scoring + 1),
            renewals: decided.len(),
            churned,
            nobody_accuracy: crate::columns::share(kept, all),
            rankings: self.scores.iter().filter_map(ranking).collect(),
        })
    }
}

/// The largest hash of an account that is followed.
fn sampled_share(n_accounts: usize) -> u64 {
    if n_accounts <= MOST_ACCOUNTS {
        return u64::MAX;
    }
    let (most, all) = (MOST_ACCOUNTS as u64, n_accounts as u64);
    u64::MAX / all * most
}

/// The rows with their renewals numbered, and what became of each.
fn renewals(
    source: &HistorySource,
    config: &Config,
    snapshots: &[Snapshot],
    dates: &[Timestamp],
) -> (Vec<Scored>, Vec<Option<bool>>) {
    let mut numbers: BTreeMap<(usize, Option<Timestamp>), usize> = BTreeMap::new();
    let mut churned = Vec::new();
    let mut rows = Vec::with_capacity(snapshots.len());
    for snapshot in snapshots {
        let renewal = *numbers.entry((snapshot.account, snapshot.term_end)).or_insert_with(|| {
            let facts = &source.history.accounts[snapshot.account];
            let terms = snapshot::terms(facts, &config.snapshots, source.until);
            let own = terms.iter().find(|term| Some(term.end) == snapshot.term_end);
            churned.push(own.and_then(|term| term.outcome).map(|outcome| outcome == Outcome::Churned));
            churned.len() - 1
        });
        let days_left = snapshot.term_end.map_or(0.0, |end| end.days_since(snapshot.as_of));
        let scoring = dates.partition_point(|&date| date < snapshot.as_of);
        rows.push(Scored { renewal, scoring, days_left });
    }
    (rows, churned)
}

/// Each row by the judged model that never saw its account; NaN where there is none.
fn by_model(learnt: &Learnt, roles: &Roles, table: &FeatureTable, folds: &[usize]) -> Vec<f64> {
    let tested = &learnt.tested;
    let mut scores = vec![f64::NAN; folds.len()];
    for (split, (classifier, calibration)) in tested.splits.iter().zip(&tested.models) {
        let Some(fold) = split.validate.first().map(|&row| roles.folds[row]) else { continue };
        let rows: Vec<usize> = (0..folds.len()).filter(|&row| folds[row] == fold).collect();
        let logits = calibrated(table, calibration, &rows, &classifier.margins(table, &rows));
        for (&row, logit) in rows.iter().zip(logits) {
            scores[row] = sigmoid(logit);
        }
    }
    scores
}

/// The lower the health against the development rows, the riskier.
fn by_health(
    policy: &Policy,
    rows: &HistoryRows,
    roles: &Roles,
    table: &FeatureTable,
) -> Result<Vec<f64>, TrainError> {
    let development = benchmarks(policy, &rows.data.table, &roles.block.development)?;
    Ok(overall_health(policy, &development, table).into_iter().map(|health| -health).collect())
}

fn last_use(table: &FeatureTable) -> Vec<f64> {
    match table.column(LAST_USE) {
        Some(Column::Number(days)) => days.clone(),
        _ => vec![f64::NAN; table.n_rows()],
    }
}
