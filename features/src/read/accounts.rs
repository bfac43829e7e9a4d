//! The accounts of a history while it is read: ids, aliases, and what is sorted and typed at the end.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rayon::prelude::*;

use crate::history::{AccountFacts, Candidate, CandidateColumn, Text};
use crate::spec::Kind;

use super::detect::{Detected, detect_text};
use super::error::Reason;

/// The accounts seen so far.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    positions: HashMap<Text, usize, FixedState>,
    /// Their facts, in the order in which the accounts were first seen.
    pub(super) facts: Vec<AccountFacts>,
}

/// The ids that other tools give accounts, for one table or, under the empty name, for all.
#[derive(Debug, Clone, Default)]
pub(super) struct Aliases(HashMap<(Text, Text), Text>);

impl Accounts {
    /// The position of the account `id`, which is added where it is new.
    pub(super) fn position(&mut self, id: &Text) -> usize {
        if let Some(&position) = self.positions.get(id) {
            return position;
        }
        let position = self.facts.len();
        self.positions.insert(id.clone(), position);
        self.facts.push(AccountFacts { account_id: id.clone(), ..AccountFacts::default() });
        position
    }

    /// The accounts by id, each list of facts in order, and the columns of `accounts` called `constant` with their kinds: those
    /// given, else the ones that their values show.
    pub(super) fn finish(
        mut self,
        constant: &[String],
        kinds: Option<&[Kind]>,
    ) -> (Vec<AccountFacts>, Vec<CandidateColumn>) {
        let mut columns = Vec::with_capacity(constant.len());
        for (index, name) in constant.iter().enumerate() {
            let known = kinds.and_then(|kinds| kinds.get(index).copied());
            columns.push(CandidateColumn { name: name.clone(), kind: self.type_candidate(index, known) });
        }
        self.facts.par_iter_mut().for_each(AccountFacts::sort);
        self.facts.sort_by(|a, b| a.account_id.cmp(&b.account_id));
        (self.facts, columns)
    }

    /// Candidates are read as text; here those of one column that are all numbers or booleans become so.
    fn type_candidate(&mut self, index: usize, known: Option<Kind>) -> Kind {
        if known == Some(Kind::Category) {
            return Kind::Category;
        }
        let mut candidates: Vec<&mut Candidate> = self
            .facts
            .iter_mut()
            .filter_map(|facts| facts.account.as_mut()?.candidates.get_mut(index))
            .collect();
        let texts: Vec<Option<Text>> = candidates
            .iter()
            .map(|candidate| match candidate {
                Candidate::Text(text) => text.clone(),
                Candidate::Number(_) => None,
            })
            .collect();
        if let Detected::Number(numbers) | Detected::Boolean(numbers) = detect_text(&texts) {
            for (candidate, number) in candidates.iter_mut().zip(numbers) {
                **candidate = Candidate::Number(Some(number).filter(|number| !number.is_nan()));
            }
            return Kind::Number;
        }
        known.unwrap_or(Kind::Category)
    }
}

impl Aliases {
    /// Says that `alias` in `table`, or in every table where that is `None`, means `account_id`.
    pub(super) fn add(&mut self, alias: Text, table: Option<Text>, account_id: Text) -> Result<(), Reason> {
        let table = table.unwrap_or_default();
        let earlier = self.0.entry((table, alias)).or_insert_with(|| account_id.clone());
        if *earlier == account_id {
            return Ok(());
        }
        Err(Reason::AliasTwice(earlier.to_string(), account_id.to_string()))
    }

    /// The account that `id` means in `table`.
    pub(super) fn resolve(&self, table: &Text, id: Text) -> Text {
        if self.0.is_empty() {
            return id;
        }
        let own = self.0.get(&(table.clone(), id.clone()));
        match own.or_else(|| self.0.get(&(Text::default(), id.clone()))) {
            Some(account_id) => account_id.clone(),
            None => id,
        }
    }
}
