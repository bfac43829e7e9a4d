//! `holdfast_account(id)`: an account's id as text, as reading a history makes it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The function.
pub(crate) fn account() -> ScalarUDF {
    ScalarUDF::new_from_impl(Account { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Account {
    signature: Signature,
}

impl ScalarUDFImpl for Account {
    fn name(&self) -> &str {
        "holdfast_account"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [id] = args.args.as_slice() else {
            return exec_err!("holdfast_account: one argument, the id");
        };
        Ok(ColumnarValue::Array(Arc::new(texts(&id.to_array(args.number_rows)?)?)))
    }
}

/// Ids as text. Rows whose id is missing stay together under no id, so that reading them says what is wrong.
fn texts(ids: &ArrayRef) -> Result<StringArray> {
    use DataType as T;
    let plain = match ids.data_type() {
        T::Float16 | T::Float32 | T::Float64 => {
            let numbers = cast(ids, &T::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>().iter();
            numbers.map(|id| id.filter(|id| !id.is_nan()).map(|id| id.to_string())).collect()
        }
        nested if nested.is_nested() => {
            return exec_err!("account ids must be text or numbers, not {nested}");
        }
        temporal if temporal.is_temporal() => {
            return exec_err!("account ids must be text or numbers, not {temporal}");
        }
        _ => cast(ids, &T::Utf8)?.as_string::<i32>().clone(),
    };
    // Trimming copies; ids rarely need it.
    if plain.iter().flatten().all(|id| !is_missing(id) && id.trim().len() == id.len()) {
        return Ok(plain);
    }
    Ok(plain.iter().map(|id| id.map(str::trim).filter(|id| !is_missing(id))).collect())
}

fn is_missing(trimmed: &str) -> bool {
    trimmed.is_empty() || trimmed == "\\N" || trimmed.eq_ignore_ascii_case("null")
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, TimestampMicrosecondArray};

    use super::*;

    fn of(ids: ArrayRef) -> Vec<Option<String>> {
        texts(&ids).unwrap().iter().map(|id| id.map(str::to_owned)).collect()
    }

    #[test]
    fn ids_of_any_type_are_one_text() {
        let text = Some("7".to_owned());
        let ids: [ArrayRef; 3] = [
            Arc::new(Int64Array::from(vec![7])),
            Arc::new(Float64Array::from(vec![7.0])),
            Arc::new(StringArray::from(vec![" 7 "])),
        ];
        assert!(ids.into_iter().all(|ids| of(ids) == std::slice::from_ref(&text)));
    }

    #[test]
    fn missing_ids_are_missing() {
        assert_eq!(
            of(Arc::new(StringArray::from(vec![Some(""), Some("NULL"), Some("\\N"), None]))),
            [const { None::<String> }; 4]
        );
    }

    #[test]
    fn times_are_no_ids() {
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1]));
        assert!(texts(&times).is_err());
    }
}
