//! Nothing at or after the observation, and no row known only then, changes a feature; nor do the rows
//! beside it, the order of the facts or the number of threads.

use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::random::{self, START, When};
use super::{bits, differences, key};
use crate::compute::{ComputeConfig, Key, specs, table};
use crate::history::{History, SubscriptionEvent, SubscriptionEventType};
use crate::time::Timestamp;

/// A random history whose renewal history tells the MRR, or never does.
fn random_history(rng: &mut ChaCha8Rng) -> History {
    let mut history = random::history(rng, 3, 6);
    if rng.random_bool(0.3) {
        for event in history.accounts.iter_mut().flat_map(|facts| &mut facts.subscription_events) {
            (event.mrr_before, event.mrr_after) = (None, None);
        }
        return history;
    }
    history.accounts[0].subscription_events.push(SubscriptionEvent {
        visible_at: START,
        subscription_id: "s0".into(),
        event_type: SubscriptionEventType::New,
        mrr_before: None,
        mrr_after: Some(50.0),
        term_end: None,
        effective_at: START,
    });
    random::sort(&mut history.accounts[0]);
    history
}

fn keys(as_of: &[Timestamp]) -> Vec<Key> {
    as_of.iter().flat_map(|&as_of| ["a00", "a01", "a02"].map(|id| key(id, as_of))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_future_changes_nothing(seed in any::<u64>(), day in 20_i64..380, hours in 0_i64..24) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let before = random_history(&mut rng);
        let as_of = START.plus_days(day) + hours * 3_600_000_000;
        let specs = specs(&before, &ComputeConfig::default()).unwrap();
        let mut after = before.clone();
        for facts in &mut after.accounts {
            random::change_the_future(&mut rng, facts, as_of);
            random::add(&mut rng, facts, 6, When::UnknownAt(as_of));
        }
        let known = table(&before, &keys(&[as_of]), &specs).unwrap();
        let poisoned = table(&after, &keys(&[as_of]), &specs).unwrap();
        prop_assert_eq!(differences(&known, &poisoned), Vec::<String>::new());
    }

    /// What an export shows today of cells without a time must not reach a row of the past.
    #[test]
    fn cells_of_today_change_no_past_row(seed in any::<u64>(), day in 20_i64..480) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let before = random_history(&mut rng);
        let as_of = START.plus_days(day);
        let specs = specs(&before, &ComputeConfig::default()).unwrap();
        let mut after = before.clone();
        after.accounts.iter_mut().for_each(|facts| random::change_today(&mut rng, facts, as_of));
        let told = table(&before, &keys(&[as_of]), &specs).unwrap();
        let changed = table(&after, &keys(&[as_of]), &specs).unwrap();
        prop_assert_eq!(differences(&told, &changed), Vec::<String>::new());
    }

    #[test]
    fn neighbours_order_and_threads_do_not_show(seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let history = random_history(&mut rng);
        let specs = specs(&history, &ComputeConfig::default()).unwrap();
        let times: Vec<Timestamp> = (0..6).map(|step| START.plus_days(step * 60 + 3)).collect();
        let keys = keys(&times);
        let together = table(&history, &keys, &specs).unwrap();
        for (row, key) in keys.iter().enumerate() {
            let alone = table(&history, std::slice::from_ref(key), &specs).unwrap();
            prop_assert_eq!(differences(&together.take(&[row]), &alone), Vec::<String>::new());
        }
        let mut shuffled = history.clone();
        for facts in &mut shuffled.accounts {
            facts.usage.shuffle(&mut rng);
            facts.tickets.shuffle(&mut rng);
            facts.activities.shuffle(&mut rng);
            facts.invoices.shuffle(&mut rng);
            facts.subscriptions.shuffle(&mut rng);
            facts.milestones.shuffle(&mut rng);
            facts.contacts.shuffle(&mut rng);
            facts.surveys.shuffle(&mut rng);
            facts.opportunities.shuffle(&mut rng);
            facts.subscription_events.shuffle(&mut rng);
            random::sort(facts);
        }
        prop_assert_eq!(differences(&together, &table(&shuffled, &keys, &specs).unwrap()), Vec::<String>::new());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let one_thread = pool.install(|| table(&history, &keys, &specs)).unwrap();
        prop_assert_eq!(bits(&together), bits(&one_thread));
    }
}

#[test]
fn the_random_histories_fill_every_feature() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut history = random::history(&mut rng, 90, 8);
    let as_of = START.plus_days(390);
    history.until = Some(as_of);
    let specs = specs(&history, &ComputeConfig::default()).unwrap();
    let keys: Vec<Key> = (0..90).map(|index| key(&format!("a{index:02}"), as_of)).collect();
    let table = table(&history, &keys, &specs).unwrap();
    let empty: Vec<&str> = specs
        .iter()
        .zip(table.columns())
        .filter(|(_, column)| match column {
            crate::Column::Number(values) => values.iter().all(|value| value.is_nan()),
            crate::Column::Text(values) => values.iter().all(Option::is_none),
        })
        .map(|(spec, _)| spec.name.as_str())
        .collect();
    // The generator writes no accounts row.
    let expected = ["is_strategic", "days_since_strategic_review"];
    assert_eq!(empty, expected);
}
