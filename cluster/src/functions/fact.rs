//! `holdfast_fact(source, columns…)`: a row of any table as one value.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::rows;

/// The function.
pub(crate) fn fact() -> ScalarUDF {
    ScalarUDF::new_from_impl(Fact { signature: Signature::variadic_any(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Fact {
    signature: Signature,
}

impl ScalarUDFImpl for Fact {
    fn name(&self) -> &str {
        "holdfast_fact"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((ColumnarValue::Scalar(ScalarValue::UInt8(Some(source))), columns)) =
            args.args.split_first()
        else {
            return exec_err!(
                "holdfast_fact: its first argument is the number of a source, an unsigned byte"
            );
        };
        let columns: Vec<ArrayRef> =
            columns.iter().map(|column| column.to_array(args.number_rows)).collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(Arc::new(rows::encode(*source, &columns, args.number_rows)?)))
    }
}
