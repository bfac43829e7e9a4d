//! Columns of numbers as few bytes each: what every number is above the smallest, in the largest unit that divides
//! all of them, at one width. Neither packing nor taking out branches on a number.

use std::ops::Range;

use super::bytes::{Damaged, Reader, put, unzigzag, zigzag};
use super::usage::Chosen;

/// A column of whole numbers, packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a> {
    least: i64,
    unit: i64,
    width: usize,
    bytes: &'a [u8],
}

/// A column of numbers some of which may be missing, packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floats<'a> {
    present: Present<'a>,
    numbers: Option<Numbers<'a>>,
}

/// Which rows have a number.
#[derive(Debug, Clone, Copy)]
enum Present<'a> {
    None,
    All,
    /// A bit a row.
    Some(&'a [u8]),
}

#[derive(Debug, Clone, Copy)]
enum Numbers<'a> {
    Whole(Column<'a>),
    AsTheyAre(&'a [[u8; 8]]),
}

/// Where some rows in a row of a column go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) n_rows: usize,
}

/// Times or spans of time in microseconds; as seconds while all of them are whole ones, as most are.
#[derive(Debug)]
pub(crate) enum Times {
    Seconds(Vec<u32>),
    Micros(Vec<i64>),
}

/// Microseconds of a second.
const SECOND: u64 = 1_000_000;

impl Default for Times {
    fn default() -> Self {
        Self::Seconds(Vec::new())
    }
}

impl Times {
    pub(crate) fn clear(&mut self) {
        let mut room = match std::mem::take(self) {
            Self::Seconds(seconds) => seconds,
            Self::Micros(_) => Vec::new(),
        };
        room.clear();
        *self = Self::Seconds(room);
    }

    /// Holds `micros` and nothing else.
    pub(crate) fn set(&mut self, micros: &[i64]) {
        self.clear();
        let Self::Seconds(seconds) = self else { return };
        // What is not whole seconds, and what is beyond 32 bits of them, gathered: no branch on a number.
        let (mut rest, mut high) = (0, 0);
        seconds.extend(micros.iter().map(|micros| {
            let micros = micros.cast_unsigned();
            let whole = micros / SECOND;
            rest |= micros - whole * SECOND;
            high |= whole;
            low(whole)
        }));
        if rest != 0 || high > u64::from(u32::MAX) {
            *self = Self::Micros(micros.to_vec());
        }
    }

    pub(super) fn push(&mut self, micros: i64) {
        let mut one = Self::default();
        one.set(&[micros]);
        self.append(&one, &Chosen::InARow(0..1));
    }

    pub(super) fn append(&mut self, from: &Self, chosen: &Chosen<'_>) {
        if let (Self::Seconds(seconds), Self::Micros(_)) = (&*self, from) {
            *self = Self::Micros(seconds.iter().copied().map(micros).collect());
        }
        match (self, from) {
            (Self::Seconds(to), Self::Seconds(from)) => chosen.append(to, from),
            (Self::Micros(to), Self::Micros(from)) => chosen.append(to, from),
            (Self::Micros(to), Self::Seconds(from)) => chosen.each(from, |second| to.push(micros(second))),
            (Self::Seconds(_), Self::Micros(_)) => {}
        }
    }

    /// Appends those of `rows`.
    pub(super) fn put(&self, rows: Range<usize>, bytes: &mut Vec<u8>) {
        match self {
            Self::Seconds(seconds) => put_scaled(bytes, &seconds[rows], SECOND),
            Self::Micros(micros) if is_divided::<1_000>(&micros[rows.clone()]) => {
                put_wide::<1_000>(bytes, &micros[rows]);
            }
            Self::Micros(micros) => put_wide::<1>(bytes, &micros[rows]),
        }
    }
}

/// The lower half.
fn low(number: u64) -> u32 {
    let [first, second, third, fourth, ..] = number.to_le_bytes();
    u32::from_le_bytes([first, second, third, fourth])
}

fn micros(second: u32) -> i64 {
    i64::from(second) * SECOND.cast_signed()
}

/// Appends `numbers`.
pub(super) fn put_column<T: Copy + Ord + Into<u32>>(bytes: &mut Vec<u8>, numbers: &[T]) {
    put_scaled(bytes, numbers, 1);
}

