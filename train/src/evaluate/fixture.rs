//! The rows that the oracles were run on.

use super::ScoredRows;

/// 60 rows of 20 groups.
pub(super) struct Fixture {
    pub(super) labels: Vec<f64>,
    pub(super) probabilities: Vec<f64>,
    pub(super) weights: Vec<f64>,
    pub(super) ones: Vec<f64>,
    pub(super) groups: Vec<usize>,
}

impl Fixture {
    pub(super) fn rows(&self) -> ScoredRows<'_> {
        ScoredRows {
            labels: &self.labels,
            probabilities: &self.probabilities,
            weights: &self.weights,
            groups: &self.groups,
            arr: None,
        }
    }
}

/// Made by a linear congruential generator, so that Python makes the same:
/// `s = (1103515245 s + 12345) mod 2³¹` from 7, `u = s / 2³¹`; a row draws three times:
/// `q = round(0.02 + 0.96 u², 2)`, `y = 1 if u < q^1.3`, `w = [0.25, 0.5, 1][⌊3u⌋]`. Row i is in group i mod 20.
pub(super) fn fixture() -> Fixture {
    let mut state = 7_u64;
    let mut draw = || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        f64::from(u32::try_from(state).unwrap()) / f64::from(1_u32 << 31)
    };
    let (mut labels, mut probabilities, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..60 {
        let u = draw();
        let q = ((0.02 + 0.96 * u * u) * 100.0).round() / 100.0;
        probabilities.push(q);
        labels.push(f64::from(u8::from(draw() < q.powf(1.3))));
        let w = 3.0 * draw();
        weights.push(if w < 1.0 {
            0.25
        } else if w < 2.0 {
            0.5
        } else {
            1.0
        });
    }
    Fixture { labels, probabilities, weights, ones: vec![1.0; 60], groups: (0..60).map(|i| i % 20).collect() }
}

/// Equal to 1e-9 relative.
#[track_caller]
pub(super) fn close(found: Option<f64>, expected: f64) {
    let found = found.expect("a figure");
    assert!((found - expected).abs() <= 1e-9 * (1.0 + expected.abs()), "{found} is not {expected}");
}
