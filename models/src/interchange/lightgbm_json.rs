//! LightGBM's JSON: nodes nested in each other.

use serde::Deserialize;
use serde_json::Value;

use super::{Branch, ImportError, Imported, Missing, Plan, Question, lightgbm_scale};

#[derive(Deserialize)]
struct Model {
    num_class: usize,
    objective: String,
    #[serde(default)]
    average_output: bool,
    feature_names: Vec<String>,
    tree_info: Vec<TreeInfo>,
}

#[derive(Deserialize)]
struct TreeInfo {
    tree_structure: Structure,
}

/// A split where it has children, else a leaf.
#[derive(Deserialize)]
struct Structure {
    split_feature: Option<u32>,
    threshold: Option<Value>,
    decision_type: Option<String>,
    default_left: Option<bool>,
    missing_type: Option<String>,
    left_child: Option<Box<Structure>>,
    right_child: Option<Box<Structure>>,
    leaf_value: Option<f64>,
}

pub(super) fn read(json: &str) -> Result<Imported, ImportError> {
    let model: Model = serde_json::from_str(json).map_err(|error| ImportError::Json(error.to_string()))?;
    if model.num_class != 1 {
        let (found, supported) = (model.num_class.to_string(), "one outcome");
        return Err(ImportError::Unsupported { field: "num_class", found, supported });
    }
    let mut scale = lightgbm_scale(&model.objective)?;
    let plans = model
        .tree_info
        .iter()
        .enumerate()
        .map(|(tree, info)| {
            let mut plan = Plan::new();
            flatten(tree, &info.tree_structure, &mut plan)?;
            Ok(plan)
        })
        .collect::<Result<Vec<Plan>, ImportError>>()?;
    if model.average_output {
        scale /= plans.iter().map(|_| 1.0).sum::<f64>().max(1.0);
    }
    Imported::new(model.feature_names, &plans, false, (0.0, scale))
}

/// Appends a node and all below it, and answers its place. The parser nests at most 128 deep, so this does too.
fn flatten(tree: usize, node: &Structure, plan: &mut Plan) -> Result<u32, ImportError> {
    let missing = |field| ImportError::Missing { place: format!("tree {tree}"), field };
    let place = u32::try_from(plan.len()).unwrap_or(u32::MAX);
    let (Some(left), Some(right)) = (&node.left_child, &node.right_child) else {
        plan.push(Branch::Leaf(node.leaf_value.ok_or_else(|| missing("leaf_value"))?));
        return Ok(place);
    };
    let column = node.split_feature.ok_or_else(|| missing("split_feature"))?;
    let threshold = node.threshold.as_ref().ok_or_else(|| missing("threshold"))?;
    let wrong =
        || ImportError::Tree { tree, field: "threshold", problem: format!("{threshold} cannot be read") };
    let question = match node.decision_type.as_deref() {
        Some("==") => {
            let categories = threshold.as_str().ok_or_else(wrong)?.split("||");
            let mut categories: Vec<u32> =
                categories.map(|category| category.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
            categories.sort_unstable();
            Question::OneOf { column, categories, inverted: false, missing_left: false }
        }
        Some("<=") => {
            let threshold = threshold.as_f64().ok_or_else(wrong)?;
            let left = node.default_left.ok_or_else(|| missing("default_left"))?;
            let missing = match (node.missing_type.as_deref(), left) {
                (Some("None"), _) => Missing::AsZero,
                (Some("Zero"), true) => Missing::ZeroLeft,
                (Some("Zero"), false) => Missing::ZeroRight,
                (Some("NaN"), true) => Missing::Left,
                (Some("NaN"), false) => Missing::Right,
                _ => return Err(missing("missing_type")),
            };
            Question::AtMost { column, threshold, missing }
        }
        _ => return Err(missing("decision_type")),
    };
    plan.push(Branch::Leaf(0.0));
    let left = flatten(tree, left, plan)?;
    let right = flatten(tree, right, plan)?;
    plan[place as usize] = Branch::Ask(question, left, right);
    Ok(place)
}
