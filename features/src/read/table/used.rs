//! The good rows of a batch → aliases and facts.

use std::collections::HashSet;
use std::sync::Arc;

use crate::history::{Candidate, Text};
use crate::read::check::{BadRow, Batch};
use crate::read::config::OnBadRow;
use crate::read::error::{ReadError, Reason};
use crate::read::facts::{UsedRow, append};
use crate::read::source::RawBatch;
use crate::time::Timestamp;

use super::{MappedFile, Reading, TableReading};

impl Reading<'_> {
    pub(super) fn read_aliases(&mut self, batch: &Batch, bad: &mut Vec<BadRow>) {
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

    pub(super) fn use_rows(
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
                self.currencies.note(code, file.name, raw.first_row + row);
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
