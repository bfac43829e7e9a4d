//! Problems and rejects, gathered while tables are read.

use super::config::OnBadRow;
use super::error::{LISTED_PROBLEMS, Problem, ReadError, Reject};

/// What was found wrong so far.
#[derive(Debug)]
pub(super) struct Findings {
    on_bad_row: OnBadRow,
    /// The first problems.
    pub(super) problems: Vec<Problem>,
    /// How many there are.
    pub(super) n_problems: usize,
    /// Rows set aside.
    pub(super) rejects: Vec<Reject>,
}

impl Findings {
    pub(super) fn new(on_bad_row: OnBadRow) -> Self {
        Self { on_bad_row, problems: Vec::new(), n_problems: 0, rejects: Vec::new() }
    }

    /// Adds what was found after this.
    pub(super) fn extend(&mut self, later: Self) {
        let room = LISTED_PROBLEMS.saturating_sub(self.problems.len());
        self.problems.extend(later.problems.into_iter().take(room));
        self.n_problems += later.n_problems;
        self.rejects.extend(later.rejects);
    }

    /// Something that no reject can mend.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.n_problems += 1;
        if self.problems.len() < LISTED_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// The problems of one bad row, at least one: all are problems, or the first is the reason of a reject.
    pub(super) fn bad_row(&mut self, problems: Vec<Problem>) {
        match self.on_bad_row {
            OnBadRow::Stop => problems.into_iter().for_each(|problem| self.problem(problem)),
            OnBadRow::Reject => self.rejects.extend(problems.into_iter().next()),
        }
    }

    /// The problems of a file as a whole, under the name of its table; any other error ends the reading.
    pub(super) fn file_error(&mut self, table: &str, error: ReadError) -> Result<(), ReadError> {
        match error {
            ReadError::Problems { problems, .. } => {
                for problem in problems {
                    self.problem(Problem { table: table.to_owned(), ..problem });
                }
                Ok(())
            }
            other => Err(other),
        }
    }

    /// The error, if there is one.
    pub(super) fn into_result(self) -> Result<Vec<Reject>, ReadError> {
        if self.n_problems == 0 {
            Ok(self.rejects)
        } else {
            Err(ReadError::Problems { problems: self.problems, n_problems: self.n_problems })
        }
    }
}
