//! What could have entered a row: a fingerprint of everything that the kernel may read for it, but usage.
//!
//! Two runs whose fingerprints of a row are equal give the row equal values, as far as usage is equal too; see
//! [`crate::incremental`]. A fact enters from `visible_at` on, and what came of it (solved, paid, left) from its own time
//! on: a ticket that is solved a month later changes no row before. What the kernel reads of a contract's term is
//! fingerprinted as it is read, since an export tells the latest term alone.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;
use rayon::prelude::*;
use serde::Serialize;

use super::engagement::answered_at;
use super::plan::Plan;
use super::sweep::{merged, parts, wanted};
use super::{ComputeError, Key, Whole};
use crate::history::{AccountFacts, History, MutableColumn, Subscription};
use crate::snapshot::GRACE_DAYS;
use crate::snapshot::schedule::{in_force, periods};
use crate::spec::FeatureSpec;
use crate::store::Fact;
use crate::time::Timestamp;

/// The fingerprints of rows, and how the facts of all accounts arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprints {
    /// One a key, in the order of the keys.
    pub(crate) rows: Vec<u64>,
    /// By table; usage is not among them.
    pub(crate) arrivals: BTreeMap<&'static str, Arrivals>,
}

/// How the facts of a table arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Arrivals {
    /// Facts known before the end of the history.
    pub(crate) n_known: u64,
    /// Facts known before the earlier end that was asked about.
    pub(crate) n_known_then: u64,
    /// Facts that had happened before that end and became known at it or later.
    pub(crate) n_late: u64,
}

impl Arrivals {
    /// Counts a fact that happened and became known at these times.
    pub(crate) fn count(&mut self, happened: Timestamp, known: Timestamp, ends: &Ends) {
        self.n_known += u64::from(ends.now.is_none_or(|now| known < now));
        let Some(then) = ends.then else { return };
        self.n_known_then += u64::from(known < then);
        self.n_late += u64::from(happened < then && known >= then);
    }
}

/// The end of the history, and that of an earlier run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) now: Option<Timestamp>,
    pub(crate) then: Option<Timestamp>,
}

/// The fingerprints of `keys` under `specs`; arrivals are counted against `then`, the end of an earlier run.
pub(crate) fn fingerprints(
    history: &History,
    keys: &[Key],
    specs: &[FeatureSpec],
    then: Option<Timestamp>,
) -> Result<Fingerprints, ComputeError> {
    let plan = Plan::new(history, specs)?;
    let whole = Whole::of(history, &plan);
    let stage: Vec<&str> = plan.stage_inputs.iter().map(|declared| declared.name).collect();
    let of_all = hash(&(&plan.constant, stage, whole.usage_is_daily, &history.currency));
    let ends = Ends { now: history.until, then };
    let wanted = wanted(history, keys)?;
    let parts = parts(history);
    let of_part = |part: usize| -> Result<Part, ComputeError> {
        let accounts = parts[part].clone();
        let first = wanted.partition_point(|one| one.account < accounts.start);
        let own = &wanted[first..wanted.partition_point(|one| one.account < accounts.end)];
        let mut packed = match &history.store {
            Some(store) => store.load_facts(part)?,
            None => vec![AccountFacts::default(); accounts.len()],
        };
        let mut found = Part::default();
        let mut next = 0;
        for account in accounts.clone() {
            let core = &history.accounts[account];
            let facts = match &history.store {
                Some(_) => merged(core, std::mem::take(&mut packed[account - accounts.start])),
                None => core.clone(),
            };
            let n_rows = own[next..].iter().take_while(|one| one.account == account).count();
            let rows = own[next..next + n_rows].iter().map(|one| (one.row, &keys[one.row]));
            found.account(facts, rows, of_all, &plan.constant, &ends);
            next += n_rows;
        }
        Ok(found)
    };
    let found: Vec<Part> = (0..parts.len()).into_par_iter().map(of_part).collect::<Result<_, _>>()?;
    let mut all = Fingerprints { rows: vec![0; keys.len()], arrivals: BTreeMap::new() };
    for part in found {
        part.rows.into_iter().for_each(|(row, fingerprint)| all.rows[row] = fingerprint);
        for (table, more) in part.arrivals {
            let of_table = all.arrivals.entry(table).or_default();
            of_table.n_known += more.n_known;
            of_table.n_known_then += more.n_known_then;
            of_table.n_late += more.n_late;
        }
    }
    Ok(all)
}

