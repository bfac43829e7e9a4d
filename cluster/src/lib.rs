//! Features on a cluster: the kernel of `holdfast_features`, run by DataFusion in this process or on Ballista's
//! executors.
//!
//! One query computes everything:
//!
//! ```text
//! SELECT holdfast_features(job, holdfast_collect(fact))
//!   FROM (SELECT holdfast_account(account_id) AS account, holdfast_fact(0, …) AS fact FROM subscriptions
//!         UNION ALL … every table … UNION ALL the rows asked for)
//!  GROUP BY account
//! ```
//!
//! Every row of every table becomes an envelope of account and fact on the executor that reads it; one aggregate brings
//! an account's facts together, and one function has the kernel make its feature rows.
//!
//! An aggregate a table, joined by account and time, would be the more usual plan. It cannot compute what needs several
//! tables at once (seats used of those bought, the lifecycle stage, the silence of a champion), shuffles as often as
//! there are tables, and joins. Here everything of an account meets once.
//!
//! Rows travel as they stand in the files, and an executor reads them with the code that reads any history, so that no
//! value can be understood differently: see `kernel.rs`, the only module that knows how features are made.

mod client;
mod envelope;
mod error;
mod executor;
mod functions;
mod job;
mod kernel;
mod location;
mod rows;
mod scheduler;
mod session;
mod settings;
mod source;
mod survey;

pub use client::{Asked, Query, Request};
pub use error::ClusterError;
pub use executor::{ExecutorOptions, execute};
pub use job::{Job, JobError, Source};
pub use scheduler::{DEFAULT_PORT, EXECUTOR_TIMEOUT_SECONDS, HEARTBEAT_SECONDS, Scheduler, SchedulerOptions};
pub use session::{Cluster, DEFAULT_PARTITIONS};