/// Appends `numbers`; NaN is missing.
pub(super) fn put_floats(bytes: &mut Vec<u8>, numbers: &[f64]) {
    let mut present = Vec::new();
    let mut words = Vec::with_capacity(numbers.len().div_ceil(64));
    for some in numbers.chunks(64) {
        let there = (some.iter().enumerate())
            .fold(0, |there, (at, number)| there | u64::from(!number.is_nan()) << at);
        words.push(there);
        if there.count_ones() as usize == some.len() {
            present.extend_from_slice(some);
            continue;
        }
        let mut left = there;
        while left != 0 {
            present.push(some[left.trailing_zeros() as usize]);
            left &= left - 1;
        }
    }
    if present.is_empty() {
        return bytes.push(0);
    }
    if present.len() == numbers.len() {
        bytes.push(1);
    } else {
        bytes.push(2);
        let end = bytes.len() + numbers.len().div_ceil(8);
        words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes.truncate(end);
    }
    match present.iter().map(|&number| whole(number)).collect::<Option<Vec<i64>>>() {
        Some(whole) => {
            bytes.push(0);
            put(bytes, present.len() as u64);
            put_wide::<1>(bytes, &whole);
        }
        None => {
            bytes.push(1);
            put(bytes, present.len() as u64);
            present.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        }
    }
}

/// The same number as a whole one, where it is such and stays exact.
fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "compared with the original right after")]
    let whole = number as i64;
    #[expect(clippy::cast_precision_loss, reason = "compared with the original")]
    let is_whole = (whole as f64).to_bits() == number.to_bits() && whole.unsigned_abs() < 1 << 53;
    is_whole.then_some(whole)
}

/// Appends `numbers`, each of which stands for so many of a `unit`.
fn put_scaled<T: Copy + Ord + Into<u32>>(bytes: &mut Vec<u8>, numbers: &[T], unit: u64) {
    let first = numbers.first().copied();
    let bound = |of: fn(T, T) -> T| first.map_or(0, |first| numbers.iter().copied().fold(first, of).into());
    let (least, most) = (bound(T::min), bound(T::max));
    let n_bytes = (32 - (most - least).leading_zeros()).div_ceil(8);
    put(bytes, zigzag((u64::from(least) * unit).cast_signed()));
    put(bytes, unit);
    put(bytes, u64::from(n_bytes));
    let above = numbers.iter().map(|&number| (number.into() - least).to_le_bytes());
    match n_bytes {
        0 => {}
        1 => bytes.extend(above.map(|[first, ..]| first)),
        2 => put_each::<2>(bytes, above.map(|[first, second, ..]| [first, second])),
        3 => put_each::<3>(bytes, above.map(|[first, second, third, _]| [first, second, third])),
        _ => put_each::<4>(bytes, above),
    }
}

fn put_each<const WIDTH: usize>(bytes: &mut Vec<u8>, numbers: impl ExactSizeIterator<Item = [u8; WIDTH]>) {
    let start = bytes.len();
    bytes.resize(start + WIDTH * numbers.len(), 0);
    let room = bytes[start..].as_chunks_mut().0;
    room.iter_mut().zip(numbers).for_each(|(room, number)| *room = number);
}

/// What each number is above the smallest.
fn above(numbers: &[i64]) -> (i64, impl ExactSizeIterator<Item = u64>) {
    let least = numbers.iter().copied().min().unwrap_or(0);
    (least, numbers.iter().map(move |number| number.wrapping_sub(least).cast_unsigned()))
}

fn is_divided<const UNIT: u64>(numbers: &[i64]) -> bool {
    above(numbers).1.all(|number| number % UNIT == 0)
}

/// As [`put_scaled`], for numbers of any size.
fn put_wide<const UNIT: u64>(bytes: &mut Vec<u8>, numbers: &[i64]) {
    let (least, above_least) = above(numbers);
    let scaled = above_least.map(|number| number / UNIT);
    let most = above(numbers).1.max().unwrap_or(0) / UNIT;
    put(bytes, zigzag(least));
    put(bytes, UNIT);
    match (64 - most.leading_zeros()).div_ceil(8) {
        0 => put(bytes, 0),
        1..=4 => {
            put(bytes, 4);
            put_each::<4>(bytes, scaled.map(|number| low(number).to_le_bytes()));
        }
        5 => {
            put(bytes, 5);
            put_each::<5>(
                bytes,
                scaled.map(|number| {
                    let [first, second, third, fourth, fifth, ..] = number.to_le_bytes();
                    [first, second, third, fourth, fifth]
                }),
            );
        }
        _ => {
            put(bytes, 8);
            put_each::<8>(bytes, scaled.map(u64::to_le_bytes));
        }
    }
}

