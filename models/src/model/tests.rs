use super::*;
use crate::testing::{bundle, candidates};

#[test]
fn one_row_or_a_whole_table_give_the_same_bits() {
    for candidate in candidates() {
        let (bundle, table) = bundle(&candidate);
        let model = bundle.model;
        let all = model.predict_table(&table);
        let mut scratch = Scratch::default();
        for (row, whole) in all.iter().enumerate() {
            for one in
                [model.predict(table.row(row)), model.predict_with(table.take(&[row]).row(0), &mut scratch)]
            {
                assert_eq!(one.probability.to_bits(), whole.probability.to_bits());
                assert_eq!(one, *whole);
            }
            assert!(whole.p_low <= whole.probability && whole.probability <= whole.p_high);
            assert!((0.0..=1.0).contains(&whole.p_low) && (0.0..=1.0).contains(&whole.p_high));
        }
        let (low, high) = (model.predict(table.row(0)), all.iter().map(|p| p.probability));
        assert!(high.fold(0.0, f64::max) > low.probability.min(0.5), "{}", candidate.describe());
    }
}

#[test]
fn what_was_never_seen_is_answered_too() {
    for candidate in candidates() {
        let (bundle, table) = bundle(&candidate);
        let strange = FeatureTable::new(
            table.specs().to_vec(),
            vec![
                Column::Text(vec![None, Some("Z".into())]),
                Column::Number(vec![f64::NAN, -1e300]),
                Column::Text(vec![None, Some("unheard of".into())]),
                Column::Number(vec![f64::NAN, f64::MAX]),
                Column::Number(vec![f64::NAN, 1.0]),
            ],
            2,
        )
        .unwrap();
        for row in 0..2 {
            let prediction = bundle.model.predict(strange.row(row));
            assert!(prediction.probability > 0.0 && prediction.probability < 1.0, "{prediction:?}");
            let explanation = bundle.model.explain(strange.row(row));
            assert!(explanation.contributions.iter().all(|(_, share)| share.is_finite()));
        }
    }
}

#[test]
fn contributions_sum_to_the_calibrated_log_odds_and_name_features_only() {
    for candidate in candidates() {
        let (bundle, table) = bundle(&candidate);
        for row in 0..40 {
            let prediction = bundle.model.predict(table.row(row));
            let explanation = bundle.model.explain(table.row(row));
            let sum: f64 = explanation.contributions.iter().map(|(_, share)| share).sum();
            assert!((explanation.base + sum - explanation.logit).abs() < 1e-9);
            assert!((sigmoid(explanation.logit) - prediction.probability).abs() < 1e-12);
            let named: Vec<usize> = explanation.contributions.iter().map(|&(feature, _)| feature).collect();
            assert_eq!(named, [1, 2, 3, 4], "the tier is context");
        }
        let rows: Vec<usize> = (0..100).collect();
        let importance = bundle.model.importance(&table, &rows);
        let most = importance.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        assert_eq!(most.0, 1, "usage: {importance:?}");
    }
}

#[test]
fn a_table_is_aligned_by_name() {
    let (bundle, table) = bundle(&candidates()[0]);
    let model = bundle.model;
    let reversed: Vec<FeatureSpec> = table.specs()[1..].iter().rev().cloned().collect();
    let without_tier = table.select(&reversed).unwrap();
    let aligned = model.align(&without_tier).unwrap();
    assert_eq!(aligned.specs(), model.specs());
    assert_eq!(aligned.row(0).text("tier"), None);
    assert_eq!(model.predict(aligned.row(3)), model.predict(table.row(3)));
    assert_eq!(model.align(&table).unwrap().row(0).text("tier"), table.row(0).text("tier"));
    let without_usage = table.select(&table.specs()[2..]).unwrap();
    assert_eq!(model.align(&without_usage).unwrap_err(), TableError::Missing(vec!["usage".into()]));
}

