//! History tables → snapshots → signals and a feature table.
//!
//! The only reader of a business's history. Everything here is a pure function of its
//! arguments: no wall clock, no unseeded randomness; only [`read`] and [`mod@write`] touch files.

pub mod compute;
pub mod history;
pub mod incremental;
pub mod matrix;
pub mod read;
pub mod settings;
pub mod signal;
pub mod snapshot;
pub mod spec;
pub mod stage;
pub mod store;
pub mod time;
pub mod write;

pub use history::{AccountFacts, History};
pub use matrix::{Column, FeatureTable, Row, RowKey, Value};
pub use spec::{Dimension, Direction, FeatureSpec, Kind, Role};
pub use time::{DAY, Timestamp};
