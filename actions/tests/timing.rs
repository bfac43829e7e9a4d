#![allow(missing_docs, clippy::all, clippy::disallowed_methods)]
#[path = "answers/business.rs"]
mod business;
use holdfast_actions::{Account, Policy, answer, assess};
use holdfast_features::settings::Settings;
use std::time::Instant;
#[test]
fn timing() {
    let t = Instant::now();
    let policy = Policy::read(&mut Settings::parse("holdfast.toml", "").unwrap(), &[]).unwrap();
    println!("policy {:?}", t.elapsed());
    let b = business::business(&policy);
    let _ = business::prepared();
    let as_of = holdfast_features::Timestamp::parse("2025-06-02").unwrap();
    let _ = &b.accounts;
    let t = Instant::now();
    for i in 0..240 {
        std::hint::black_box(assess(
            &policy,
            &b.bundle,
            &Account { row: b.history.row(i), as_of, readings: &[], touches: &[] },
        ));
    }
    println!("assess {:?}", t.elapsed() / 240);
    let t = Instant::now();
    for i in 0..240 {
        std::hint::black_box(answer(&policy, &b.bundle, b.history.row(i), as_of));
    }
    println!("answer {:?}", t.elapsed() / 240);
    let t = Instant::now();
    for i in 0..240 {
        let a = assess(
            &policy,
            &b.bundle,
            &Account { row: b.history.row(i), as_of, readings: &[], touches: &[] },
        );
        let f = a.facts(Account { row: b.history.row(i), as_of, readings: &[], touches: &[] });
        let v = |n: &holdfast_actions::name::Name| f.value(n);
        for play in policy.playbooks.plays() {
            std::hint::black_box(play.when.holds(&v));
        }
    }
    println!("assess+eligible {:?}", t.elapsed() / 240);
}
