//! The `when` of a play: a CEL expression over what is known of an account.
//!
//! The text is parsed by the `cel` crate and then lowered, once, into a small typed tree: so that an
//! unknown name, a text compared with a number or a stage that does not exist is a mistake of the file and
//! not of the day on which the play should have fired. The tree knows three truth values: a comparison with
//! a missing value is unknown, and only an expression that is *true* makes a play eligible. That is CEL's own
//! rule for errors (`false && error` is false, `true || error` is true), and a test holds it against the
//! `cel` interpreter.
//!
//! Understood: `&& || !`, `== != < <= > >=`, `+ - * /` on numbers, `x in [..]`, `c ? a : b`, and
//! `startsWith`, `endsWith`, `contains` on texts.

mod evaluate;
mod lower;
mod possible;

use std::collections::BTreeSet;

pub use evaluate::Scalar;

use crate::name::{Name, Names};

/// The longest expression read, in bytes.
const MAX_LENGTH: usize = 2_000;
/// The deepest nesting read.
const MAX_DEPTH: u16 = 40;

/// A checked expression whose value is true or false.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    text: String,
    tree: Tree,
    names: BTreeSet<Name>,
}

/// The type of a value in an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A text.
    Text,
}

#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Boolean(bool),
    Number(f64),
    Text(String),
    Name(Name),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Compare(Comparison, Box<Tree>, Box<Tree>),
    Calculate(Operation, Box<Tree>, Box<Tree>),
    Negate(Box<Tree>),
    OneOf(Box<Tree>, Vec<Tree>),
    If(Box<Tree>, Box<Tree>, Box<Tree>),
    Test(TextTest, Box<Tree>, Box<Tree>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It is longer than is read.
    #[error("is {0} bytes long; at most {MAX_LENGTH} are read")]
    TooLong(usize),
    /// The text is not CEL.
    #[error("is not a CEL expression: {message} (column {column})")]
    Syntax {
        /// What the parser says.
        message: String,
        /// 1-based.
        column: isize,
    },
    /// No feature, signal or fact has this name.
    #[error("uses the unknown name `{name}`{}", .near.as_ref().map_or(String::new(), |near| format!("; did you mean `{near}`?")))]
    UnknownName {
        /// As written.
        name: String,
        /// The nearest known name.
        near: Option<String>,
    },
    /// CEL that is not understood here.
    #[error(
        "uses {0}, which is not understood here; use && || ! == != < <= > >= + - * / in ?: startsWith endsWith contains"
    )]
    NotSupported(String),
    /// A part has another type than its place needs.
    #[error("`{part}` is a {}, where a {} is needed", type_name(.found), type_name(.expected))]
    Type {
        /// The part, as understood.
        part: String,
        /// Its type.
        found: Type,
        /// The type that its place needs.
        expected: Type,
    },
    /// A text that the compared name never has.
    #[error("compares `{name}` with \"{found}\", which it never is; it is one of {}", .choices.join(", "))]
    NeverThis {
        /// The name.
        name: String,
        /// The text compared with.
        found: String,
        /// The texts that the name can have.
        choices: Vec<&'static str>,
    },
    /// No account can ever make it true.
    #[error("can never be true, so the play could never fire")]
    Impossible,
}

fn type_name(of: &Type) -> &'static str {
    match of {
        Type::Number => "number",
        Type::Boolean => "truth value",
        Type::Text => "text",
    }
}

impl Expression {
    /// Reads `text`, whose names must be among `names`.
    ///
    /// # Errors
    /// Everything that is wrong with it: what is not CEL, unknown names, wrong types, texts that a name never
    /// has, and an expression that cannot become true.
    pub fn compile(text: &str, names: &Names) -> Result<Self, Vec<ExpressionError>> {
        if text.len() > MAX_LENGTH {
            return Err(vec![ExpressionError::TooLong(text.len())]);
        }
        let parsed =
            cel::parser::Parser::new().max_recursion_depth(MAX_DEPTH).parse(text).map_err(|error| {
                error
                    .errors
                    .iter()
                    .map(|error| ExpressionError::Syntax { message: error.msg.clone(), column: error.pos.1 })
                    .collect::<Vec<_>>()
            })?;
        let (tree, used) = lower::lower(&parsed, names)?;
        if !possible::can_be_true(&tree) {
            return Err(vec![ExpressionError::Impossible]);
        }
        Ok(Self { text: text.to_owned(), tree, names: used })
    }

