//! `holdfast_features(job, facts)`: the feature rows of an account, out of its facts.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::job::Job;
use crate::kernel;

/// The function.
pub(crate) fn features() -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::Utf8, DataType::LargeBinary], Volatility::Immutable);
    ScalarUDF::new_from_impl(Features { signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Features {
    signature: Signature,
}

impl ScalarUDFImpl for Features {
    fn name(&self) -> &str {
        "holdfast_features"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("holdfast_features: its type depends on the job")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Some(Some(ScalarValue::Utf8(Some(text)))) = args.scalar_arguments.first() else {
            return plan_err!("holdfast_features: its first argument is a job, as a constant text");
        };
        let job = Job::parse(text).map_err(failed)?;
        Ok(Arc::new(Field::new(self.name(), job.rows_type(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(ScalarValue::Utf8(Some(text))), facts] = args.args.as_slice() else {
            return exec_err!("holdfast_features: a job as a constant text, and facts");
        };
        let job = Job::parse(text).map_err(failed)?;
        let facts = facts.to_array(args.number_rows)?;
        let rows = kernel::feature_rows(&job, facts.as_binary::<i64>()).map_err(failed)?;
        Ok(ColumnarValue::Array(Arc::new(rows)))
    }
}

/// As text: an error that is sent to the client arrives as such anyway, and other errors as their debugging form.
fn failed(error: impl std::error::Error) -> DataFusionError {
    DataFusionError::Execution(error.to_string())
}
