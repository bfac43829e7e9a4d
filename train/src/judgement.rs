//! What the report says of a training run on a history: data, protocol, rules to beat, segments.

use std::collections::BTreeSet;

use holdfast_actions::Policy;
use holdfast_features::snapshot::{self, Framing};
use holdfast_features::{Column, FeatureTable, Timestamp};

use crate::TrainError;
use crate::baseline::{Rule, base_rate, single_number};
use crate::columns::{count, share};
use crate::config::Config;
use crate::evaluate::term_distance;
use crate::groups::feature_groups;
use crate::history::HistorySource;
use crate::learning::LearningRows;
use crate::procedure::{Learnt, Tested};
use crate::publish;
use crate::report::{Block, DataSummary, Protocol, Seed, TableSummary};
use crate::rows::{HistoryRows, NamedFolds, Roles, SelectionPlan};
use crate::split::{Split, n_positives};
use crate::summary::{Context, by_fold, mean_auc};
use holdfast_actions::standing::{benchmarks, overall_health};

/// What both protocols do with boosting rounds.
const GROWN_ROUNDS: &str = "Boosting rounds are chosen with the training rows of one split; a fit on more rows takes as \
    many times more of them, up to half as many again.";

/// The feature of the simplest rule.
pub(crate) const LAST_USE: &str = "days_since_last_use";

/// How many terms are decided and open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renewals {
    /// Terms whose outcome is known.
    pub decided: usize,
    /// Those of them that churned.
    pub churned: usize,
    /// Terms whose outcome is not known yet.
    pub open: usize,
}

/// Counts the terms of all accounts.
#[must_use]
pub fn renewals(source: &HistorySource, config: &Config) -> Renewals {
    let mut renewals = Renewals::default();
    for facts in &source.history.accounts {
        for term in snapshot::terms(facts, &config.snapshots, source.until) {
            match term.outcome {
                Some(outcome) => {
                    renewals.decided += 1;
                    renewals.churned += usize::from(outcome == holdfast_features::history::Outcome::Churned);
                }
                None => renewals.open += 1,
            }
        }
    }
    renewals
}

/// Which rows judged, and how.
#[derive(Debug, Clone)]
pub enum Judged {
    /// The later block.
    LaterBlock(Roles),
    /// Every row that a file names, out of its fold.
    Folds {
        /// The folds.
        named: NamedFolds,
        /// The file's name.
        source: String,
    },
}

/// What the report adds to what was learnt.
///
/// # Errors
/// Rules that cannot be fitted for another reason than that their number says nothing.
pub fn context(
    source: &HistorySource,
    rows: &HistoryRows,
    judged: &Judged,
    learnt: &Learnt,
    config: &Config,
) -> Result<Context, TrainError> {
    let renewals = renewals(source, config);
    let terms = rows.snapshots.iter().filter(|snapshot| snapshot.framing == Framing::Term).count();
    let outcome = if terms * 2 > rows.snapshots.len() {
        "did not renew".to_owned()
    } else {
        format!("cancelled within {} days", config.snapshots.horizon_days)
    };
    let warnings = match judged {
        Judged::LaterBlock(roles) => few_churned(rows, roles),
        Judged::Folds { named, .. } => parted(named),
    };
    let learnt_from = match judged {
        Judged::LaterBlock(roles) => &roles.block.development,
        Judged::Folds { named, .. } => &named.rows,
    };
    let (rules, mut notes) = rules(rows, learnt_from, learnt, &config.decisions, config.training.seed)?;
    if let Judged::Folds { named, .. } = judged
        && named.n_open > 0
    {
        notes.push(format!(
            "{} rows of the folds file have no label yet and are left out.",
            count(named.n_open)
        ));
    }
    let mut segments = segments(&rows.data.table, &learnt.tested.rows);
    if let Judged::Folds { .. } = judged {
        segments.push(fold_segment(&learnt.tested));
    }
    Ok(Context {
        title: format!("Renewal risk: {}", source.name),
        outcome,
        subjects: "accounts".to_owned(),
        data: data_summary(source, rows, &judged.taking_part(rows), renewals),
        protocol: match judged {
            Judged::LaterBlock(roles) => protocol(rows, roles, learnt, config),
            Judged::Folds { named, source } => folds_protocol(rows, named, source, learnt, config),
        },
        rules,
        segments,
        notes,
        warnings,
    })
}

impl Judged {
    /// The rows that are learnt from or judged, ascending: all, or those that the file names.
    #[must_use]
    pub fn taking_part(&self, rows: &HistoryRows) -> Vec<usize> {
        match self {
            Self::LaterBlock(_) => (0..rows.data.labels.len()).collect(),
            Self::Folds { named, .. } => named.rows.clone(),
        }
    }
}

