//! A folds file: which fold each row of a table is in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::config::OnBadRow;
use super::convert::number;
use super::error::{Problem, ReadError, Reason};
use super::findings::Findings;
use super::source::Cells;
use super::whole_file::WholeFile;

/// Reads the folds of a table of `n_rows` rows: columns `row` (0-based) and `fold`. Gives (row, fold) in the
/// order of the rows; rows that the file does not name belong to no fold.
///
/// # Errors
/// [`ReadError::Problems`]: missing columns or values, rows that the table does not have or that are named
/// twice, fewer than two folds.
pub fn folds_file(path: &Path, n_rows: usize) -> Result<Vec<(usize, usize)>, ReadError> {
    let file = WholeFile::read(path)?;
    let mut findings = Findings::new(OnBadRow::Stop);
    file.require(&["row", "fold"], &mut findings);
    let rows = file.values("row", &mut findings, index);
    let folds = file.values("fold", &mut findings, index);
    let mut by_row = BTreeMap::new();
    for (line, (row, fold)) in rows.iter().zip(&folds).enumerate() {
        let (Some(row), Some(fold)) = (*row, *fold) else {
            continue;
        };
        let refused = if row >= n_rows {
            Some(Reason::FoldRow(n_rows.saturating_sub(1)))
        } else {
            by_row.insert(row, fold).map(|_| Reason::FoldTwice)
        };
        if let Some(reason) = refused {
            let problem = file.in_column("row", Some(line), reason);
            findings.problem(Problem { value: Some(row.to_string()), ..problem });
        }
    }
    if by_row.values().collect::<BTreeSet<_>>().len() < 2 && findings.n_problems == 0 {
        findings.problem(file.in_column("fold", None, Reason::OneFold));
    }
    findings.into_result().map(|_| by_row.into_iter().collect())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and within 0 to 2^32"
)]
fn index(cells: &Cells, row: usize) -> Result<Option<usize>, Reason> {
    match number(cells, row)? {
        Some(value) if value < 0.0 || value > f64::from(u32::MAX) => Err(Reason::OutOfRange("0 or more")),
        Some(value) if value.fract() != 0.0 => Err(Reason::NotWhole),
        value => Ok(value.map(|value| value as usize)),
    }
}
