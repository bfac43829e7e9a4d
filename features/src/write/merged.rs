//! Feature files of which some rows stand in an earlier one already: these are taken over, the others computed, and the
//! bytes are those of a file all of whose rows were computed.

use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::computed::{ComputedError, Failure, Output, RowFile, write_output};
use super::{Format, OutputColumn};
use crate::compute::{self, Computed, GROUP_ROWS, Key, blank_columns};
use crate::history::History;
use crate::matrix::{Column, Value};
use crate::read::FeatureRows;
use crate::spec::FeatureSpec;

/// An earlier feature file that has all of the features, and which of its rows serve again.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// The file.
    pub rows: &'a FeatureRows,
    /// For each key its row there, where that is taken over as it stands.
    pub taken: &'a [Option<usize>],
    /// For each key its row there whether or not it is taken over: what is computed anew is compared with it.
    pub same: &'a [Option<usize>],
}

/// How rows that were computed anew differ from those of the earlier file.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// For each key the number of values that changed; `None` where none were compared.
    pub rows: Vec<Option<usize>>,
    /// For each feature the absolute change of each value that changed; NaN where it is no number before or after.
    pub sizes: Vec<Vec<f64>>,
}

/// Writes as [`super::computed_features`] does, but takes rows of an `earlier` file over; says how the others differ
/// from what stands there.
///
/// # Errors
/// As [`super::computed_features`]; further an earlier file that cannot be read.
pub fn merged_features(
    path: &Path,
    history: &History,
    keys: &[Key],
    specs: &[FeatureSpec],
    earlier: Earlier<'_>,
    on_rows: impl Fn(usize) + Sync,
) -> Result<Changes, ComputedError> {
    let changes = Changes { rows: vec![None; keys.len()], sizes: vec![Vec::new(); specs.len()] };
    let is_alike = Format::of(path)? == Format::Parquet && earlier.rows.specs() == specs;
    let merge = Merge { earlier, is_alike, changes: Mutex::new(changes) };
    write_output(path, &Output { history, keys, specs, on_rows: &on_rows, merge: Some(&merge) })?;
    Ok(merge.changes.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Rows of two sources on their way into one file.
pub(super) struct Merge<'a> {
    pub(super) earlier: Earlier<'a>,
    /// Whether both files are Parquet of the same columns.
    is_alike: bool,
    changes: Mutex<Changes>,
}

/// Rows that go into a file together.
struct Group {
    rows: Range<usize>,
    /// Of each row where it stands among those that were computed for the group.
    new: Vec<Option<usize>>,
    /// Of each row where it stands among those that were read for the group.
    old: Vec<Option<usize>>,
}

impl Merge<'_> {
    /// Hands out all rows as [`Output::rows`] does.
    pub(super) fn rows<T: Send, F: Fn(usize) + Sync>(
        &self,
        output: &Output<'_, F>,
        encode: impl Fn(Vec<OutputColumn>) -> Result<T, Failure> + Sync,
        copied: impl Fn(usize) -> T + Sync,
        mut commit: impl FnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Output { history, keys, specs, on_rows, .. } = output;
        let computed: Vec<usize> = (0..keys.len()).filter(|&row| self.earlier.taken[row].is_none()).collect();
        let own: Vec<Key> = computed.iter().map(|&row| keys[row].clone()).collect();
        let row_file = RowFile::new(specs)?;
        let keep = |rows: Computed| {
            on_rows(rows.rows.len());
            row_file.write(&rows).map_err(Failure::Io)
        };
        compute::sweep(history, &own, specs, keep, |()| Ok(()))?;
        // Cut as if all rows were computed.
        let lengths = if output.is_sorted() {
            compute::group_lengths(history, keys)?
        } else {
            let n_rows = |first| GROUP_ROWS.min(keys.len() - first);
            (0..keys.len()).step_by(GROUP_ROWS).map(n_rows).collect()
        };
        let mut ends = 0;
        let groups: Vec<Range<usize>> = lengths
            .into_iter()
            .map(|length| {
                ends += length;
                ends - length..ends
            })
            .collect();
        let work = |group: usize| {
            let rows = groups[group].clone();
            if let Some(whole) = self.whole_group(&rows) {
                on_rows(rows.len());
                return Ok((copied(whole), Changed::default()));
            }
            let first = computed.partition_point(|row| *row < rows.start);
            let n_new = computed.partition_point(|row| *row < rows.end) - first;
            let (group, wanted) = self.group(rows);
            let (new, old) = (row_file.read(first, n_new)?, self.earlier.rows.columns(specs, &wanted)?);
            on_rows(group.rows.len() - n_new);
            let changed = group.compare(&new, &old);
            let columns = group.columns(new, &old, specs);
            Ok::<_, Failure>((
                encode(output.columns(Computed { rows: group.rows.collect(), columns })?)?,
                changed,
            ))
        };
        compute::in_order(groups.len(), work, |(encoded, changed)| {
            self.note(changed);
            commit(encoded)
        })
    }

    /// The row group of the earlier file that these rows are, all of them as they stand there.
    fn whole_group(&self, rows: &Range<usize>) -> Option<usize> {
        let first = *self.earlier.taken.get(rows.start)?.as_ref().filter(|_| self.is_alike)?;
        let mut taken = rows.clone().map(|row| self.earlier.taken[row]);
        let is_whole = (first..).zip(rows.clone()).all(|(earlier, _)| taken.next() == Some(Some(earlier)));
        self.earlier.rows.group_of(&(first..first + rows.len())).filter(|_| is_whole)
    }

    /// The group of these rows, and the rows of the earlier file that it needs, ascending.
    fn group(&self, rows: Range<usize>) -> (Group, Vec<usize>) {
        let of_earlier = |row: usize| self.earlier.taken[row].or(self.earlier.same[row]);
        let mut wanted: Vec<usize> = rows.clone().filter_map(of_earlier).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let old = rows.clone().map(|row| wanted.binary_search(&of_earlier(row)?).ok()).collect();
        let mut n_new = 0;
        let new = rows.clone().map(|row| {
            let is_new = self.earlier.taken[row].is_none();
            n_new += usize::from(is_new);
            is_new.then(|| n_new - 1)
        });
        let new = new.collect();
        (Group { rows, new, old }, wanted)
    }

    fn note(&self, changed: Changed) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, n_values) in changed.rows {
            changes.rows[row] = Some(n_values);
        }
        for (all, sizes) in changes.sizes.iter_mut().zip(changed.sizes) {
            all.extend(sizes);
        }
    }
}

