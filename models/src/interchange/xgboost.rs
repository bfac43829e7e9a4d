//! XGBoost's JSON: a list a field, an entry a node.

use serde::Deserialize;

use super::{Branch, ImportError, Imported, MOST_FEATURES, Missing, Plan, Question, ordered};

/// The most categories of a split: a set is kept as bits.
const MOST_CATEGORIES: u32 = 1 << 24;

#[derive(Deserialize)]
struct Model {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    feature_names: Vec<String>,
    gradient_booster: Booster,
    learner_model_param: Param,
    objective: Objective,
}

#[derive(Deserialize)]
struct Booster {
    name: String,
    model: Option<Trees>,
}

#[derive(Deserialize)]
struct Trees {
    trees: Vec<Tree>,
}

#[derive(Deserialize)]
struct Param {
    base_score: String,
    num_class: String,
    num_feature: String,
}

#[derive(Deserialize)]
struct Objective {
    name: String,
}

#[derive(Deserialize)]
struct Tree {
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<u32>,
    split_conditions: Vec<f64>,
    default_left: Vec<u8>,
    #[serde(default)]
    split_type: Vec<u8>,
    #[serde(default)]
    categories: Vec<u32>,
    #[serde(default)]
    categories_nodes: Vec<usize>,
    #[serde(default)]
    categories_segments: Vec<usize>,
    #[serde(default)]
    categories_sizes: Vec<usize>,
}

pub(super) fn read(json: &str) -> Result<Imported, ImportError> {
    let Model { learner } =
        serde_json::from_str(json).map_err(|error| ImportError::Json(error.to_string()))?;
    let unsupported =
        |field, found: &str, supported| ImportError::Unsupported { field, found: found.into(), supported };
    let Learner { feature_names, gradient_booster, learner_model_param: param, objective } = learner;
    if gradient_booster.name != "gbtree" {
        return Err(unsupported("gradient_booster", &gradient_booster.name, "`gbtree`"));
    }
    if !["binary:logistic", "binary:logitraw", "reg:logistic"].contains(&objective.name.as_str()) {
        return Err(unsupported("objective", &objective.name, "`binary:logistic` and its like"));
    }
    if !["0", "1"].contains(&param.num_class.as_str()) {
        return Err(unsupported("num_class", &param.num_class, "one outcome"));
    }
    // From version 3.1 on a list, of one number for one outcome.
    let score = param.base_score.trim_start_matches('[').trim_end_matches(']');
    let score: f64 = score.parse().map_err(|_| unsupported("base_score", &param.base_score, "one number"))?;
    let base = if objective.name == "binary:logitraw" { score } else { (score / (1.0 - score)).ln() };
    if !base.is_finite() {
        return Err(unsupported("base_score", &param.base_score, "a probability between 0 and 1"));
    }
    let n_features = param.num_feature.parse().ok().filter(|n| *n <= MOST_FEATURES);
    let n_features =
        n_features.ok_or_else(|| unsupported("num_feature", &param.num_feature, "a number of features"))?;
    let names = if feature_names.len() == n_features {
        feature_names
    } else {
        (0..n_features).map(|feature| format!("f{feature}")).collect()
    };
    let trees =
        gradient_booster.model.ok_or(ImportError::Missing { place: "the booster".into(), field: "model" })?;
    let plans: Vec<Plan> = trees
        .trees
        .iter()
        .enumerate()
        .map(|(index, tree)| ordered(index, &branches(index, tree)?))
        .collect::<Result<_, ImportError>>()?;
    Imported::new(names, &plans, true, (base, 1.0))
}

fn branches(index: usize, tree: &Tree) -> Result<Vec<Branch>, ImportError> {
    let n = tree.left_children.len();
    let wrong = |field, problem: String| ImportError::Tree { tree: index, field, problem };
    for (field, found) in [
        ("right_children", tree.right_children.len()),
        ("split_indices", tree.split_indices.len()),
        ("split_conditions", tree.split_conditions.len()),
        ("default_left", tree.default_left.len()),
    ] {
        if found != n {
            return Err(wrong(field, format!("{found} entries for {n} nodes")));
        }
    }
    let mut branches = Vec::with_capacity(n);
    for node in 0..n {
        let (left, right) = (tree.left_children[node], tree.right_children[node]);
        let condition = tree.split_conditions[node];
        if left == -1 {
            branches.push(Branch::Leaf(single(condition)));
            continue;
        }
        let child =
            |child| u32::try_from(child).map_err(|_| wrong("children", format!("there is no node {child}")));
        let (column, to_left) = (tree.split_indices[node], tree.default_left[node] != 0);
        let question = if tree.split_type.get(node) == Some(&1) {
            // Categories of the set go right, all others left.
            let categories = categories(tree, node)
                .ok_or_else(|| wrong("categories", format!("node {node} has no set, or one out of range")))?;
            Question::OneOf { column, categories, inverted: true, missing_left: to_left }
        } else {
            // Below the threshold, in single precision: up to the number before it in double precision.
            let threshold = single(condition).next_down();
            Question::AtMost {
                column,
                threshold,
                missing: if to_left { Missing::Left } else { Missing::Right },
            }
        };
        branches.push(Branch::Ask(question, child(left)?, child(right)?));
    }
    Ok(branches)
}

fn categories(tree: &Tree, node: usize) -> Option<Vec<u32>> {
    let at = tree.categories_nodes.iter().position(|&known| known == node)?;
    let first = *tree.categories_segments.get(at)?;
    let last = first.checked_add(*tree.categories_sizes.get(at)?)?;
    let mut categories = tree.categories.get(first..last)?.to_vec();
    categories.sort_unstable();
    categories.last().is_none_or(|&last| last < MOST_CATEGORIES).then_some(categories)
}

#[expect(clippy::cast_possible_truncation, reason = "the number was written in single precision")]
fn single(number: f64) -> f64 {
    f64::from(number as f32)
}
