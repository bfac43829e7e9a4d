//! From the parsed CEL to the typed tree; every mistake is collected, not only the first.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::{Comparison, ExpressionError, Operation, TextTest, Tree, Type};
use crate::name::{Name, Names};

/// The tree of `parsed` and the names in it.
pub(super) fn lower(
    parsed: &IdedExpr,
    names: &Names,
) -> Result<(Tree, BTreeSet<Name>), Vec<ExpressionError>> {
    let mut lowering = Lowering { names, used: BTreeSet::new(), errors: Vec::new() };
    let tree = lowering.typed(parsed, Type::Boolean);
    match tree {
        Some(tree) if lowering.errors.is_empty() => Ok((tree, lowering.used)),
        _ => Err(lowering.errors),
    }
}

struct Lowering<'names> {
    names: &'names Names,
    used: BTreeSet<Name>,
    errors: Vec<ExpressionError>,
}

/// `None` where a mistake was noted: its type is then not known, and nothing more is said about it.
type Lowered = Option<(Tree, Type)>;

impl Lowering<'_> {
    fn typed(&mut self, expr: &IdedExpr, expected: Type) -> Option<Tree> {
        let (tree, found) = self.any(expr)?;
        if found == expected {
            return Some(tree);
        }
        self.fail(ExpressionError::Type { part: describe(&tree), found, expected })
    }

    fn any(&mut self, expr: &IdedExpr) -> Lowered {
        match &expr.expr {
            Expr::Literal(literal) => self.literal(literal),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => match dotted(expr) {
                Some(name) => self.name(&name),
                None if select.test => self.unsupported("`has(..)`"),
                None => self.unsupported(&format!("the field `.{}`", select.field)),
            },
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(_) => self.unsupported("a macro (exists, all, map, filter)"),
            Expr::List(_) => self.unsupported("a list outside `in`"),
            Expr::Map(_) | Expr::Struct(_) => self.unsupported("a map"),
            Expr::Unspecified => self.unsupported("an empty part"),
        }
    }

    fn literal(&mut self, literal: &LiteralValue) -> Lowered {
        let number = |value: f64| Some((Tree::Number(value), Type::Number));
        match literal {
            LiteralValue::Boolean(value) => Some((Tree::Boolean(*value.inner()), Type::Boolean)),
            LiteralValue::Double(value) => number(*value.inner()),
            #[expect(clippy::cast_precision_loss, reason = "thresholds are far below 2^53")]
            LiteralValue::Int(value) => number(*value.inner() as f64),
            #[expect(clippy::cast_precision_loss, reason = "thresholds are far below 2^53")]
            LiteralValue::UInt(value) => number(*value.inner() as f64),
            LiteralValue::String(value) => Some((Tree::Text(value.inner().to_owned()), Type::Text)),
            LiteralValue::Null => self.unsupported("`null`"),
            LiteralValue::Bytes(_) => self.unsupported("bytes"),
        }
    }

    fn name(&mut self, text: &str) -> Lowered {
        let Some((name, of)) = self.names.find(text) else {
            return self.fail(ExpressionError::UnknownName {
                name: text.to_owned(),
                near: self.names.nearest(text),
            });
        };
        self.used.insert(name.clone());
        Some((Tree::Name(name), of))
    }

    fn call(&mut self, call: &CallExpr) -> Lowered {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, parts) => {
                Some((Tree::All(self.all_typed(parts, Type::Boolean)?), Type::Boolean))
            }
            (operators::LOGICAL_OR, None, parts) => {
                Some((Tree::Any(self.all_typed(parts, Type::Boolean)?), Type::Boolean))
            }
            (operators::LOGICAL_NOT, None, [part]) => {
                Some((Tree::Not(Box::new(self.typed(part, Type::Boolean)?)), Type::Boolean))
            }
            (operators::NEGATE, None, [part]) => {
                Some((Tree::Negate(Box::new(self.typed(part, Type::Number)?)), Type::Number))
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                let condition = self.typed(condition, Type::Boolean);
                let (yes, of) = self.any(yes)?;
                let no = self.typed(no, of)?;
                Some((Tree::If(Box::new(condition?), Box::new(yes), Box::new(no)), of))
            }
            (operators::IN, None, [item, list]) => self.one_of(item, list),
            (name, None, [left, right]) => {
                if let Some(operation) = operation(name) {
                    let (left, right) = (self.typed(left, Type::Number), self.typed(right, Type::Number));
                    Some((Tree::Calculate(operation, Box::new(left?), Box::new(right?)), Type::Number))
                } else if let Some(comparison) = comparison(name) {
                    self.compare(comparison, left, right)
                } else {
                    self.unsupported(&format!("`{name}`"))
                }
            }
            (name, Some(target), [argument]) => {
                let test = match name {
                    "startsWith" => TextTest::StartsWith,
                    "endsWith" => TextTest::EndsWith,
                    "contains" => TextTest::Contains,
                    _ => return self.unsupported(&format!("`.{name}()`")),
                };
                let (target, argument) = (self.typed(target, Type::Text), self.typed(argument, Type::Text));
                Some((Tree::Test(test, Box::new(target?), Box::new(argument?)), Type::Boolean))
            }
            (name, _, _) => self.unsupported(&format!("`{name}`")),
        }
    }

    fn compare(&mut self, comparison: Comparison, left: &IdedExpr, right: &IdedExpr) -> Lowered {
        let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let (left, right) = if equality {
            let left = self.any(left);
            let Some((left, of)) = left else {
                self.any(right);
                return None;
            };
            (Some(left), self.typed(right, of))
        } else {
            (self.typed(left, Type::Number), self.typed(right, Type::Number))
        };
        let (left, right) = (left?, right?);
        match (&left, &right) {
            (Tree::Name(name), Tree::Text(text)) | (Tree::Text(text), Tree::Name(name)) => {
                self.can_be(name, text)?;
            }
            _ => {}
        }
        Some((Tree::Compare(comparison, Box::new(left), Box::new(right)), Type::Boolean))
    }

    fn one_of(&mut self, item: &IdedExpr, list: &IdedExpr) -> Lowered {
        let (item, of) = self.any(item)?;
        let Expr::List(list) = &list.expr else {
            return self.unsupported("`in` without a list in brackets");
        };
        let choices = self.all_typed(&list.elements, of)?;
        if let Tree::Name(name) = &item {
            for choice in &choices {
                if let Tree::Text(text) = choice {
                    self.can_be(name, text)?;
                }
            }
        }
        Some((Tree::OneOf(Box::new(item), choices), Type::Boolean))
    }

    fn can_be(&mut self, name: &Name, text: &str) -> Option<()> {
        match name.choices() {
            Some(choices) if !choices.contains(&text) => self.fail(ExpressionError::NeverThis {
                name: name.to_string(),
                found: text.to_owned(),
                choices,
            }),
            _ => Some(()),
        }
    }

    fn all_typed(&mut self, parts: &[IdedExpr], of: Type) -> Option<Vec<Tree>> {
        let lowered: Vec<_> = parts.iter().map(|part| self.typed(part, of)).collect();
        lowered.into_iter().collect()
    }

    fn unsupported<T>(&mut self, what: &str) -> Option<T> {
        self.fail(ExpressionError::NotSupported(what.to_owned()))
    }

    fn fail<T>(&mut self, error: ExpressionError) -> Option<T> {
        self.errors.push(error);
        None
    }
}