impl<'a> Column<'a> {
    /// A column of `n_rows`.
    pub(super) fn read(reader: &mut Reader<'a>, n_rows: usize) -> Result<Self, Damaged> {
        let least = unzigzag(reader.number()?);
        let unit = i64::try_from(reader.number()?).map_err(|_| Damaged)?;
        let width = reader.length()?;
        if !matches!(width, 0..=5 | 8) {
            return Err(Damaged);
        }
        Ok(Self { least, unit, width, bytes: reader.take(width.checked_mul(n_rows).ok_or(Damaged)?)? })
    }

    /// Puts the numbers where `spans` say; together these are as many rows as the column has.
    #[inline]
    pub(super) fn spread<T>(&self, spans: &[Span], to: &mut [T], of: impl FnMut(i64) -> T) {
        match self.width {
            0 => self.spread_same(spans, to, of),
            1 => self.spread_wide::<1, T>(spans, to, of),
            2 => self.spread_wide::<2, T>(spans, to, of),
            3 => self.spread_wide::<3, T>(spans, to, of),
            4 => self.spread_wide::<4, T>(spans, to, of),
            5 => self.spread_wide::<5, T>(spans, to, of),
            _ => self.spread_wide::<8, T>(spans, to, of),
        }
    }

    /// The numbers in their order.
    pub(super) fn numbers(&self, n_rows: usize) -> Vec<i64> {
        let mut numbers = vec![0; n_rows];
        self.spread(&[Span { start: 0, n_rows }], &mut numbers, |number| number);
        numbers
    }

    fn spread_same<T>(&self, spans: &[Span], to: &mut [T], mut of: impl FnMut(i64) -> T) {
        for span in spans {
            to[span.start..][..span.n_rows].fill_with(|| of(self.least));
        }
    }

    #[inline]
    fn spread_wide<const WIDTH: usize, T>(&self, spans: &[Span], to: &mut [T], mut of: impl FnMut(i64) -> T) {
        let mut packed = self.bytes.chunks_exact(WIDTH);
        for span in spans {
            for (to, packed) in to[span.start..][..span.n_rows].iter_mut().zip(&mut packed) {
                let mut number = [0; 8];
                number[..WIDTH].copy_from_slice(packed);
                let scaled = i64::from_le_bytes(number).wrapping_mul(self.unit);
                *to = of(self.least.wrapping_add(scaled));
            }
        }
    }
}

impl<'a> Floats<'a> {
    /// A column of `n_rows`.
    pub(super) fn read(reader: &mut Reader<'a>, n_rows: usize) -> Result<Self, Damaged> {
        let present = match reader.byte()? {
            0 => return Ok(Self { present: Present::None, numbers: None }),
            1 => Present::All,
            2 => Present::Some(reader.take(n_rows.div_ceil(8))?),
            _ => return Err(Damaged),
        };
        let is_whole = reader.byte()? == 0;
        let n_present = reader.length()?;
        let n_expected = match present {
            Present::Some(bits) => bits.iter().map(|bits| bits.count_ones() as usize).sum(),
            Present::None | Present::All => n_rows,
        };
        // Bits beyond the last row would be numbers of no row.
        let is_exact = match present {
            Present::Some(bits) if !n_rows.is_multiple_of(8) => {
                bits.last().is_none_or(|last| last >> (n_rows % 8) == 0)
            }
            _ => true,
        };
        if n_present != n_expected || !is_exact {
            return Err(Damaged);
        }
        let numbers = if is_whole {
            Numbers::Whole(Column::read(reader, n_present)?)
        } else {
            Numbers::AsTheyAre(reader.take(n_present.checked_mul(8).ok_or(Damaged)?)?.as_chunks().0)
        };
        Ok(Self { present, numbers: Some(numbers) })
    }

