//! The wire and nothing else: the protocol in `holdfast/v1/*.proto`, the code generated from it, its
//! descriptor, and its limits.
//!
//! `cargo run -p holdfast-proto --example generate` writes the generated code anew; with `--check` it
//! fails where the committed code is not what the protocol says. No protoc is needed for either.

pub mod limits;

/// Messages, clients and servers of the package `holdfast.v1`.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    reason = "generated code; its shape follows from the protocol"
)]
#[rustfmt::skip]
#[path = "generated/holdfast.v1.rs"]
pub mod v1;

/// The protocol as an encoded `google.protobuf.FileDescriptorSet` with all its imports, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/holdfast.v1.bin");

/// The full names of the services, as health checks and reflection know them.
pub const SERVICES: [&str; 2] = ["holdfast.v1.RiskService", "holdfast.v1.ModelService"];