    /// Whether it is true of an account of which `value_of` tells what is known.
    pub fn holds<'a>(&'a self, value_of: &impl Fn(&Name) -> Option<Scalar<'a>>) -> bool {
        evaluate::evaluate(&self.tree, value_of) == Some(Scalar::Boolean(true))
    }

    /// The names on whose values its truth rests, for an account for which it holds; each once, in order.
    pub fn grounds<'a>(&'a self, value_of: &impl Fn(&Name) -> Option<Scalar<'a>>) -> BTreeSet<&'a Name> {
        let mut grounds = BTreeSet::new();
        evaluate::grounds(&self.tree, true, value_of, &mut grounds);
        grounds
    }

    /// The names that it mentions, each once.
    #[must_use]
    pub fn names(&self) -> &BTreeSet<Name> {
        &self.names
    }

    /// The texts that it compares `name` with.
    #[must_use]
    pub fn texts_of(&self, name: &Name) -> BTreeSet<&str> {
        let mut texts = BTreeSet::new();
        self.tree.visit(&mut |tree| match tree {
            Tree::Compare(_, left, right) => match (&**left, &**right) {
                (Tree::Name(found), Tree::Text(text)) | (Tree::Text(text), Tree::Name(found))
                    if found == name =>
                {
                    texts.insert(text.as_str());
                }
                _ => {}
            },
            Tree::OneOf(item, choices) if **item == Tree::Name(name.clone()) => {
                texts.extend(choices.iter().filter_map(|choice| match choice {
                    Tree::Text(text) => Some(text.as_str()),
                    _ => None,
                }));
            }
            _ => {}
        });
        texts
    }

    /// As the file has it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Tree {
    fn visit<'t>(&'t self, see: &mut impl FnMut(&'t Self)) {
        see(self);
        match self {
            Self::Boolean(_) | Self::Number(_) | Self::Text(_) | Self::Name(_) => {}
            Self::Not(part) | Self::Negate(part) => part.visit(see),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Compare(_, left, right) | Self::Calculate(_, left, right) | Self::Test(_, left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Self::OneOf(item, choices) => {
                item.visit(see);
                choices.iter().for_each(|choice| choice.visit(see));
            }
            Self::If(condition, yes, no) => {
                condition.visit(see);
                yes.visit(see);
                no.visit(see);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::tests::names;

    fn errors(text: &str) -> Vec<String> {
        Expression::compile(text, &names()).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_way_to_be_wrong_is_told() {
        assert!(errors(&"a".repeat(3_000))[0].contains("at most 2000"));
        assert!(errors("arr >")[0].starts_with("is not a CEL expression"), "{:?}", errors("arr >"));
        assert_eq!(
            errors("seat_utilisatoin < 0.3 && signals.usage_decilne"),
            [
                "uses the unknown name `seat_utilisatoin`; did you mean `seat_utilisation`?",
                "uses the unknown name `signals.usage_decilne`; did you mean `signals.usage_decline`?",
            ]
        );
        assert!(errors("[1, 2].exists(x, x > arr)")[0].contains("not understood"));
        assert!(errors("size(tier) > 3")[0].contains("`size`"));
        assert_eq!(errors("tier > 3")[0], "`tier` is a text, where a number is needed");
        assert_eq!(errors("arr + 1.0")[0], "`_ + _` is a number, where a truth value is needed");
        assert_eq!(
            errors("stage == 'onbording'")[0],
            "compares `stage` with \"onbording\", which it never is; it is one of onboarding, adoption, \
             value_realisation, expansion, renewal"
        );
    }

    #[test]
    fn what_can_never_be_true_is_refused() {
        for text in [
            "false",
            "arr > 10.0 && arr < 5.0",
            "probability > 1.2",
            "health.overall > 100",
            "stage == 'renewal' && stage == 'onboarding'",
            "signals.usage_decline && !signals.usage_decline",
            "stage in [] ",
        ] {
            assert_eq!(errors(text), ["can never be true, so the play could never fire"], "{text}");
        }
        for text in
            ["arr > 10.0 && arr < 11.0", "probability >= 1.0", "tier != 'high_touch' && !(arr > 5)", "true"]
        {
            assert!(Expression::compile(text, &names()).is_ok(), "{text}");
        }
    }

    #[test]
    fn grounds_are_what_made_it_true() {
        let names = names();
        let when = Expression::compile(
            "signals.usage_decline && (arr > 100 || seat_utilisation < 0.3) && !(tier == 'low_touch')",
            &names,
        )
        .unwrap();
        let value_of = |name: &Name| match name.to_string().as_str() {
            "signals.usage_decline" => Some(Scalar::Boolean(true)),
            "arr" => Some(Scalar::Number(50.0)),
            "seat_utilisation" => Some(Scalar::Number(0.2)),
            "tier" => Some(Scalar::Text("high_touch")),
            _ => None,
        };
        assert!(when.holds(&value_of));
        let grounds: Vec<_> = when.grounds(&value_of).into_iter().map(ToString::to_string).collect();
        assert_eq!(grounds, ["seat_utilisation", "signals.usage_decline", "tier"]);
    }

    #[test]
    fn names_and_texts_are_collected() {
        let when = Expression::compile(
            "band in ['medium', 'high'] && signals.usage_decline || band == 'low'",
            &names(),
        )
        .unwrap();
        assert_eq!(when.texts_of(&Name::Band), BTreeSet::from(["high", "low", "medium"]));
        assert_eq!(when.names().len(), 2);
    }
}
