//! The value of an expression for one account; a missing value is unknown, not false.

use std::collections::BTreeSet;

use super::{Comparison, Operation, TextTest, Tree};
use crate::name::Name;

/// A known value of a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// A number, never NaN.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A text.
    Text(&'a str),
}

/// The value of `tree`; `None` where it depends on something that is not known.
pub(super) fn evaluate<'a>(
    tree: &'a Tree,
    value_of: &impl Fn(&Name) -> Option<Scalar<'a>>,
) -> Option<Scalar<'a>> {
    match tree {
        Tree::Boolean(value) => Some(Scalar::Boolean(*value)),
        Tree::Number(value) => Some(Scalar::Number(*value)),
        Tree::Text(text) => Some(Scalar::Text(text)),
        Tree::Name(name) => value_of(name),
        Tree::Not(part) => boolean(part, value_of).map(|value| Scalar::Boolean(!value)),
        Tree::All(parts) => decided_by(false, parts, value_of),
        Tree::Any(parts) => decided_by(true, parts, value_of),
        Tree::Compare(comparison, left, right) => {
            let (left, right) = (evaluate(left, value_of)?, evaluate(right, value_of)?);
            compare(*comparison, left, right).map(Scalar::Boolean)
        }
        Tree::Calculate(operation, left, right) => {
            let (left, right) = (number(left, value_of)?, number(right, value_of)?);
            let value = match operation {
                Operation::Add => left + right,
                Operation::Subtract => left - right,
                Operation::Multiply => left * right,
                Operation::Divide => left / right,
            };
            (!value.is_nan()).then_some(Scalar::Number(value))
        }
        Tree::Negate(part) => number(part, value_of).map(|value| Scalar::Number(-value)),
        Tree::OneOf(item, choices) => {
            let item = evaluate(item, value_of)?;
            let mut found = false;
            for choice in choices {
                found |= evaluate(choice, value_of)? == item;
            }
            Some(Scalar::Boolean(found))
        }
        Tree::If(condition, yes, no) => {
            evaluate(if boolean(condition, value_of)? { yes } else { no }, value_of)
        }
        Tree::Test(test, text, part) => match (evaluate(text, value_of)?, evaluate(part, value_of)?) {
            (Scalar::Text(text), Scalar::Text(part)) => Some(Scalar::Boolean(match test {
                TextTest::StartsWith => text.starts_with(part),
                TextTest::EndsWith => text.ends_with(part),
                TextTest::Contains => text.contains(part),
            })),
            _ => None,
        },
    }
}

/// `&&` is decided by one false part, `||` by one true part, whatever the others are.
fn decided_by<'a>(
    decisive: bool,
    parts: &'a [Tree],
    value_of: &impl Fn(&Name) -> Option<Scalar<'a>>,
) -> Option<Scalar<'a>> {
    let mut all_known = true;
    for part in parts {
        match boolean(part, value_of) {
            Some(value) if value == decisive => return Some(Scalar::Boolean(decisive)),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(Scalar::Boolean(!decisive))
}

/// Collects the names to whose values `tree` owes being `wanted`.
pub(super) fn grounds<'a>(
    tree: &'a Tree,
    wanted: bool,
    value_of: &impl Fn(&Name) -> Option<Scalar<'a>>,
    found: &mut BTreeSet<&'a Name>,
) {
    if evaluate(tree, value_of) != Some(Scalar::Boolean(wanted)) {
        return;
    }
    match tree {
        Tree::Not(part) => grounds(part, !wanted, value_of, found),
        Tree::All(parts) | Tree::Any(parts) => {
            parts.iter().for_each(|part| grounds(part, wanted, value_of, found));
        }
        Tree::If(condition, yes, no) => {
            let taken = boolean(condition, value_of).unwrap_or_default();
            grounds(condition, taken, value_of, found);
            grounds(if taken { yes } else { no }, wanted, value_of, found);
        }
        _ => tree.visit(&mut |part| {
            if let Tree::Name(name) = part {
                found.insert(name);
            }
        }),
    }
}

