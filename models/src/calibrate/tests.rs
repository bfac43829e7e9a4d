//! Reference numbers: statsmodels 0.15.0 (GLM binomial with freq_weights; Logit), venn-abers 1.5.4 and scikit-learn
//! 1.9.1 (IsotonicRegression on the augmented rows), and for the spline scipy 1.17.1 (its basis by `integrate.quad` over
//! `numpy.interp`, the fit by L-BFGS-B with bounds and Newton steps on the free slopes), all on the rows of [`rows`].

use super::*;
use crate::probability::{log_loss, logit, sigmoid};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// margin = −3 + 0.25·(7i mod 25), weight = 1 + 0.5·(i mod 3), label = (5i² + 3i) mod 17 < 1 + 12·σ(0.7·margin).
fn rows() -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut rows = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..40_u32 {
        let margin = -3.0 + 0.25 * f64::from((i * 7) % 25);
        let is_positive = f64::from((i * i * 5 + i * 3) % 17) < 1.0 + 12.0 * sigmoid(0.7 * margin);
        rows.0.push(margin);
        rows.1.push(f64::from(u8::from(is_positive)));
        rows.2.push(1.0 + f64::from(i % 3) * 0.5);
    }
    rows
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
}

#[test]
fn intercept_and_platt_equal_statsmodels() {
    let (margins, labels, weights) = rows();
    close(labels.iter().sum(), 23.0);
    match fit_intercept(&margins, &labels, &weights) {
        Ok(Calibrator::Intercept { shift }) => close(shift, 0.412_006_884_401_142),
        other => panic!("{other:?}"),
    }
    match fit_platt(&margins, &labels, &weights) {
        Ok(Calibrator::Platt { slope, shift }) => {
            close(slope, 0.609_007_103_741_776_8);
            close(shift, 0.321_412_757_071_640_96);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn beta_without_a_ridge_equals_statsmodels_and_holds_a_falling_tail_at_zero() {
    let (margins, labels, weights) = rows();
    match fit_beta(&margins, &labels, &[1.0; 40], 0.0) {
        Ok(Calibrator::Beta { a, b, c }) => {
            close(a, 1.193_459_119_449_111_5);
            close(b, 0.089_432_357_137_098_05);
            close(c, 1.455_458_453_888_306_6);
        }
        other => panic!("{other:?}"),
    }
    // Unconstrained, statsmodels has b = −0.154 with these weights; without the column:
    match fit_beta(&margins, &labels, &weights, 0.0) {
        Ok(Calibrator::Beta { a, b, c }) => {
            close(a, 1.399_116_443_838_267_5);
            close(b, 0.0);
            close(c, 1.683_662_916_678_264_4);
        }
        other => panic!("{other:?}"),
    }
    match fit_beta(&margins, &labels, &weights, 1e9) {
        Ok(Calibrator::Beta { a, b, .. }) => assert!((a - 1.0).abs() < 1e-6 && (b - 1.0).abs() < 1e-6),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_spline_equals_scipy_and_never_falls() {
    let (margins, labels, weights) = rows();
    let slopes =
        [0.633_590_520_430, 0.888_478_721_443, 1.213_182_568_131, 0.758_485_907_870, 0.416_281_517_174, 0.0];
    match fit_spline(&margins, &labels, &weights, 0.5).unwrap() {
        Calibrator::Spline(spline) => {
            assert_eq!(spline.knots, [-3.0, -2.5, -1.25, 0.0, 1.25, 2.5, 3.0]);
            spline.slopes.iter().zip(slopes).for_each(|(found, expected)| close(*found, expected));
            close(spline.slopes[6], 0.316_452_860_205);
            close(spline.shift, -2.246_111_124_816);
            let expected = [-3.513_292_165_677, 0.159_669_425_337, 0.754_717_062_361, 2.070_208_953_280];
            for (margin, expected) in [-5.0, -0.6, 0.1, 4.0].into_iter().zip(expected) {
                close(spline.apply(margin), expected);
            }
        }
        other => panic!("{other:?}"),
    }
    let spline = fit_spline(&margins, &labels, &[1.0; 40], 5.0).unwrap();
    for (margin, expected) in
        [(-5.0, -4.190_822_771_624), (-0.6, -0.014_156_659_507), (4.0, 3.941_202_871_200)]
    {
        close(spline.apply(margin), expected);
    }
    // A strong ridge is the identity but for the shift.
    let (identity, shift) =
        (fit_spline(&margins, &labels, &weights, 1e9), fit_intercept(&margins, &labels, &weights));
    assert!((identity.unwrap().apply(0.7) - shift.unwrap().apply(0.7)).abs() < 1e-6);
    let equal: Vec<f64> = margins.iter().map(|margin| margin.max(0.0)).collect();
    assert_eq!(fit_spline(&equal, &labels, &weights, 5.0), Err(CalibrationError::Ties));
}

/// The margins are right below −2, where most accounts are, and far too sure above.
#[test]
fn a_thousand_positives_bear_a_spline_where_it_helps() {
    let truth = |i: u32| f64::from(i * 7919 % 10_007) / 1_251.0 - 6.0;
    let margins: Vec<f64> =
        (0..10_000).map(truth).map(|t| if t < -2.0 { t } else { 3.0 * t + 4.0 }).collect();
    let label = |i: u32| f64::from(u8::from(f64::from(i * 104_729 % 9_973) < 9_973.0 * sigmoid(truth(i))));
    let labels: Vec<f64> = (0..10_000).map(label).collect();
    let report = ladder(&margins, &labels, &[1.0; 10_000], &groups(10_000), 1).unwrap().report;
    assert_eq!((report.deployed, report.rungs.len()), (Rung::Spline, 5));
    let loss = |rung: Rung| report.rungs.iter().find(|r| r.rung == rung).and_then(|r| r.log_loss).unwrap();
    assert!(loss(Rung::Spline) < loss(Rung::Beta) - 3e-4, "{report:?}");
}

/// Margins that are right but for every tenth row, whose segment's log-odds they miss by `off`.
fn by_segment(off: f64) -> Calibration {
    by_segment_and_block(|_| off, 1)
}

/// The same where how far they miss is a matter of the block of time.
fn by_segment_and_block(off: impl Fn(u32) -> f64, n_blocks: u32) -> Calibration {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut margins, mut labels, mut of) = (Vec::new(), Vec::new(), Vec::new());
    let blocks: Vec<u32> = (0..10_000).map(|i| i * n_blocks / 10_000).collect();
    for (i, &block) in blocks.iter().enumerate() {
        let truth = rng.random_range(-4.0..2.0);
        let is_small = i % 10 == 3;
        margins.push(if is_small { truth - off(block) } else { truth });
        labels.push(f64::from(u8::from(rng.random_bool(sigmoid(truth)))));
        of.push(Some(if is_small { "onboarding" } else { "adoption" }));
    }
    let segments = Segments { feature: 0, of: &of, blocks: &blocks };
    ladder_by_segment(&margins, &labels, &[1.0; 10_000], &groups(10_000), segments, 1).unwrap()
}

#[test]
fn offsets_by_segment_are_deployed_where_a_segment_is_off() {
    let found = by_segment(1.2);
    assert!(found.report.segments.is_some_and(|offsets| offsets.is_deployed), "{:?}", found.report);
    let offset = |segment| found.logit(0.0, Some(segment)) - found.calibrator.apply(0.0);
    let (small, large) = (offset("onboarding"), offset("adoption"));
    assert!((small - large - 1.2).abs() < 0.25, "{small} {large}");
    assert_eq!(found.logit(0.3, None).to_bits(), found.calibrator.apply(0.3).to_bits());
    let right = by_segment(0.0);
    assert!(right.segments.is_none(), "{:?}", right.report);
}

#[test]
fn offsets_by_segment_must_help_in_later_blocks() {
    let lasting = by_segment_and_block(|_| 1.2, 3);
    assert!(lasting.segments.is_some(), "{:?}", lasting.report);
    let cured = by_segment_and_block(|block| if block == 0 { 1.2 } else { 0.0 }, 3);
    let report = cured.report.segments.unwrap();
    assert!(!report.is_deployed && cured.segments.is_none(), "{report:?}");
    assert!(report.log_loss > report.log_loss_without.unwrap() + 1e-3, "{report:?}");
    // One block whose offset is the mean of these has them.
    assert!(by_segment_and_block(|_| 0.4, 1).segments.is_some());
}

#[test]
fn the_interval_equals_venn_abers_and_isotonic_regression() {
    let (margins, labels, _) = rows();
    let interval = VennAbers::fit(&margins, &labels, &[1.0; 40]).unwrap();
    let expected = [
        (-4.0, 0.0, 0.2),
        (-3.0, 0.1, 0.2),
        (-2.9, 0.1, 0.2),
        (-1.25, 1.0 / 3.0, 0.5),
        (-0.6, 0.375, 11.0 / 15.0),
        (0.0, 0.6, 0.75),
        (1.5, 2.0 / 3.0, 0.75),
        (2.6, 9.0 / 11.0, 10.0 / 11.0),
        (3.0, 9.0 / 11.0, 10.0 / 11.0),
        (5.0, 9.0 / 11.0, 1.0),
    ];
    for (margin, low, high) in expected {
        let found = interval.interval(margin);
        close(found.0, low);
        close(found.1, high);
    }
    // Weighted: weight = 1 + 0.25·(3i mod 7), scaled to mean 1.
    let weights: Vec<f64> = (0..40_u32).map(|i| 1.0 + f64::from((i * 3) % 7) * 0.25).collect();
    let mean = weights.iter().sum::<f64>() / 40.0;
    let weights: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
    let interval = VennAbers::fit(&margins, &labels, &weights).unwrap();
    let expected = [
        (-3.0, 0.053_315_561_479_506_84, 0.146_951_016_327_890_73),
        (-0.6, 0.454_029_511_918_274_7, 0.687_743_950_039_032),
        (1.5, 0.673_506_971_849_513_2, 0.747_434_885_556_432_6),
        (2.6, 0.745_735_819_119_397, 0.857_199_523_998_413_3),
    ];
    for (margin, low, high) in expected {
        let found = interval.interval(margin);
        close(found.0, low);
        close(found.1, high);
    }
}

#[test]
fn many_margins_are_pooled_and_change_little() {
    let margins: Vec<f64> = (0..20_000_u32).map(|i| f64::from(i * 7919 % 20_000) / 5_000.0 - 2.0).collect();
    let labels: Vec<f64> = (0..20_000_u32)
        .map(|i| f64::from(u8::from(f64::from(i * 104_729 % 1_000) < 1_000.0 * sigmoid(margins[i as usize]))))
        .collect();
    let interval = VennAbers::fit(&margins, &labels, &vec![1.0; 20_000]).unwrap();
    assert!(interval.is_valid());
    for margin in [-1.5, -0.3, 0.0, 0.8, 1.9] {
        let (low, high) = interval.interval(margin);
        assert!(low < sigmoid(margin) + 0.06 && high > sigmoid(margin) - 0.06, "{margin}: {low} {high}");
        assert!(high - low < 0.05);
    }
}

fn groups(n: usize) -> Vec<u32> {
    (0..u32::try_from(n).unwrap()).collect()
}

/// `n` rows of base rate about 0.3 whose margins are true log-odds times `stretch`.
fn stretched(n: u32, stretch: f64) -> (Vec<f64>, Vec<f64>) {
    let margin = |i: u32| f64::from(i * 7919 % 1_009) / 252.0 - 3.0;
    let label = |i: u32| f64::from(u8::from(f64::from(i * 104_729 % 997) < 997.0 * sigmoid(margin(i))));
    (0..n).map(|i| (margin(i) * stretch, label(i))).unzip()
}

#[test]
fn the_ladder_climbs_with_the_positives_and_deploys_what_helps() {
    for (n, tried) in [(60, 2), (300, 3), (3_000, 4)] {
        let (margins, labels) = stretched(n, 3.0);
        let n = margins.len();
        let calibration = ladder(&margins, &labels, &vec![1.0; n], &groups(n), 1).unwrap();
        assert_eq!(calibration.report.rungs.len(), tried, "{:?}", calibration.report);
        if tried > 2 {
            let raw = log_loss(&margins, &labels, &vec![1.0; n]);
            let calibrated: Vec<f64> = margins.iter().map(|&m| calibration.calibrator.apply(m)).collect();
            assert!(log_loss(&calibrated, &labels, &vec![1.0; n]) < raw - 0.05);
            assert!(calibration.report.deployed > Rung::Intercept);
        }
    }
    let (margins, labels) = stretched(3_000, 1.0);
    let report = ladder(&margins, &labels, &[1.0; 3_000], &groups(3_000), 1).unwrap().report;
    let loss = |rung: Rung| report.rungs.iter().find(|r| r.rung == rung).and_then(|r| r.log_loss).unwrap();
    assert!(loss(report.deployed) <= loss(Rung::Identity));
}

#[test]
fn refuses_what_cannot_be_calibrated() {
    let refuse = |margins: &[f64], labels: &[f64], weights: &[f64]| {
        ladder(margins, labels, weights, &groups(margins.len()), 1).unwrap_err()
    };
    let labels = refuse(&[0.0, 1.0], &[1.0], &[1.0; 2]);
    assert_eq!(labels, CalibrationError::Length { what: "labels", found: 1, expected: 2 });
    let margin = refuse(&[f64::INFINITY, 1.0], &[1.0, 0.0], &[1.0; 2]);
    assert_eq!(margin, CalibrationError::Value { row: 0, what: "margin", value: f64::INFINITY });
    let label = refuse(&[0.0, 1.0], &[1.0, 0.5], &[1.0; 2]);
    assert_eq!(label, CalibrationError::Value { row: 1, what: "label", value: 0.5 });
    let weight = refuse(&[0.0, 1.0], &[1.0, 0.0], &[1.0, -1.0]);
    assert_eq!(weight, CalibrationError::Value { row: 1, what: "weight", value: -1.0 });
    let one = refuse(&[0.0, 1.0], &[1.0, 1.0], &[1.0; 2]);
    assert_eq!(one, CalibrationError::OneClass { rows: 2, positives: 2 });
    let groups = ladder(&[0.0, 1.0], &[1.0, 0.0], &[1.0; 2], &[1], 1).unwrap_err();
    assert_eq!(groups, CalibrationError::Length { what: "groups", found: 1, expected: 2 });
    let beyond = fit_platt(&[-1e200, 1e200, 1e200], &[0.0, 0.0, 1.0], &[1.0; 3]);
    assert!(matches!(beyond, Err(CalibrationError::NotConverged { method: "platt", .. })), "{beyond:?}");
}

proptest! {
    #[test]
    fn never_falls(a in 0.0..3.0_f64, b in 0.0..3.0_f64, c in -2.0..2.0_f64, x in -30.0..30.0_f64, d in 0.0..9.0_f64) {
        let bent = Spline { slopes: [a, b, 0.0, a, 1.0, b, a], ..Spline::example() };
        let platt = Calibrator::Platt { slope: a, shift: c };
        for calibrator in [Calibrator::Beta { a, b, c }, platt, Calibrator::Spline(bent)] {
            prop_assert!(calibrator.is_valid());
            prop_assert!(calibrator.apply(x + d) >= calibrator.apply(x) - 1e-12);
        }
    }

    #[test]
    fn beta_with_equal_parts_is_platt(a in 0.0..3.0_f64, c in -2.0..2.0_f64, x in -30.0..30.0_f64) {
        let beta = Calibrator::Beta { a, b: a, c }.apply(x);
        let platt = Calibrator::Platt { slope: a, shift: c }.apply(x);
        prop_assert!((beta - platt).abs() < 1e-9);
    }

    #[test]
    fn the_interval_holds_the_isotonic_answer_and_never_falls(
        rows in prop::collection::vec((-3.0..3.0_f64, prop::bool::ANY), 3..40),
        x in -4.0..4.0_f64,
        d in 0.0..3.0_f64,
    ) {
        let margins: Vec<f64> = rows.iter().map(|row| (row.0 * 4.0).round() / 4.0).collect();
        let mut labels: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.1))).collect();
        (labels[0], labels[1]) = (0.0, 1.0);
        let interval = VennAbers::fit(&margins, &labels, &vec![1.0; labels.len()]).unwrap();
        prop_assert!(interval.is_valid());
        let ((low, high), (later_low, later_high)) = (interval.interval(x), interval.interval(x + d));
        prop_assert!(low <= high);
        prop_assert!(low <= later_low + 1e-12 && high <= later_high + 1e-12);
        prop_assert!(logit(low) <= logit(high));
    }
}