/// `a.b.c` as one name; `None` for anything but plain fields of an identifier.
fn dotted(expr: &IdedExpr) -> Option<String> {
    match &expr.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            dotted(&select.operand).map(|operand| format!("{operand}.{}", select.field))
        }
        _ => None,
    }
}

fn operation(name: &str) -> Option<Operation> {
    match name {
        operators::ADD => Some(Operation::Add),
        operators::SUBSTRACT => Some(Operation::Subtract),
        operators::MULTIPLY => Some(Operation::Multiply),
        operators::DIVIDE => Some(Operation::Divide),
        _ => None,
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    match name {
        operators::EQUALS => Some(Comparison::Equal),
        operators::NOT_EQUALS => Some(Comparison::NotEqual),
        operators::LESS => Some(Comparison::Less),
        operators::LESS_EQUALS => Some(Comparison::LessOrEqual),
        operators::GREATER => Some(Comparison::Greater),
        operators::GREATER_EQUALS => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}

fn describe(tree: &Tree) -> String {
    match tree {
        Tree::Boolean(value) => value.to_string(),
        Tree::Number(value) => value.to_string(),
        Tree::Text(text) => format!("\"{text}\""),
        Tree::Name(name) => name.to_string(),
        Tree::Not(_) => "!_".to_owned(),
        Tree::All(_) => "_ && _".to_owned(),
        Tree::Any(_) => "_ || _".to_owned(),
        Tree::Compare(..) => "a comparison".to_owned(),
        Tree::Calculate(Operation::Add, ..) => "_ + _".to_owned(),
        Tree::Calculate(Operation::Subtract, ..) => "_ - _".to_owned(),
        Tree::Calculate(Operation::Multiply, ..) => "_ * _".to_owned(),
        Tree::Calculate(Operation::Divide, ..) => "_ / _".to_owned(),
        Tree::Negate(_) => "-_".to_owned(),
        Tree::OneOf(..) => "_ in [..]".to_owned(),
        Tree::If(..) => "_ ? _ : _".to_owned(),
        Tree::Test(..) => "a text test".to_owned(),
    }
}
