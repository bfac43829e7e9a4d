//! Whether any account at all could make an expression true.
//!
//! Each name takes the values that matter to the expression: the numbers it is compared with and points
//! between and beyond them, both truth values, or its texts. All combinations are tried. With comparisons
//! against constants only, that decides the question; otherwise the expression gets the benefit of the doubt.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::{Scalar, evaluate};
use super::{Tree, Type};
use crate::name::Name;

/// More combinations than this are not tried.
const MAX_COMBINATIONS: usize = 100_000;
/// A text that no file compares with.
const OTHER_TEXT: &str = "\u{0}another text";

/// Whether `tree` is true for some values of its names; true also where that was not decided.
pub(super) fn can_be_true(tree: &Tree) -> bool {
    let mut values: BTreeMap<&Name, Vec<Scalar<'_>>> = BTreeMap::new();
    let mut decidable = true;
    tree.visit(&mut |part| match part {
        Tree::Name(name) => {
            values.entry(name).or_default();
        }
        Tree::Calculate(..) | Tree::Negate(_) | Tree::Test(..) => decidable = false,
        Tree::Compare(_, left, right) => {
            let both_names = matches!((&**left, &**right), (Tree::Name(_), Tree::Name(_)));
            decidable &= !both_names;
        }
        _ => {}
    });
    if !decidable {
        return true;
    }
    let mut numbers: BTreeMap<&Name, Vec<f64>> = BTreeMap::new();
    let mut texts: BTreeSet<&str> = BTreeSet::from([OTHER_TEXT]);
    tree.visit(&mut |part| match part {
        Tree::Compare(_, left, right) => match (&**left, &**right) {
            (Tree::Name(name), Tree::Number(number)) | (Tree::Number(number), Tree::Name(name)) => {
                numbers.entry(name).or_default().push(*number);
            }
            _ => {}
        },
        Tree::OneOf(item, choices) => {
            if let Tree::Name(name) = &**item {
                numbers.entry(name).or_default().extend(choices.iter().filter_map(|choice| match choice {
                    Tree::Number(number) => Some(*number),
                    _ => None,
                }));
            }
        }
        Tree::Text(text) => {
            texts.insert(text);
        }
        _ => {}
    });
    for (name, candidates) in &mut values {
        *candidates = match name.value_type() {
            Type::Boolean => vec![Scalar::Boolean(true), Scalar::Boolean(false)],
            Type::Number => {
                let compared = numbers.get(name).map_or(&[][..], Vec::as_slice);
                around(compared, name.range()).map(Scalar::Number).collect()
            }
            Type::Text => match name.choices() {
                Some(choices) => choices.into_iter().map(Scalar::Text).collect(),
                None => texts.iter().map(|text| Scalar::Text(text)).collect(),
            },
        };
    }
    let combinations = values.values().try_fold(1_usize, |product, candidates| {
        product.checked_mul(candidates.len()).filter(|product| *product <= MAX_COMBINATIONS)
    });
    let Some(combinations) = combinations else { return true };
    (0..combinations).any(|combination| {
        let value_of = |name: &Name| {
            let mut rest = combination;
            for (known, candidates) in &values {
                let candidate = candidates[rest % candidates.len()];
                rest /= candidates.len();
                if *known == name {
                    return Some(candidate);
                }
            }
            None
        };
        evaluate(tree, &value_of) == Some(Scalar::Boolean(true))
    })
}

/// The `numbers`, the points between neighbours and one beyond either end, as far as they lie in `range`.
fn around(numbers: &[f64], (low, high): (f64, f64)) -> impl Iterator<Item = f64> {
    let mut sorted: Vec<f64> = numbers.to_vec();
    sorted.extend([low, high].into_iter().filter(|bound| bound.is_finite()));
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    let mut points = vec![sorted.first().map_or(0.0, |first| first - 1.0)];
    points.extend(&sorted);
    points.extend(sorted.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])));
    points.extend(sorted.last().map(|last| last + 1.0));
    points.into_iter().filter(move |point| (low..=high).contains(point))
}
