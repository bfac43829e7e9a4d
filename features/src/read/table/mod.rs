//! Reading one table of a history, file by file and batch by batch.

mod batch;
mod currency;
mod used;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::history::{History, TableSummary, Text};
use crate::store::{Packer, StoreBuilder};
use crate::time::Timestamp;

use super::accounts::{Accounts, Aliases};
use super::check::{BadRow, Present, SeenIds};
use super::config::{HistoryConfig, TableConfig};
use super::contract::TableSchema;
use super::convert::Interner;
use super::error::{Problem, ReadError, Reason};
use super::files::table_sha256;
use super::findings::Findings;
use super::load::TableReport;
use super::mapping::{Mapping, resolve};
use super::source::{file_name, scan};

pub(super) use currency::Currencies;

/// A history being read, table by table.
pub(super) struct Reading<'a> {
    pub(super) config: &'a HistoryConfig,
    pub(super) present: Option<Present>,
    pub(super) interner: Interner,
    pub(super) aliases: Arc<Aliases>,
    pub(super) findings: Findings,
    pub(super) accounts: Accounts,
    /// Where facts go that not every snapshot asks for; there from the first table of such on.
    pub(super) store: Option<Arc<StoreBuilder>>,
    pub(super) n_files: u64,
    /// The latest time at which something was known.
    pub(super) known_at: Option<Timestamp>,
    pub(super) currencies: Currencies,
}

/// The tables whose facts stand in the history itself: every snapshot asks for them, and they are small.
pub(super) const IN_HISTORY: [&str; 5] =
    ["id_map", "subscriptions", "subscription_events", "accounts", "labels"];

/// One table while it is read.
pub(super) struct TableReading {
    pub(super) schema: &'static TableSchema,
    pub(super) config: TableConfig,
    pub(super) table: Text,
    pub(super) ids: SeenIds,
    /// For tables that are packed as they are read.
    pub(super) packer: Option<Packer>,
    pub(super) n_read: usize,
    pub(super) report: TableReport,
}

/// A file of a table under the contract.
pub(super) struct MappedFile<'a> {
    pub(super) name: &'a str,
    pub(super) columns: &'a [String],
    pub(super) mapping: Mapping,
}

impl<'a> Reading<'a> {
    /// For reading a history in that currency, where it is known already.
    pub(super) fn new(config: &'a HistoryConfig, currency: Option<Text>) -> Self {
        Self {
            config,
            present: Present::new(config),
            interner: Interner::default(),
            aliases: Arc::default(),
            findings: Findings::new(config.on_bad_row),
            accounts: Accounts::default(),
            store: None,
            n_files: 0,
            known_at: None,
            currencies: Currencies::new(currency),
        }
    }

    /// Makes ready for tables that are packed, once those are read that are not.
    pub(super) fn open_store(&mut self) {
        let known = self.accounts.facts.iter().map(|facts| facts.account_id.clone()).collect();
        self.store = Some(Arc::new(StoreBuilder::new(known, self.config.memory / 2)));
    }

    /// For reading the packed table at position `table` beside others.
    pub(super) fn fork(&self, table: usize) -> Self {
        Self {
            aliases: self.aliases.clone(),
            store: self.store.clone(),
            // Files of different tables have different numbers.
            n_files: (table as u64) << 32,
            currencies: self.currencies.clone(),
            ..Self::new(self.config, None)
        }
    }

    /// Takes over what a fork found; forks come in the order of their tables.
    pub(super) fn join(&mut self, fork: Self) {
        self.findings.extend(fork.findings);
        self.known_at = self.known_at.max(fork.known_at);
        self.currencies.extend(fork.currencies);
    }

