//! `features --incremental` and `--previous`: a feature file that builds on an earlier one, and what changed since.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use holdfast_features::Timestamp;
use holdfast_features::incremental::{
    Arrived, Basis, FileCounts, Identity, LateReport, Origin, Previous, Reuse, TableArrivals, Told, WhyAll,
};
use holdfast_features::read::{self, InputFile};
use holdfast_features::write::{self, Earlier};
use sha2::{Digest, Sha256};

use super::features::Asked;
use crate::TrainError;
use crate::cli::FeaturesArgs;
use crate::columns::{Align, aligned, count};
use crate::config::Config;
use crate::progress::Progress;

/// A run that leaves its basis and may build on an earlier one.
pub(super) struct Incremental {
    identity: Identity,
    files: Vec<InputFile>,
    previous: Option<(Previous, Option<WhyAll>)>,
    arrived: Arrived,
    usage_files: FileCounts,
}

/// Rows of the summary's tables.
const LISTED: usize = 10;

impl Incremental {
    /// Opens the earlier file and looks which files are new, before the history is read.
    ///
    /// # Errors
    /// An earlier file or files of the history that cannot be read.
    pub(super) fn begin(
        args: &FeaturesArgs,
        history: &Path,
        config: &Config,
        now: Timestamp,
        progress: &Progress,
    ) -> Result<Self, TrainError> {
        let _stage = progress.stage("comparing files with the earlier run's", 0);
        let identity = Identity::new(own_sha256()?, &config.history);
        let files = read::input_files(history, &Basis::TABLES)?;
        let Some(path) = &args.previous else {
            let (arrived, usage_files) = (Arrived::default(), FileCounts::default());
            return Ok(Self { identity, files, previous: None, arrived, usage_files });
        };
        let previous = Previous::open(path)?;
        let why_all = previous.why_all(&identity, &files)?;
        let (new, others) = previous.new_files(&files);
        let config = read::HistoryConfig { now: Some(now), ..config.history.clone() };
        let arrived = Arrived::with_files(history, &config, &new, &others, previous.basis.until())?;
        let usage_files = FileCounts { all: new.len() + others.len(), new: new.len(), not_read: 0 };
        Ok(Self { identity, files, previous: Some((previous, why_all)), arrived, usage_files })
    }

    /// The configuration by which the history is read at first: without old files of usage, where something stands in for
    /// them.
    pub(super) fn lean(&self, args: &FeaturesArgs, config: &Config) -> Option<Config> {
        let previous = self.previous.as_ref().filter(|(_, why_all)| why_all.is_none() && !args.recompute);
        let history = previous?.0.without_old_files(&self.files, &config.history)?;
        Some(Config { history, ..config.clone() })
    }

    /// Tells what was asked for is computed from, and which rows of the earlier file serve again.
    ///
    /// # Errors
    /// Features that the history cannot give.
    pub(super) fn plan(
        &self,
        args: &FeaturesArgs,
        asked: &Asked,
        config: &Config,
        progress: &Progress,
    ) -> Result<Planned, TrainError> {
        let _stage = progress.stage("comparing facts with the earlier run's", 0);
        let Asked { source, keys, specs } = asked;
        let then = self.previous.as_ref().and_then(|(previous, _)| previous.basis.until());
        let origin = Origin { identity: &self.identity, files: &self.files, config: &config.history };
        let told = Basis::of(&source.history, keys, specs, origin, then)?;
        let reuse = self.previous.as_ref().map(|(previous, why_all)| {
            previous.reuse(&told.basis, keys, specs, &self.arrived, why_all.clone())
        });
        let taken = match &reuse {
            Some(reuse) if !args.recompute => reuse.taken.clone(),
            _ => vec![None; keys.len()],
        };
        let computed = keys.iter().zip(&taken).filter(|(_, taken)| taken.is_none());
        let is_served = config.history.settled.as_ref().is_none_or(|settled| {
            told.is_exact && computed.map(|(key, _)| key.as_of).all(|as_of| settled.serves(as_of))
        });
        let not_read = config.history.left_out.len();
        Ok(Planned { told, reuse, taken, is_served, not_read })
    }

