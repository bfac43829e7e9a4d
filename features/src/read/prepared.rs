//! A prepared table: one row a customer, its columns of any name, their types found from the values.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::history::Text;
use crate::matrix::{Column, FeatureTable};
use crate::spec::{FeatureSpec, Kind};

use super::config::OnBadRow;
use super::convert::{boolean, number};
use super::detect::{Detected, detect_text, is_identifier, is_missing};
use super::error::{ReadError, Reason};
use super::findings::Findings;
use super::source::{Cells, sha256};
use super::whole_file::WholeFile;

/// Which columns of a prepared table are what; all others are candidate features.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreparedColumns {
    /// The label.
    pub label: String,
    /// The value of the label that means churned; found by itself where it is plain (1, true, yes, churned …).
    pub positive: Option<String>,
    /// The customer's id; unique.
    pub id: Option<String>,
    /// Rows of one group never stand on both sides of a split.
    pub group: Option<String>,
    /// Columns to leave out.
    pub exclude: Vec<String>,
}

/// A prepared table, one row a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The features.
    pub table: FeatureTable,
    /// 1 for the positive value of the label, 0 for the other; a value a row.
    pub labels: Vec<f64>,
    /// The id column, or the 0-based number of the row.
    pub ids: Vec<Text>,
    /// The group column.
    pub groups: Option<Vec<Text>>,
    /// The value of the label that counts as churned.
    pub positive: String,
    /// The other value.
    pub negative: String,
    /// Columns left out by themselves, and why, for people.
    pub notes: Vec<String>,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// Reads a prepared table with its label.
