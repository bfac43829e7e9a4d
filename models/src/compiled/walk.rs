//! Walks: one row down several trees at once, or several rows down one.

use super::{BLOCK, CompiledTrees, ROWS, Root, Step, TREES, Walk};

impl CompiledTrees {
    /// `start` and what each tree answers for `row` ([`Self::width`] numbers), added up in the order of the trees.
    /// Allocates nothing once `walk` was used.
    #[must_use]
    pub fn sum(&self, start: f64, row: &[f64], walk: &mut Walk) -> f64 {
        self.answers(row, walk);
        walk.answers.iter().fold(start, |sum, answer| sum + answer)
    }

    /// The answer of each tree, in their order.
    fn answers(&self, row: &[f64], walk: &mut Walk) {
        walk.places.resize(self.questions.stride().max(walk.places.len()), 0);
        walk.answers.resize(self.roots.len(), 0.0);
        let places = &mut walk.places[..self.questions.stride()];
        self.questions.places(row, places);
        let (groups, rest) = self.by_depth.as_chunks::<TREES>();
        for group in groups {
            let mut at = group.map(|root| root.step as usize);
            for _ in 0..group[TREES - 1].depth {
                at = at.map(|at| self.next(at, places, 0));
            }
            for (root, at) in group.iter().zip(at) {
                walk.answers[root.order as usize] = self.answers[at & (self.answers.len() - 1)];
            }
        }
        for root in rest {
            let at = (0..root.depth).fold(root.step as usize, |at, _| self.next(at, places, 0));
            walk.answers[root.order as usize] = self.answers[at & (self.answers.len() - 1)];
        }
    }

    /// Adds to each of `sums` what the trees answer for its row, in the order of the trees: the bits of [`Self::sum`].
    /// `rows` are row-major, [`Self::width`] numbers a row. Allocates nothing once `walk` was used.
    pub fn add_to(&self, sums: &mut [f64], rows: &[f64], walk: &mut Walk) {
        let (width, stride) = (self.width().max(1), self.questions.stride());
        walk.places.resize((BLOCK * stride).max(walk.places.len()), 0);
        let places = &mut walk.places[..BLOCK * stride];
        for (sums, rows) in sums.chunks_mut(BLOCK).zip(rows.chunks(BLOCK * width)) {
            for (row, places) in rows.chunks_exact(width).zip(places.chunks_exact_mut(stride)) {
                self.questions.places(row, places);
            }
            for root in &self.roots {
                self.add_tree(root, sums, places, stride);
            }
        }
    }

    fn add_tree(&self, root: &Root, sums: &mut [f64], places: &[u16], stride: usize) {
        let (groups, rest) = sums.as_chunks_mut::<ROWS>();
        let first_of_rest = groups.len() * ROWS;
        for (group, sums) in groups.iter_mut().enumerate() {
            let first = group * ROWS * stride;
            let mut at = [root.step as usize; ROWS];
            for _ in 0..root.depth {
                let mut offset = first;
                for at in &mut at {
                    *at = self.next(*at, places, offset);
                    offset += stride;
                }
            }
            for (sum, at) in sums.iter_mut().zip(at) {
                *sum += self.answers[at & (self.answers.len() - 1)];
            }
        }
        for (row, sum) in rest.iter_mut().enumerate() {
            let offset = (first_of_rest + row) * stride;
            let at = (0..root.depth).fold(root.step as usize, |at, _| self.next(at, places, offset));
            *sum += self.answers[at & (self.answers.len() - 1)];
        }
    }

    /// One step. The numbers of steps and of places are powers of two: the masks change no index and spare the checks.
    #[inline(always)]
    fn next(&self, at: usize, places: &[u16], offset: usize) -> usize {
        let Step { place, slot, left } = self.steps[at & (self.steps.len() - 1)];
        let own = places[(offset + usize::from(slot)) & (places.len() - 1)];
        left as usize + usize::from(own > place)
    }
}