/// What changed in a group.
#[derive(Default)]
struct Changed {
    rows: Vec<(usize, usize)>,
    sizes: Vec<Vec<f64>>,
}

impl Group {
    /// The columns of the group: each row new, or else old.
    fn columns(&self, new: Vec<Column>, old: &[Column], specs: &[FeatureSpec]) -> Vec<Column> {
        let n_rows = self.rows.len();
        if self.new.iter().all(Option::is_some) {
            return new;
        }
        let mut columns = blank_columns(specs, n_rows);
        let sources = || self.new.iter().zip(&self.old);
        for ((column, new), old) in columns.iter_mut().zip(&new).zip(old) {
            match (column, new, old) {
                (Column::Number(values), Column::Number(new), Column::Number(old)) => {
                    values.iter_mut().zip(sources()).for_each(|(value, (at, before))| {
                        *value = at.map(|at| new[at]).or(before.map(|at| old[at])).unwrap_or(f64::NAN);
                    });
                }
                (Column::Text(values), Column::Text(new), Column::Text(old)) => {
                    values.iter_mut().zip(sources()).for_each(|(value, (at, before))| {
                        *value = at.map(|at| &new[at]).or(before.map(|at| &old[at])).and_then(Clone::clone);
                    });
                }
                // Columns of one spec are of one type.
                _ => {}
            }
        }
        columns
    }

    /// How rows that are both new and old differ.
    fn compare(&self, new: &[Column], old: &[Column]) -> Changed {
        let both = self.new.iter().zip(&self.old).enumerate();
        let both: Vec<(usize, usize, usize)> =
            both.filter_map(|(row, (new, old))| Some((row, (*new)?, (*old)?))).collect();
        let mut counts = vec![0; both.len()];
        let sizes = new.iter().zip(old).map(|(new, old)| {
            let mut sizes = Vec::new();
            for (count, &(_, at, before)) in counts.iter_mut().zip(&both) {
                if let Some(size) = change(old.value(before), new.value(at)) {
                    *count += 1;
                    sizes.push(size);
                }
            }
            sizes
        });
        let sizes = sizes.collect();
        let rows = both.iter().zip(counts).map(|((row, ..), count)| (self.rows.start + row, count));
        Changed { rows: rows.collect(), sizes }
    }
}

/// By how much a value changed; `None` where it did not.
fn change(before: Value<'_>, after: Value<'_>) -> Option<f64> {
    match (before, after) {
        (Value::Number(a), Value::Number(b)) if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) => {
            None
        }
        (Value::Number(a), Value::Number(b)) => Some((b - a).abs()),
        (Value::Text(a), Value::Text(b)) if a == b => None,
        _ => Some(f64::NAN),
    }
}
