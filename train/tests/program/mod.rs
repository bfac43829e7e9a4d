//! The program as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

/// What `holdfast-train` says to `arguments` in `directory`.
pub(crate) fn train(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdfast-train"))
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap()
}
