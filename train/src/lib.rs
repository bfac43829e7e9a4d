//! Which rows to learn from, how good it is, report, publish, batch score.
//!
//! The library behind `holdfast-train`: each subcommand is a function of [`commands`] that returns what to
//! print. Only `main.rs` prints, exits and touches the terminal.

pub mod alarm;
pub mod baseline;
mod blend;
pub mod candidates;
pub mod cli;
pub mod columns;
pub mod commands;
pub mod config;
pub mod error;
pub mod evaluate;
pub mod groups;
pub mod history;
pub mod horizons;
pub mod judgement;
pub mod learning;
pub mod outcomes;
pub mod pipeline;
pub mod prepared;
pub mod procedure;
pub mod progress;
pub mod publish;
pub mod report;
pub mod rows;
pub mod select;
pub mod split;
pub mod summary;

pub use error::TrainError;
