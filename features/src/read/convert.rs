//! Cells → typed values: the one checked conversion that all formats go through.

use std::collections::HashSet;

use arrow::array::Array;

use foldhash::fast::FixedState;

use crate::history::Text;
use crate::time::Timestamp;

use super::contract::{ColumnKind, MoneyUnit, Range, Spelling};
use super::error::Reason;
use super::source::{Cells, shown};

/// Values of one column, a value a row.
#[derive(Debug)]
pub(super) enum Typed {
    Text(Vec<Option<Text>>),
    Time(Vec<Option<Timestamp>>),
    Number(Vec<Option<f64>>),
    Boolean(Vec<Option<bool>>),
    /// Positions in the list of words.
    Word(Vec<Option<usize>>),
}

/// A value that is not what its column declares.
pub(super) struct BadCell {
    /// 0-based row of the batch.
    pub(super) row: usize,
    /// The value.
    pub(super) value: Option<String>,
    /// What is wrong with it.
    pub(super) reason: Reason,
}

/// Texts that many rows share, each stored once.
#[derive(Debug, Default)]
pub(super) struct Interner(HashSet<Text, FixedState>);

/// Epoch numbers below this (1980) are dates without their dashes, or mistakes.
const EARLIEST_EPOCH: Timestamp = Timestamp(315_532_800_000_000);
/// 1900-01-01.
const CALENDAR_START: Timestamp = Timestamp(-2_208_988_800_000_000);
/// 2200-01-01.
const CALENDAR_END: Timestamp = Timestamp(7_258_118_400_000_000);

impl Interner {
    pub(super) fn text(&mut self, text: &str) -> Text {
        match self.0.get(text) {
            Some(known) => known.clone(),
            None => {
                let new = Text::from(text);
                self.0.insert(new.clone());
                new
            }
        }
    }
}

impl Typed {
    /// Whether `row` holds a value.
    pub(super) fn is_given(&self, row: usize) -> bool {
        match self {
            Self::Text(values) => values[row].is_some(),
            Self::Time(values) => values[row].is_some(),
            Self::Number(values) => values[row].is_some(),
            Self::Boolean(values) => values[row].is_some(),
            Self::Word(values) => values[row].is_some(),
        }
    }
}

/// Converts the first `n_rows` of `cells` to `kind`; what does not fit is missing and returned besides.
/// Amounts in minor units stay so: their currency decides the factor.
pub(super) fn convert(
    cells: &Cells,
    n_rows: usize,
    kind: ColumnKind,
    spelling: &Spelling,
    interner: &mut Interner,
) -> (Typed, Vec<BadCell>) {
    let mut bad = Vec::new();
    let typed = match kind {
        ColumnKind::Id | ColumnKind::Text => {
            Typed::Text((0..n_rows).map(|row| cells.text(row).map(|text| interner.text(&text))).collect())
        }
        ColumnKind::Time(_) => Typed::Time(collect(cells, n_rows, &mut bad, time)),
        ColumnKind::Date(_) => Typed::Time(collect(cells, n_rows, &mut bad, |cells, row| {
            Ok(time(cells, row)?.map(Timestamp::midnight))
        })),
        ColumnKind::Number(range) => {
            Typed::Number(collect(cells, n_rows, &mut bad, |cells, row| ranged(cells, row, range)))
        }
        ColumnKind::Whole(range) => {
            Typed::Number(collect(cells, n_rows, &mut bad, |cells, row| whole(cells, row, range)))
        }
        ColumnKind::Money(range) => money(cells, n_rows, range, spelling, &mut bad),
        ColumnKind::MonthlyMoney(_) => money(cells, n_rows, Range::NonNegative, spelling, &mut bad),
        ColumnKind::Boolean => Typed::Boolean(collect(cells, n_rows, &mut bad, boolean)),
        ColumnKind::Rating => Typed::Number(collect(cells, n_rows, &mut bad, rating)),
        ColumnKind::Words(words) => {
            Typed::Word(collect(cells, n_rows, &mut bad, |cells, row| word(cells, row, words)))
        }
    };
    (typed, bad)
}

/// The time in `row`.
pub(super) fn time(cells: &Cells, row: usize) -> Result<Option<Timestamp>, Reason> {
    let (time, is_epoch) = match cells {
        Cells::Text(array) => match Cells::str_at(array, row) {
            None => return Ok(None),
            Some(text) => {
                let time = Timestamp::parse(text).map_err(|_| Reason::NotATime)?;
                (time, text.bytes().all(|byte| byte.is_ascii_digit()))
            }
        },
        Cells::Time(array) if array.is_valid(row) => (Timestamp(array.value(row)), false),
        Cells::Integer(array) if array.is_valid(row) => {
            (Timestamp::from_epoch(array.value(row)).ok_or(Reason::NotATime)?, true)
        }
        Cells::Number(array) if array.is_valid(row) && !array.value(row).is_nan() => {
            (epoch_with_fraction(array.value(row))?, true)
        }
        Cells::Boolean(array) if array.is_valid(row) => return Err(Reason::NotATime),
        _ => return Ok(None),
    };
    if is_epoch && time < EARLIEST_EPOCH {
        return Err(Reason::EpochTooEarly(time));
    }
    if !in_calendar(time) {
        return Err(Reason::OutsideCalendar);
    }
    Ok(Some(time))
}

