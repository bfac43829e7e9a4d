//! Which column of a file is which column of the contract.

use super::config::TableConfig;
use super::contract::{ColumnSchema, Presence, Spelling, TableSchema};
use super::error::Reason;

/// The columns of one file under the contract.
#[derive(Debug)]
pub(super) struct Mapping {
    /// For each column of the schema where it is in the file.
    pub(super) columns: Vec<Option<Mapped>>,
    /// Where the columns are that the configuration declares constant, in its order.
    pub(super) constants: Vec<usize>,
    /// Columns that nothing reads.
    pub(super) ignored: Vec<String>,
}

/// A column of the contract in a file.
#[derive(Debug)]
pub(super) struct Mapped {
    /// Its position in the file.
    pub(super) position: usize,
    /// How its numbers are read.
    pub(super) spelling: Spelling,
}

/// Finds the columns of `schema` among those `found` in a file: by the configuration, else by their own names,
/// else by the names of the common tools. An exact match wins over one in another case.
pub(super) fn resolve(
    schema: &TableSchema,
    config: &TableConfig,
    constants: &[String],
    found: &[String],
) -> Result<Mapping, Vec<Reason>> {
    let mut reasons = Vec::new();
    let mut is_taken: Vec<bool> = found.iter().map(|name| config.ignore.contains(name)).collect();
    for name in &config.ignore {
        if !found.contains(name) {
            reasons.push(Reason::MappedColumnMissing { column: name.clone(), found: found.to_vec() });
        }
    }
    let mut columns: Vec<Option<Mapped>> = Vec::with_capacity(schema.columns.len());
    for column in schema.columns {
        columns.push(column.spellings().into_iter().find_map(|spelling| {
            let name = config.columns.get(&spelling.name)?;
            let position = found.iter().position(|column| column == name);
            match position {
                Some(position) => is_taken[position] = true,
                None => {
                    reasons.push(Reason::MappedColumnMissing { column: name.clone(), found: found.to_vec() })
                }
            }
            position.map(|position| Mapped { position, spelling })
        }));
    }
    for (column, mapped) in schema.columns.iter().zip(&mut columns) {
        let is_configured =
            column.spellings().iter().any(|spelling| config.columns.contains_key(&spelling.name));
        if mapped.is_none() && !is_configured {
            *mapped = by_name(column, found, &is_taken);
            match mapped {
                Some(mapped) => is_taken[mapped.position] = true,
                None if column.presence == Presence::Required => reasons.push(missing(column, found)),
                None => {}
            }
        }
    }
    for group in schema.one_of {
        let is_there = |name: &str| {
            schema
                .columns
                .iter()
                .zip(&columns)
                .any(|(column, mapped)| column.name == name && mapped.is_some())
        };
        if !group.iter().any(|name| is_there(name))
            && let Some(column) = schema.column(group[0])
        {
            let accepted =
                group.iter().filter_map(|name| schema.column(name)).flat_map(accepted_names).collect();
            let (column, found) = (column.name.to_owned(), found.to_vec());
            reasons.push(Reason::ColumnMissing { column, accepted, found });
        }
    }
    let constants = constants
        .iter()
        .filter_map(|name| {
            let known = schema.columns.iter().position(|column| column.name == name);
            let mapped = known.and_then(|index| columns[index].as_ref()).map(|mapped| mapped.position);
            let position = mapped.or_else(|| position_of(name, found, &[]));
            match position {
                Some(position) => is_taken[position] = true,
                None => {
                    reasons.push(Reason::MappedColumnMissing { column: name.clone(), found: found.to_vec() })
                }
            }
            position
        })
        .collect();
    if let Some(reason) = without_account(schema, &columns, found) {
        let is_its = |reason: &Reason| matches!(reason, Reason::ColumnMissing { column, .. } if column == "account_id");
        reasons.iter_mut().filter(|reason| is_its(reason)).for_each(|missing| *missing = reason.clone());
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let ignored = found.iter().zip(&is_taken).filter(|(_, taken)| !**taken);
    let ignored = ignored.map(|(name, _)| name.clone()).chain(config.ignore.iter().cloned()).collect();
    Ok(Mapping { columns, constants, ignored })
}

fn by_name(column: &ColumnSchema, found: &[String], is_taken: &[bool]) -> Option<Mapped> {
    let spellings = column.spellings();
    let plain = spellings[0].clone();
    let aliased = column.aliases.iter().map(|alias| (*alias, plain.clone()));
    spellings.iter().map(|spelling| (spelling.name.as_str(), spelling.clone())).chain(aliased).find_map(
        |(name, spelling)| position_of(name, found, is_taken).map(|position| Mapped { position, spelling }),
    )
}

fn position_of(name: &str, found: &[String], is_taken: &[bool]) -> Option<usize> {
    let is_free = |position: &usize| !is_taken.get(*position).copied().unwrap_or(false);
    let exact = (0..found.len()).filter(is_free).find(|&position| found[position] == name);
    let lower = name.to_lowercase();
    exact.or_else(|| {
        (0..found.len()).filter(is_free).find(|&position| found[position].to_lowercase() == lower)
    })
}

/// Exports of product analytics (Amplitude, PostHog) name users and, unlike Segment, no accounts.
fn without_account(schema: &TableSchema, columns: &[Option<Mapped>], found: &[String]) -> Option<Reason> {
    let position = |name: &str| {
        let index = schema.columns.iter().position(|column| column.name == name)?;
        columns[index].as_ref().map(|mapped| mapped.position)
    };
    let is_usage = schema.name == "usage_events";
    let user = position("user_id").filter(|_| is_usage && position("account_id").is_none())?;
    Some(Reason::NoAccountColumn { user: found[user].clone(), found: found.to_vec() })
}

fn missing(column: &ColumnSchema, found: &[String]) -> Reason {
    Reason::ColumnMissing {
        column: column.name.to_owned(),
        accepted: accepted_names(column),
        found: found.to_vec(),
    }
}

fn accepted_names(column: &ColumnSchema) -> Vec<String> {
    let spelled = column.spellings().into_iter().map(|spelling| spelling.name);
    spelled.chain(column.aliases.iter().map(|alias| (*alias).to_owned())).collect()
}
