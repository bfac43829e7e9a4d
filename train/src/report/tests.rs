//! What every page must be: balanced, self-contained, free of what is not a number.

use super::example::report;
use super::*;
use crate::evaluate::{Difference, Estimate, EvaluateOptions, ScoredRows, evaluate, evaluate_ranking};

/// Elements that have no end.
const VOID: [&str; 2] = ["meta", "!DOCTYPE"];

/// Walks over all tags and refuses what does not close in order; gives the text between the tags.
fn text_of(page: &str) -> String {
    let mut open: Vec<&str> = Vec::new();
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, from_tag)) = rest.split_once('<') {
        if open.last() != Some(&"style") {
            text.push_str(before);
            text.push(' ');
        }
        let (tag, after) = from_tag.split_once('>').expect("a tag that ends");
        assert!(!tag.contains('<'), "`<` inside the tag {tag}");
        assert_eq!(tag.matches('"').count() % 2, 0, "an open quote in {tag}");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "the end of {name} closes something else");
        } else {
            let name = tag.split_whitespace().next().unwrap_or_default();
            if !VOID.contains(&name) {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check(page: &str) -> String {
    let text = text_of(page);
    for bad in ["NaN", "inf ", "Infinity", "None", "Some("] {
        assert!(!text.contains(bad), "`{bad}` in the text");
    }
    let tags = page.split_once("</style>").expect("a style sheet").1;
    for bad in ["NaN", "=\"inf", "=\"-inf", ">inf<", "http", "src=", "url(", "@import", "<script", "<link"] {
        assert!(!tags.contains(bad), "`{bad}` in the page");
    }
    assert!(!page.contains("http"), "the page refers to another place");
    text
}

#[test]
fn the_page_is_whole_and_stands_alone() {
    let text = check(&html(&report()));
    for heading in
        ["Who to call first", "What moves the risk", "Is it better than a simple rule?", "How it was judged"]
    {
        assert!(text.contains(heading), "{heading}");
    }
}

#[test]
fn ids_are_unique_and_every_chart_is_described() {
    let page = html(&report());
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let n_ids = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n_ids);
    let charts = page.matches("<svg ").count();
    assert_eq!(charts, 10);
    assert_eq!((page.matches("<desc ").count(), page.matches("aria-labelledby").count()), (charts, charts));
}

#[test]
fn lead_time_is_told_beside_what_is_quoted_and_left_out_where_nobody_was_followed() {
    let page = html(&report());
    let text = text_of(&page);
    let start = text.find("Such scores").expect("what is quoted");
    let end = text.find("Accuracy says").expect("the end of it");
    insta::assert_snapshot!(text[start..end].replace('\u{202f}', " "), @"Such scores are sold by their accuracy: 70 %, 75 % and 80–90 % are quoted, without a lead time. On these scorings “everybody renews” is right 87 % of the time, the model’s flags 86 %.");
    assert!(text.contains("≥ 90 days") && text.contains("How early does it warn?"));
    let page = html(&Report { lead_time: None, ..report() });
    assert!(!check(&page).contains("How early"));
}

#[test]
fn the_first_words_say_it_plainly() {
    let text = text_of(&html(&report()));
    let start = text.find("Of the 10").expect("a headline");
    let end = text.find(" AUC ").expect("figures");
    insta::assert_snapshot!(text[start..end].replace('\u{202f}', " "), @"Of the 10 % of rows ranked riskiest, 48 % did not renew : 3.3× the average of 14.4 %. Judged on 1,300 rows of 650 accounts, none of which the judged model had learnt from; 187 of the rows did not renew. Shown one that did and one that did not, the model puts the right one first 80 % of the time.");
}

#[test]
fn what_helps_nobody_is_not_served_unless_asked_for() {
    let mut report = report();
    let before = report.warnings.len();
    assert_eq!(report.served(Some(1), None, Promote::WhenBetter), Some(1));
    assert_eq!(report.served(None::<u8>, Some("They are poor."), Promote::WhenBetter), None);
    assert_eq!(report.warnings.len(), before, "nothing to warn of");
    assert_eq!(report.served(Some(1), Some("They are poor."), Promote::WhenBetter), None);
    assert_eq!(report.served(Some(1), Some("They are poor."), Promote::Always), Some(1));
    assert_eq!(report.warnings[before], "They are poor. They are left out of the bundle.");
    assert!(report.warnings[before + 1].contains("served all the same"));
}

#[test]
fn horizons_are_a_section_of_their_own_and_their_absence_a_note() {
    let text = text_of(&html(&report()));
    let start = text.find("When will they churn?").expect("the section");
    let text = text[start..].replace('\u{202f}', " ");
    assert!(text.contains("30 days 19 churned 1,300 1.5 % 1.6 % 0.840"), "{text}");
    assert!(text.contains("renewal model 0.800"), "{text}");
    assert!(text.contains("contracted 101 7.8 % 8.2 % 10.0 % 0.0 % 85.0 % 5.0 %"), "{text}");
    let without = report().with_horizons(Err("nobody churned".to_owned()));
    assert_eq!(
        without.notes.last().map(String::as_str),
        Some("No probabilities within 30 to 180 days: nobody churned.")
    );
    let without = Report { horizons: None, ..without };
    assert!(!check(&html(&without)).contains("When will they churn?"));
}

#[test]
fn rules_are_compared_in_words() {
    let mut report = report();
    let verdict = |report: &Report| {
        let text = text_of(&html(report));
        let start = text.find("In ranking (AUC)").expect("a verdict");
        let end = text.find(" Ranking: AUC").expect("a chart");
        text[start..end].to_owned()
    };
    insta::assert_snapshot!(verdict(&report), @"In ranking (AUC) the model is better than “base rate”, “days since last use”, “health score, given weights”. In its probabilities (log loss) the model is better than “base rate”, “health score, given weights”.");
    for (baseline, sign) in report.baselines.iter_mut().zip([-1.0, 0.0, 1.0]) {
        let estimate =
            Estimate { value: sign * 0.1, low: Some(sign * 0.1 - 0.05), high: Some(sign * 0.1 + 0.05) };
        baseline.model_minus_this = Some(Difference { auc: Some(estimate), log_loss: Some(estimate) });
    }
    insta::assert_snapshot!(verdict(&report), @"In ranking (AUC) the model is better than “health score, given weights”; it cannot be told apart on these rows from “days since last use”; it is worse than “base rate”. In its probabilities (log loss) the model is better than “base rate”; it cannot be told apart on these rows from “days since last use”; it is worse than “health score, given weights”.");
}

#[test]
fn what_others_named_cannot_break_the_page() {
    let mut report = report();
    let nasty = "<script>alert(\"1\")</script>&'";
    report.title = nasty.to_owned();
    report.warnings = vec![nasty.to_owned()];
    report.importance[0].feature = nasty.to_owned();
    report.baselines[0].name = nasty.to_owned();
    report.segments[0].segment = nasty.to_owned();
    report.data.tables[0].name = nasty.to_owned();
    let text = check(&html(&report));
    assert!(text.contains("&lt;script&gt;"));
}

#[test]
fn figures_that_are_missing_or_not_numbers_are_dashes() {
    let mut report = report();
    let labels = [0.0; 6];
    let groups = [0, 1, 2, 3, 4, 5];
    let rows = ScoredRows {
        labels: &labels,
        probabilities: &[0.2; 6],
        weights: &[1.0; 6],
        groups: &groups,
        arr: None,
    };
    let options = EvaluateOptions { replicates: 30, ..EvaluateOptions::default() };
    report.evaluation = evaluate(&rows, &options).unwrap();
    report.baselines[0].evaluation = evaluate_ranking(&rows, &options).unwrap();
    report.baselines[0].model_minus_this = None;
    report.candidates[0].log_loss = f64::NAN;
    report.candidates[0].auc = None;
    report.calibration.log_loss_before = None;
    report.importance[0].share = f64::NAN;
    report.importance_by_dimension[0].share = f64::NAN;
    report.data.first = None;
    report.protocol.blocks[0].first = None;
    report.protocol.purge_days = None;
    let text = check(&html(&report));
    assert!(text.contains("In none of the 6 rows"), "{text}");

    report.baselines.clear();
    report.candidates.clear();
    report.importance.clear();
    report.importance_by_dimension.clear();
    report.segments.clear();
    report.notes.clear();
    report.warnings.clear();
    report.protocol.blocks.clear();
    report.data.tables.clear();
    report.data.feature_groups.clear();
    report.evaluation = evaluate_ranking(&rows, &options).unwrap();
    check(&html(&report));
}

#[test]
fn json_is_the_same_each_time_and_reads_back() {
    let text = json(&report()).unwrap();
    assert_eq!(text, json(&report()).unwrap());
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report());
}
