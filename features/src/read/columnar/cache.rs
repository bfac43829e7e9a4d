//! What texts and whole numbers of a column mean, each looked up once.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};

use super::NotTaken;
use super::batch::Ids;
use crate::read::source::clean;
use crate::store::{Memo, NOBODY};

/// What the values of a dictionary mean, kept while batches share the dictionary.
pub(super) struct Cache<T> {
    pub(super) values: Option<ArrayRef>,
    /// By position in the dictionary; `None` for a missing text.
    pub(super) meanings: Vec<Option<T>>,
    /// Whether none is missing.
    is_complete: bool,
    /// Where a packer last put each.
    pub(super) memos: Vec<Memo>,
    /// The positions of whole numbers, which have no dictionary.
    pub(super) numbers: HashMap<i64, usize>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self {
            values: None,
            meanings: Vec::new(),
            is_complete: true,
            memos: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<T: Copy> Cache<T> {
    fn prepare(&mut self, ids: &Ids, meaning: &impl Fn(&str) -> Result<T, NotTaken>) -> Result<(), NotTaken> {
        let Ids::Texts { values, .. } = ids else { return Ok(()) };
        let texts = values.as_string::<i32>();
        // The known values are alive, so equal addresses are the same values.
        let address = |texts: &StringArray| (texts.len(), texts.offsets().as_ptr(), texts.values().as_ptr());
        if self.values.as_ref().is_some_and(|known| address(known.as_string()) == address(texts)) {
            return Ok(());
        }
        self.meanings.clear();
        self.numbers.clear();
        for text in texts {
            self.meanings.push(text.and_then(clean).map(meaning).transpose()?);
        }
        self.is_complete = self.meanings.iter().all(Option::is_some);
        self.memos.clear();
        self.memos.resize(self.meanings.len(), Memo::default());
        self.values = Some(values.clone());
        Ok(())
    }

    /// The position of a row's meaning; `None` where it is missing.
    fn at(
        &mut self,
        ids: &Ids,
        row: usize,
        meaning: &impl Fn(&str) -> Result<T, NotTaken>,
    ) -> Result<Option<usize>, NotTaken> {
        match ids {
            Ids::Texts { keys, .. } if keys.is_valid(row) => {
                let key = usize::try_from(keys.value(row)).map_err(|_| NotTaken::Unusual)?;
                Ok(self.meanings.get(key).ok_or(NotTaken::Unusual)?.is_some().then_some(key))
            }
            Ids::Whole(numbers) if numbers.is_valid(row) => {
                let number = numbers.value(row);
                if let Some(&at) = self.numbers.get(&number) {
                    return Ok(Some(at));
                }
                if self.numbers.is_empty() {
                    self.meanings.clear();
                    self.memos.clear();
                    self.values = None;
                }
                let at = self.meanings.len();
                self.meanings.push(Some(meaning(&number.to_string())?));
                self.memos.push(Memo::default());
                self.numbers.insert(number, at);
                Ok(Some(at))
            }
            _ => Ok(None),
        }
    }

    /// The position of each row's meaning, [`NOBODY`] where it is missing, appended to `positions`.
    pub(super) fn positions(
        &mut self,
        ids: &Ids,
        n_rows: usize,
        positions: &mut Vec<u32>,
        meaning: &impl Fn(&str) -> Result<T, NotTaken>,
    ) -> Result<(), NotTaken> {
        self.prepare(ids, meaning)?;
        if let Ids::Texts { keys, .. } = ids
            && keys.null_count() == 0
            && self.is_complete
        {
            // That keys lie within their dictionary is what a dictionary array promises.
            positions.extend(keys.values().iter().map(|key| key.cast_unsigned()));
            return Ok(());
        }
        for row in 0..n_rows {
            let at = self.at(ids, row, meaning)?;
            positions.push(at.and_then(|at| u32::try_from(at).ok()).unwrap_or(NOBODY));
        }
        Ok(())
    }

    /// The meanings at `positions`.
    pub(super) fn at_positions<'a>(
        &'a self,
        positions: &'a [u32],
    ) -> impl Iterator<Item = Option<T>> + use<'a, T> {
        positions.iter().map(|&at| self.meanings.get(at as usize).copied().flatten())
    }
}
