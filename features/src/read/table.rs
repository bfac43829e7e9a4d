//! Reading one table of a history, file by file and batch by batch.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::history::{AccountFacts, Candidate, TableSummary, Text};
use crate::store::{Packer, Store, StoreBuilder};
use crate::time::Timestamp;

use super::accounts::{Accounts, Aliases};
use super::check::{BadRow, Batch, Present, SeenIds};
use super::config::{HistoryConfig, OnBadRow, TableConfig};
use super::contract::{MoneyUnit, TableSchema};
use super::convert::{Interner, Typed, convert, minor_units};
use super::error::{Problem, ReadError, Reason};
use super::facts::{UsedRow, append};
use super::files::table_sha256;
use super::findings::Findings;
use super::load::TableReport;
use super::mapping::{Mapping, resolve};
use super::source::{Cells, RawBatch, file_name, scan};

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
    /// Each currency and where it stands first.
    pub(super) currencies: BTreeMap<String, String>,
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
    pub(super) fn new(config: &'a HistoryConfig) -> Self {
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
            currencies: BTreeMap::new(),
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
            ..Self::new(self.config)
        }
    }

    /// Takes over what a fork found; forks come in the order of their tables.
    pub(super) fn join(&mut self, fork: Self) {
        self.findings.extend(fork.findings);
        self.known_at = self.known_at.max(fork.known_at);
        for (code, place) in fork.currencies {
            self.currencies.entry(code).or_insert(place);
        }
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
        table.report.missing = schema
            .columns
            .iter()
            .map(|column| column.name)
            .filter(|name| !is_present(name, &table.report))
            .collect();
        let summary = &table.report.summary;
        if table.n_read > 0 && summary.n_rejected == table.n_read {
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

    fn read_batch(
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
    fn refuse_nested(&mut self, schema: &TableSchema, file: &MappedFile<'_>, raw: &RawBatch) -> bool {
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
        self.to_major_units(&mut batch, &file.mapping);
        (batch, bad)
    }

    /// Divides amounts in minor units by what makes one unit of the row's currency, or of the history's.
    fn to_major_units(&self, batch: &mut Batch, mapping: &Mapping) {
        let own = self.currencies.keys().next().map(String::as_str);
        let by_row: Option<Vec<f64>> = batch.texts("currency").map(|currencies| {
            let code = |currency: &Option<Text>| currency.as_ref().map(|code| code.to_uppercase());
            currencies.iter().map(|currency| minor_units(code(currency).as_deref().or(own))).collect()
        });
        for (typed, mapped) in batch.columns.iter_mut().zip(&mapping.columns) {
            let is_minor = mapped.as_ref().is_some_and(|mapped| mapped.spelling.unit == MoneyUnit::Minor);
            if let (true, Some(Typed::Number(amounts))) = (is_minor, typed) {
                for (row, amount) in amounts.iter_mut().enumerate() {
                    let factor = by_row.as_ref().map_or_else(|| minor_units(own), |by_row| by_row[row]);
                    *amount = amount.map(|amount| amount / factor);
                }
            }
        }
    }

    fn read_aliases(&mut self, batch: &Batch, bad: &mut Vec<BadRow>) {
        let (Some(ids), Some(aliases)) = (batch.texts("account_id"), batch.texts("alias")) else { return };
        let tables = batch.texts("table");
        let column = batch.position("alias");
        let is_bad: HashSet<usize> = bad.iter().map(|bad| bad.row).collect();
        for row in (0..batch.n_rows).filter(|row| !is_bad.contains(row)) {
            let (Some(id), Some(alias)) = (&ids[row], &aliases[row]) else { continue };
            let table = tables.and_then(|tables| tables[row].clone());
            if let Err(reason) = Arc::make_mut(&mut self.aliases).add(alias.clone(), table, id.clone()) {
                bad.push(BadRow { row, column, value: Some(alias.to_string()), reason });
            }
        }
    }

    fn report_bad_rows(
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

    fn use_rows(
        &mut self,
        table: &mut TableReading,
        file: &MappedFile<'_>,
        raw: &RawBatch,
        batch: &Batch,
        good: &[usize],
    ) -> Result<(), ReadError> {
        let summary = &mut table.report.summary;
        summary.n_rows += good.len();
        let currencies = batch.texts("currency");
        for &row in good {
            if let Some(time) = batch.event_time(row) {
                summary.first = Some(summary.first.map_or(time, |first| first.min(time)));
                summary.last = Some(summary.last.map_or(time, |last| last.max(time)));
            }
            let known_at = batch.known_at(row, table.config.delay, self.config.now);
            self.known_at = self.known_at.max(known_at);
            if let Some(code) = currencies.and_then(|currencies| currencies[row].as_ref()) {
                let code = code.to_uppercase();
                let place = format!("{code} ({}, row {})", file.name, raw.first_row + row);
                self.currencies.entry(code).or_insert(place);
            }
        }
        if table.schema.name == "id_map" {
            return Ok(());
        }
        let Some(ids) = batch.texts("account_id") else { return Ok(()) };
        let good = match table.schema.name {
            "accounts" => self.once_each(table, file, raw, ids, good),
            _ => good.to_vec(),
        };
        let used: Vec<UsedRow> = good
            .iter()
            .filter_map(|&row| {
                let id = self.aliases.resolve(&table.table, ids[row].clone()?);
                let account = self.accounts.position(&id);
                let visible_at = batch.visible_at(row, table.config.delay).unwrap_or(Timestamp(0));
                Some(UsedRow { row, account, visible_at })
            })
            .collect();
        append(batch, &used, &mut self.accounts.facts);
        if table.schema.name == "accounts" {
            self.finish_accounts(table, file, raw, &used);
        }
        if let (Some(packer), Some(store)) = (&mut table.packer, &self.store) {
            for used in &used {
                let facts = &mut self.accounts.facts[used.account];
                let place = store.accounts.place(&facts.account_id);
                facts.drain_packed(|fact| packer.fact(place, &fact))?;
            }
        }
        Ok(())
    }

    /// The `good` rows but those of accounts that have one already, under another id that means the same: these are bad.
    fn once_each(
        &mut self,
        table: &mut TableReading,
        file: &MappedFile<'_>,
        raw: &RawBatch,
        ids: &[Option<Text>],
        good: &[usize],
    ) -> Vec<usize> {
        let mut bad = Vec::new();
        let mut in_batch = HashSet::new();
        let mut is_first = |&row: &usize| {
            let Some(id) = &ids[row] else { return true };
            let meant = self.aliases.resolve(&table.table, id.clone());
            let account = self.accounts.position(&meant);
            let is_first = self.accounts.facts[account].account.is_none() && in_batch.insert(account);
            if !is_first {
                let column = table.schema.columns.iter().position(|column| column.name == "account_id");
                let value = Some(format!("{id}, which means {meant}"));
                bad.push(BadRow { row, column, value, reason: Reason::DuplicateId });
            }
            is_first
        };
        let kept = good.iter().copied().filter(|row| is_first(row)).collect();
        if self.config.on_bad_row == OnBadRow::Reject {
            table.report.summary.n_rejected += bad.len();
        }
        table.report.summary.n_rows -= bad.len();
        self.report_bad_rows(table.schema, file, raw.first_row, bad);
        kept
    }

    /// The accounts by id, and what is packed of them.
    pub(super) fn finish(mut self) -> (Vec<AccountFacts>, Option<Arc<Store>>, Findings) {
        let store = self.store.take().and_then(Arc::into_inner);
        for id in store.as_ref().map(StoreBuilder::ids).unwrap_or_default() {
            self.accounts.position(&id);
        }
        let accounts = self.accounts.finish(self.config.constant_account_columns.len());
        let store = store.map(|store| Arc::new(store.finish(&accounts)));
        (accounts, store, self.findings)
    }

    /// Parents by their account's id, and the columns that the configuration declares constant.
    fn finish_accounts(
        &mut self,
        table: &TableReading,
        file: &MappedFile<'_>,
        raw: &RawBatch,
        used: &[UsedRow],
    ) {
        for used in used {
            let Some(account) = &mut self.accounts.facts[used.account].account else { continue };
            let parent = account.parent_account_id.take();
            account.parent_account_id = parent.map(|id| self.aliases.resolve(&table.table, id));
            let constants = file.mapping.constants.iter().map(|&position| {
                let text = raw.columns[position].text(used.row);
                Candidate::Text(text.map(|text| self.interner.text(&text)))
            });
            account.candidates = constants.collect();
        }
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
