//! What earlier readings and earlier plays do to an answer.

use holdfast_actions::{Account, Answer, Band, Guardrail, Reading, Readings, answer, answer_account};
use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind, Role, RowKey};
use holdfast_models::Bundle;

use crate::business::{Business, business};
use crate::{as_of, policy};

/// `table` with `column` in place of that of its name, else behind the others.
fn with(table: &FeatureTable, name: &str, kind: Kind, column: Column) -> FeatureTable {
    let (mut specs, mut columns) = (table.specs().to_vec(), table.columns().to_vec());
    match table.index_of(name) {
        Some(index) => columns[index] = column,
        None => {
            specs.push(FeatureSpec { role: Role::Context, ..FeatureSpec::prepared(name, kind) });
            columns.push(column);
        }
    }
    FeatureTable::new(specs, columns, table.n_rows()).unwrap()
}

fn after(bundle: &Bundle, table: &FeatureTable, index: usize, readings: &[(i64, Band)]) -> Answer {
    let reading =
        |&(days, band): &(i64, Band)| Reading { as_of: as_of().plus_days(-days), health: None, band };
    let readings: Vec<Reading> = readings.iter().map(reading).collect();
    let account = Account { row: table.row(index), as_of: as_of(), readings: &readings, touches: &[] };
    answer_account(&policy(), bundle, &account)
}

#[test]
fn a_band_waits_for_a_second_reading_and_says_so() {
    let Business { bundle, accounts, .. } = business(&policy());
    let band = |readings: &[(i64, Band)]| after(&bundle, &accounts, 2, readings).assessment.band;
    assert_eq!(band(&[]), Band::High);
    assert_eq!(band(&[(7, Band::Low)]), Band::Low);
    assert_eq!(band(&[(30, Band::Low), (7, Band::High)]), Band::High);
    assert_eq!(band(&[(30, Band::Low), (7, Band::Medium)]), Band::Medium, "both say at least medium");
    assert_eq!(band(&[(31, Band::Low)]), Band::High, "too old to hold anything");
    assert_eq!(band(&[(-1, Band::Low), (0, Band::Low)]), Band::High, "not earlier");

    let held = after(&bundle, &accounts, 2, &[(7, Band::Low), (30, Band::Low)]).assessment;
    assert_eq!(
        held.band_reasons.last().unwrap(),
        "Held at low risk until a second reading agrees: today alone says high risk, 2025-05-26 said low risk"
    );
}

#[test]
fn a_sponsor_who_left_does_not_wait() {
    let Business { bundle, accounts, .. } = business(&policy());
    let answer = after(&bundle, &accounts, 0, &[(30, Band::Healthy), (7, Band::Healthy)]);
    assert_eq!(answer.assessment.band, Band::Medium);
    let reasons = answer.assessment.band_reasons.join("; ");
    assert!(reasons.ends_with("sponsor left: at best medium risk"), "{reasons}");
}

#[test]
fn a_sudden_fall_in_health_does_not_wait() {
    let Business { bundle, accounts, .. } = business(&policy());
    let readings = [Reading { as_of: as_of().plus_days(-7), health: Some(100.0), band: Band::Healthy }];
    let account = Account { row: accounts.row(2), as_of: as_of(), readings: &readings, touches: &[] };
    let answer = answer_account(&policy(), &bundle, &account);
    assert_eq!(answer.assessment.band, Band::High);
    assert!(answer.escalation.is_some());
}

#[test]
fn readings_are_those_of_the_accounts_earlier_rows() {
    let policy = policy();
    let Business { bundle, history, .. } = business(&policy);
    let days_ago = [40, 30, 7, 0, 0, 200];
    let key = |row: usize| RowKey {
        account_id: if row == 4 { "other" } else { "one" }.into(),
        as_of: as_of().plus_days(-days_ago[row]),
    };
    let keys: Vec<RowKey> = (0..days_ago.len()).map(key).collect();
    let readings = Readings::of_table(&policy, &bundle, &keys, &history);
    let days = |account: &str, before: i64| -> Vec<f64> {
        let before = as_of().plus_days(-before);
        readings.before(account, before).iter().map(|one| as_of().days_since(one.as_of)).collect()
    };
    // What is older than anything looks back is not read at all.
    assert_eq!(days("one", 0), [40.0, 30.0, 7.0]);
    assert_eq!(days("one", 30), [40.0]);
    assert!(days("other", 0).is_empty() && days("nobody", 0).is_empty());

    let alone = answer(&policy, &bundle, history.row(2), keys[2].as_of).assessment;
    let read = readings.before("one", as_of())[2];
    assert_eq!((read.health, read.band), (alone.health.overall, alone.band));
}

#[test]
fn plays_that_the_row_tells_of_rest() {
    let Business { bundle, accounts, .. } = business(&policy());
    let told = |text: &str| {
        let column = Column::Text(vec![Some(text.into()); accounts.n_rows()]);
        let table = with(&accounts, "recent_plays", Kind::Category, column);
        answer(&policy(), &bundle, table.row(2), as_of())
    };
    let rests = |answer: &Answer| {
        answer
            .suppressed
            .iter()
            .any(|held| held.play == "payment_reminder" && held.guardrail == Guardrail::Cooldown)
    };
    let recent = told("payment_reminder@2025-06-01;discovery_call@2025-01-01");
    assert!(rests(&recent) && recent.notes.is_empty(), "{:?}", recent.notes);
    assert!(!rests(&told("payment_reminder@2024-07-01")));
    let unread = told("payment_reminder@yesterday");
    assert!(!rests(&unread));
    assert_eq!(
        unread.notes,
        [
            "No cooldown is kept for `payment_reminder@yesterday` in recent_plays: it is no `action@YYYY-MM-DD`"
        ]
    );
}

#[test]
fn a_high_risk_is_worked_on_by_a_person_or_the_answer_says_why_not() {
    let Business { bundle, history, accounts, .. } = business(&policy());
    let is_by_hand = |answer: &Answer| answer.actions.iter().any(|action| !action.automated);
    let mut high = 0;
    for index in 0..history.n_rows() {
        let answer = answer(&policy(), &bundle, history.row(index), as_of());
        if answer.assessment.band == Band::High {
            high += 1;
            assert!(is_by_hand(&answer), "{:?}", answer.suppressed);
        }
    }
    assert!(high > 0);

    let worthless = with(&accounts, "arr", Kind::Number, Column::Number(vec![20.0; accounts.n_rows()]));
    let answer = answer(&policy(), &bundle, worthless.row(2), as_of());
    assert!(!is_by_hand(&answer));
    let [note] = answer.notes.as_slice() else { panic!("{:?}", answer.notes) };
    let start =
        "Band high risk, and nothing is recommended: the play nearest to its worth, \"Three lines by hand";
    assert!(note.starts_with(start) && note.contains("doing nothing is worth more"), "{note}");
}

#[test]
fn what_is_said_to_a_customer_is_fit_to_be_said() {
    let Business { bundle, history, accounts, .. } = business(&policy());
    for table in [&history, &accounts] {
        for index in 0..table.n_rows() {
            for action in answer(&policy(), &bundle, table.row(index), as_of()).actions {
                let said = &action.talking_points[0];
                let is_ours = ["NPS", "sponsor", "champion", "Health"].iter().any(|word| said.contains(word));
                assert!(!said.starts_with("What we see") || !is_ours, "{}: {said}", action.play);
            }
        }
    }
}
