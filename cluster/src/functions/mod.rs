//! The functions that queries of this crate use, for every program that plans or runs one.
//!
//! `holdfast_account` and `holdfast_fact` bring a row of any table to one envelope, `holdfast_collect` gathers the
//! envelopes of an account, `holdfast_features` makes feature rows of them. Clients, scheduler and executors must all
//! know all four under these names: a plan carries names, not code.

mod account;
mod collect;
mod fact;
mod features;

use std::sync::Arc;

use ballista_core::registry::BallistaFunctionRegistry;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub(crate) use account::account;
pub(crate) use collect::collect;
pub(crate) use fact::fact;
pub(crate) use features::features;

fn scalars() -> [ScalarUDF; 3] {
    [account(), fact(), features()]
}

fn aggregates() -> [AggregateUDF; 1] {
    [collect()]
}

/// What executors look functions up in.
#[must_use]
pub(crate) fn registry() -> BallistaFunctionRegistry {
    let mut registry = BallistaFunctionRegistry::default();
    for function in scalars() {
        registry.scalar_functions.insert(function.name().to_owned(), Arc::new(function));
    }
    for function in aggregates() {
        registry.aggregate_functions.insert(function.name().to_owned(), Arc::new(function));
    }
    registry
}

/// Adds the functions to a session.
///
/// # Errors
/// A session that refuses functions.
pub(crate) fn register(session: &mut impl FunctionRegistry) -> datafusion::error::Result<()> {
    for function in scalars() {
        session.register_udf(Arc::new(function))?;
    }
    for function in aggregates() {
        session.register_udaf(Arc::new(function))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executors_know_every_function() {
        let registry = registry();
        for name in ["holdfast_account", "holdfast_fact", "holdfast_features"] {
            assert!(registry.udf(name).is_ok(), "{name}");
        }
        assert!(registry.udaf("holdfast_collect").is_ok());
        assert!(registry.udf("upper").is_ok(), "the default functions stay");
    }
}