/// What was found of a part of the accounts.
#[derive(Default)]
struct Part {
    rows: Vec<(usize, u64)>,
    arrivals: BTreeMap<&'static str, Arrivals>,
}

impl Part {
    fn account<'a>(
        &mut self,
        mut facts: AccountFacts,
        rows: impl Iterator<Item = (usize, &'a Key)>,
        of_all: u64,
        constant: &[MutableColumn],
        ends: &Ends,
    ) {
        let subscriptions = facts.subscriptions.clone();
        let events = facts.subscription_events.clone();
        let mut always = of_all;
        let mut pieces: Vec<(Timestamp, u64)> = Vec::new();
        let mut room = Vec::new();
        for fact in facts.take() {
            if let (Some(happened), Some(known)) = (fact.happened_at(), fact.visible_at())
                && !matches!(fact, Fact::Usage(_))
            {
                self.arrivals.entry(fact.table()).or_default().count(happened, known, ends);
            }
            match fact.visible_at() {
                Some(known) => add_pieces(fact, known, constant, &mut pieces, &mut room),
                // Labels are never features.
                None if matches!(fact, Fact::Label(_)) => {}
                None => {
                    let mut fact = fact;
                    // Of an account's attributes those count that decisions read.
                    if let Fact::Account(row) = &mut fact {
                        (row.name, row.industry, row.country) = (None, None, None);
                        (row.parent_account_id, row.created_at, row.employee_count) = (None, None, None);
                        if let Some(reviewed) = row.strategic_reviewed_at.take() {
                            pieces.push((reviewed, hash(&reviewed)));
                        }
                    }
                    always = always.wrapping_add(of_fact(&fact, &mut room));
                }
            }
        }
        pieces.sort_unstable();
        let mut sum = always;
        let sums: Vec<u64> = pieces
            .iter()
            .map(|(_, piece)| {
                sum = sum.wrapping_add(*piece);
                sum
            })
            .collect();
        for (row, key) in rows {
            let n_known = pieces.partition_point(|(known, _)| *known < key.as_of);
            let known = n_known.checked_sub(1).map_or(always, |last| sums[last]);
            let events = &events[..events.partition_point(|event| event.visible_at < key.as_of)];
            let begun =
                subscriptions.iter().filter(|own| own.visible_at < key.as_of && own.started_at < key.as_of);
            let terms = begun.map(|own| {
                let force = in_force(own, events, key.as_of, GRACE_DAYS);
                let all = periods(own, events, key.as_of);
                hash(&(&own.subscription_id, force, all))
            });
            let terms = terms.fold(0_u64, u64::wrapping_add);
            self.rows.push((row, hash(&(known, terms, &key.subscription_id))));
        }
    }
}

/// Adds what of `fact` is known from when on.
fn add_pieces(
    mut fact: Fact,
    known: Timestamp,
    constant: &[MutableColumn],
    pieces: &mut Vec<(Timestamp, u64)>,
    room: &mut Vec<u8>,
) {
    if let Fact::Subscription(own) = &mut fact {
        forget_today(own, constant);
    }
    forget_untimed(&mut fact);
    while let Some(latest) = outcomes(&fact).into_iter().flatten().max().filter(|latest| *latest > known) {
        pieces.push((latest, of_fact(&fact, room)));
        forget(&mut fact, latest);
    }
    pieces.push((known, of_fact(&fact, room)));
}

