//! A scored account → its health, its risk band, and the next best action.
//!
//! ```text
//! Row → prediction, stage, health, signals → band → eligible plays → guardrails → value → ranked answer
//! ```
//!
//! Everything here is a pure function of a [`Policy`], a bundle and an account; only [`playbook::folder_files`] reads
//! files. [`mod@assess`] says how an account stands, [`mod@answer`] adds why and what to do.

pub mod action;
pub mod answer;
pub mod assess;
pub mod band;
pub mod expression;
pub mod facts;
pub mod guardrail;
pub mod health;
pub mod name;
pub mod playbook;
pub mod policy;
pub mod reading;
pub mod reason;
pub mod response;
pub mod rule;
pub mod standing;
mod talk;
pub mod touch;
pub mod value;

pub use action::{Action, Suppressed};
pub use answer::{Answer, answer, answer_account};
pub use assess::{Assessment, assess};
pub use band::{Band, settle};
pub use facts::Account;
pub use guardrail::Guardrail;
pub use health::Health;
pub use playbook::{Play, PlaybookError, Playbooks};
pub use policy::Policy;
pub use reading::{Reading, Readings};
pub use reason::{Reason, Reasons};
pub use response::Escalation;
pub use touch::Touch;
