//! A row of a table as bytes and back: Arrow's row format, which is one contiguous value a row for any plain types.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};

/// Rows of `columns` as bytes, each after `tag`. Dictionaries are taken apart: [`plain`] tells the types that come back.
pub(crate) fn encode(tag: u8, columns: &[ArrayRef], n_rows: usize) -> Result<BinaryArray, ArrowError> {
    let columns: Vec<ArrayRef> =
        columns.iter().map(|column| cast(column, &plain(column.data_type()))).collect::<Result<_, _>>()?;
    let converter = converter(columns.iter().map(|column| column.data_type().clone()))?;
    let rows = converter.convert_columns(&columns)?;
    let mut bytes = Vec::new();
    let mut values = arrow::array::BinaryBuilder::with_capacity(n_rows, rows.size() + n_rows);
    for row in &rows {
        bytes.clear();
        bytes.push(tag);
        bytes.extend_from_slice(row.as_ref());
        values.append_value(&bytes);
    }
    Ok(values.finish())
}

/// The rows that [`encode`] made of columns under these names and types, without their tags.
pub(crate) fn decode(columns: &[(String, DataType)], rows: &[&[u8]]) -> Result<RecordBatch, ArrowError> {
    let converter = converter(columns.iter().map(|(_, data_type)| data_type.clone()))?;
    let parser = converter.parser();
    let arrays = converter.convert_rows(rows.iter().map(|row| parser.parse(row)))?;
    let fields: Vec<Field> = columns
        .iter()
        .zip(&arrays)
        .map(|((name, _), array)| Field::new(name, array.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// The type as which values of `data_type` travel.
pub(crate) fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        other => other.clone(),
    }
}

fn converter(types: impl Iterator<Item = DataType>) -> Result<RowConverter, ArrowError> {
    RowConverter::new(types.map(SortField::new).collect())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int32Array, StringViewArray, TimestampMicrosecondArray};
    use arrow::compute::cast;

    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let times = TimestampMicrosecondArray::from(vec![Some(7), None]).with_timezone("UTC");
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringViewArray::from(vec![Some("a name that is longer than a view holds"), None])),
            Arc::new(times),
            Arc::new(Float64Array::from(vec![-0.0, f64::NAN])),
            Arc::new(Int32Array::from(vec![Some(-1), None])),
        ];
        let encoded = encode(3, &columns, 2).unwrap();
        assert!(encoded.iter().flatten().all(|row| row[0] == 3));
        let rows: Vec<&[u8]> = encoded.iter().flatten().map(|row| &row[1..]).collect();
        let named: Vec<(String, DataType)> = columns
            .iter()
            .enumerate()
            .map(|(index, column)| (format!("c{index}"), column.data_type().clone()))
            .collect();
        let batch = decode(&named, &rows).unwrap();
        for (decoded, column) in batch.columns().iter().zip(&columns) {
            assert_eq!(decoded.to_data(), column.to_data());
        }
    }

    #[test]
    fn dictionaries_travel_as_their_values() {
        let packed = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let column = cast(&arrow::array::StringArray::from(vec!["x", "y", "x"]), &packed).unwrap();
        let encoded = encode(0, &[column], 3).unwrap();
        let rows: Vec<&[u8]> = encoded.iter().flatten().map(|row| &row[1..]).collect();
        let batch = decode(&[("c".to_owned(), plain(&packed))], &rows).unwrap();
        assert_eq!(batch.column(0).as_ref(), &arrow::array::StringArray::from(vec!["x", "y", "x"]));
    }
}
