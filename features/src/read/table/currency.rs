//! In which currency amounts are: each row's own, or else the one that the history names anywhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::Text;
use crate::read::check::Batch;
use crate::read::contract::MoneyUnit;
use crate::read::convert::{Typed, minor_units};
use crate::read::mapping::{Mapped, Mapping};

/// The currencies of a history while it is read.
#[derive(Debug, Clone, Default)]
pub(in crate::read) struct Currencies {
    /// The history's, where that is known before its rows are.
    known: Option<Text>,
    /// Each currency and where it stands first.
    found: BTreeMap<String, String>,
    /// How many minor units were taken for one unit in rows that name no currency.
    taken: BTreeSet<u16>,
}

impl Currencies {
    pub(in crate::read) fn new(known: Option<Text>) -> Self {
        Self { known, ..Self::default() }
    }

    /// The history's currency, as far as it is known.
    pub(in crate::read) fn own(&self) -> Option<&str> {
        self.known.as_deref().or_else(|| self.found.keys().next().map(String::as_str))
    }

    /// Where each currency stands, if there are several.
    pub(in crate::read) fn mixed(&self) -> Option<Vec<String>> {
        (self.found.len() > 1).then(|| self.found.values().cloned().collect())
    }

    /// The history's currency, if it was found only after amounts had been converted as if it were another.
    pub(in crate::read) fn found_late(&self) -> Option<Text> {
        let own = self.own()?;
        self.taken.iter().any(|&taken| taken != minor_units(Some(own))).then(|| own.into())
    }

    /// A good row is in the currency `code`.
    pub(super) fn note(&mut self, code: &str, file: &str, row: usize) {
        let code = code.to_uppercase();
        let place = format!("{code} ({file}, row {row})");
        self.found.entry(code).or_insert(place);
    }

    /// Takes over what was found after this.
    pub(super) fn extend(&mut self, later: Self) {
        for (code, place) in later.found {
            self.found.entry(code).or_insert(place);
        }
        self.taken.extend(later.taken);
    }

    /// Divides amounts in minor units by what makes one unit of the row's currency, or of the history's.
    pub(super) fn scale(&mut self, batch: &mut Batch, mapping: &Mapping) {
        let is_minor = |mapped: &Option<Mapped>| {
            mapped.as_ref().is_some_and(|mapped| mapped.spelling.unit == MoneyUnit::Minor)
        };
        if !mapping.columns.iter().any(is_minor) {
            return;
        }
        let of_others = minor_units(self.own());
        let by_row: Vec<Option<u16>> = match batch.texts("currency") {
            Some(codes) => {
                let factor = |code: &Text| minor_units(Some(&code.to_uppercase()));
                codes.iter().map(|code| code.as_ref().map(factor)).collect()
            }
            None => vec![None; batch.n_rows],
        };
        for (typed, mapped) in batch.columns.iter_mut().zip(&mapping.columns) {
            let (true, Some(Typed::Number(amounts))) = (is_minor(mapped), typed) else { continue };
            for (amount, factor) in amounts.iter_mut().zip(&by_row) {
                let Some(amount) = amount else { continue };
                *amount /= f64::from(factor.unwrap_or(of_others));
                if factor.is_none() {
                    self.taken.insert(of_others);
                }
            }
        }
    }
}
