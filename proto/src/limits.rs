//! What a request may be at most. A client that keeps to them is never refused for its size.

/// The largest message in bytes, in either direction: a thousand rows of a few hundred named features. A larger
/// one is refused as OUT_OF_RANGE before it is read.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// The subjects of one `BatchScore`, unless the server was started with another `--max-batch`.
pub const DEFAULT_MAX_BATCH: usize = 1_000;

/// The most that `--max-batch` may allow: as many scores as fit into [`MAX_MESSAGE_BYTES`].
pub const LARGEST_MAX_BATCH: usize = 20_000;

/// The values of one `FeatureRow`.
pub const MAX_VALUES_PER_ROW: usize = 4_096;

/// The bytes of one text: an account id, a category, a reference.
pub const MAX_TEXT_BYTES: usize = 1_024;

/// The bytes of field violations (field and description) that one error carries; it says how many more
/// there are. An error travels in HTTP/2 headers, for which many clients allow 8 KiB, in base 64.
pub const MAX_VIOLATION_BYTES: usize = 4_096;

/// The days after the moment of the request that a `FeatureRow.as_of` may lie ahead; it may not lie before 1970.
pub const MAX_DAYS_AHEAD: i64 = 366;
