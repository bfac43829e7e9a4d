//! What only the whole can show: the path from tables to an answer, crashes, leakage, and the tidiness of the house.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, one that is skipped says so, and damaging files is the point"
)]

mod crash;
mod engine;
mod explain_page;
mod incremental;
mod late_facts;
mod leakage;
mod oracle;
mod path;
mod program;
mod tidy;
