//! A file read as a whole, as the tables outside of the contract are.

use std::collections::HashSet;
use std::path::Path;

use crate::history::Text;

use super::config::OnBadRow;
use super::convert::Interner;
use super::detect::is_missing;
use super::error::{Problem, ReadError, Reason};
use super::findings::Findings;
use super::source::{Cells, RawBatch, file_name, scan, shown};

/// A file read as a whole, its cells in batches.
pub(super) struct WholeFile {
    pub(super) file: String,
    pub(super) columns: Vec<String>,
    pub(super) batches: Vec<RawBatch>,
    pub(super) n_rows: usize,
}

impl WholeFile {
    /// Reads a file with one row at least, all of them whole.
    pub(super) fn read(path: &Path) -> Result<Self, ReadError> {
        let whole = Self::read_or_empty(path)?;
        if whole.n_rows == 0 {
            return Err(ReadError::problem(whole.problem(Reason::NoRows)));
        }
        Ok(whole)
    }

    /// Reads a file all of whose rows must be whole.
    pub(super) fn read_or_empty(path: &Path) -> Result<Self, ReadError> {
        let scan = scan(path)?;
        let mut findings = Findings::new(OnBadRow::Stop);
        let mut batches = Vec::new();
        for batch in scan.batches {
            let batch = batch?;
            for broken in &batch.broken {
                findings.problem(Problem {
                    table: file_name(path),
                    file: Some(scan.file.clone()),
                    row: Some(batch.first_row + broken.row),
                    column: broken.column.map(|position| scan.columns[position].clone()),
                    value: broken.value.clone(),
                    reason: broken.reason.clone(),
                });
            }
            batches.push(batch);
        }
        let n_rows = batches.iter().map(|batch| batch.n_rows).sum();
        let whole = Self { file: scan.file, columns: scan.columns, batches, n_rows };
        findings.into_result().map(|_| whole)
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    pub(super) fn problem(&self, reason: Reason) -> Problem {
        Problem { file: Some(self.file.clone()), ..Problem::table(&self.file, reason) }
    }

    pub(super) fn in_column(&self, name: &str, row: Option<usize>, reason: Reason) -> Problem {
        Problem { column: Some(name.to_owned()), row: row.map(|row| row + 1), ..self.problem(reason) }
    }

    pub(super) fn no_such_column(&self, name: &str) -> Problem {
        self.problem(Reason::NoSuchColumn { column: name.to_owned(), found: self.columns.clone() })
    }

    /// Each cell of the column at `position`, with the batch's cells and the row within them.
    pub(super) fn cells(&self, position: usize) -> impl Iterator<Item = (&Cells, usize)> {
        self.batches
            .iter()
            .flat_map(move |batch| (0..batch.n_rows).map(move |row| (&batch.columns[position], row)))
    }

    /// The column at `position` as text; what stands for a missing value is missing.
    pub(super) fn as_texts(&self, position: usize) -> Vec<Option<Text>> {
        let mut interner = Interner::default();
        self.cells(position)
            .map(|(cells, row)| {
                cells.text(row).filter(|text| !is_missing(text)).map(|text| interner.text(&text))
            })
            .collect()
    }

    /// A column of texts none of which may be missing.
    pub(super) fn texts(&self, name: &str, findings: &mut Findings) -> Vec<Text> {
        let Some(position) = self.position(name) else {
            return Vec::new();
        };
        let texts = self.as_texts(position);
        for row in (0..texts.len()).filter(|&row| texts[row].is_none()) {
            findings.problem(self.in_column(name, Some(row), Reason::ValueMissing));
        }
        texts.into_iter().map(Option::unwrap_or_default).collect()
    }

    pub(super) fn ids(&self, name: Option<&str>, findings: &mut Findings) -> Vec<Text> {
        let Some(name) = name else {
            return (0..self.n_rows).map(|row| Text::from(row.to_string())).collect();
        };
        if self.position(name).is_none() {
            findings.problem(self.no_such_column(name));
        }
        let ids = self.texts(name, findings);
        let mut seen = HashSet::new();
        for (row, id) in ids.iter().enumerate() {
            if !id.is_empty() && !seen.insert(id) {
                let problem = self.in_column(name, Some(row), Reason::DuplicateId);
                findings.problem(Problem { value: Some(shown(id)), ..problem });
            }
        }
        ids
    }

    /// The column `name` converted cell by cell; empty where the file has none.
    pub(super) fn values<T>(
        &self,
        name: &str,
        findings: &mut Findings,
        mut convert: impl FnMut(&Cells, usize) -> Result<Option<T>, Reason>,
    ) -> Vec<Option<T>> {
        let Some(position) = self.position(name) else { return Vec::new() };
        let converted = self.cells(position).enumerate().map(|(line, (cells, row))| {
            convert(cells, row).unwrap_or_else(|reason| {
                let problem = self.in_column(name, Some(line), reason);
                findings.problem(Problem { value: cells.text(row).map(|text| shown(&text)), ..problem });
                None
            })
        });
        converted.collect()
    }

    /// Reports each of the columns `names` that the file lacks, and each of their cells that holds nothing.
    pub(super) fn require(&self, names: &[&str], findings: &mut Findings) {
        for name in names {
            let Some(position) = self.position(name) else {
                findings.problem(self.no_such_column(name));
                continue;
            };
            for (line, (cells, row)) in self.cells(position).enumerate() {
                if cells.is_missing(row) {
                    findings.problem(self.in_column(name, Some(line), Reason::ValueMissing));
                }
            }
        }
    }
}