fn compare(comparison: Comparison, left: Scalar<'_>, right: Scalar<'_>) -> Option<bool> {
    if let (Scalar::Number(left), Scalar::Number(right)) = (left, right) {
        return Some(match comparison {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
            Comparison::Greater => left > right,
            Comparison::GreaterOrEqual => left >= right,
        });
    }
    match comparison {
        Comparison::Equal => Some(left == right),
        Comparison::NotEqual => Some(left != right),
        _ => None,
    }
}

fn boolean<'a>(tree: &'a Tree, value_of: &impl Fn(&Name) -> Option<Scalar<'a>>) -> Option<bool> {
    match evaluate(tree, value_of)? {
        Scalar::Boolean(value) => Some(value),
        _ => None,
    }
}

fn number<'a>(tree: &'a Tree, value_of: &impl Fn(&Name) -> Option<Scalar<'a>>) -> Option<f64> {
    match evaluate(tree, value_of)? {
        Scalar::Number(value) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Expression;
    use super::*;
    use crate::name::tests::names;

    fn known<'a>(
        name: &Name,
        arr: Option<f64>,
        decline: Option<bool>,
        tier: Option<&'a str>,
    ) -> Option<Scalar<'a>> {
        match name.to_string().as_str() {
            "arr" => arr.map(Scalar::Number),
            "tier" => tier.map(Scalar::Text),
            "signals.usage_decline" => decline.map(Scalar::Boolean),
            _ => None,
        }
    }

    #[test]
    fn a_missing_value_decides_nothing_by_itself() {
        let names = names();
        let holds = |text: &str| {
            let expression = Expression::compile(text, &names).unwrap();
            expression.holds(&|name| known(name, None, Some(true), Some("high_touch")))
        };
        assert!(!holds("arr > 5"));
        assert!(!holds("!(arr > 5)"));
        assert!(holds("arr > 5 || signals.usage_decline"));
        assert!(!holds("arr > 5 && signals.usage_decline"));
        assert!(holds("signals.usage_decline ? tier == 'high_touch' : arr > 5"));
    }

    fn leaf() -> impl Strategy<Value = String> {
        prop_oneof![
            (0_i32..4).prop_map(|n| format!("arr > {n}")),
            (0_i32..4).prop_map(|n| format!("arr <= {n}.5")),
            (0_i32..4).prop_map(|n| format!("arr * 2.0 - 1.0 == {n}.0")),
            Just("signals.usage_decline".to_owned()),
            Just("tier == 'high_touch'".to_owned()),
            Just("tier in ['low_touch', 'mid_touch']".to_owned()),
            Just("tier.startsWith('low')".to_owned()),
        ]
    }

    fn expression() -> impl Strategy<Value = String> {
        leaf().prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
                inner.clone().prop_map(|a| format!("!({a})")),
                (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        /// Where the `cel` interpreter says true, so do we, and nowhere else; what is missing is undeclared there.
        #[test]
        fn agrees_with_the_cel_interpreter(
            text in expression(),
            arr in proptest::option::of(0_i32..4),
            decline in proptest::option::of(any::<bool>()),
            tier in proptest::option::of(proptest::sample::select(vec!["low_touch", "mid_touch", "high_touch"])),
        ) {
            let arr = arr.map(f64::from);
            let mut context = cel::Context::default();
            if let Some(arr) = arr {
                context.add_variable_from_value("arr", arr);
            }
            if let Some(decline) = decline {
                context.add_variable_from_value("signals.usage_decline", decline);
            }
            if let Some(tier) = tier {
                context.add_variable_from_value("tier", tier);
            }
            let theirs = cel::Program::compile(&text).unwrap().execute(&context);
            let ours = match Expression::compile(&text, &names()) {
                Ok(ours) => ours.holds(&|name| known(name, arr, decline, tier)),
                // What can never be true is refused on reading, so it holds nowhere.
                Err(errors) => {
                    prop_assert_eq!(errors, vec![super::super::ExpressionError::Impossible]);
                    false
                }
            };
            prop_assert_eq!(ours, theirs == Ok(cel::Value::Bool(true)), "{}", text);
        }
    }
}
