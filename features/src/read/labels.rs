//! The label of a prepared table: two values, of which one means churned, or one named value against all others.

use std::collections::BTreeSet;

use super::error::Reason;
use super::findings::Findings;
use super::prepared::PreparedColumns;
use super::source::shown;
use super::whole_file::WholeFile;

/// Values of the label that plainly mean churned, in lower case.
const POSITIVE: [&str; 14] = [
    "1",
    "true",
    "yes",
    "y",
    "t",
    "churned",
    "churn",
    "cancelled",
    "canceled",
    "left",
    "lost",
    "attrited",
    "exited",
    "not renewed",
];

/// The label of a prepared table.
pub(super) struct Labels {
    /// 1 for the positive value, 0 for the other.
    pub(super) values: Vec<f64>,
    pub(super) positive: String,
    pub(super) negative: String,
}

impl WholeFile {
    /// The label of each row; `None` where it cannot be learnt, which is then among the findings.
    pub(super) fn labels(&self, columns: &PreparedColumns, findings: &mut Findings) -> Option<Labels> {
        let name = columns.label.as_str();
        self.position(name)?;
        let texts = self.texts(name, findings);
        let values: BTreeSet<&str> =
            texts.iter().map(AsRef::as_ref).filter(|text| !text.is_empty()).collect();
        let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        let mut refuse = |reason| findings.problem(self.in_column(name, None, reason));
        let [first, second] = match values.as_slice() {
            [] => return None,
            [only] => {
                refuse(Reason::OneClass(only.clone()));
                return None;
            }
            [first, second] => [first.clone(), second.clone()],
            // A named value of several stands against all others.
            many if let Some(positive) = &columns.positive => {
                let Some(found) = many.iter().find(|value| same_value(value, positive)) else {
                    let found = many.iter().take(5).map(|value| shown(value)).collect();
                    refuse(Reason::PositiveAbsent { positive: positive.clone(), found });
                    return None;
                };
                let negative = format!("one of {} other values", many.len() - 1);
                return Some(Labels { values: ones(&texts, found), positive: found.clone(), negative });
            }
            many => {
                let some = many.iter().take(5).map(|value| shown(value)).collect();
                refuse(Reason::ManyClasses { n: many.len(), some });
                return None;
            }
        };
        let is_positive = |value: &String| match &columns.positive {
            Some(positive) => same_value(value, positive),
            None => POSITIVE.contains(&value.to_lowercase().as_str()) || same_value(value, "1"),
        };
        let positive = match (is_positive(&first), is_positive(&second), &columns.positive) {
            (true, false, _) => first.clone(),
            (false, true, _) => second.clone(),
            (_, _, Some(positive)) => {
                let (positive, found) = (positive.clone(), vec![first, second]);
                refuse(Reason::PositiveAbsent { positive, found });
                return None;
            }
            (_, _, None) => {
                refuse(Reason::WhichPositive(first, second));
                return None;
            }
        };
        let negative = if positive == first { second } else { first };
        Some(Labels { values: ones(&texts, &positive), positive, negative })
    }
}

/// 1 where the text is `positive`, else 0.
fn ones<T: AsRef<str>>(texts: &[T], positive: &str) -> Vec<f64> {
    texts.iter().map(|text| if text.as_ref() == positive { 1.0 } else { 0.0 }).collect()
}

/// Whether two texts are the same value: 1 and 1.0 are, `Yes` and `yes` are.
fn same_value(a: &str, b: &str) -> bool {
    let numbers = a.parse::<f64>().ok().zip(b.parse::<f64>().ok());
    a.eq_ignore_ascii_case(b.trim()) || numbers.is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
}
