//! Which rows to learn from, how good it is, report, publish, batch score.
//!
//! The library behind `holdfast-train`: each subcommand is a function of [`commands`] that returns what to
//! print. Only `main.rs` prints, exits and touches the terminal.

pub mod alarm;
pub mod baseline;
pub mod budget;
pub mod candidates;
pub mod cli;
pub mod columns;
pub mod commands;
pub mod config;
pub mod error;
pub mod evaluate;
pub mod finished;
pub mod gate;
pub mod groups;
pub mod history;
pub mod horizons;
pub mod judgement;
pub mod lead_time;
pub mod learning;
pub mod outcomes;
pub mod pipeline;
pub mod predictions;
pub mod prepared;
pub mod procedure;
pub mod progress;
pub mod publish;
pub mod report;
pub mod rows;
pub mod scorings;
pub mod select;
pub mod shapes;
pub mod split;
pub mod summary;
pub mod truth;

pub use error::TrainError;
