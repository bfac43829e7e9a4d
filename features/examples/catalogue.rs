//! Prints `docs/features.md`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(holdfast_features::compute::catalogue().as_bytes())
}
