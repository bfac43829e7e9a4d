//! One batch of a table: typed and checked, its bad rows told.

use std::collections::{HashMap, HashSet};

use crate::read::check::{BadRow, Batch};
use crate::read::config::OnBadRow;
use crate::read::contract::TableSchema;
use crate::read::convert::convert;
use crate::read::error::{Problem, ReadError, Reason};
use crate::read::source::{Cells, RawBatch};

use super::{MappedFile, Reading, TableReading};

impl Reading<'_> {
    pub(super) fn read_batch(
        &mut self,
        table: &mut TableReading,
        file: &MappedFile<'_>,
        raw: &RawBatch,
    ) -> Result<(), ReadError> {
        let (batch, mut bad) = self.typed(table.schema, file, raw);
        let unreadable: HashSet<usize> = bad.iter().map(|bad| bad.row).collect();
        let checked = batch.check(self.present, &mut table.ids, &unreadable);
        // A value that could not be read is one problem, not a missing value besides.
        let is_consequence = |found: &BadRow| {
            matches!(found.reason, Reason::ValueMissing | Reason::NoneOf(_) | Reason::OutOfRange(_))
                && unreadable.contains(&found.row)
        };
        bad.extend(checked.into_iter().filter(|found| !is_consequence(found)));
        if table.schema.name == "id_map" {
            self.read_aliases(&batch, &mut bad);
        }
        bad.sort_by_key(|bad| (bad.row, bad.column));
        let is_bad: HashSet<usize> = bad.iter().map(|bad| bad.row).collect();
        self.report_bad_rows(table.schema, file, raw.first_row, bad);

        table.n_read += raw.n_rows;
        if self.config.on_bad_row == OnBadRow::Reject {
            table.report.summary.n_rejected += is_bad.len();
        }
        let good: Vec<usize> = (0..raw.n_rows).filter(|row| !is_bad.contains(row)).collect();
        self.use_rows(table, file, raw, &batch, &good)
    }

    /// Reports mapped columns whose type holds no single values; whether there are any.
    pub(super) fn refuse_nested(
        &mut self,
        schema: &TableSchema,
        file: &MappedFile<'_>,
        raw: &RawBatch,
    ) -> bool {
        let mut has_nested = false;
        for mapped in file.mapping.columns.iter().flatten() {
            let Cells::Nested(data_type) = &raw.columns[mapped.position] else { continue };
            has_nested = true;
            self.findings.problem(Problem {
                file: Some(file.name.to_owned()),
                column: Some(file.columns[mapped.position].clone()),
                ..Problem::table(schema.name, Reason::ColumnType(data_type.clone()))
            });
        }
        has_nested
    }

    /// The typed columns, and what does not fit.
    fn typed(
        &mut self,
        schema: &'static TableSchema,
        file: &MappedFile<'_>,
        raw: &RawBatch,
    ) -> (Batch, Vec<BadRow>) {
        let mut bad: Vec<BadRow> = Vec::new();
        let in_schema: HashMap<usize, usize> = (file.mapping.columns.iter().enumerate())
            .filter_map(|(index, mapped)| mapped.as_ref().map(|mapped| (mapped.position, index)))
            .collect();
        for broken in &raw.broken {
            // A broken cell of a column that nothing reads harms nothing.
            let column = broken.column.map(|position| in_schema.get(&position).copied());
            if column != Some(None) {
                let (value, reason) = (broken.value.clone(), broken.reason.clone());
                bad.push(BadRow { row: broken.row, column: column.flatten(), value, reason });
            }
        }
        let mut columns = Vec::with_capacity(schema.columns.len());
        for (index, (column, mapped)) in schema.columns.iter().zip(&file.mapping.columns).enumerate() {
            let Some(mapped) = mapped else {
                columns.push(None);
                continue;
            };
            let cells = &raw.columns[mapped.position];
            let (typed, unfit) =
                convert(cells, raw.n_rows, column.kind, &mapped.spelling, &mut self.interner);
            bad.extend(unfit.into_iter().map(|cell| BadRow {
                row: cell.row,
                column: Some(index),
                value: cell.value,
                reason: cell.reason,
            }));
            columns.push(Some(typed));
        }
        let mut batch = Batch { schema, n_rows: raw.n_rows, columns };
        self.currencies.scale(&mut batch, &file.mapping);
        (batch, bad)
    }

    pub(super) fn report_bad_rows(
        &mut self,
        schema: &TableSchema,
        file: &MappedFile<'_>,
        first_row: usize,
        bad: Vec<BadRow>,
    ) {
        let mut bad = bad.into_iter().peekable();
        while let Some(first) = bad.next() {
            let row = first.row;
            let mut of_row = vec![first];
            while let Some(next) = bad.next_if(|next| next.row == row) {
                of_row.push(next);
            }
            let place = |bad: BadRow| Problem {
                table: schema.name.to_owned(),
                file: Some(file.name.to_owned()),
                row: Some(first_row + bad.row),
                column: bad.column.map(|index| match &file.mapping.columns[index] {
                    Some(mapped) => file.columns[mapped.position].clone(),
                    None => schema.columns[index].name.to_owned(),
                }),
                value: bad.value,
                reason: bad.reason,
            };
            self.findings.bad_row(of_row.into_iter().map(place).collect());
        }
    }
}