#[test]
fn refuses_parts_that_do_not_fit() {
    let bundles = candidates().map(|candidate| bundle(&candidate).0.model);
    let [linear, _, boosted, _] = &bundles;
    let check = |spoil: &dyn Fn(&mut ChurnModel), model: &ChurnModel| {
        let mut model = model.clone();
        spoil(&mut model);
        model.validate()
    };
    for model in &bundles {
        assert_eq!(model.validate(), Ok(()));
    }
    let swapped = check(&|model| model.members[0].encoder = boosted.members[0].encoder.clone(), linear);
    assert!(matches!(swapped, Err(ModelError::Weights { .. } | ModelError::Mismatch { .. })));
    let swapped = check(&|model| model.members[0].encoder = linear.members[0].encoder.clone(), boosted);
    assert_eq!(swapped, Err(ModelError::Mismatch { classifier: "boost" }));
    let many = check(&|model| model.members = vec![model.members[0].clone(); MAX_MEMBERS + 1], linear);
    assert_eq!(many, Err(ModelError::Members { found: MAX_MEMBERS + 1, most: MAX_MEMBERS }));
    let none = check(&|model| model.members.clear(), linear);
    assert_eq!(none, Err(ModelError::Members { found: 0, most: MAX_MEMBERS }));
    let weight = check(&|model| model.members[0].weight = f64::NAN, linear);
    assert_eq!(weight, Err(ModelError::NotUsable("weight of a classifier")));
    let nan = check(&|model| model.calibrator = Calibrator::Intercept { shift: f64::NAN }, linear);
    assert_eq!(nan, Err(ModelError::NotUsable("calibrator")));
    let short = check(&|model| model.specs.truncate(2), linear);
    assert!(matches!(short, Err(ModelError::Encoder(_))));
    let spoil_boost = |spoil: fn(&mut BoostModel)| {
        let spoil = move |model: &mut ChurnModel| match &mut model.members[0].classifier {
            Classifier::Boost(boosted) => spoil(boosted),
            _ => panic!("boosted"),
        };
        check(&spoil, boosted)
    };
    assert_eq!(spoil_boost(|model| model.trees.clear()), Err(ModelError::NoTrees));
    assert_eq!(spoil_boost(|model| model.base = f64::NAN), Err(ModelError::NotUsable("boosted model")));
    let (_, table) = bundle(&candidates()[0]);
    let (fitted, calibration) = {
        let (table, labels) = crate::testing::table(300);
        let fitted = crate::testing::fitted(&candidates()[0], &table, &labels);
        let calibration = crate::testing::calibration(&fitted, &table, &labels);
        (fitted, calibration)
    };
    let none = ChurnModel::new(fitted.clone(), &calibration, &table, &[]);
    assert_eq!(none, Err(ModelError::NoBackground));
    let many: Vec<usize> = (0..600).map(|row| row % 300).collect();
    assert!(matches!(
        ChurnModel::new(fitted, &calibration, &table, &many),
        Err(ModelError::Background { .. })
    ));
}

/// A blend of all learners says the weighted sum of what they say, and so do its contributions.
#[test]
fn a_blend_is_the_sum_of_its_members() {
    let (table, labels) = crate::testing::table(300);
    let fitted = candidates().map(|candidate| crate::testing::fitted(&candidate, &table, &labels));
    let calibration = crate::testing::calibration(&fitted[0], &table, &labels);
    let uncalibrated = Calibration { calibrator: Calibrator::Identity, segments: None, ..calibration };
    let background: Vec<usize> = (0..20).collect();
    let model = |parts: Vec<(f64, FittedClassifier)>| {
        ChurnModel::new(Blend::new(parts), &uncalibrated, &table, &background).unwrap()
    };
    let shares = [0.5, 0.3, 0.4, 0.2];
    let blend = model(shares.into_iter().zip(fitted.clone()).collect());
    let alone = fitted.map(|fitted| model(vec![(1.0, fitted)]));
    for row in 0..40 {
        let row = table.row(row);
        let sum = |of: &dyn Fn(&ChurnModel) -> f64| -> f64 {
            alone.iter().zip(shares).map(|(model, share)| share * of(model)).sum()
        };
        assert!((blend.predict(row).margin - sum(&|model| model.predict(row).margin)).abs() < 1e-12);
        let explanation = blend.explain(row);
        assert!((explanation.logit - blend.predict(row).margin).abs() < 1e-12);
        assert!((explanation.base - sum(&|model| model.explain(row).base)).abs() < 1e-12);
        for (at, (feature, share)) in explanation.contributions.iter().enumerate() {
            let expected = sum(&|model| model.explain(row).contributions[at].1);
            assert!((share - expected).abs() < 1e-9, "feature {feature}: {share} {expected}");
        }
    }
}
