//! A client's and a supervisor's view of a whole server, over loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step of a test that fails is the test's failure")]

mod answers;
mod earlier;
mod exchange;
mod refusals;
mod standards;
mod support;