    /// Reads the table of `schema` out of its files.
    pub(super) fn read_table(
        &mut self,
        schema: &'static TableSchema,
        paths: &[PathBuf],
    ) -> Result<TableReport, ReadError> {
        let summary = TableSummary {
            table: schema.name,
            n_rows: 0,
            n_rejected: 0,
            first: None,
            last: None,
            sha256: if self.config.with_hashes { Some(table_sha256(paths)?) } else { None },
        };
        let report = TableReport {
            summary,
            files: vec![],
            present: vec![],
            missing: vec![],
            ignored: vec![],
            is_read: true,
        };
        let mut table = TableReading {
            schema,
            config: self.config.table(schema.name),
            table: self.interner.text(schema.name),
            ids: SeenIds::default(),
            packer: None,
            n_read: 0,
            report,
        };
        let paths = if self.take_columns(&mut table, paths)? { &[] } else { paths };
        for path in paths {
            table.report.files.push(file_name(path));
            self.n_files += 1;
            let store = self.store.as_ref().filter(|_| !IN_HISTORY.contains(&schema.name));
            table.packer = store.map(|store| StoreBuilder::packer(store, self.n_files));
            self.read_file(&mut table, path)?;
            if let Some(packer) = table.packer.take() {
                packer.finish()?;
            }
        }
        let is_present =
            |name: &str, report: &TableReport| report.present.iter().any(|(known, _)| *known == name);
        // Of files that could not be matched with the contract nothing is known, and the problem says why.
        if !table.report.present.is_empty() {
            table.report.missing = schema
                .columns
                .iter()
                .map(|column| column.name)
                .filter(|name| !is_present(name, &table.report))
                .collect();
        }
        let summary = &table.report.summary;
        let is_whole = self.config.part_of.is_none();
        if is_whole && table.n_read > 0 && summary.n_rejected == table.n_read {
            self.findings.problem(Problem::table(schema.name, Reason::AllRejected(table.n_read)));
        }
        Ok(table.report)
    }

    fn read_file(&mut self, table: &mut TableReading, path: &Path) -> Result<(), ReadError> {
        let scan = match scan(path) {
            Ok(scan) => scan,
            Err(error) => return self.findings.file_error(table.schema.name, error),
        };
        if scan.columns.is_empty() {
            let mapping = Mapping { columns: vec![], constants: vec![], ignored: vec![] };
            let file = MappedFile { name: &scan.file, columns: &[], mapping };
            for raw in scan.batches {
                let raw = raw?;
                let bad = raw.broken.into_iter().map(|broken| BadRow {
                    row: broken.row,
                    column: None,
                    value: broken.value,
                    reason: broken.reason,
                });
                self.report_bad_rows(table.schema, &file, raw.first_row, bad.collect());
            }
            return Ok(());
        }
        let constants: &[String] = match table.schema.name {
            "accounts" => &self.config.constant_account_columns,
            _ => &[],
        };
        let mapping = match resolve(table.schema, &table.config, constants, &scan.columns) {
            Ok(mapping) => mapping,
            Err(reasons) => {
                for reason in reasons {
                    let file = Some(scan.file.clone());
                    self.findings.problem(Problem { file, ..Problem::table(table.schema.name, reason) });
                }
                return Ok(());
            }
        };
        table.note_columns(&mapping, &scan.columns);
        let file = MappedFile { name: &scan.file, columns: &scan.columns, mapping };
        if self.pass_over(table, &file, path) {
            return Ok(());
        }
        for raw in scan.batches {
            let raw = raw?;
            self.config.listener.read(raw.n_bytes);
            // Whatever cannot be read in one batch is told once and ends the reading.
            if self.refuse_nested(table.schema, &file, &raw) {
                return Ok(());
            }
            self.read_batch(table, &file, &raw)?;
            if table.packer.is_some() {
                // Packed facts share no texts with later ones.
                self.interner = Interner::default();
            }
        }
        Ok(())
    }

    /// The accounts by id and what is packed of them, as a history that tells nothing more; and what was found wrong.
    pub(super) fn finish(mut self) -> (History, Findings) {
        let store = self.store.take().and_then(Arc::into_inner);
        for id in store.as_ref().map(StoreBuilder::ids).unwrap_or_default() {
            self.accounts.position(&id);
        }
        let kinds = self.config.part_of.as_ref().map(|whole| whole.constant_account_kinds.as_slice());
        let (accounts, candidate_columns) =
            self.accounts.finish(&self.config.constant_account_columns, kinds);
        let store = store.map(|store| Arc::new(store.finish(&accounts)));
        (History { accounts, store, candidate_columns, ..History::default() }, self.findings)
    }
}

impl TableReading {
    pub(super) fn note_columns(&mut self, mapping: &Mapping, found: &[String]) {
        for (column, mapped) in self.schema.columns.iter().zip(&mapping.columns) {
            let Some(mapped) = mapped else { continue };
            if !self.report.present.iter().any(|(name, _)| *name == column.name) {
                self.report.present.push((column.name, found[mapped.position].clone()));
            }
        }
        for name in &mapping.ignored {
            if !self.report.ignored.contains(name) {
                self.report.ignored.push(name.clone());
            }
        }
    }
}
