//! Two protocols that end in the same thing: honest probabilities for rows never seen, and a model fitted on all.

use holdfast_models::explain::choose_background;
use holdfast_models::probability::sigmoid;
use holdfast_models::{Blend, Calibration, Candidate, ChurnModel};

use crate::TrainError;
use crate::budget::Budget;
use crate::finished::Finished;
use crate::learning::{Chosen, LearningRows, OutOfFold, calibrated};
use crate::progress::Progress;
use crate::select::{Effort, SelectOptions, Selection, n_fits, select};
use crate::split::{Split, by_fold, has_both_classes, hash, stratified_folds};

/// Inner folds of a prepared table.
const INNER_FOLDS: usize = 5;
/// From this many rows on, a third of the rows judges the other two thirds in place of inner folds: enough rows to
/// choose and calibrate by, at a fraction of the fits.
const LARGE: usize = 20_000;
/// The folds of a large table, of which the first [`JUDGING_FOLDS`] judge.
const FOLDS_LARGE: usize = 6;
const JUDGING_FOLDS: usize = 2;

/// The share of a selection's time that fitting and judging what it chose takes besides, at most.
const AFTER_CHOOSING: f64 = 0.2;

/// What a run goes by, beside its rows and candidates.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// How the selection goes about it.
    pub options: &'a SelectOptions,
    /// The run's time.
    pub budget: &'a Budget,
    /// Fits of earlier runs.
    pub finished: &'a Finished,
    /// Where to say how far it is.
    pub progress: &'a Progress,
}

/// Rows that the procedure never saw, with its probabilities for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// What was fitted on and what was judged; `rows` follows the order of the validation rows.
    pub splits: Vec<Split>,
    /// The judged rows.
    pub rows: Vec<usize>,
    /// Their calibrated probabilities.
    pub probabilities: Vec<f64>,
    /// Their raw margins.
    pub margins: Vec<f64>,
    /// What was chosen for each split.
    pub winners: Vec<Chosen>,
    /// What judged the rows of each split: a classifier that never saw their accounts, and its calibration.
    pub models: Vec<(Blend, Calibration)>,
}

/// What a protocol leaves behind.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// How the candidates did.
    pub selection: Selection,
    /// The figures' rows.
    pub tested: Tested,
    /// Calibration of the published model.
    pub calibration: Calibration,
    /// What the published model was fitted as: the selection's choice, its rounds grown to all rows.
    pub published: Chosen,
    /// The published model, fitted on all rows.
    pub model: ChurnModel,
}

/// The rows of a history, by role.
#[derive(Debug, Clone)]
pub struct LaterBlock<'a> {
    /// Account fold of each row.
    pub folds: &'a [usize],
    /// Rows to choose and fit with.
    pub development: &'a [usize],
    /// Later rows, to judge with.
    pub test: &'a [usize],
    /// Splits of the development rows for the selection.
    pub splits: &'a [Split],
}

/// A history: select on development rows, judge on the later block by account folds, refit on all rows.
///
/// # Errors
/// [`TrainError::FoldOneClass`] where the development rows of some folds hold one class only, and what learners
/// and calibrators say.
pub fn later_block(
    data: &LearningRows,
    roles: &LaterBlock<'_>,
    candidates: &[Candidate],
    means: &Means<'_>,
) -> Result<Learnt, TrainError> {
    let &Means { options, budget, finished, progress } = means;
    let finished = &finished.on(data);
    let stage = progress.stage("choosing a learner", n_fits(data, roles.splits, candidates.len(), options));
    // Judging fits what was chosen once for each fold.
    let allowance = budget.share(1.0 / (1.0 + 2.0 * AFTER_CHOOSING));
    let effort = Effort { budget, allowance, finished };
    let selection = select(data, roles.splits, roles.folds, candidates, options, &effort, &stage)?;
    drop(stage);
    let winner = selection.chosen.clone();
    let stage = progress.stage("judging on later rows", 0);
    let mut tested = Tested::empty();
    for split in by_fold(roles.folds, roles.test) {
        let fold = roles.folds[split.validate[0]];
        let train: Vec<usize> =
            roles.development.iter().copied().filter(|&row| roles.folds[row] != fold).collect();
        let others = selection.out_of_fold.only(|row| roles.folds[row] != fold);
        if !has_both_classes(&data.labels, &train) {
            return Err(TrainError::FoldOneClass { source_name: "the development block".to_owned(), fold });
        }
        let split = Split { train, validate: split.validate };
        tested.judge(data, split, &winner, &others, options.seed)?;
    }
    drop(stage);
    let unseen = selection.out_of_fold.clone().merged(tested.out_of_fold());
    let rows: Vec<usize> = (0..data.labels.len()).collect();
    let published = winner.grown_to(rows.len());
    let (model, calibration) = publishable(data, &rows, &published, &unseen, options.seed, progress)?;
    Ok(Learnt { selection, tested, calibration, published, model })
}

