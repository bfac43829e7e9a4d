//! Rows of equal fingerprints have equal values, whatever changed around them.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::random::{self, START, When};
use super::{bits, key};
use crate::compute::{ComputeConfig, Key, fingerprints, specs, table};
use crate::history::{AccountFacts, History, MutableColumn};
use crate::time::{DAY, Timestamp};

fn keys() -> Vec<Key> {
    let dates = (1..20).map(|at| START + at * 20 * DAY + (at % 2) * 3_600_000_000);
    dates.flat_map(|as_of| ["a00", "a01"].map(|id| key(id, as_of))).collect()
}

/// Changes one thing of one fact of a table, or takes the fact away.
fn change_one(rng: &mut ChaCha8Rng, facts: &mut AccountFacts) {
    fn of<T>(rng: &mut ChaCha8Rng, rows: &mut Vec<T>, change: impl FnOnce(&mut ChaCha8Rng, &mut T)) {
        if rows.is_empty() {
            return;
        }
        let at = rng.random_range(0..rows.len());
        if rng.random_bool(0.2) {
            rows.remove(at);
        } else {
            change(rng, &mut rows[at]);
        }
    }
    fn time(rng: &mut ChaCha8Rng) -> Option<Timestamp> {
        rng.random_bool(0.8).then(|| START + rng.random_range(0..500 * DAY))
    }
    fn number(rng: &mut ChaCha8Rng) -> Option<f64> {
        rng.random_bool(0.8).then(|| f64::from(rng.random_range(0_u8..9)))
    }
    match rng.random_range(0..13) {
        0 => of(rng, &mut facts.tickets, |rng, row| match rng.random_range(0..5) {
            0 => row.solved_at = time(rng),
            1 => row.escalated_at = time(rng),
            2 => row.reopens = number(rng),
            3 => row.satisfaction_score = number(rng),
            _ => row.priority = None,
        }),
        1 => of(rng, &mut facts.invoices, |rng, row| match rng.random_range(0..5) {
            0 => row.paid_at = time(rng),
            1 => row.amount_paid = number(rng),
            2 => row.attempt_count = number(rng),
            3 => row.due_at = time(rng),
            _ => row.amount_due += 1.0,
        }),
        2 => of(rng, &mut facts.opportunities, |rng, row| match rng.random_range(0..3) {
            0 => row.closed_at = time(rng),
            1 => row.is_won = Some(true),
            _ => row.amount = number(rng),
        }),
        3 => of(rng, &mut facts.contacts, |rng, row| match rng.random_range(0..2) {
            0 => row.left_at = time(rng),
            _ => row.title = Some("CTO".into()),
        }),
        4 => of(rng, &mut facts.milestones, |rng, row| match rng.random_range(0..3) {
            0 => row.achieved_at = time(rng),
            1 => row.target_at = time(rng),
            _ => row.value = number(rng),
        }),
        5 => of(rng, &mut facts.states, |rng, row| row.ended_at = time(rng)),
        6 => of(rng, &mut facts.interventions, |rng, row| match rng.random_range(0..2) {
            0 => row.delivered_at = time(rng),
            _ => row.action = "mail".into(),
        }),
        7 => of(rng, &mut facts.activities, |rng, row| match rng.random_range(0..2) {
            0 => row.response_hours = number(rng),
            _ => row.sentiment = number(rng),
        }),
        8 => of(rng, &mut facts.surveys, |rng, row| row.score = f64::from(rng.random_range(0_u8..9))),
        9 => of(rng, &mut facts.subscription_events, |rng, row| match rng.random_range(0..3) {
            0 => row.term_end = time(rng),
            1 => row.mrr_after = number(rng),
            _ => row.effective_at = row.effective_at.min(row.visible_at).plus_days(-3),
        }),
        10 => of(rng, &mut facts.field_changes, |_, row| row.value = None),
        11 => of(rng, &mut facts.usage, |_, row| row.channel = None),
        _ => of(rng, &mut facts.subscriptions, |rng, row| match rng.random_range(0..9) {
            0 => row.ended_at = time(rng),
            1 => row.cancel_requested_at = time(rng),
            2 => row.current_term_start = time(rng),
            3 => row.current_term_end = time(rng),
            4 => row.billing_period_months = Some(rng.random_range(1..24)),
            5 => row.quantity = number(rng),
            6 => row.mrr += 1.0,
            7 => row.auto_renew = None,
            _ => row.plan = Some("max".into()),
        }),
    }
    random::sort(facts);
}

/// How many rows have equal fingerprints; fails where such a row has other values.
fn equal_rows(before: &History, after: &History) -> usize {
    let (keys, specs) = (keys(), specs(before, &ComputeConfig::default()).unwrap());
    let told = |history: &History| fingerprints(history, &keys, &specs, None).unwrap().rows;
    let cells = |history: &History| bits(&table(history, &keys, &specs).unwrap());
    let (told_before, told_after) = (told(before), told(after));
    let (cells_before, cells_after) = (cells(before), cells(after));
    let mut n_equal = 0;
    for (row, key) in keys.iter().enumerate().filter(|(row, _)| told_before[*row] == told_after[*row]) {
        n_equal += 1;
        for (spec, (a, b)) in specs.iter().zip(cells_before.iter().zip(&cells_after)) {
            // The whole book has its own account of what changed.
            if !spec.name.starts_with("book_") {
                assert_eq!(a[row], b[row], "{} of {} at {}", spec.name, key.account_id, key.as_of);
            }
        }
    }
    n_equal
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn rows_with_equal_fingerprints_have_equal_values(seed in any::<u64>(), constant in 0_usize..5) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut before = random::history(&mut rng, 2, 6);
        before.until = Some(START.plus_days(900));
        before.constant_subscription_columns = MutableColumn::ALL.into_iter().take(constant).collect();
        let mut after = before.clone();
        for _ in 0..rng.random_range(1..4) {
            let account = rng.random_range(0..2);
            change_one(&mut rng, &mut after.accounts[account]);
        }
        equal_rows(&before, &after);
    }

    /// What nobody could know changes no fingerprint: else every row would be computed again for it.
    #[test]
    fn what_becomes_known_later_changes_no_fingerprint_before(seed in any::<u64>(), day in 60_i64..380) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let before = random::history(&mut rng, 2, 6);
        let as_of = START.plus_days(day);
        let mut after = before.clone();
        for facts in &mut after.accounts {
            random::change_the_future(&mut rng, facts, as_of);
            random::add(&mut rng, facts, 6, When::UnknownAt(as_of));
        }
        let (keys, specs) = (keys(), specs(&before, &ComputeConfig::default()).unwrap());
        let told = |history: &History| fingerprints(history, &keys, &specs, None).unwrap().rows;
        for ((key, before), after) in keys.iter().zip(told(&before)).zip(told(&after)) {
            prop_assert!(key.as_of > as_of || before == after, "{} at {}", key.account_id, key.as_of);
        }
    }
}
