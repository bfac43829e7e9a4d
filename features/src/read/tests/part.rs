//! Some accounts of a history, read alone by what the whole has decided.

use super::{folder, history};
use crate::history::Candidate;
use crate::read::{HistoryConfig, OnBadRow, PartOf, ReadError};
use crate::spec::Kind;

fn config(part_of: Option<PartOf>) -> HistoryConfig {
    let constant_account_columns = vec!["code".to_owned(), "seats".to_owned()];
    HistoryConfig {
        on_bad_row: OnBadRow::Reject,
        constant_account_columns,
        part_of,
        ..HistoryConfig::default()
    }
}

fn part() -> HistoryConfig {
    let constant_account_kinds = vec![Kind::Category, Kind::Number];
    config(Some(PartOf { currency: Some("KWD".into()), constant_account_kinds }))
}

#[test]
fn kinds_and_currency_are_those_of_the_whole() {
    let dir = folder(&[
        ("accounts.csv", "account_id,code,seats\na1,17,5\n"),
        ("invoices.csv", "invoice_id,account_id,amount_due_minor,created_at\ni1,a1,2000,2024-02-01\n"),
    ]);
    let history = history(dir.path(), &part()).unwrap();
    let facts = &history.accounts[0];
    let candidates = &facts.account.as_ref().unwrap().candidates;
    assert_eq!(*candidates, [Candidate::Text(Some("17".into())), Candidate::Number(Some(5.0))]);
    let kinds: Vec<Kind> = history.candidate_columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Kind::Category, Kind::Number]);
    assert_eq!(facts.invoices[0].amount_due.to_bits(), 2.0_f64.to_bits());
    assert_eq!(history.currency.as_deref(), Some("KWD"));
}

#[test]
fn what_is_a_mistake_of_the_whole_is_none_of_a_part() {
    // No contract, no row of `accounts`, bad tickets only.
    let dir = folder(&[
        ("tickets.csv", "ticket_id,account_id,created_at,priority\nt1,a1,2024-03-05,huge\n"),
        ("surveys.csv", "account_id,score,responded_at\na1,9,2024-03-05\n"),
    ]);
    let read = history(dir.path(), &part()).unwrap();
    assert_eq!((read.accounts[0].surveys.len(), read.accounts[0].tickets.len()), (1, 0));
    let ReadError::Problems { n_problems, .. } = history(dir.path(), &config(None)).unwrap_err() else {
        panic!("problems")
    };
    assert_eq!(n_problems, 3);
}
