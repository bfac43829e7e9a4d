//! Models of other tools, read into the compiled scorer, and our own as ONNX. Files are taken for hostile: whatever is
//! wrong in one is an error that says where, never a panic.

mod lightgbm_json;
mod lightgbm_text;
mod onnx;
mod protobuf;
mod xgboost;

pub(crate) use onnx::{Exported, onnx};

use crate::compiled::{Branch, CompileError, CompiledTrees, Missing, Plan, Question, Walk};
use crate::probability::sigmoid;

/// The most features of a model: ten times what any real one has.
const MOST_FEATURES: usize = 1_000_000;

/// A model of another tool: log-odds as a sum or a mean of trees over its features, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    feature_names: Vec<String>,
    trees: CompiledTrees,
    base: f64,
    /// What the sum over trees is multiplied with to give log-odds.
    scale: f64,
}

/// Why a file is no model that can be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// A line of a text file.
    #[error("line {line}, `{field}`: {problem}")]
    Line {
        /// 1-based.
        line: usize,
        /// What stands before the `=`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A field that is not there.
    #[error("{place}: `{field}` is missing; the file is cut off, or was written by another version")]
    Missing {
        /// Where it should be.
        place: String,
        /// The field.
        field: &'static str,
    },
    /// JSON that is broken or holds other types than expected; says line and column.
    #[error("not the JSON of such a model: {0}")]
    Json(String),
    /// Something in it that a sum of trees for one outcome cannot say.
    #[error("`{field}` is {found}; only {supported} can be read")]
    Unsupported {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What can be read.
        supported: &'static str,
    },
    /// A tree whose parts contradict each other.
    #[error("tree {tree}, `{field}`: {problem}")]
    Tree {
        /// Which tree.
        tree: usize,
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The trees are no trees, or too many for the scorer.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

impl Imported {
    /// Reads a LightGBM model of one binary outcome, as `save_model` writes it.
    ///
    /// # Errors
    /// [`ImportError`], with line and field.
    pub fn lightgbm_text(text: &str) -> Result<Self, ImportError> {
        lightgbm_text::read(text)
    }

    /// Reads a LightGBM model of one binary outcome, as `dump_model` gives it.
    ///
    /// # Errors
    /// [`ImportError`], with line or tree.
    pub fn lightgbm_json(json: &str) -> Result<Self, ImportError> {
        lightgbm_json::read(json)
    }

    /// Reads an XGBoost model of one binary outcome, as `save_model("….json")` writes it.
    ///
    /// # Errors
    /// [`ImportError`], with line or tree.
    pub fn xgboost_json(json: &str) -> Result<Self, ImportError> {
        xgboost::read(json)
    }

    fn new(
        feature_names: Vec<String>,
        plans: &[Plan],
        is_single: bool,
        (base, scale): (f64, f64),
    ) -> Result<Self, ImportError> {
        let trees = CompiledTrees::new(plans, feature_names.len(), is_single)?;
        Ok(Self { feature_names, trees, base, scale })
    }

    /// The names of its features, in the order of a row.
    #[must_use]
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// The log-odds of a row, a number a feature; missing is NaN, a category its number.
    #[must_use]
    pub fn margin(&self, row: &[f64], walk: &mut Walk) -> f64 {
        self.base + self.scale * self.trees.sum(0.0, row, walk)
    }

    /// The probability of a row.
    #[must_use]
    pub fn probability(&self, row: &[f64], walk: &mut Walk) -> f64 {
        sigmoid(self.margin(row, walk))
    }
}

/// A tree with its nodes in any order, root first, as a plan: each node once, children after parents.
fn ordered(tree: usize, nodes: &[Branch]) -> Result<Plan, ImportError> {
    let wrong = |problem: String| ImportError::Tree { tree, field: "children", problem };
    let mut seen = vec![false; nodes.len()];
    let mut order = vec![0_usize];
    let mut plan = Plan::with_capacity(nodes.len());
    let mut at = 0;
    while let Some(&node) = order.get(at) {
        let branch = nodes.get(node).ok_or_else(|| wrong(format!("there is no node {node}")))?;
        if std::mem::replace(&mut seen[node], true) {
            return Err(wrong(format!("node {node} has two parents")));
        }
        plan.push(match branch {
            Branch::Leaf(value) => Branch::Leaf(*value),
            Branch::Ask(question, left, right) => {
                // At most as many nodes as were read, each of them named by a u32.
                let next = u32::try_from(order.len()).unwrap_or(u32::MAX);
                order.extend([*left as usize, *right as usize]);
                Branch::Ask(question.clone(), next, next.saturating_add(1))
            }
        });
        at += 1;
    }
    Ok(plan)
}

/// The log-odds of one unit of LightGBM's output: `binary sigmoid:1` and its like.
fn lightgbm_scale(objective: &str) -> Result<f64, ImportError> {
    let mut words = objective.split_whitespace();
    let unsupported = || ImportError::Unsupported {
        field: "objective",
        found: objective.to_owned(),
        supported: "`binary` and `cross_entropy`",
    };
    match words.next() {
        Some("binary") => {
            let scale = words.find_map(|word| word.strip_prefix("sigmoid:")).unwrap_or("1");
            scale.parse().ok().filter(|scale: &f64| scale.is_finite()).ok_or_else(unsupported)
        }
        Some("cross_entropy" | "xentropy") => Ok(1.0),
        _ => Err(unsupported()),
    }
}

#[cfg(test)]
mod tests;
