//! The facts behind one value: what it becomes without each of them.

use std::sync::Arc;

use super::plan::tables_of;
use super::sweep::load;
use super::without::Leaving;
use super::{ComputeError, Key, specs_of};
use crate::history::{AccountFacts, Book, History};
use crate::spec::FeatureSpec;
use crate::store::Fact;

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What the feature is.
    pub spec: FeatureSpec,
    /// The value; `None` is missing.
    pub value: Option<String>,
    /// The facts without which the value is another, the latest to become known first.
    pub behind: Vec<Behind>,
    /// Facts of the feature's tables that were known at the observation.
    pub n_known: usize,
    /// Facts that had happened before the observation but became known only later: they do not count.
    pub late: Vec<Fact>,
}

/// A fact and what it does to a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Behind {
    /// The fact.
    pub fact: Fact,
    /// The value without it; `None` is missing.
    pub without: Option<String>,
}

/// The tables that every snapshot needs: features of any table may ask for contracts and attributes.
const ALWAYS: [&str; 3] = ["accounts", "subscription_events", "subscriptions"];

/// Explains the feature called `name` of the row `key`: it is computed again without each fact in turn.
///
/// # Errors
/// As [`super::table`]; further a name that the history does not offer.
pub fn explain(history: &History, key: &Key, name: &str) -> Result<Explanation, ComputeError> {
    let names = [name.to_owned()];
    let spec = specs_of(history, &names)?.remove(0);
    let found = history.accounts.binary_search_by(|facts| facts.account_id.cmp(&key.account_id));
    let account =
        found.map_err(|_| ComputeError::UnknownAccount { row: 0, account_id: key.account_id.clone() })?;
    let mut all = whole(history, account)?;
    let facts: Vec<Fact> = all.take().collect();
    // Other accounts are left out, but the book that they make is not.
    let book = history.book.clone().unwrap_or_else(|| Arc::new(Book::of(&history.accounts)));
    let shell = History {
        book: Some(book),
        accounts: Vec::new(),
        store: None,
        until: history.until,
        currency: history.currency.clone(),
        tables: history.tables.clone(),
        candidate_columns: history.candidate_columns.clone(),
        constant_subscription_columns: history.constant_subscription_columns.clone(),
    };
    let tables = tables_of(&names);
    let is_asked = |fact: &Fact| tables.as_ref().is_none_or(|tables| tables.contains(fact.table()));
    let is_known = |fact: &Fact| fact.visible_at().is_none_or(|visible_at| visible_at < key.as_of);
    // What was not known does not count; what stands in other tables is not read, but for contracts, which all may ask for.
    let is_read = |fact: &&Fact| ALWAYS.contains(&fact.table()) || (is_asked(fact) && is_known(fact));
    let read: Vec<Fact> = facts.iter().filter(is_read).cloned().collect();
    let asked: Vec<usize> =
        (0..read.len()).filter(|&at| is_asked(&read[at]) && is_known(&read[at])).collect();
    let (value, without) = Leaving { shell: &shell, key, spec: &spec, facts: &read }.values(&asked)?;
    let behind = asked.iter().zip(without).filter(|(_, without)| *without != value);
    let mut behind: Vec<Behind> =
        behind.map(|(&at, without)| Behind { fact: read[at].clone(), without }).collect();
    behind.sort_by_key(|one| std::cmp::Reverse(one.fact.visible_at()));
    let is_late = |fact: &&Fact| {
        is_asked(fact) && !is_known(fact) && fact.happened_at().is_some_and(|time| time < key.as_of)
    };
    let late = facts.iter().filter(is_late).cloned().collect();
    Ok(Explanation { spec, value, behind, n_known: asked.len(), late })
}

/// Every fact of the account at that position.
fn whole(history: &History, account: usize) -> Result<AccountFacts, ComputeError> {
    let mut facts = history.accounts[account].clone();
    let Some(store) = &history.store else { return Ok(facts) };
    let part = store.ranges().partition_point(|range| range.end <= account);
    if let Some(mut part) = load(history, part)? {
        let at = account - part.accounts.start;
        facts.usage.extend(part.usage(at).iter(store.events()));
        part.facts[at].take_packed().for_each(|fact| facts.add(fact));
        facts.sort();
        // Packed users are numbered as threads came across them.
        facts.number_users();
    }
    Ok(facts)
}