fn data_summary(
    source: &HistorySource,
    rows: &HistoryRows,
    taking_part: &[usize],
    renewals: Renewals,
) -> DataSummary {
    let tables = source.history.tables.iter();
    DataSummary {
        first: tables.clone().filter_map(|table| table.first).min(),
        last: Some(source.until),
        tables: tables
            .map(|table| TableSummary {
                name: table.table.to_owned(),
                rows: table.n_rows,
                set_aside: table.n_rejected,
                first: table.first,
                last: table.last,
            })
            .collect(),
        accounts: source.history.accounts.len(),
        snapshots: taking_part.len(),
        decided: renewals.decided,
        open: renewals.open,
        base_rate: rows.base_rates(taking_part).all,
        feature_groups: feature_groups(&source.history, rows.data.table.specs()),
    }
}

/// A warning where the learner was chosen without regard to time.
fn few_churned(rows: &HistoryRows, roles: &Roles) -> Vec<String> {
    if roles.plan != SelectionPlan::AccountFolds {
        return Vec::new();
    }
    vec![format!(
        "Too few churned rows ({} in the development block) for rolling origins: the learner was chosen by \
         account folds alone, whose training rows may be later than the rows judged. The test block is not \
         touched by this.",
        n_positives(&rows.data.labels, &roles.block.development)
    )]
}

/// A warning where the given folds tell a row's account to those that judge it.
fn parted(named: &NamedFolds) -> Vec<String> {
    if named.n_parted == 0 {
        return Vec::new();
    }
    vec![format!(
        "{} accounts, or accounts with their parent, have rows in several folds: they were learnt from and judged at \
         once, so that the figures are too good.",
        count(named.n_parted)
    )]
}

/// What the report says of the rows `part`.
fn part(rows: &HistoryRows, name: &str, part: &[usize]) -> Block {
    Block {
        name: name.to_owned(),
        first: part.iter().map(|&row| rows.times[row].as_of).min(),
        last: part.iter().map(|&row| rows.times[row].as_of).max(),
        rows: part.len(),
        accounts: part.iter().map(|&row| rows.data.groups[row]).collect::<BTreeSet<_>>().len(),
        positives: n_positives(&rows.data.labels, part),
    }
}

fn folds_protocol(
    rows: &HistoryRows,
    named: &NamedFolds,
    source: &str,
    learnt: &Learnt,
    config: &Config,
) -> Protocol {
    let mean_auc = mean_auc(&by_fold(&rows.data, &learnt.tested));
    let mut lines = nested_lines(learnt, &format!("of {source}"), mean_auc);
    lines.push(
        "Folds disregard time: a row may be judged by what was learnt from later rows of other accounts. Without \
         --folds, later rows judge."
            .to_owned(),
    );
    Protocol {
        lines,
        blocks: vec![part(rows, "all rows, out of fold", &named.rows)],
        folds: learnt.tested.splits.len(),
        purge_days: None,
        seeds: vec![Seed { of: "folds, learners, bootstrap".to_owned(), value: config.training.seed }],
    }
}

/// The protocol of outer folds in sentences; `folds` says where they come from.
#[must_use]
pub fn nested_lines(learnt: &Learnt, folds: &str, mean_auc: Option<f64>) -> Vec<String> {
    let n_folds = learnt.tested.splits.len();
    let mut lines = vec![
        format!(
            "Outer folds: {n_folds}, {folds}. Each row is judged once, by a procedure that never saw its fold."
        ),
        "Inside each training part, folds of its own (a third of the rows where it is large) choose the learner, its \
         boosting rounds and the calibration; nothing is chosen, encoded or calibrated with a row that is then judged."
            .to_owned(),
        format!(
            "Chosen in the outer folds: {}.",
            learnt.tested.winners.iter().map(|winner| winner.describe()).collect::<Vec<_>>().join("; ")
        ),
        "The published model is chosen once more over all folds, calibrated on out-of-fold margins of all rows and \
         fitted on all rows; the figures belong to the procedure, the table of learners to the published model."
            .to_owned(),
        GROWN_ROUNDS.to_owned(),
    ];
    if let Some(mean) = mean_auc {
        lines.push(format!("Mean AUC over the {n_folds} folds: {mean:.4}."));
    }
    lines
}

/// The outer fold of each judged row, to show the figures by.
#[must_use]
pub fn fold_segment(tested: &Tested) -> (String, Vec<String>) {
    let of_split = |(fold, split): (usize, &Split)| vec![(fold + 1).to_string(); split.validate.len()];
    ("fold".to_owned(), tested.splits.iter().enumerate().flat_map(of_split).collect())
}