    /// Whether no row has a number.
    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_none()
    }

    /// As [`Column::spread`]; rows without a number keep what stands there.
    pub(super) fn spread(&self, spans: &[Span], to: &mut [f64]) {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 when packed")]
        let whole = |number: i64| number as f64;
        let (Present::Some(bits), Some(numbers)) = (self.present, self.numbers) else {
            match self.numbers {
                Some(Numbers::Whole(column)) => column.spread(spans, to, whole),
                Some(Numbers::AsTheyAre(numbers)) => {
                    let rows = spans.iter().flat_map(|span| span.start..span.start + span.n_rows);
                    rows.zip(numbers).for_each(|(row, number)| to[row] = f64::from_le_bytes(*number));
                }
                None => {}
            }
            return;
        };
        let n_present = bits.iter().map(|bits| bits.count_ones() as usize).sum();
        let numbers: Vec<f64> = match numbers {
            Numbers::Whole(column) => column.numbers(n_present).into_iter().map(whole).collect(),
            Numbers::AsTheyAre(numbers) => numbers.iter().map(|number| f64::from_le_bytes(*number)).collect(),
        };
        let mut spans = spans.iter();
        // The span at hand, and the row of the column that it begins with.
        let (mut span, mut first) = (Span { start: 0, n_rows: 0 }, 0);
        for (row, number) in rows_of(bits).zip(numbers) {
            while row >= first + span.n_rows {
                first += span.n_rows;
                let Some(next) = spans.next() else { return };
                span = *next;
            }
            to[span.start + row - first] = number;
        }
    }

    /// Which rows of the column's `n_rows` have a number.
    pub(super) fn rows(&self, n_rows: usize) -> impl Iterator<Item = usize> {
        let (all, bits) = match self.present {
            Present::None => (0..0, [].as_slice()),
            Present::All => (0..n_rows, [].as_slice()),
            Present::Some(bits) => (0..0, bits),
        };
        all.chain(rows_of(bits))
    }
}

/// The positions of the bits that are set: rows without a number are passed over by eights.
fn rows_of(bits: &[u8]) -> impl Iterator<Item = usize> {
    bits.iter().enumerate().flat_map(|(at, bits)| {
        let mut left = *bits;
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (bit < 8).then_some(at * 8 + bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_out_where_they_are_sent(
            numbers in vec(any::<i64>(), 0..50),
            bits in 0_u32..64,
            unit in proptest::sample::select(vec![1_i64, 1_000, 1_000_000]),
            cut in any::<proptest::sample::Index>(),
        ) {
            let numbers: Vec<i64> = numbers.iter().map(|number| (number >> bits) / unit * unit).collect();
            let n = numbers.len();
            let mut times = Times::default();
            times.set(&numbers[..cut.index(n + 1)]);
            numbers[cut.index(n + 1)..].iter().for_each(|number| times.push(*number));
            let small: Vec<u32> = numbers.iter().map(|number| number.cast_unsigned().to_le_bytes()).map(|[a, b, c, d, ..]| u32::from_le_bytes([a, b, c, d])).collect();
            let of_small: Vec<i64> = small.iter().copied().map(i64::from).collect();
            let (mut bytes, mut bytes_of_small) = (Vec::new(), Vec::new());
            times.put(0..n, &mut bytes);
            put_column(&mut bytes_of_small, &small);
            for (bytes, numbers) in [(bytes, numbers), (bytes_of_small, of_small)] {
                let mut reader = Reader(&bytes);
                let column = Column::read(&mut reader, n).unwrap();
                prop_assert!(reader.0.is_empty());
                prop_assert_eq!(&column.numbers(n), &numbers);
                // In two pieces, the first behind the second.
                let first = cut.index(n + 1);
                let spans = [Span { start: n - first, n_rows: first }, Span { start: 0, n_rows: n - first }];
                let mut spread = vec![0; n];
                column.spread(&spans, &mut spread, |number| number);
                prop_assert_eq!(&spread[n - first..], &numbers[..first]);
                prop_assert_eq!(&spread[..n - first], &numbers[first..]);
            }
        }

        #[test]
        fn floats_come_out_as_they_were(
            numbers in vec(prop_oneof![Just(f64::NAN), (-9_i32..9).prop_map(f64::from), any::<f64>()], 0..50),
            is_whole: bool,
        ) {
            let numbers: Vec<f64> =
                numbers.iter().map(|number| if is_whole { number.round() } else { *number }).collect();
            let mut bytes = Vec::new();
            put_floats(&mut bytes, &numbers);
            let mut reader = Reader(&bytes);
            let floats = Floats::read(&mut reader, numbers.len()).unwrap();
            prop_assert!(reader.0.is_empty());
            let mut spread = vec![f64::NAN; numbers.len()];
            floats.spread(&[Span { start: 0, n_rows: numbers.len() }], &mut spread);
            let bits = |numbers: &[f64]| numbers.iter().map(|number| if number.is_nan() { 0 } else { number.to_bits() + 1 }).collect::<Vec<_>>();
            prop_assert_eq!(bits(&spread), bits(&numbers));
        }
    }
}
