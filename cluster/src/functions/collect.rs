//! `holdfast_collect(fact)`: all facts of an account in one value, each after its length.
//!
//! The state is that value itself, so that a partial result is a fact list already: an account's id crosses the network
//! once a partition, not once a fact. Offsets are 64 bits wide: the facts of a partition may well exceed 2 GB.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, LargeBinaryArray, LargeBinaryBuilder};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use crate::envelope;

/// The aggregate.
pub(crate) fn collect() -> AggregateUDF {
    AggregateUDF::new_from_impl(Collect {
        signature: Signature::exact(vec![DataType::Binary], Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Collect {
    signature: Signature,
}

impl AggregateUDFImpl for Collect {
    fn name(&self) -> &str {
        "holdfast_collect"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::LargeBinary)
    }

    fn state_fields(&self, _: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("facts", DataType::LargeBinary, true))])
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneAccount::default()))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Accounts::default()))
    }
}

/// The facts of many accounts.
#[derive(Debug, Default)]
struct Accounts {
    facts: Vec<Vec<u8>>,
    /// Bytes that the buffers in `facts` hold or have room for.
    n_reserved: usize,
}

impl Accounts {
    fn grow(&mut self, n_accounts: usize) {
        if self.facts.len() < n_accounts {
            self.facts.resize_with(n_accounts, Vec::new);
        }
    }

    fn add(&mut self, account: usize, add: impl FnOnce(&mut Vec<u8>)) {
        let facts = &mut self.facts[account];
        let before = facts.capacity();
        add(facts);
        self.n_reserved += facts.capacity() - before;
    }

    /// Takes the accounts out; each buffer is freed as soon as it is copied.
    fn take(&mut self, emit_to: EmitTo) -> LargeBinaryArray {
        let taken = emit_to.take_needed(&mut self.facts);
        let n_bytes = taken.iter().map(Vec::len).sum();
        let mut values = LargeBinaryBuilder::with_capacity(taken.len(), n_bytes);
        for facts in taken {
            self.n_reserved -= facts.capacity();
            values.append_value(&facts);
        }
        values.finish()
    }
}

impl GroupsAccumulator for Accounts {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        n_groups: usize,
    ) -> Result<()> {
        self.grow(n_groups);
        let facts = values[0].as_binary::<i32>();
        for (row, &group) in groups.iter().enumerate() {
            if facts.is_valid(row) && passes(filter, row) {
                let fact = facts.value(row);
                self.add(group, |list| envelope::append(list, fact));
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], n_groups: usize) -> Result<()> {
        self.grow(n_groups);
        let lists = values[0].as_binary::<i64>();
        for (row, &group) in groups.iter().enumerate() {
            if lists.is_valid(row) {
                let facts = lists.value(row);
                self.add(group, |list| list.extend_from_slice(facts));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(Arc::new(self.take(emit_to)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(self.take(emit_to))])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let facts = values[0].as_binary::<i32>();
        let mut lists = LargeBinaryBuilder::with_capacity(facts.len(), facts.values().len());
        let mut list = Vec::new();
        for row in 0..facts.len() {
            list.clear();
            if facts.is_valid(row) && passes(filter, row) {
                envelope::append(&mut list, facts.value(row));
            }
            lists.append_value(&list);
        }
        Ok(vec![Arc::new(lists.finish())])
    }

    fn size(&self) -> usize {
        self.n_reserved + self.facts.capacity() * size_of::<Vec<u8>>()
    }
}

fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// The facts of one account, for plans without groups.
#[derive(Debug, Default)]
struct OneAccount(Vec<u8>);

impl Accumulator for OneAccount {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values[0].as_binary::<i32>().iter().flatten().for_each(|fact| envelope::append(&mut self.0, fact));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = states[0].as_binary_opt::<i64>() else {
            return exec_err!("holdfast_collect: a partial result of another type");
        };
        lists.iter().flatten().for_each(|facts| self.0.extend_from_slice(facts));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::LargeBinary(Some(std::mem::take(&mut self.0))))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::BinaryArray;

    use super::*;

    fn lists(array: &ArrayRef) -> Vec<Vec<Vec<u8>>> {
        let lists = array.as_binary::<i64>().iter();
        lists.map(|list| envelope::read(list.unwrap()).map(|fact| fact.unwrap().to_vec()).collect()).collect()
    }

    fn facts(facts: &[&[u8]]) -> Vec<ArrayRef> {
        vec![Arc::new(BinaryArray::from_iter_values(facts))]
    }

    #[test]
    fn partial_results_make_the_same_lists_as_one_pass() {
        let mut first = Accounts::default();
        first.update_batch(&facts(&[b"a", b"", b"c"]), &[0, 1, 0], None, 2).unwrap();
        let state = first.state(EmitTo::All).unwrap();
        let single = first.convert_to_state(&facts(&[b"dd"]), None).unwrap();
        let mut last = Accounts::default();
        last.merge_batch(&state, &[1, 0], 2).unwrap();
        last.merge_batch(&single, &[2], 3).unwrap();
        let merged = lists(&last.evaluate(EmitTo::All).unwrap());
        assert_eq!(merged, [vec![vec![]], vec![b"a".to_vec(), b"c".to_vec()], vec![b"dd".to_vec()]]);
    }

    #[test]
    fn the_first_groups_leave_and_the_others_move_up() {
        let mut accounts = Accounts::default();
        accounts.update_batch(&facts(&[b"a", b"b", b"c"]), &[0, 1, 2], None, 3).unwrap();
        assert_eq!(lists(&accounts.evaluate(EmitTo::First(2)).unwrap()), [[b"a"], [b"b"]]);
        accounts.update_batch(&facts(&[b"d"]), &[0], None, 1).unwrap();
        assert_eq!(lists(&accounts.evaluate(EmitTo::All).unwrap()), [[b"c", b"d"]]);
        assert_eq!(accounts.n_reserved, 0);
    }

    #[test]
    fn filtered_and_missing_facts_are_left_out() {
        let mut accounts = Accounts::default();
        let values: Vec<ArrayRef> =
            vec![Arc::new(BinaryArray::from_opt_vec(vec![Some(b"a"), None, Some(b"c")]))];
        let filter = BooleanArray::from(vec![Some(false), Some(true), Some(true)]);
        accounts.update_batch(&values, &[0, 0, 0], Some(&filter), 1).unwrap();
        assert_eq!(lists(&accounts.evaluate(EmitTo::All).unwrap()), [[b"c"]]);
    }

    #[test]
    fn its_size_follows_what_it_holds() {
        let mut accounts = Accounts::default();
        accounts.update_batch(&facts(&[&[7; 10_000]]), &[0], None, 1).unwrap();
        assert!(accounts.size() >= 10_000);
        accounts.state(EmitTo::All).unwrap();
        assert!(accounts.size() < 10_000);
    }
}
