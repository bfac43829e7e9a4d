//! Bundle and request → answer, over gRPC.
//!
//! [`start`] listens and serves in the background until [`Running::shutdown`]. What is in service (bundle,
//! feature snapshot, policy) is one immutable [`loaded::Loaded`] that is exchanged at once ([`reload`]);
//! a call keeps to the one it began with. A request's features become a row of the model's own columns
//! ([`request`]) and take the same path through `holdfast-models` as the rows of a training run, so
//! training and serving give the same probability bit for bit.

mod call;
pub mod config;
pub mod error;
mod linger;
pub mod loaded;
mod model;
pub mod reload;
pub mod request;
mod risk;
pub mod schema;
mod server;
pub mod snapshot;
pub mod violation;
mod wire;

pub use config::{Config, WithoutModel};
pub use error::{LoadError, Refusal, ServeError};
pub use server::{Running, start};
