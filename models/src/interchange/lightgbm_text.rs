//! LightGBM's text: `field=value` a line, a block a tree.

use std::collections::HashMap;
use std::str::FromStr;

use super::{Branch, ImportError, Imported, MOST_FEATURES, Missing, Plan, Question, lightgbm_scale, ordered};

/// Bits of a node's `decision_type`.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

/// The fields of the head or of one tree, each with its line.
struct Block<'a> {
    place: String,
    fields: HashMap<&'a str, (usize, &'a str)>,
}

pub(super) fn read(text: &str) -> Result<Imported, ImportError> {
    let mut head = Block { place: "the head".into(), fields: HashMap::new() };
    let mut trees: Vec<Block<'_>> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line == "end of trees" {
            break;
        }
        let Some((field, value)) = line.split_once('=') else {
            // A flag without a value.
            head.fields.insert(line, (at + 1, ""));
            continue;
        };
        if field == "Tree" {
            trees.push(Block { place: format!("tree {}", trees.len()), fields: HashMap::new() });
        }
        trees.last_mut().unwrap_or(&mut head).fields.insert(field, (at + 1, value));
    }
    let classes: usize = head.one("num_class")?;
    if classes != 1 {
        let (found, supported) = (classes.to_string(), "one outcome");
        return Err(ImportError::Unsupported { field: "num_class", found, supported });
    }
    let (_, objective) = head.field("objective")?;
    let mut scale = lightgbm_scale(objective)?;
    let last: usize = head.one("max_feature_idx")?;
    let (line, names) = head.field("feature_names")?;
    let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    if last >= MOST_FEATURES || names.len() != last + 1 {
        let problem = format!("{} names, but `max_feature_idx` is {last}", names.len());
        return Err(ImportError::Line { line, field: "feature_names".into(), problem });
    }
    let plans: Vec<Plan> = trees
        .iter()
        .enumerate()
        .map(|(index, block)| ordered(index, &tree(block)?))
        .collect::<Result<_, ImportError>>()?;
    if head.fields.contains_key("average_output") {
        scale /= plans.iter().map(|_| 1.0).sum::<f64>().max(1.0);
    }
    Imported::new(names, &plans, false, (0.0, scale))
}

impl<'a> Block<'a> {
    fn field(&self, field: &'static str) -> Result<(usize, &'a str), ImportError> {
        let missing = || ImportError::Missing { place: self.place.clone(), field };
        self.fields.get(field).copied().ok_or_else(missing)
    }

    fn one<T: FromStr>(&self, field: &'static str) -> Result<T, ImportError> {
        let (line, value) = self.field(field)?;
        parsed(line, field, value)
    }

    /// Exactly `n` values.
    fn list<T: FromStr>(&self, field: &'static str, n: usize) -> Result<Vec<T>, ImportError> {
        let values: Vec<T> = self.all(field)?;
        if values.len() == n {
            return Ok(values);
        }
        let problem = format!("{} values, not {n}", values.len());
        Err(ImportError::Line { line: self.field(field)?.0, field: field.into(), problem })
    }

    fn all<T: FromStr>(&self, field: &'static str) -> Result<Vec<T>, ImportError> {
        let (line, values) = self.field(field)?;
        values.split_ascii_whitespace().map(|value| parsed(line, field, value)).collect()
    }
}

fn parsed<T: FromStr>(line: usize, field: &str, value: &str) -> Result<T, ImportError> {
    let problem =
        || ImportError::Line { line, field: field.into(), problem: format!("`{value}` is no such number") };
    value.trim().parse().map_err(|_| problem())
}

/// Splits first, then leaves, as branches.
fn tree(block: &Block<'_>) -> Result<Vec<Branch>, ImportError> {
    let linear = block.fields.get("is_linear").is_some_and(|(_, value)| *value != "0");
    if linear {
        let (found, supported) = ("1".into(), "constant leaves");
        return Err(ImportError::Unsupported { field: "is_linear", found, supported });
    }
    let (line, _) = block.field("num_leaves")?;
    let n_leaves: usize = block.one("num_leaves")?;
    let leaves: Vec<f64> = block.all("leaf_value")?;
    if n_leaves == 0 || leaves.len() != n_leaves {
        let problem = format!("{n_leaves}, but there are {} leaf values", leaves.len());
        return Err(ImportError::Line { line, field: "num_leaves".into(), problem });
    }
    let n_splits = n_leaves - 1;
    let mut branches = Vec::with_capacity(n_splits + n_leaves);
    if n_splits > 0 {
        let columns: Vec<u32> = block.list("split_feature", n_splits)?;
        let thresholds: Vec<f64> = block.list("threshold", n_splits)?;
        let kinds: Vec<u8> = block.list("decision_type", n_splits)?;
        let (left, right) = (block.list("left_child", n_splits)?, block.list("right_child", n_splits)?);
        let sets = if kinds.iter().any(|kind| kind & CATEGORICAL != 0) { sets(block)? } else { Vec::new() };
        for at in 0..n_splits {
            let (column, threshold, kind) = (columns[at], thresholds[at], kinds[at]);
            let question = if kind & CATEGORICAL != 0 {
                let set = sets.iter().zip(0_u32..).find(|(_, index)| f64::from(*index) == threshold);
                let Some((categories, _)) = set else {
                    let (line, problem) =
                        (block.field("threshold")?.0, format!("there is no set {threshold}"));
                    return Err(ImportError::Line { line, field: "threshold".into(), problem });
                };
                let categories = categories.clone();
                Question::OneOf { column, categories, inverted: false, missing_left: false }
            } else {
                Question::AtMost {
                    column,
                    threshold: threshold.clamp(f64::MIN, f64::MAX),
                    missing: missing(kind),
                }
            };
            let child = |child: i64| {
                // A leaf is the complement of its number.
                let place = if child < 0 {
                    n_splits as u64 + child.wrapping_add(1).unsigned_abs()
                } else {
                    child as u64
                };
                u32::try_from(place).unwrap_or(u32::MAX)
            };
            branches.push(Branch::Ask(question, child(left[at]), child(right[at])));
        }
    }
    branches.extend(leaves.into_iter().map(Branch::Leaf));
    Ok(branches)
}

fn missing(kind: u8) -> Missing {
    match (kind >> 2 & 3, kind & DEFAULT_LEFT != 0) {
        (0, _) => Missing::AsZero,
        (1, true) => Missing::ZeroLeft,
        (1, false) => Missing::ZeroRight,
        (_, true) => Missing::Left,
        (_, false) => Missing::Right,
    }
}

/// The sets of categories: words of 32 bits between boundaries.
fn sets(block: &Block<'_>) -> Result<Vec<Vec<u32>>, ImportError> {
    let boundaries: Vec<usize> = block.all("cat_boundaries")?;
    let words: Vec<u32> = block.all("cat_threshold")?;
    let bits = |words: &[u32]| -> Vec<u32> {
        let of_word = |(first, word): (u32, &u32)| {
            let word = *word;
            (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| first * 32 + bit)
        };
        (0..).zip(words).flat_map(of_word).collect()
    };
    boundaries
        .windows(2)
        .map(|ends| {
            let (line, problem) =
                (block.field("cat_boundaries")?.0, "a boundary lies outside of `cat_threshold`");
            let outside = ImportError::Line { line, field: "cat_boundaries".into(), problem: problem.into() };
            words.get(ends[0]..ends[1]).map(bits).ok_or(outside)
        })
        .collect()
}