fn protocol(rows: &HistoryRows, roles: &Roles, learnt: &Learnt, config: &Config) -> Protocol {
    let block = &roles.block;
    let folds = learnt.tested.splits.len();
    let chosen = match &roles.plan {
        SelectionPlan::RollingOrigins(starts) => {
            let starts: Vec<String> = starts.iter().map(Timestamp::to_string).collect();
            format!(
                "The learner, its boosting rounds and the calibration come from the development rows: validation \
                 blocks from {} on, times {} account folds; each candidate learns from rows of other accounts whose \
                 label was known before the block.",
                starts.join(" and "),
                config.training.folds
            )
        }
        SelectionPlan::AccountFolds => format!(
            "The learner, its boosting rounds and the calibration come from the development rows by {} account \
             folds, without regard to time.",
            config.training.folds
        ),
    };
    let lines = vec![
        format!(
            "Test block: all {} labelled rows observed from {} on. It chooses nothing.",
            count(block.test.len()),
            block.start
        ),
        format!(
            "Development: the {} rows observed earlier whose label was known before {}, that is after the horizon \
             and the grace period; {} rows in between belong to neither.",
            count(block.development.len()),
            block.start,
            count(block.n_purged)
        ),
        chosen,
        format!(
            "The figures: for each of {folds} account folds the chosen learner is fitted and calibrated on \
             development rows of the other accounts and judges the fold's test rows: later rows of accounts it \
             never saw."
        ),
        "The published model is the chosen learner fitted on all decided rows and calibrated on all margins of rows \
         that a classifier had not seen (development and test). The figures belong to the procedure, not to this \
         last fit, which no rows are left to judge."
            .to_owned(),
        GROWN_ROUNDS.to_owned(),
    ];
    let last_learnt = block.development.iter().map(|&row| rows.times[row].as_of).max();
    Protocol {
        lines,
        blocks: vec![part(rows, "development", &block.development), part(rows, "test", &block.test)],
        folds,
        purge_days: last_learnt.map(|last| block.start.days_since(last)),
        seeds: vec![Seed { of: "folds, learners, bootstrap".to_owned(), value: config.training.seed }],
    }
}

/// The rules on the judged rows, and notes on those that say nothing here.
fn rules(
    rows: &HistoryRows,
    learnt_from: &[usize],
    learnt: &Learnt,
    policy: &Policy,
    seed: u64,
) -> Result<(Vec<Rule>, Vec<String>), TrainError> {
    let LearningRows { table, .. } = &rows.data;
    let splits = &learnt.tested.splits;
    let mut rules = vec![base_rate(&rows.data, splits)];
    let mut notes = Vec::new();
    let development = benchmarks(policy, table, learnt_from)?;
    let health = overall_health(policy, &development, table);
    let last_use = match table.column(LAST_USE) {
        Some(Column::Number(values)) => values.clone(),
        _ => Vec::new(),
    };
    let numbers = [
        ("days since last use", "calibrated on development rows; never used is its own level", last_use),
        (
            "health score",
            "the weighted health of the default decisions, calibrated on development rows",
            health,
        ),
    ];
    for (name, meaning, values) in numbers {
        if values.iter().all(|value| value.is_nan()) {
            notes.push(format!("The rule \"{name}\" has no data here."));
            continue;
        }
        match single_number(&rows.data, splits, name, meaning, values, seed) {
            Ok(rule) => rules.push(rule),
            Err(TrainError::Fit { source, .. }) => {
                notes.push(format!("The rule \"{name}\" could not be fitted: {source}."));
            }
            Err(other) => return Err(other),
        }
    }
    Ok((rules, notes))
}

/// Stage, tier and distance to the term's end of the judged rows, where the features tell them.
fn segments(table: &FeatureTable, rows: &[usize]) -> Vec<(String, Vec<String>)> {
    let mut segments = Vec::new();
    for name in ["stage", "tier"] {
        if let Some(Column::Text(values)) = table.column(name) {
            let of = |row: &usize| values[*row].as_deref().unwrap_or_default().to_owned();
            segments.push((name.to_owned(), rows.iter().map(of).collect::<Vec<String>>()));
        }
    }
    if let Some(Column::Number(values)) = table.column("days_to_term_end") {
        let of = |row: &usize| term_distance(values[*row]).to_owned();
        segments.push(("days to the term's end".to_owned(), rows.iter().map(of).collect()));
    }
    segments.retain(|(_, values)| values.iter().any(|value| !value.is_empty()));
    segments
}

/// One sentence on the rows of a run.
#[must_use]
pub fn data_line(summary: &DataSummary, outcome: &str, is_weighted: bool) -> String {
    let churned = crate::columns::percent(summary.base_rate);
    let once = if is_weighted { " (each renewal counted once)" } else { "" };
    let set_aside: usize = summary.tables.iter().map(|table| table.set_aside).sum();
    let aside = match set_aside {
        0 => String::new(),
        some => {
            format!(
                "\nBad rows set aside: {}; {} beside the model tells why",
                count(some),
                publish::REJECTS_FILE
            )
        }
    };
    format!(
        "{} accounts, {} terms decided ({} open of {}), {} labelled rows, {churned} {outcome}{once}{aside}\n",
        count(summary.accounts),
        count(summary.decided),
        crate::columns::percent(share(summary.open, summary.open + summary.decided)),
        count(summary.open + summary.decided),
        count(summary.snapshots),
    )
}
