//! Short cuts around reading a table cell by cell: files whose rows nobody asked for, and usage as it is stored.

use std::path::{Path, PathBuf};

use super::columnar::{self, NotTaken, Source};
use super::contract::{ColumnKind, EventTime, TableSchema, Tense};
use super::error::ReadError;
use super::mapping::resolve;
use super::source::{ending, file_name, scan};
use super::table::{IN_HISTORY, MappedFile, Reading, TableReading};
use crate::time::DAY;

/// The tables of usage.
const USAGE: [&str; 2] = ["usage_events", "usage_daily"];

/// Whether several threads read the rows in `paths` side by side.
pub(super) fn is_shared(schema: &TableSchema, paths: &[PathBuf]) -> bool {
    USAGE.contains(&schema.name) && paths.iter().all(|path| ending(path) == Some("parquet"))
}

impl Reading<'_> {
    /// Leaves a file unread whose table nobody asked for, if its statistics tell when it ends.
    pub(super) fn pass_over(&mut self, table: &mut TableReading, file: &MappedFile<'_>, path: &Path) -> bool {
        let schema = table.schema;
        if self.is_wanted(schema) || ending(path) != Some("parquet") {
            return false;
        }
        let position = |name: &str| {
            let index = schema.columns.iter().position(|column| column.name == name)?;
            file.mapping.columns[index].as_ref().map(|mapped| mapped.position)
        };
        // Amounts of other tables may be in the currency that this one names.
        if position("currency").is_some() && self.currencies.own().is_none() {
            return false;
        }
        let happened = schema.columns.iter().filter(|column| {
            matches!(column.kind, ColumnKind::Time(Tense::Past) | ColumnKind::Date(Tense::Past))
        });
        let past: Vec<usize> = happened.filter_map(|column| position(column.name)).collect();
        let (event, more) = match schema.event_time {
            EventTime::At(name) => (position(name), table.config.delay),
            EventTime::DayOf(name) => (position(name), table.config.delay + DAY),
            EventTime::Timeless | EventTime::Earliest { .. } => (None, 0),
        };
        let Some(known_at) = columnar::known_at(path, &past, event.map(|event| (event, more))) else {
            return false;
        };
        // What is known only after the present is told by its rows alone.
        if self.config.now.is_some_and(|now| known_at.is_some_and(|known_at| known_at > now)) {
            return false;
        }
        self.known_at = self.known_at.max(known_at);
        self.config.listener.read(path.metadata().map_or(0, |metadata| metadata.len()));
        table.report.is_read = false;
        true
    }

    /// Takes usage column by column, all of its files at once; whether that was possible.
    pub(super) fn take_columns(
        &mut self,
        table: &mut TableReading,
        paths: &[PathBuf],
    ) -> Result<bool, ReadError> {
        let schema = table.schema;
        let is_taken = is_shared(schema, paths) && self.is_wanted(schema);
        let (true, Some(store)) = (is_taken, &self.store) else { return Ok(false) };
        let mut files = Vec::with_capacity(paths.len());
        let mut found = Vec::with_capacity(paths.len());
        for path in paths {
            let Ok(scan) = scan(path) else { return Ok(false) };
            let Ok(mapping) = resolve(schema, &table.config, &[], &scan.columns) else { return Ok(false) };
            files.push((path.as_path(), mapping));
            found.push(scan.columns);
        }
        let columns: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
        let source = Source {
            table: &table.table,
            is_daily: schema.name == "usage_daily",
            columns: &columns,
            aliases: &self.aliases,
            delay: table.config.delay,
            present: self.present,
            now: self.config.now,
            listener: &self.config.listener,
        };
        let at = self.n_files;
        match columnar::take(&files, &source, store, at) {
            Ok(taken) => {
                table.n_read += taken.n_rows;
                for ((path, mapping), columns) in files.iter().zip(&found) {
                    table.report.files.push(file_name(path));
                    table.note_columns(mapping, columns);
                }
                let summary = &mut table.report.summary;
                summary.n_rows += taken.n_rows;
                (summary.first, summary.last) = (taken.first, taken.last);
                self.known_at = self.known_at.max(taken.known_at);
                Ok(true)
            }
            Err(NotTaken::Unusual) => {
                store.forget(at);
                Ok(false)
            }
            Err(NotTaken::Store(error)) => Err(error.into()),
        }
    }

    /// Whether the rows of the table are asked for.
    fn is_wanted(&self, schema: &TableSchema) -> bool {
        let wanted = self.config.wanted.as_ref();
        wanted.is_none_or(|wanted| wanted.contains(schema.name)) || IN_HISTORY.contains(&schema.name)
    }
}
