//! What only all accounts together decide holds for one that is computed alone.

use std::sync::Arc;

use super::{bits, key, summary};
use crate::compute::*;
use crate::history::*;
use crate::snapshot::testing::{account, at, event_mrr, yearly};
use crate::spec::Kind;

const PAST: &str = "2024-05-01";

/// Of `acme` the renewal history tells no MRR and `accounts` has no row; of `beta` both are there.
fn history() -> History {
    let terms = (0.0, 300.0);
    let beta = AccountFacts {
        account_id: "beta".into(),
        account: Some(Account {
            candidates: vec![Candidate::Text(Some("north".into()))],
            ..Account::default()
        }),
        subscription_events: vec![event_mrr(
            "t",
            SubscriptionEventType::New,
            "2024-01-01",
            "2025-01-01",
            terms,
        )],
        ..account(vec![yearly("t", "2024-01-01", "2025-01-01")])
    };
    let region = CandidateColumn { name: "region".to_owned(), kind: Kind::Category };
    History {
        accounts: vec![account(vec![yearly("s", "2024-01-01", "2025-01-01")]), beta],
        until: Some(at("2024-06-01")),
        tables: ["subscriptions", "subscription_events", "accounts"].map(summary).to_vec(),
        candidate_columns: vec![region],
        ..History::default()
    }
}

#[test]
fn its_row_is_that_among_the_others() {
    let whole = history();
    let specs = specs(&whole, &ComputeConfig::default()).unwrap();
    let book = Some(Arc::new(Book::of(&whole.accounts)));
    for (position, name) in ["acme", "beta"].into_iter().enumerate() {
        let keys = [key(name, at(PAST))];
        let accounts = vec![whole.accounts[position].clone()];
        let alone = History { accounts, book: book.clone(), ..whole.clone() };
        let expected = table(&whole, &keys, &specs).unwrap();
        assert_eq!(bits(&table(&alone, &keys, &specs).unwrap()), bits(&expected), "{name}");
    }
}

#[test]
fn its_explanation_is_of_the_value_among_the_others() {
    let whole = history();
    let told = |account: &str, name: &str| explain(&whole, &key(account, at(PAST)), name).unwrap();
    assert_eq!(told("acme", "arr").value, None, "the MRR of today is none of a past date");
    assert_eq!(told("acme", "account__region").value, None);
    let region = told("beta", "account__region");
    assert_eq!(region.value.as_deref(), Some("north"));
    let without: Vec<_> = region.behind.iter().map(|one| one.without.as_deref()).collect();
    assert_eq!(without, [None], "missing without the row of accounts");
}
