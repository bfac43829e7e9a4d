//! What explains a value is what computing it anew without each fact shows.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::random::{self, START};
use super::{bits, key};
use crate::compute::{Explanation, Key, explain, specs_of, table};
use crate::history::{AccountFacts, Book, History};
use crate::read::{self, HistoryConfig};
use crate::store::Fact;
use crate::time::{DAY, Timestamp};

/// Of every table, of several, of none but usage; windows and whole lives.
const NAMES: [&str; 16] = [
    "events_28d",
    "users_90d",
    "days_since_first_use",
    "days_since_last_use",
    "value_28d__export",
    "events_per_week__login",
    "distinct_events_28d",
    "open_tickets",
    "arr",
    "arr_change_90d",
    "tenure_days",
    "seats_active_share_28d",
    "book_churn_rate_90d",
    "milestones_overdue",
    "recent_plays",
    "stage",
];

/// Whole numbers and few times: many rows are alike.
fn with_plain_usage(facts: &mut AccountFacts, rng: &mut ChaCha8Rng) {
    for row in &mut facts.usage {
        let day = row.occurred_at.0.div_euclid(3 * DAY) * 3 * DAY;
        let time = Timestamp(day + rng.random_range(0..3) * 3_600_000_000);
        (row.occurred_at, row.visible_at) = (time, time);
        (row.count, row.active_users) = (1.0, None);
        row.value = row.value.map(|_| 2.0);
    }
    random::sort(facts);
}

/// The facts that change the value, each with the value without it: computed once for every fact.
fn one_by_one(history: &History, key: &Key, name: &str) -> (Vec<String>, Vec<String>) {
    let specs = specs_of(history, &[name.to_owned()]).unwrap();
    let own = history.accounts.iter().find(|facts| facts.account_id == key.account_id).unwrap();
    let facts: Vec<Fact> = own.clone().take().collect();
    let value = |facts: &mut dyn Iterator<Item = &Fact>| {
        let mut own = AccountFacts { account_id: key.account_id.clone(), ..AccountFacts::default() };
        facts.for_each(|fact| own.add(fact.clone()));
        own.sort();
        let book = Some(Book::of(&history.accounts).into());
        let one = History { accounts: vec![own], book, ..history.clone() };
        bits(&table(&one, std::slice::from_ref(key), &specs).unwrap())[0][0].clone()
    };
    let all = value(&mut facts.iter());
    let mut behind = Vec::new();
    for (at, fact) in facts.iter().enumerate() {
        let others = facts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, fact)| fact);
        let is_known = fact.visible_at().is_none_or(|visible_at| visible_at < key.as_of);
        if is_known && value(&mut others.into_iter()) != all {
            behind.push(format!("{fact:?}"));
        }
    }
    behind.sort();
    let explained = explain(history, key, name).unwrap();
    let mut found: Vec<String> = explained.behind.iter().map(|one| format!("{:?}", one.fact)).collect();
    found.sort();
    // The values without them, too.
    for one in &explained.behind {
        let at = facts.iter().position(|fact| *fact == one.fact).unwrap();
        let others = facts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, fact)| fact);
        let expected = value(&mut others.into_iter());
        let told = match (&one.without, expected.starts_with("Some")) {
            (Some(text), true) => format!("Some({text:?})"),
            (Some(text), false) => format!("{:016x}", text.parse::<f64>().unwrap().to_bits()),
            (None, _) if expected == "None" => expected.clone(),
            (None, _) => format!("{:016x}", f64::NAN.to_bits()),
        };
        assert_eq!(told, expected, "{name} without {:?}", one.fact);
    }
    (behind, found)
}

/// What explains the users of March of a history of these files.
#[expect(clippy::disallowed_methods, reason = "tests make files that no reader watches")]
fn explained(files: [(&str, &[&str]); 2]) -> Explanation {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, header: &str, rows: &[&str]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, [&[header], rows].concat().join("\n")).unwrap();
    };
    let contract = ["s1,a1,100,12,2024-01-01"];
    put("subscriptions.csv", "subscription_id,account_id,mrr,billing_period_months,started_at", &contract);
    for (name, rows) in files {
        put(&format!("usage_events/{name}.csv"), "account_id,user_id,event,occurred_at", rows);
    }
    let history = read::history(folder.path(), &HistoryConfig::default()).unwrap();
    explain(&history, &key("a1", Timestamp::parse("2024-03-10").unwrap()), "events_28d").unwrap()
}

#[test]
fn the_numbers_of_users_hang_on_their_rows_alone() {
    let rows = [
        "a1,u1,login,2024-03-01T10:00:00Z",
        "a1,u2,login,2024-03-01T10:00:00Z",
        "a1,u3,export,2024-03-01T10:00:00Z",
        "a1,u2,login,2024-03-02T10:00:00Z",
        "a1,,login,2024-03-01T10:00:00Z",
    ];
    let expected = explained([("1", &rows[..2]), ("2", &rows[2..])]);
    assert_eq!(expected.behind.len(), 5);
    let reversed: Vec<&str> = rows.iter().rev().copied().collect();
    assert_eq!(explained([("1", &rows[2..]), ("2", &rows[..2])]), expected, "other files first");
    for cut in 0..=5 {
        assert_eq!(explained([("1", &reversed[..cut]), ("2", &reversed[cut..])]), expected, "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn each_fact_left_out_shows_what_computing_anew_shows(seed in any::<u64>(), plain in any::<bool>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut history = random::history(&mut rng, 2, 6);
        if plain {
            history.accounts.iter_mut().for_each(|facts| with_plain_usage(facts, &mut rng));
        }
        let as_of = START + rng.random_range(150 * DAY..400 * DAY);
        for name in NAMES {
            let (expected, found) = one_by_one(&history, &key("a00", as_of), name);
            prop_assert_eq!(expected, found, "{} at {}", name, as_of);
        }
    }
}