/// A prepared table: everything, selection included, inside each outer training part; then once more on all rows.
/// `folds` names the outer fold of each of `rows`.
///
/// # Errors
/// [`TrainError::FoldOneClass`] where a fold leaves one class only, and what learners and calibrators say.
pub fn nested(
    data: &LearningRows,
    rows: &[usize],
    folds: &[usize],
    candidates: &[Candidate],
    means: &Means<'_>,
) -> Result<Learnt, TrainError> {
    let &Means { options, budget, finished, progress } = means;
    let finished = &finished.on(data);
    let outer = by_fold(folds, rows);
    // This selection's part of what is left, when so many are still to come.
    let effort = |n_left: usize| {
        let allowance = budget.share(1.0 / ((1.0 + AFTER_CHOOSING) * as_f64(n_left)));
        Effort { budget, allowance, finished }
    };
    let mut tested = Tested::empty();
    for split in &outer {
        let fold = folds[split.validate[0]];
        if !has_both_classes(&data.labels, &split.train) {
            return Err(TrainError::FoldOneClass { source_name: "the table".to_owned(), fold });
        }
        let seed = hash(&format!("outer fold {fold}"), options.seed);
        let options = SelectOptions { seed, ..*options };
        let (inner_folds, inner) = inner_splits(data, &split.train, seed);
        let name = format!("outer fold {}", tested.splits.len() + 1);
        let stage = progress.stage(&name, n_fits(data, &inner, candidates.len(), &options));
        let effort = effort(outer.len() + 1 - tested.splits.len());
        let chosen = select(data, &inner, &inner_folds, candidates, &options, &effort, &stage)?;
        tested.judge(data, split.clone(), &chosen.chosen, &chosen.out_of_fold, seed)?;
    }
    let stage = progress.stage("choosing on all rows", n_fits(data, &outer, candidates.len(), options));
    let selection = select(data, &outer, folds, candidates, options, &effort(1), &stage)?;
    drop(stage);
    let published = selection.chosen.grown_to(rows.len());
    let (model, calibration) =
        publishable(data, rows, &published, &selection.out_of_fold, options.seed, progress)?;
    Ok(Learnt { selection, tested, calibration, published, model })
}

impl Tested {
    fn empty() -> Self {
        Self {
            splits: Vec::new(),
            rows: Vec::new(),
            probabilities: Vec::new(),
            margins: Vec::new(),
            winners: Vec::new(),
            models: Vec::new(),
        }
    }

    /// Fits `winner` on the training rows, calibrates on `unseen` margins of them, and judges the other rows.
    fn judge(
        &mut self,
        data: &LearningRows,
        split: Split,
        winner: &Chosen,
        unseen: &OutOfFold,
        seed: u64,
    ) -> Result<(), TrainError> {
        let grown = winner.grown_to(split.train.len());
        let (calibration, classifier) =
            rayon::join(|| data.calibrate(unseen, seed), || data.fit(&grown, &split.train, seed));
        let (calibration, classifier) = (calibration?, classifier?);
        let margins = classifier.margins(&data.table, &split.validate);
        let logits = calibrated(&data.table, &calibration, &split.validate, &margins);
        self.probabilities.extend(logits.into_iter().map(sigmoid));
        self.margins.extend(margins);
        self.rows.extend(&split.validate);
        self.winners.push(winner.clone());
        self.models.push((classifier, calibration));
        self.splits.push(split);
        Ok(())
    }

    /// The margins, as out-of-fold margins.
    fn out_of_fold(&self) -> OutOfFold {
        OutOfFold { rows: self.rows.clone(), margins: self.margins.clone() }
    }
}

fn publishable(
    data: &LearningRows,
    rows: &[usize],
    published: &Chosen,
    unseen: &OutOfFold,
    seed: u64,
    progress: &Progress,
) -> Result<(ChurnModel, Calibration), TrainError> {
    let _stage = progress.stage("fitting the model to publish on all rows", 0);
    let (calibration, classifier) =
        rayon::join(|| data.calibrate(unseen, seed), || data.fit(published, rows, seed));
    let (calibration, classifier) = (calibration?, classifier?);
    let background = choose_background(rows, seed);
    let model = ChurnModel::new(classifier, &calibration, &data.table, &background)?;
    Ok((model, calibration))
}

/// Stratified folds of the `rows`, keeping groups together, and the splits by them; rows outside get fold 0, which
/// nobody reads.
fn inner_splits(data: &LearningRows, rows: &[usize], seed: u64) -> (Vec<usize>, Vec<Split>) {
    let is_large = rows.len() >= LARGE;
    let n_folds = if is_large { FOLDS_LARGE } else { INNER_FOLDS };
    let labels: Vec<f64> = rows.iter().map(|&row| data.labels[row]).collect();
    let groups: Vec<String> = rows.iter().map(|&row| data.groups[row].to_string()).collect();
    let mut folds = vec![0; data.labels.len()];
    for (&row, fold) in rows.iter().zip(stratified_folds(&labels, Some(&groups), n_folds, seed)) {
        folds[row] = fold;
    }
    let splits = if is_large {
        let (validate, train) = rows.iter().partition(|&&row| folds[row] < JUDGING_FOLDS);
        vec![Split { train, validate }]
    } else {
        by_fold(&folds, rows)
    };
    (folds, splits)
}

#[expect(clippy::cast_precision_loss, reason = "a handful of selections")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