    /// Writes the features, their basis and the report of what changed; returns the summary.
    ///
    /// # Errors
    /// Features that cannot be computed, files that cannot be written, and rows that changed though nothing was new.
    pub(super) fn write(
        self,
        out: &Path,
        asked: &Asked,
        planned: Planned,
        progress: &Progress,
    ) -> Result<String, TrainError> {
        let Asked { source, keys, specs } = asked;
        let Planned { mut told, reuse, taken, not_read, .. } = planned;
        let usage_files = FileCounts { not_read, ..self.usage_files };
        let stage = progress.stage("computing features", keys.len());
        let on_rows = |n_rows: usize| stage.more(n_rows as u64);
        let mut summary = String::new();
        let mut report = None;
        match (&self.previous, &reuse) {
            (Some((previous, _)), Some(reuse)) => {
                let earlier = Earlier { rows: &previous.rows, taken: &taken, same: &reuse.same };
                let changes = write::merged_features(out, &source.history, keys, specs, earlier, on_rows)?;
                let arrivals = (told.arrivals.as_slice(), &self.arrived);
                let rows = (reuse, taken.as_slice());
                let changes = (&changes, usage_files);
                let found =
                    LateReport::of(previous, Some(source.until), (keys, specs), rows, arrivals, changes);
                summary = told_of(&found, reuse);
                report = Some(found);
            }
            _ => write::computed_features(out, &source.history, keys, specs, on_rows)?,
        }
        drop(stage);
        told.basis.feature_file = sha256(out)?;
        told.basis.write(&Basis::path_of(out))?;
        let Some(report) = report else { return Ok(summary) };
        let path = out.with_extension("late.json");
        let json = serde_json::to_vec_pretty(&report).map_err(|error| TrainError::Unwritable {
            path: path.clone(),
            source: io::Error::other(error),
        })?;
        write::atomically(&path, |file| file.write_all(&json))?;
        let _ = writeln!(summary, "Told in {}", path.display());
        match report.rows.changed_without_news {
            0 => Ok(summary),
            n_rows => Err(TrainError::ChangedWithoutNews { n_rows, path }),
        }
    }
}

/// How the features that were asked for come about.
pub(super) struct Planned {
    told: Told,
    reuse: Option<Reuse>,
    taken: Vec<Option<usize>>,
    /// Whether the history as it was read serves the rows that are to be computed.
    pub(super) is_served: bool,
    /// Files of usage that were left out.
    not_read: usize,
}

/// The report for a reader.
fn told_of(report: &LateReport, reuse: &Reuse) -> String {
    let rows = &report.rows;
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        // Writing to a string never fails.
        let _ = writeln!(text, "{arguments}");
    };
    if let Some(why) = &reuse.why_all {
        line(format_args!("Every row was computed: {why}."));
    }
    line(format_args!(
        "{} of {} rows taken over, {} computed again, {} new",
        count(rows.taken_over),
        count(rows.all),
        count(rows.computed_again),
        count(rows.new)
    ));
    let files = &report.usage_files;
    line(format_args!(
        "{} of {} files of usage are new, {} were not read again",
        count(files.new),
        count(files.all),
        count(files.not_read)
    ));
    for TableArrivals { table, late, backdated } in &report.tables {
        let [late, backdated] = [late, backdated].map(|n| count(usize::try_from(*n).unwrap_or(usize::MAX)));
        line(format_args!(
            "{table}: {late} facts came late, {backdated} more were told as if they had been known"
        ));
    }
    line(format_args!("{} rows of the earlier file have other values now", count(rows.changed)));
    if rows.without_news > 0 {
        line(format_args!(
            "Of {} rows about which nothing was new before their date, {} changed",
            count(rows.without_news),
            count(rows.changed_without_news)
        ));
    }
    let size = |size: Option<f64>| size.map_or_else(String::new, |size| format!("{size:.4}"));
    let header = |names: &[&str]| vec![names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()];
    if !report.features.is_empty() {
        let mut table = header(&["feature", "rows", "median change", "largest"]);
        table.extend(
            report
                .features
                .iter()
                .take(LISTED)
                .map(|one| vec![one.feature.clone(), count(one.rows), size(one.median), size(one.largest)]),
        );
        text.push_str(&aligned(&[Align::Left, Align::Right, Align::Right, Align::Right], &table));
        let mut table = header(&["account", "rows", "values"]);
        table.extend(
            report
                .accounts
                .iter()
                .map(|one| vec![one.account_id.to_string(), count(one.rows), count(one.values)]),
        );
        text.push_str(&aligned(&[Align::Left, Align::Right, Align::Right], &table));
    }
    text
}

/// The hash of this program: another build may compute otherwise.
fn own_sha256() -> Result<String, TrainError> {
    let path = std::env::current_exe()
        .map_err(|source| TrainError::Unreadable { path: PathBuf::from("this program"), source })?;
    sha256(&path)
}

fn sha256(path: &Path) -> Result<String, TrainError> {
    let failed = |source| TrainError::Unreadable { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
