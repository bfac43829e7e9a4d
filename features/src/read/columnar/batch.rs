//! The columns of a record batch of usage, of the types that are taken as they are stored.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

use super::{Columns, Source};
use crate::time::DAY;

/// Texts or whole numbers as ids; each row is a position in its values.
pub(super) enum Ids {
    Texts { keys: PrimitiveArray<Int32Type>, values: ArrayRef },
    Whole(PrimitiveArray<Int64Type>),
}

/// The columns of a batch, of the types that are taken here.
pub(super) struct Batch {
    pub(super) n_rows: usize,
    pub(super) account: Ids,
    pub(super) event: Ids,
    pub(super) user: Option<Ids>,
    pub(super) channel: Option<Ids>,
    pub(super) occurred: PrimitiveArray<Int64Type>,
    pub(super) recorded: Option<PrimitiveArray<Int64Type>>,
    pub(super) value: Option<PrimitiveArray<Float64Type>>,
    pub(super) count: Option<PrimitiveArray<Float64Type>>,
    pub(super) active_users: Option<PrimitiveArray<Float64Type>>,
}

impl Batch {
    /// `None` where a column is of another type.
    pub(super) fn of(batch: &RecordBatch, columns: &Columns, source: &Source<'_>) -> Option<Self> {
        // The batch holds the projected columns in the order of the file.
        let mut order = columns.all();
        order.sort_unstable();
        order.dedup();
        let column = |position: usize| Some(batch.column(order.binary_search(&position).ok()?));
        let optional_ids = |position: Option<usize>| match position {
            Some(position) => ids(column(position)?).map(Some),
            None => Some(None),
        };
        let optional_numbers = |position: Option<usize>| match position {
            Some(position) => numbers(column(position)?).map(Some),
            None => Some(None),
        };
        let recorded = match columns.recorded {
            Some(position) => Some(times(column(position)?)?),
            None => None,
        };
        if source.is_daily && columns.count.is_none() {
            return None;
        }
        Some(Self {
            n_rows: batch.num_rows(),
            account: ids(column(columns.account)?)?,
            event: ids(column(columns.event)?)?,
            user: optional_ids(columns.user)?,
            channel: optional_ids(columns.channel)?,
            occurred: times(column(columns.occurred)?)?,
            recorded,
            value: optional_numbers(columns.value)?,
            count: optional_numbers(columns.count)?,
            active_users: optional_numbers(columns.active_users)?,
        })
    }
}

fn ids(array: &ArrayRef) -> Option<Ids> {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary_opt::<Int32Type>()?;
            dictionary.values().as_string_opt::<i32>()?;
            Some(Ids::Texts { keys: dictionary.keys().clone(), values: dictionary.values().clone() })
        }
        kind if kind.is_integer() && *kind != DataType::UInt64 => {
            let whole = arrow::compute::cast(array, &DataType::Int64).ok()?;
            Some(Ids::Whole(whole.as_primitive::<Int64Type>().clone()))
        }
        _ => None,
    }
}

fn numbers(array: &ArrayRef) -> Option<PrimitiveArray<Float64Type>> {
    if !array.data_type().is_integer() && !array.data_type().is_floating() {
        return None;
    }
    let numbers = arrow::compute::cast(array, &DataType::Float64).ok()?;
    Some(numbers.as_primitive::<Float64Type>().clone())
}

/// Times in microseconds.
pub(in crate::read) fn times(array: &ArrayRef) -> Option<PrimitiveArray<Int64Type>> {
    fn scaled<T: ArrowPrimitiveType<Native = i64>>(
        array: &ArrayRef,
        factor: i64,
        divisor: i64,
    ) -> PrimitiveArray<Int64Type> {
        array.as_primitive::<T>().unary(|time| time.saturating_mul(factor).div_euclid(divisor))
    }
    match array.data_type() {
        // The usual unit: as it is stored.
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast::<Int64Type>())
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some(scaled::<TimestampMillisecondType>(array, 1_000, 1))
        }
        DataType::Timestamp(TimeUnit::Second, _) => Some(scaled::<TimestampSecondType>(array, 1_000_000, 1)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some(scaled::<TimestampNanosecondType>(array, 1, 1_000))
        }
        DataType::Date32 => Some(array.as_primitive::<Date32Type>().unary(|day| i64::from(day) * DAY)),
        _ => None,
    }
}
