//! Feature runs that build on an earlier one: rows that nothing new can have changed are taken over as they stand.
//!
//! A run may leave a [`Basis`] beside its feature file: the program, the settings and the files of usage that it came from,
//! the book of contracts, and of each row a fingerprint of all facts but usage that could have entered it. The next run
//! takes a row over where all of this is as it was and no file of usage that is new says anything that was known
//! before the row's date; it computes the others. Its file has the bytes that computing all rows would give. Old files of
//! usage, of which no window will hold anything again, it does not read: see [`Settled`].

mod arrivals;
mod basis;
mod late;
mod reuse;
mod settled;

pub use arrivals::Arrived;
pub use basis::{Basis, BasisError, Identity, Origin, Told};
pub use late::{AccountChange, FeatureChange, FileCounts, LateReport, RowCounts, TableArrivals};
pub use reuse::{Previous, PreviousError, Reuse, WhyAll};
pub use settled::Settled;

/// The tables of usage, whose rows are known by their files.
const USAGE: [&str; 2] = ["usage_events", "usage_daily"];
/// The table that joins ids: where it changes, rows of unchanged files may belong to other accounts.
const ID_MAP: &str = "id_map";
