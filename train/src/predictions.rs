//! The file of out-of-fold probabilities.

use std::path::Path;

use holdfast_features::write::{self, OutputColumn, Values};

use crate::TrainError;
use crate::procedure::Tested;

/// Writes the probability of each judged row in the order of `numbers`, which has the number of each row: `row`, then
/// what `keys` adds to the given rows, then `probability`.
///
/// # Errors
/// What the system says.
pub fn write(
    path: &Path,
    tested: &Tested,
    numbers: &[usize],
    keys: impl FnOnce(&[usize]) -> Vec<OutputColumn>,
) -> Result<(), TrainError> {
    let mut judged: Vec<(usize, usize, f64)> = (tested.rows.iter().zip(&tested.probabilities))
        .map(|(&row, &probability)| (numbers[row], row, probability))
        .collect();
    judged.sort_by_key(|&(number, ..)| number);
    let numbers = judged.iter().map(|&(number, ..)| i64::try_from(number).unwrap_or(i64::MAX)).collect();
    let rows: Vec<usize> = judged.iter().map(|&(_, row, _)| row).collect();
    let mut columns = vec![OutputColumn::new("row", Values::Integer(numbers))];
    columns.extend(keys(&rows));
    let probabilities = judged.into_iter().map(|(.., probability)| probability).collect();
    columns.push(OutputColumn::new("probability", Values::Number(probabilities)));
    Ok(write::table(path, &columns)?)
}
