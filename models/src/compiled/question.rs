//! What trees ask of a row, and the places of a row's values among the answers.

use std::ops::Range;

use super::build::CompileError;

/// The largest threshold's place: those of missing values must lie above it.
const MOST_CUTS: usize = 65_000;
/// The place of a missing value that goes right: above every threshold, below the place of leaves.
const ABOVE: u16 = u16::MAX - 1;
/// The largest magnitude that counts as 0 (LightGBM's `kZeroThreshold`).
const ZERO: f64 = 1e-35_f32 as f64;

/// Where a value goes that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// NaN goes left.
    Left,
    /// NaN goes right.
    Right,
    /// NaN counts as 0.
    AsZero,
    /// NaN and 0 go left.
    ZeroLeft,
    /// NaN and 0 go right.
    ZeroRight,
}

/// What a node asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Values up to and including the threshold go left.
    AtMost {
        /// A column of the row.
        column: u32,
        /// A finite number.
        threshold: f64,
        /// Where missing values go.
        missing: Missing,
    },
    /// The whole part of the value is one of these numbers: left. Negative and missing values go right.
    OneOf {
        /// A column of the row.
        column: u32,
        /// Ascending.
        categories: Vec<u32>,
        /// Whether the numbers of the set go right and all others left (XGBoost), negative ones too.
        inverted: bool,
        /// Whether a missing value goes left.
        missing_left: bool,
    },
}

/// All that some trees ask, each once.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Questions {
    width: usize,
    /// Whether values are rounded to single precision first.
    is_single: bool,
    cuts: Vec<f64>,
    columns: Vec<Column>,
    variants: Vec<Variant>,
    sets: Vec<Set>,
    n_slots: usize,
}

/// A column with its stretch of the cuts; its place is stored in two slots.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    column: usize,
    cuts: Range<usize>,
    slot: usize,
}

/// One more slot, for a column whose missing values are told otherwise than by NaN.
#[derive(Debug, Clone, PartialEq)]
struct Variant {
    /// The position among `columns`.
    column: usize,
    missing: Missing,
    slot: usize,
}

/// A set of categories as bits.
#[derive(Debug, Clone, PartialEq)]
struct Set {
    column: usize,
    bits: Vec<u64>,
    inverted: bool,
    missing_left: bool,
    slot: usize,
}

