//! What a cluster computes is what one machine computes, whoever dies on the way.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a step that fails is the test's failure; what a run took is measured and printed"
)]

mod business;
mod crash;
mod equal;
mod parts;
mod program;
