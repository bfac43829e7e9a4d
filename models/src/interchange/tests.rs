use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Predicted {
    rows: Vec<Vec<Option<f64>>>,
    probabilities: Vec<f64>,
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../tests/fixtures/", $name))
    };
}

/// Whether a model predicts what its own tool predicted.
fn agrees(model: &Imported, predicted: &str) {
    let predicted: Predicted = serde_json::from_str(predicted).unwrap();
    let mut walk = Walk::default();
    assert!(predicted.rows.len() > 100);
    for (row, (values, expected)) in predicted.rows.iter().zip(&predicted.probabilities).enumerate() {
        let values: Vec<f64> = values.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        let own = model.probability(&values, &mut walk);
        assert!((own - expected).abs() < 1e-6, "row {row}: {own} {expected}");
    }
}

#[test]
fn lightgbm_predicts_here_what_it_predicts_there() {
    for (text, dump, predicted) in [
        (fixture!("lightgbm.txt"), fixture!("lightgbm_dump.json"), fixture!("lightgbm_predicted.json")),
        (
            fixture!("lightgbm_zero.txt"),
            fixture!("lightgbm_zero_dump.json"),
            fixture!("lightgbm_zero_predicted.json"),
        ),
        (
            fixture!("lightgbm_none.txt"),
            fixture!("lightgbm_none_dump.json"),
            fixture!("lightgbm_none_predicted.json"),
        ),
        (
            fixture!("lightgbm_forest.txt"),
            fixture!("lightgbm_forest_dump.json"),
            fixture!("lightgbm_forest_predicted.json"),
        ),
    ] {
        let of_text = Imported::lightgbm_text(text).unwrap();
        let of_dump = Imported::lightgbm_json(dump).unwrap();
        agrees(&of_text, predicted);
        agrees(&of_dump, predicted);
        assert_eq!(of_text.feature_names(), of_dump.feature_names());
    }
}

#[test]
fn xgboost_predicts_here_what_it_predicts_there() {
    let model = Imported::xgboost_json(fixture!("xgboost.json")).unwrap();
    assert_eq!(model.feature_names().len(), 6);
    agrees(&model, fixture!("xgboost_predicted.json"));
}

#[test]
fn errors_say_where() {
    let text = fixture!("lightgbm.txt");
    let error = |text: &str| Imported::lightgbm_text(text).unwrap_err().to_string();
    let line = 1 + text.lines().position(|line| line.starts_with("left_child=")).unwrap();
    let spoilt = text.replacen("left_child=", "left_child=x ", 1);
    assert_eq!(error(&spoilt), format!("line {line}, `left_child`: `x` is no such number"));
    let spoilt = text.replacen("left_child=", "left_child=1 ", 1);
    assert!(error(&spoilt).starts_with(&format!("line {line}, `left_child`: 12 values, not 11")));
    let spoilt = text.replacen("split_feature=", "split_other=", 1);
    assert!(error(&spoilt).starts_with("tree 0: `split_feature` is missing"));
    assert!(
        error(&text.replacen("objective=binary", "objective=multiclass", 1)).starts_with("`objective` is")
    );
    assert!(error(&text.replacen("num_class=1", "num_class=3", 1)).starts_with("`num_class` is 3"));
    assert!(error("").starts_with("the head: `num_class` is missing"));
    let json = fixture!("xgboost.json");
    let error = |json: &str| Imported::xgboost_json(json).unwrap_err().to_string();
    assert!(error("{").contains("line 1"));
    assert!(
        error(&json.replacen("gbtree\"", "dart\"", 9)).contains("dart") || error("{}").contains("learner")
    );
    assert!(error(&json.replacen("binary:logistic", "rank:ndcg", 9)).starts_with("`objective` is rank:ndcg"));
}

#[test]
fn a_tree_that_loops_is_refused() {
    let ask = Question::AtMost { column: 0, threshold: 0.0, missing: Missing::Left };
    let nodes = [Branch::Ask(ask.clone(), 1, 2), Branch::Ask(ask, 0, 2), Branch::Leaf(1.0)];
    assert!(ordered(3, &nodes).unwrap_err().to_string().starts_with("tree 3, `children`: node "));
    assert!(ordered(0, &nodes[..1]).unwrap_err().to_string().contains("there is no node 1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Changed bytes are refused or answer without panic.
    #[test]
    fn damaged_files_never_panic(changes in prop::collection::vec((any::<u32>(), any::<u8>()), 1..6), cut in 0_usize..4) {
        type Read = fn(&str) -> Result<Imported, ImportError>;
        let readers: [(&str, Read); 3] = [
            (fixture!("lightgbm.txt"), Imported::lightgbm_text),
            (fixture!("lightgbm_dump.json"), Imported::lightgbm_json),
            (fixture!("xgboost.json"), Imported::xgboost_json),
        ];
        for (file, read) in readers {
            let mut bytes = file.as_bytes().to_vec();
            for &(at, value) in &changes {
                let at = at as usize % bytes.len();
                bytes[at] = value;
            }
            bytes.truncate(if cut == 0 { bytes.len() / 2 } else { bytes.len() });
            if let Ok(model) = read(&String::from_utf8_lossy(&bytes)) {
                let row = vec![f64::NAN; model.feature_names().len()];
                prop_assert!(!model.probability(&row, &mut Walk::default()).is_nan());
            }
        }
    }
}