impl Questions {
    /// Collects what is asked of rows of `width` columns.
    pub(super) fn of<'a>(
        asked: impl Iterator<Item = &'a Question>,
        width: usize,
        is_single: bool,
    ) -> Result<Self, CompileError> {
        let mut questions = Self { width, is_single, ..Self::default() };
        let mut thresholds: Vec<(u32, f64)> = Vec::new();
        let mut variants: Vec<(u32, Missing)> = Vec::new();
        for question in asked {
            match *question {
                Question::AtMost { column, threshold, missing } => {
                    // −0 and 0 part values alike.
                    thresholds.push((column, threshold + 0.0));
                    if !matches!(missing, Missing::Left | Missing::Right) {
                        variants.push((column, missing));
                    }
                }
                Question::OneOf { column, ref categories, inverted, missing_left } => {
                    let set = Set::of(column as usize, categories, (inverted, missing_left));
                    if !questions.sets.iter().any(|known| known.is_as(&set)) {
                        questions.sets.push(set);
                    }
                }
            }
        }
        thresholds.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        thresholds.dedup();
        for of_column in thresholds.chunk_by(|a, b| a.0 == b.0) {
            if of_column.len() > MOST_CUTS {
                return Err(CompileError::Thresholds { column: of_column[0].0 as usize, most: MOST_CUTS });
            }
            let first = questions.cuts.len();
            questions.cuts.extend(of_column.iter().map(|&(_, threshold)| threshold));
            let (column, cuts) = (of_column[0].0 as usize, first..questions.cuts.len());
            questions.columns.push(Column { column, cuts, slot: questions.n_slots });
            questions.n_slots += 2;
        }
        variants.sort_unstable();
        variants.dedup();
        for (column, missing) in variants {
            let Some(column) = questions.position(column) else { continue };
            questions.variants.push(Variant { column, missing, slot: questions.n_slots });
            questions.n_slots += 1;
        }
        for set in &mut questions.sets {
            set.slot = questions.n_slots;
            questions.n_slots += 1;
        }
        if questions.n_slots > usize::from(u16::MAX) {
            return Err(CompileError::Slots(questions.n_slots));
        }
        Ok(questions)
    }

    fn position(&self, column: u32) -> Option<usize> {
        self.columns.binary_search_by(|known| known.column.cmp(&(column as usize))).ok()
    }

    /// The slot that a question looks into, and the last place there that goes left. The question is one of those
    /// collected.
    pub(super) fn slot(&self, question: &Question) -> Option<(u16, u16)> {
        let (slot, place) = match *question {
            Question::AtMost { column, threshold, missing } => {
                let at = self.position(column)?;
                let known = &self.columns[at];
                let place = self.cuts[known.cuts.clone()].partition_point(|&cut| cut < threshold) + 1;
                let slot = match missing {
                    Missing::Left => known.slot,
                    Missing::Right => known.slot + 1,
                    other => self.variants.iter().find(|v| v.column == at && v.missing == other)?.slot,
                };
                (slot, place)
            }
            Question::OneOf { column, ref categories, inverted, missing_left } => {
                let wanted = Set::of(column as usize, categories, (inverted, missing_left));
                (self.sets.iter().find(|set| set.is_as(&wanted))?.slot, 0)
            }
        };
        Some((u16::try_from(slot).ok()?, u16::try_from(place).ok()?))
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The places of a row: a power of two, at least one a slot.
    pub(super) fn stride(&self) -> usize {
        self.n_slots.next_power_of_two()
    }

    /// Writes the places of `row` ([`Self::width`] numbers) to `places` ([`Self::stride`]).
    #[inline]
    pub(super) fn places(&self, row: &[f64], places: &mut [u16]) {
        for column in &self.columns {
            let value = self.read(row[column.column]);
            let place = self.place(column, value);
            let (below, above) = if value.is_nan() { (0, ABOVE) } else { (place, place) };
            places[column.slot] = below;
            places[column.slot + 1] = above;
        }
        for &Variant { column, missing, slot } in &self.variants {
            let column = &self.columns[column];
            let value = self.read(row[column.column]);
            let is_zero = value.is_nan() || value.abs() <= ZERO;
            places[slot] = match missing {
                Missing::ZeroLeft if is_zero => 0,
                Missing::ZeroRight if is_zero => ABOVE,
                _ => self.place(column, if value.is_nan() { 0.0 } else { value }),
            };
        }
        for set in &self.sets {
            places[set.slot] = u16::from(!set.goes_left(row[set.column]));
        }
    }

    /// One more than the cuts below `value`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "at most MOST_CUTS")]
    fn place(&self, column: &Column, value: f64) -> u16 {
        self.cuts[column.cuts.clone()].partition_point(|&cut| cut < value) as u16 + 1
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    fn read(&self, value: f64) -> f64 {
        if self.is_single { f64::from(value as f32) } else { value }
    }
}

impl Set {
    fn of(column: usize, categories: &[u32], (inverted, missing_left): (bool, bool)) -> Self {
        let words = categories.last().map_or(0, |&last| last as usize / 64 + 1);
        let mut bits = vec![0; words];
        for &category in categories {
            if let Some(word) = bits.get_mut(category as usize / 64) {
                *word |= 1 << (category % 64);
            }
        }
        Self { column, bits, inverted, missing_left, slot: 0 }
    }

    fn is_as(&self, other: &Self) -> bool {
        (self.column, self.inverted, self.missing_left) == (other.column, other.inverted, other.missing_left)
            && self.bits == other.bits
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked before"
    )]
    fn goes_left(&self, value: f64) -> bool {
        if value.is_nan() {
            return self.missing_left;
        }
        // A negative fraction is cut to 0, unless the set says where known categories do not go.
        let is_first = value >= 0.0 || value > -1.0 && !self.inverted;
        let is_category = is_first && value < self.bits.len() as f64 * 64.0;
        let is_in = is_category && {
            let category = value as usize;
            self.bits[category / 64] >> (category % 64) & 1 == 1
        };
        is_in != self.inverted
    }
}