/// Forgets what an export tells of its own day alone: no past row reads it. What is read of terms is fingerprinted
/// apart.
fn forget_today(own: &mut Subscription, constant: &[MutableColumn]) {
    let is_constant = |column: MutableColumn| constant.contains(&column);
    own.auto_renew = own.auto_renew.filter(|_| is_constant(MutableColumn::AutoRenew));
    own.quantity = own.quantity.filter(|_| is_constant(MutableColumn::Quantity));
    own.plan = own.plan.take().filter(|_| is_constant(MutableColumn::Plan));
    if !is_constant(MutableColumn::Mrr) {
        own.mrr = 0.0;
    }
    (own.current_term_start, own.current_term_end) = (None, None);
    // No feature asks why a contract ended.
    (own.cancel_reason, own.is_voluntary) = (None, None);
}

/// When each part of what came of a fact became known.
fn outcomes(fact: &Fact) -> [Option<Timestamp>; 2] {
    match fact {
        Fact::Subscription(row) => [row.ended_at, row.cancel_requested_at],
        Fact::Ticket(row) => [row.solved_at, row.escalated_at],
        Fact::Contact(row) => [row.left_at, None],
        Fact::Invoice(row) => [row.paid_at, None],
        Fact::Opportunity(row) => [row.closed_at, None],
        Fact::Milestone(row) => [row.achieved_at, None],
        Fact::Intervention(row) => [row.delivered_at, None],
        Fact::Activity(row) => [answered_at(row), None],
        Fact::State(row) => [row.ended_at, None],
        // Everything else counts from the beginning: a change of it is a change of all rows since.
        Fact::Account(_)
        | Fact::SubscriptionEvent(_)
        | Fact::FieldChange(_)
        | Fact::Usage(_)
        | Fact::Survey(_)
        | Fact::Label(_) => [None, None],
    }
}

/// Forgets what became known of `fact` at `time`.
fn forget(fact: &mut Fact, time: Timestamp) {
    let at = |at: &mut Option<Timestamp>| *at = at.filter(|at| *at != time);
    match fact {
        Fact::Subscription(row) => {
            at(&mut row.ended_at);
            at(&mut row.cancel_requested_at);
        }
        Fact::Ticket(row) => {
            at(&mut row.solved_at);
            at(&mut row.escalated_at);
        }
        Fact::Contact(row) => at(&mut row.left_at),
        Fact::Invoice(row) => at(&mut row.paid_at),
        Fact::Opportunity(row) => at(&mut row.closed_at),
        Fact::Milestone(row) => at(&mut row.achieved_at),
        Fact::Intervention(row) => at(&mut row.delivered_at),
        Fact::Activity(row) => row.response_hours = None,
        Fact::State(row) => at(&mut row.ended_at),
        Fact::Account(_)
        | Fact::SubscriptionEvent(_)
        | Fact::FieldChange(_)
        | Fact::Usage(_)
        | Fact::Survey(_)
        | Fact::Label(_) => {}
    }
    forget_untimed(fact);
}

/// Forgets what counts only together with a time that is not known.
fn forget_untimed(fact: &mut Fact) {
    match fact {
        Fact::Ticket(row) if row.solved_at.is_none() => {
            (row.reopens, row.reply_time_minutes) = (None, None);
            (row.satisfaction_score, row.sentiment) = (None, None);
        }
        Fact::Invoice(row) if row.paid_at.is_none() => {
            (row.amount_paid, row.attempt_count, row.failure_code) = (None, None, None);
        }
        Fact::Opportunity(row) if row.closed_at.is_none() => row.is_won = None,
        _ => {}
    }
}

fn of_fact<T: Serialize>(fact: &T, room: &mut Vec<u8>) -> u64 {
    room.clear();
    // Into memory, plain data: nothing can fail. If it did, the time of failure would differ from no fact at all.
    match postcard::to_extend(fact, std::mem::take(room)) {
        Ok(bytes) => {
            *room = bytes;
            hash(room)
        }
        Err(error) => hash(&error.to_string()),
    }
}

/// Basis files live no longer than the program that wrote them: the hash need not be stable beyond a build.
fn hash<T: Hash>(of: &T) -> u64 {
    FixedState::with_seed(0x686f_6c64_6661_7374).hash_one(of)
}
