//! Rows of a table as an Arrow record batch.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::error::ArrowError;
use holdfast_features::Timestamp;

/// A row of one table of the history contract.
pub(crate) trait Record: Sized {
    /// The table's name in the contract.
    const TABLE: &'static str;

    /// The columns in the contract's order.
    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)>;
}

/// Rows, and the ways to make a column out of them.
pub(crate) struct Columns<'r, R>(&'r [R]);

/// The rows as a record batch; no rows make an empty batch of the same schema.
pub(crate) fn batch<R: Record>(rows: &[R]) -> Result<RecordBatch, ArrowError> {
    let columns = R::columns(&Columns(rows));
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
}

impl<'r, R> Columns<'r, R> {
    pub(crate) fn text(&self, get: impl Fn(&'r R) -> &'r str) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(self.0.iter().map(get)))
    }

    pub(crate) fn optional_text(&self, get: impl Fn(&'r R) -> Option<Cow<'r, str>>) -> ArrayRef {
        Arc::new(self.0.iter().map(get).collect::<StringArray>())
    }

    pub(crate) fn number(&self, get: impl Fn(&'r R) -> Option<f64>) -> ArrayRef {
        Arc::new(self.0.iter().map(get).collect::<Float64Array>())
    }

    pub(crate) fn integer(&self, get: impl Fn(&'r R) -> Option<u32>) -> ArrayRef {
        Arc::new(self.0.iter().map(|row| get(row).map(i64::from)).collect::<Int64Array>())
    }

    pub(crate) fn boolean(&self, get: impl Fn(&'r R) -> Option<bool>) -> ArrayRef {
        Arc::new(self.0.iter().map(get).collect::<BooleanArray>())
    }

    pub(crate) fn time(&self, get: impl Fn(&'r R) -> Option<Timestamp>) -> ArrayRef {
        let times = self.0.iter().map(|row| get(row).map(|time| time.0));
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    }

    pub(crate) fn date(&self, get: impl Fn(&'r R) -> Option<Timestamp>) -> ArrayRef {
        let days = self.0.iter().map(|row| get(row).and_then(|time| i32::try_from(time.day()).ok()));
        Arc::new(days.collect::<Date32Array>())
    }
}
