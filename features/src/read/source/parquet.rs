//! Parquet: every plain type is brought to one of the five kinds of [`Cells`].

use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder, StructArray, make_array};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Field, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::read::error::{ReadError, Reason};
use crate::time::DAY;

use super::{BATCH_ROWS, Broken, Cells, RawBatch, Scan, file_name, open, shown};

pub(super) fn scan(path: &Path) -> Result<Scan, ReadError> {
    let broken = {
        let path = path.to_owned();
        move |message: String| ReadError::Parquet { path: path.clone(), message }
    };
    let opened = open(path)?;
    let length = opened.metadata().map_or(0, |metadata| metadata.len());
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(opened).map_err(|error| broken(error.to_string()))?;
    let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0).max(1);
    let mut columns = Vec::new();
    for field in builder.schema().fields() {
        name_columns("", field, &mut columns);
    }
    let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(|error| broken(error.to_string()))?;
    let mut next_row = 1;
    let batches = reader.map(move |batch| {
        let batch = batch.map_err(|error| broken(error.to_string()))?;
        let (mut columns, mut broken) = (Vec::new(), Vec::new());
        for array in batch.columns() {
            take_apart(array, &mut columns, &mut broken);
        }
        broken.sort_by_key(|broken: &Broken| (broken.row, broken.column));
        let (first_row, n_rows) = (next_row, batch.num_rows());
        next_row += n_rows;
        // Rows of one file take about as much each.
        let n_bytes = u64::try_from(u128::from(length) * n_rows as u128 / u128::from(total)).unwrap_or(0);
        Ok(RawBatch { first_row, n_rows, n_bytes, columns, broken })
    });
    Ok(Scan { file: file_name(path), columns, batches: Box::new(batches) })
}

fn name_columns(prefix: &str, field: &Field, names: &mut Vec<String>) {
    let name = if prefix.is_empty() { field.name().clone() } else { format!("{prefix}.{}", field.name()) };
    match field.data_type() {
        DataType::Struct(fields) => {
            fields.iter().for_each(|inner| name_columns(&name, inner, names));
        }
        _ => names.push(name),
    }
}

/// The cells of `array`, those of a structure's fields one by one, in the order of [`name_columns`].
fn take_apart(array: &ArrayRef, columns: &mut Vec<Cells>, broken: &mut Vec<Broken>) {
    match array.as_any().downcast_ref::<StructArray>() {
        Some(structure) => {
            for inner in structure.columns() {
                take_apart(&missing_where(inner, structure.nulls()), columns, broken);
            }
        }
        None => {
            let column = columns.len();
            columns.push(match array.data_type() {
                DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                    bytes(array, column, broken)
                }
                _ => cells(array),
            });
        }
    }
}

/// Bytes that are mostly text: those that are none are missing and `broken`.
fn bytes(array: &ArrayRef, column: usize, broken: &mut Vec<Broken>) -> Cells {
    let Ok(plain) = cast_with_options(array, &DataType::LargeBinary, &CastOptions::default()) else {
        return nested(array);
    };
    let mut texts = StringBuilder::new();
    for (row, bytes) in plain.as_binary::<i64>().iter().enumerate() {
        match bytes.map(std::str::from_utf8) {
            Some(Err(_)) => {
                let value = bytes.map(|bytes| shown(&String::from_utf8_lossy(bytes)));
                broken.push(Broken { row, column: Some(column), value, reason: Reason::NotUtf8 });
                texts.append_null();
            }
            text => texts.append_option(text.and_then(Result::ok)),
        }
    }
    Cells::Text(texts.finish())
}

/// `array` with the rows missing that its parent lacks.
fn missing_where(array: &ArrayRef, parent: Option<&NullBuffer>) -> ArrayRef {
    let Some(parent) = parent else { return array.clone() };
    let nulls = NullBuffer::union(array.nulls(), Some(parent));
    match array.to_data().into_builder().nulls(nulls).build() {
        Ok(data) => make_array(data),
        // Only arrays without a null buffer of their own, such as all-null ones, refuse one.
        Err(_) => array.clone(),
    }
}

fn cells(array: &ArrayRef) -> Cells {
    use DataType as T;
    match array.data_type() {
        T::Null => Cells::Text(StringArray::new_null(array.len())),
        T::Boolean => Cells::Boolean(array.as_boolean().clone()),
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => {
            integers_or_text(array)
        }
        T::Decimal32(_, scale)
        | T::Decimal64(_, scale)
        | T::Decimal128(_, scale)
        | T::Decimal256(_, scale)
            if *scale <= 0 =>
        {
            integers_or_text(array)
        }
        T::Float16
        | T::Float32
        | T::Float64
        | T::Decimal32(..)
        | T::Decimal64(..)
        | T::Decimal128(..)
        | T::Decimal256(..) => match converted(array, &T::Float64) {
            Some(numbers) => Cells::Number(numbers.as_primitive().clone()),
            None => nested(array),
        },
        T::Timestamp(unit, _) => Cells::Time(match unit {
            TimeUnit::Second => times(array.as_primitive::<TimestampSecondType>(), 1_000_000, 1),
            TimeUnit::Millisecond => times(array.as_primitive::<TimestampMillisecondType>(), 1_000, 1),
            TimeUnit::Microsecond => times(array.as_primitive::<TimestampMicrosecondType>(), 1, 1),
            TimeUnit::Nanosecond => times(array.as_primitive::<TimestampNanosecondType>(), 1, 1_000),
        }),
        T::Date32 => Cells::Time(array.as_primitive::<Date32Type>().unary(|day| i64::from(day) * DAY)),
        T::Date64 => Cells::Time(times(array.as_primitive::<Date64Type>(), 1_000, 1)),
        T::Dictionary(_, values) => match converted(array, values) {
            Some(plain) => cells(&plain),
            None => nested(array),
        },
        // Bytes come here out of dictionaries only.
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Binary | T::LargeBinary | T::BinaryView => text(array),
        _ => nested(array),
    }
}

/// Stored times are UTC, or without a zone and then taken as UTC.
fn times<T: arrow::array::ArrowPrimitiveType<Native = i64>>(
    array: &arrow::array::PrimitiveArray<T>,
    factor: i64,
    divisor: i64,
) -> arrow::array::TimestampMicrosecondArray {
    array.unary(|time| time.saturating_mul(factor).div_euclid(divisor))
}

/// Ids may be whole numbers beyond 64 bits.
fn integers_or_text(array: &ArrayRef) -> Cells {
    match converted(array, &DataType::Int64) {
        Some(integers) => Cells::Integer(integers.as_primitive::<Int64Type>().clone()),
        None => text(array),
    }
}

fn text(array: &ArrayRef) -> Cells {
    match converted(array, &DataType::Utf8) {
        Some(text) => Cells::Text(text.as_string::<i32>().clone()),
        None => nested(array),
    }
}

fn nested(array: &ArrayRef) -> Cells {
    Cells::Nested(array.data_type().to_string())
}

/// `array` as `to`; `None` where a value does not fit.
fn converted(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }).ok()
}
