//! Trees → steps.

use super::question::{Missing, Question, Questions};
use super::{CompiledTrees, Root, Step};
use crate::tree::{MAX_DEPTH, Node, Tree};

/// A tree as it is compiled: the root first, children after their parents.
pub type Plan = Vec<Branch>;

/// A node of a [`Plan`].
#[derive(Debug, Clone, PartialEq)]
pub enum Branch {
    /// The end of a path, and what the tree answers there: a finite number.
    Leaf(f64),
    /// A question, the node for the rows that go left and the one for the others.
    Ask(Question, u32, u32),
}

/// Why trees cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// No trees.
    #[error("there are no trees")]
    NoTrees,
    /// More thresholds than places.
    #[error("column {column} is asked about at more than {most} thresholds")]
    Thresholds {
        /// The column.
        column: usize,
        /// The most thresholds.
        most: usize,
    },
    /// More different questions about missing values and categories than a node can name.
    #[error("{0} kinds of questions are more than 65535")]
    Slots(usize),
    /// More nodes than an index can name.
    #[error("{0} nodes are more than 2^31")]
    Nodes(usize),
    /// A node that is no part of a tree: its child comes before it, lies outside or has another parent too, its column
    /// does not exist, its number is not finite, or it is too deep.
    #[error("tree {tree}, node {node}: {problem}")]
    Node {
        /// Which tree.
        tree: usize,
        /// Which of its nodes.
        node: usize,
        /// What is wrong.
        problem: &'static str,
    },
}

impl From<&Tree> for PlanOf {
    fn from(tree: &Tree) -> Self {
        let branch = |node: &Node| match *node {
            Node::Leaf { value } => Branch::Leaf(value),
            Node::Split { column, threshold, missing_left, left, right } => {
                let missing = if missing_left { Missing::Left } else { Missing::Right };
                Branch::Ask(Question::AtMost { column, threshold, missing }, left, right)
            }
        };
        Self(tree.nodes().iter().map(branch).collect())
    }
}

struct PlanOf(Plan);

impl CompiledTrees {
    /// Compiles trees over rows of `width` columns.
    ///
    /// # Errors
    /// [`CompileError`] where a model has more thresholds, kinds of questions or nodes than fit.
    pub fn of_trees(trees: &[Tree], width: usize) -> Result<Self, CompileError> {
        let plans: Vec<Plan> = trees.iter().map(|tree| PlanOf::from(tree).0).collect();
        Self::new(&plans, width, false)
    }

    /// Compiles plans over rows of `width` columns, whose values are rounded to single precision first where
    /// `is_single` says so.
    ///
    /// # Errors
    /// As [`Self::of_trees`], and [`CompileError::Node`] for whatever is no tree.
    pub fn new(plans: &[Plan], width: usize, is_single: bool) -> Result<Self, CompileError> {
        if plans.is_empty() {
            return Err(CompileError::NoTrees);
        }
        let mut depths = Vec::with_capacity(plans.len());
        for (tree, plan) in plans.iter().enumerate() {
            depths.push(check(plan, width).map_err(|(node, problem)| CompileError::Node {
                tree,
                node,
                problem,
            })?);
        }
        let asked = plans.iter().flatten().filter_map(|branch| match branch {
            Branch::Ask(question, ..) => Some(question),
            Branch::Leaf(_) => None,
        });
        let questions = Questions::of(asked, width, is_single)?;
        let n_steps = plans.iter().map(Vec::len).sum::<usize>().next_power_of_two();
        if u32::try_from(n_steps).is_err() {
            return Err(CompileError::Nodes(n_steps));
        }
        let mut compiled = Self {
            questions,
            steps: Vec::with_capacity(n_steps),
            answers: Vec::with_capacity(n_steps),
            roots: Vec::with_capacity(plans.len()),
            by_depth: Vec::new(),
        };
        for (order, (plan, depth)) in plans.iter().zip(depths).enumerate() {
            compiled.push(order, plan, depth);
        }
        compiled.steps.resize(n_steps, Step::default());
        compiled.answers.resize(n_steps, 0.0);
        compiled.by_depth = compiled.roots.clone();
        compiled.by_depth.sort_by_key(|root| root.depth);
        Ok(compiled)
    }

    /// Lays out a checked tree, level by level.
    #[expect(clippy::cast_possible_truncation, reason = "counts of nodes and trees were checked")]
    fn push(&mut self, order: usize, plan: &Plan, depth: u32) {
        let first = self.steps.len();
        self.roots.push(Root { step: first as u32, depth, order: order as u32 });
        let mut nodes = vec![0];
        let mut at = 0;
        while let Some(&node) = nodes.get(at) {
            match &plan[node as usize] {
                Branch::Leaf(value) => {
                    self.steps.push(Step { place: u16::MAX, slot: 0, left: (first + at) as u32 });
                    self.answers.push(*value);
                }
                Branch::Ask(question, left, right) => {
                    let (slot, place) = self.questions.slot(question).unwrap_or_default();
                    self.steps.push(Step { place, slot, left: (first + nodes.len()) as u32 });
                    self.answers.push(0.0);
                    nodes.extend([*left, *right]);
                }
            }
            at += 1;
        }
    }
}

/// The longest path, or the node that is wrong.
fn check(plan: &Plan, width: usize) -> Result<u32, (usize, &'static str)> {
    if plan.is_empty() {
        return Err((0, "the tree is empty"));
    }
    let mut depths: Vec<Option<u32>> = vec![None; plan.len()];
    depths[0] = Some(0);
    let mut deepest = 0;
    for (node, branch) in plan.iter().enumerate() {
        let wrong = |problem| Err((node, problem));
        let Some(depth) = depths[node] else { return wrong("no node leads to it") };
        deepest = deepest.max(depth);
        let (question, left, right) = match branch {
            Branch::Leaf(value) if value.is_finite() => continue,
            Branch::Leaf(_) => return wrong("its value is not finite"),
            Branch::Ask(question, left, right) => (question, *left, *right),
        };
        let column = match question {
            Question::AtMost { threshold, .. } if !threshold.is_finite() => {
                return wrong("its threshold is not finite");
            }
            Question::OneOf { categories, .. } if !categories.is_sorted() => {
                return wrong("its categories are not ascending");
            }
            Question::AtMost { column, .. } | Question::OneOf { column, .. } => *column,
        };
        if column as usize >= width {
            return wrong("its column does not exist");
        }
        for child in [left as usize, right as usize] {
            match depths.get(child) {
                Some(None) if child > node => depths[child] = Some(depth + 1),
                _ => return wrong("its child is not a later node of its own"),
            }
        }
    }
    if deepest as usize > MAX_COMPILED_DEPTH { Err((0, "it is too deep")) } else { Ok(deepest) }
}

/// A walk takes as many steps as the longest path: foreign trees may be deeper than our own, but not without end.
const MAX_COMPILED_DEPTH: usize = 64 * MAX_DEPTH;