/// Whether a time lies in the years that histories may tell of.
#[inline]
pub(super) fn in_calendar(time: Timestamp) -> bool {
    (CALENDAR_START..CALENDAR_END).contains(&time)
}

/// The finite number in `row`.
pub(super) fn number(cells: &Cells, row: usize) -> Result<Option<f64>, Reason> {
    let number = match cells {
        Cells::Text(array) => match Cells::str_at(array, row) {
            None => return Ok(None),
            Some(text) if text.eq_ignore_ascii_case("nan") => return Ok(None),
            Some(text) => text.parse::<f64>().map_err(|_| Reason::NotANumber)?,
        },
        Cells::Number(array) if array.is_valid(row) && !array.value(row).is_nan() => array.value(row),
        Cells::Integer(array) if array.is_valid(row) => integer_as_number(array.value(row)),
        Cells::Boolean(array) if array.is_valid(row) => return Err(Reason::NotANumber),
        Cells::Time(array) if array.is_valid(row) => return Err(Reason::NotANumber),
        _ => return Ok(None),
    };
    // Adding zero turns -0.0 into 0.0: equal values then have equal bits.
    if number.is_finite() { Ok(Some(number + 0.0)) } else { Err(Reason::NotANumber) }
}

/// The boolean in `row`.
pub(super) fn boolean(cells: &Cells, row: usize) -> Result<Option<bool>, Reason> {
    match cells {
        Cells::Boolean(array) => Ok(array.is_valid(row).then(|| array.value(row))),
        Cells::Time(array) if array.is_valid(row) => Err(Reason::NotABoolean),
        _ => match cells.text(row) {
            None => Ok(None),
            Some(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "1" | "1.0" => Ok(Some(true)),
                "false" | "f" | "no" | "n" | "0" | "0.0" => Ok(Some(false)),
                _ => Err(Reason::NotABoolean),
            },
        },
    }
}

/// How many minor units make one unit of `currency` (ISO 4217).
pub(super) fn minor_units(currency: Option<&str>) -> u16 {
    const NONE: [&str; 15] = [
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
        "XOF",
    ];
    const THOUSAND: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
    match currency {
        Some(code) if NONE.contains(&code) => 1,
        Some(code) if THOUSAND.contains(&code) => 1000,
        _ => 100,
    }
}

fn collect<T>(
    cells: &Cells,
    n_rows: usize,
    bad: &mut Vec<BadCell>,
    convert: impl Fn(&Cells, usize) -> Result<Option<T>, Reason>,
) -> Vec<Option<T>> {
    (0..n_rows)
        .map(|row| {
            convert(cells, row).unwrap_or_else(|reason| {
                let value = cells.text(row).map(|text| shown(&text));
                bad.push(BadCell { row, value, reason });
                None
            })
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "checked to lie within the calendar just before")]
fn epoch_with_fraction(number: f64) -> Result<Timestamp, Reason> {
    let micros = if number.abs() < 1e11 { number * 1e6 } else { number * 1e3 };
    if micros.abs() > 2e17 {
        return Err(Reason::NotATime);
    }
    Timestamp::checked(micros.round() as i64).ok_or(Reason::NotATime)
}

#[expect(clippy::cast_precision_loss, reason = "whole numbers beyond 2^53 are ids, not quantities")]
fn integer_as_number(integer: i64) -> f64 {
    integer as f64
}

fn ranged(cells: &Cells, row: usize, range: Range) -> Result<Option<f64>, Reason> {
    match number(cells, row)? {
        Some(value) if !range.contains(value) => Err(Reason::OutOfRange(range.in_words())),
        value => Ok(value),
    }
}

/// Zendesk rates in words; a survey that was offered and not answered is no rating.
fn rating(cells: &Cells, row: usize) -> Result<Option<f64>, Reason> {
    match cells.text(row).map(|text| text.to_ascii_lowercase()).as_deref() {
        Some("good") => Ok(Some(1.0)),
        Some("bad") => Ok(Some(0.0)),
        Some("offered" | "unoffered") => Ok(None),
        _ => number(cells, row).map_err(|_| Reason::NotARating),
    }
}

fn whole(cells: &Cells, row: usize, range: Range) -> Result<Option<f64>, Reason> {
    match ranged(cells, row, range)? {
        Some(value) if value.fract() != 0.0 => Err(Reason::NotWhole),
        value => Ok(value),
    }
}

fn money(cells: &Cells, n_rows: usize, range: Range, spelling: &Spelling, bad: &mut Vec<BadCell>) -> Typed {
    Typed::Number(collect(cells, n_rows, bad, |cells, row| {
        let amount = match spelling.unit {
            MoneyUnit::Major => ranged(cells, row, range)?,
            MoneyUnit::Minor => whole(cells, row, range)?,
        };
        Ok(amount.map(|amount| amount / spelling.divisor))
    }))
}

fn word(cells: &Cells, row: usize, words: &[&'static str]) -> Result<Option<usize>, Reason> {
    let Some(text) = cells.text(row) else { return Ok(None) };
    // As the contract spells it, the usual case.
    if let Some(position) = words.iter().position(|word| **word == *text) {
        return Ok(Some(position));
    }
    let normal = text.to_lowercase().replace([' ', '-'], "_");
    match words.iter().position(|word| **word == *normal) {
        Some(position) => Ok(Some(position)),
        None => Err(Reason::UnknownWord(words.to_vec())),
    }
}
