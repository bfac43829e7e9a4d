//! The days of a window: how much on each, on which there was any, and many such sets counted at once.

use std::ops::Range;

/// Days that a window looks back.
pub(super) const DAYS: usize = 180;

/// A number for each of the last days, by age: 0 is the day before the observation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Daily<'a>(pub(super) &'a [f64]);

/// A set of the last days, by age.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days<'a> {
    pub(super) words: &'a [u64],
    /// Where age 0 begins: the number of days of the grid before the observation.
    pub(super) edge: usize,
}

/// Many sets of days, of users or of events, counted in one pass for the features that ask.
#[derive(Debug)]
pub(super) struct Sets {
    /// By the [`PIECES`] in which a set has days, a bit each.
    by_pieces: [usize; 1 << PIECES.len()],
    /// By the number of days within the last 28.
    by_days: [usize; 29],
}

/// The pieces of the look-back that windows are put together from, in days.
const PIECES: [Range<usize>; 6] = [0..7, 7..14, 14..28, 28..56, 56..90, 90..180];

impl Daily<'_> {
    /// The sum over `ages`: four sums side by side, whatever the ages, so that equal days give equal bits.
    #[inline]
    pub(super) fn sum(&self, ages: Range<usize>) -> f64 {
        let (four, rest) = self.of(ages).as_chunks::<4>();
        let mut sums = [0.0; 4];
        for days in four {
            for (sum, day) in sums.iter_mut().zip(days) {
                *sum += day;
            }
        }
        (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest.iter().sum::<f64>()
    }

    /// The days of `ages` with more than 0.
    #[inline]
    pub(super) fn days(&self, ages: Range<usize>) -> usize {
        self.of(ages).iter().filter(|&&sum| sum > 0.0).count()
    }

    /// The largest of `ages`, at least 0.
    pub(super) fn max(&self, ages: Range<usize>) -> f64 {
        self.of(ages).iter().copied().fold(0.0, f64::max)
    }

    /// The number of the day of that age.
    #[inline]
    pub(super) fn at(&self, age: usize) -> f64 {
        self.0[self.0.len() - 1 - age]
    }

    /// The days of `ages`, the earliest first.
    #[inline]
    pub(super) fn of(&self, ages: Range<usize>) -> &[f64] {
        &self.0[self.0.len() - ages.end..self.0.len() - ages.start]
    }
}

impl Days<'_> {
    /// The number of days of `ages` in the set.
    #[inline]
    pub(super) fn count(&self, ages: Range<usize>) -> usize {
        let (days, ages) = (self.recent(), bits(&ages));
        days.iter().zip(ages).map(|(days, ages)| (days & ages).count_ones() as usize).sum()
    }

    /// The days that windows look back on: bit n of the three words together is that of age 179 − n.
    #[inline]
    fn recent(&self) -> [u64; 3] {
        let start = self.edge - DAYS;
        let (first, shift) = (start / 64, start % 64);
        let word = |at: usize| self.words.get(first + at).copied().unwrap_or(0);
        let shifted = |at: usize| word(at) >> shift | (word(at + 1) << 1) << (63 - shift);
        const ALL: [u64; 3] = bits(&(0..DAYS));
        [shifted(0) & ALL[0], shifted(1) & ALL[1], shifted(2) & ALL[2]]
    }
}

/// The bits of `ages` among those of [`Days::recent`].
const fn bits(ages: &Range<usize>) -> [u64; 3] {
    let (start, end) = (DAYS - ages.end, DAYS - ages.start);
    let mut words = [0; 3];
    let mut at = start;
    while at < end {
        words[at / 64] |= 1 << (at % 64);
        at += 1;
    }
    words
}

impl Sets {
    pub(super) fn of<'a>(sets: impl Iterator<Item = Days<'a>>) -> Self {
        const BITS: [[u64; 3]; PIECES.len()] = {
            let mut all = [[0; 3]; PIECES.len()];
            let mut at = 0;
            while at < PIECES.len() {
                all[at] = bits(&PIECES[at]);
                at += 1;
            }
            all
        };
        const LAST: [u64; 3] = bits(&(0..28));
        let mut counted = Self { by_pieces: [0; 1 << PIECES.len()], by_days: [0; 29] };
        for days in sets {
            let days = days.recent();
            let mut pieces = 0;
            for (at, piece) in BITS.iter().enumerate() {
                let any = days[0] & piece[0] | days[1] & piece[1] | days[2] & piece[2];
                pieces |= usize::from(any != 0) << at;
            }
            counted.by_pieces[pieces] += 1;
            let n_days: u32 = days.iter().zip(LAST).map(|(days, last)| (days & last).count_ones()).sum();
            counted.by_days[n_days as usize] += 1;
        }
        counted
    }

    /// Those with a day within the window, which [`PIECES`] make up as they do all below.
    pub(super) fn within(&self, window: &Range<usize>) -> usize {
        let window = pieces_of(window);
        self.those(|pieces| pieces & window != 0)
    }

    /// Those with a day within each.
    pub(super) fn within_both(&self, one: &Range<usize>, other: &Range<usize>) -> usize {
        let (one, other) = (pieces_of(one), pieces_of(other));
        self.those(|pieces| pieces & one != 0 && pieces & other != 0)
    }

    fn those(&self, fits: impl Fn(usize) -> bool) -> usize {
        self.by_pieces.iter().enumerate().filter(|(pieces, _)| fits(*pieces)).map(|(_, n)| n).sum()
    }

    /// The days of all of them within the last 28.
    pub(super) fn days(&self) -> usize {
        self.by_days.iter().enumerate().map(|(days, n)| days * n).sum()
    }

    /// The most days of one of them within the last 28.
    pub(super) fn most_days(&self) -> usize {
        self.by_days.iter().rposition(|n| *n > 0).unwrap_or(0)
    }

    /// Those with at least so many days within the last 28.
    pub(super) fn regular(&self, n_days: usize) -> usize {
        self.by_days[n_days..].iter().sum()
    }
}

/// The [`PIECES`] of a window, a bit each.
fn pieces_of(window: &Range<usize>) -> usize {
    let is_in = |piece: &Range<usize>| window.start <= piece.start && piece.end <= window.end;
    PIECES.iter().enumerate().fold(0, |bits, (at, piece)| bits | usize::from(is_in(piece)) << at)
}
