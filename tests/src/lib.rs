//! What only the whole can show lives in `tests/whole/`. This package also builds the two programs from their own
//! `main.rs`, since Cargo tells a test only where the binaries of its own package are.
