//! smartcore keeps its trees to itself; its serialised form is read into ours.

use serde::{Deserialize, Serialize};

use crate::fit::FitError;
use crate::tree::{Node, Tree};

#[derive(Deserialize)]
struct SmartcoreRegressor {
    forest_regressor: SmartcoreForest,
}

#[derive(Deserialize)]
struct SmartcoreForest {
    trees: Vec<SmartcoreTree>,
}

#[derive(Deserialize)]
struct SmartcoreTree {
    nodes: Vec<SmartcoreNode>,
}

#[derive(Deserialize)]
struct SmartcoreNode {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

/// The trees of a fitted smartcore forest over `width` columns.
pub(super) fn trees(fitted: &impl Serialize, width: usize) -> Result<Vec<Tree>, FitError> {
    let unreadable = |error: &dyn std::fmt::Display| FitError::Trees(error.to_string());
    let value = serde_json::to_value(fitted).map_err(|error| unreadable(&error))?;
    let regressor = SmartcoreRegressor::deserialize(value).map_err(|error| unreadable(&error))?;
    regressor
        .forest_regressor
        .trees
        .iter()
        .map(|tree| Tree::new(nodes(tree)?, width).map_err(|error| unreadable(&error)))
        .collect()
}

fn nodes(tree: &SmartcoreTree) -> Result<Vec<Node>, FitError> {
    // smartcore lists nodes in the order of a queue and may leave nodes behind that nothing points to:
    // they are numbered anew, parents first.
    let beyond = |at: usize| FitError::Trees(format!("node {at} of {}", tree.nodes.len()));
    let index = |at: usize| u32::try_from(at).map_err(|_| beyond(at));
    let mut order = vec![0_usize];
    let mut nodes = Vec::with_capacity(tree.nodes.len());
    let mut next = 0;
    while let Some(&at) = order.get(next) {
        let node = tree.nodes.get(at).ok_or_else(|| beyond(at))?;
        nodes.push(match (node.split_value, node.true_child, node.false_child) {
            (Some(threshold), Some(yes), Some(no)) if order.len() + 2 <= tree.nodes.len() => {
                let left = index(order.len())?;
                order.extend([yes, no]);
                // Encoded rows hold no NaN; sending one to the right is smartcore's own rule.
                Node::Split {
                    column: index(node.split_feature)?,
                    threshold,
                    missing_left: false,
                    left,
                    right: left + 1,
                }
            }
            (Some(_), Some(_), Some(_)) => return Err(beyond(order.len() + 2)),
            _ => Node::Leaf { value: node.output },
        });
        next += 1;
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartcore::ensemble::random_forest_regressor::{
        RandomForestRegressor, RandomForestRegressorParameters,
    };
    use smartcore::linalg::basic::matrix::DenseMatrix;

    #[test]
    fn our_trees_answer_as_smartcore_does() {
        let records: Vec<Vec<f64>> =
            (0..120_u32).map(|row| vec![f64::from(row * 37 % 101), f64::from(row * 13 % 29)]).collect();
        let labels: Vec<f64> =
            records.iter().map(|r| f64::from(u8::from(r[0] + 2.0 * r[1] > 60.0))).collect();
        let matrix = DenseMatrix::from_2d_vec(&records).unwrap();
        let params = RandomForestRegressorParameters::default().with_n_trees(7).with_m(1).with_seed(9);
        let fitted = RandomForestRegressor::fit(&matrix, &labels, params).unwrap();
        let expected = fitted.predict(&matrix).unwrap();
        let trees = trees(&fitted, 2).unwrap();
        assert_eq!(trees.len(), 7);
        for (row, expected) in records.iter().zip(expected) {
            let mean = trees.iter().map(|tree| tree.predict(row)).sum::<f64>() / 7.0;
            assert!((mean - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn refuses_another_form() {
        assert!(matches!(trees(&"forest", 1), Err(FitError::Trees(_))));
        let node = |child: Option<usize>| {
            serde_json::json!({"output": 0.5, "split_feature": 0, "split_value": 1.0,
                               "true_child": child, "false_child": child})
        };
        let forest = |nodes: Vec<serde_json::Value>| serde_json::json!({"forest_regressor": {"trees": [{"nodes": nodes}]}});
        assert!(trees(&forest(vec![node(None)]), 1).is_ok());
        assert!(matches!(trees(&forest(vec![node(Some(0))]), 1), Err(FitError::Trees(_))));
        assert!(matches!(
            trees(&forest(vec![node(Some(7)), node(None), node(None)]), 1),
            Err(FitError::Trees(_))
        ));
    }
}