///
/// # Errors
/// [`ReadError::Problems`]: columns that are not there, a label with other than two values or missing
/// somewhere, duplicate ids, no rows, bytes that are no text.
pub fn prepared(path: &Path, columns: &PreparedColumns) -> Result<Prepared, ReadError> {
    let file = WholeFile::read(path)?;
    let mut findings = Findings::new(OnBadRow::Stop);
    let excluded = columns.exclude.iter().map(|name| (name.as_str(), "excluded"));
    let parts: Vec<(&str, &'static str)> = [(columns.label.as_str(), "the label")]
        .into_iter()
        .chain(columns.id.as_deref().map(|name| (name, "the id")))
        .chain(columns.group.as_deref().map(|name| (name, "the group")))
        .chain(excluded)
        .collect();
    let mut taken: BTreeMap<&str, &'static str> = BTreeMap::new();
    for (name, part) in parts {
        if file.position(name).is_none() {
            findings.problem(file.no_such_column(name));
        } else if let Some(earlier) = taken.insert(name, part)
            && earlier != part
            && (earlier, part) != ("the id", "the group")
        {
            findings.problem(file.in_column(name, None, Reason::TwoParts(earlier, part)));
        }
    }
    let labels = file.labels(columns, &mut findings);
    let ids = file.ids(columns.id.as_deref(), &mut findings);
    let groups = columns.group.as_deref().map(|name| file.texts(name, &mut findings));
    let (table, notes) = file.features(&taken, &mut findings);
    findings.into_result()?;
    let (Some(table), Some(labels)) = (table, labels) else {
        // Whatever keeps a part from being read is among the findings.
        return Err(ReadError::problem(file.problem(Reason::NoRows)));
    };
    Ok(Prepared {
        table,
        labels: labels.values,
        ids,
        groups,
        positive: labels.positive,
        negative: labels.negative,
        notes,
        sha256: sha256(path)?,
    })
}

/// Reads the features of `specs` from a table without a label, to be scored: the ids (the 0-based number of
/// the row without an `id` column) and the features in the order of `specs`.
///
/// # Errors
/// [`ReadError::Problems`]: features that are not there, values of another type than their spec says,
/// duplicate ids, no rows.
pub fn prepared_features(
    path: &Path,
    specs: &[FeatureSpec],
    id: Option<&str>,
) -> Result<(Vec<Text>, FeatureTable), ReadError> {
    let file = WholeFile::read(path)?;
    let mut findings = Findings::new(OnBadRow::Stop);
    let ids = file.ids(id, &mut findings);
    let columns = specs.iter().map(|spec| file.declared(spec, &mut findings)).collect();
    findings.into_result()?;
    let table = FeatureTable::new(specs.to_vec(), columns, file.n_rows);
    Ok((ids, table.map_err(|error| ReadError::FeatureTable { path: path.to_owned(), source: error })?))
}

impl WholeFile {
    /// The columns that are not `taken`, but those that tell nothing, with a note on each of these.
    fn features(
        &self,
        taken: &BTreeMap<&str, &'static str>,
        findings: &mut Findings,
    ) -> (Option<FeatureTable>, Vec<String>) {
        let (mut specs, mut columns, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        for (position, name) in self.columns.iter().enumerate() {
            if taken.contains_key(name.as_str()) {
                continue;
            }
            match self.feature(position, findings) {
                Ok((kind, column)) => {
                    specs.push(FeatureSpec::prepared(name, kind));
                    columns.push(column);
                }
                Err(why) => notes.push(format!("column `{name}` is left out: {why}")),
            }
        }
        if specs.is_empty() {
            findings.problem(self.problem(Reason::NoFeatures(notes.clone())));
        }
        (FeatureTable::new(specs, columns, self.n_rows).ok(), notes)
    }

    /// A candidate feature, or why it is none.
    fn feature(&self, position: usize, findings: &mut Findings) -> Result<(Kind, Column), &'static str> {
        const EMPTY: &str = "it holds no value";
        const TIMES: &str = "it holds dates; give the number of days before the prediction instead";
        const IDENTIFIER: &str = "nearly every row has a value of its own, as an id has";
        if self.columns[position] == format!("unnamed_{}", position + 1) {
            return Err("it has no name");
        }
        let (kind, column) = match &self.batches[0].columns[position] {
            Cells::Nested(_) => return Err("it holds lists or other values that are not plain"),
            Cells::Time(_) => return Err(TIMES),
            Cells::Text(_) => match detect_text(&self.as_texts(position)) {
                Detected::Number(values) => (Kind::Number, Column::Number(values)),
                Detected::Boolean(values) => (Kind::Boolean, Column::Number(values)),
                Detected::Category(values) if is_identifier(&values) => return Err(IDENTIFIER),
                Detected::Category(values) => (Kind::Category, Column::Text(values)),
                Detected::Times => return Err(TIMES),
                Detected::AllMissing => return Err(EMPTY),
            },
            Cells::Boolean(_) => (Kind::Boolean, self.numbers(position, findings)),
            Cells::Integer(_) | Cells::Number(_) => (Kind::Number, self.numbers(position, findings)),
        };
        match &column {
            Column::Number(values) if values.iter().all(|value| value.is_nan()) => Err(EMPTY),
            Column::Number(values)
                if values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits()) =>
            {
                Err("it has the same value in every row")
            }
            Column::Text(values) if values.windows(2).all(|pair| pair[0] == pair[1]) => {
                Err("it has the same value in every row")
            }
            Column::Number(values) if is_named_id(&self.columns[position]) && are_distinct_whole(values) => {
                Err(IDENTIFIER)
            }
            _ => Ok((kind, column)),
        }
    }

    /// A column of numbers or booleans; what is infinite is a problem.
    fn numbers(&self, position: usize, findings: &mut Findings) -> Column {
        let values = self.values(&self.columns[position], findings, |cells, row| match cells {
            Cells::Boolean(_) => Ok(boolean(cells, row)?.map(|value| f64::from(u8::from(value)))),
            _ => number(cells, row),
        });
        Column::Number(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }

    /// The column of `spec`, of the type that it declares.
    fn declared(&self, spec: &FeatureSpec, findings: &mut Findings) -> Column {
        let Some(position) = self.position(&spec.name) else {
            findings.problem(self.no_such_column(&spec.name));
            return Column::Text(Vec::new());
        };
        let nested = self.batches.iter().find_map(|batch| match &batch.columns[position] {
            Cells::Nested(data_type) => Some(data_type),
            _ => None,
        });
        if let Some(data_type) = nested {
            findings.problem(self.in_column(&spec.name, None, Reason::ColumnType(data_type.clone())));
            return Column::Text(Vec::new());
        }
        if spec.kind == Kind::Category {
            return Column::Text(self.as_texts(position));
        }
        let values = self.values(&spec.name, findings, |cells, row| match spec.kind {
            _ if cells.text(row).is_none_or(|text| is_missing(&text)) => Ok(None),
            Kind::Boolean => Ok(boolean(cells, row)?.map(|value| f64::from(u8::from(value)))),
            _ => number(cells, row),
        });
        Column::Number(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
}

fn is_named_id(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower == "id"
        || lower.ends_with("_id")
        || lower.ends_with(" id")
        || name.ends_with("ID")
        || name.ends_with("Id")
}

fn are_distinct_whole(values: &[f64]) -> bool {
    let distinct: HashSet<u64> = values.iter().map(|value| value.to_bits()).collect();
    distinct.len() == values.len() && values.len() > 2 && values.iter().all(|value| value.fract() == 0.0)
}
