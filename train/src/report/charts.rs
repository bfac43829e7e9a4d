//! The charts of the report, each a function of figures alone.

use maud::{Markup, html};

use super::format::{NOTHING, number, percent};
use super::plot::{Frame, ceiling, fixed, ticks, widened};
use super::{NamedEvaluation, Protocol};
use crate::evaluate::{Estimate, Evaluation, Reliability, RiskBand};
use crate::scorings::{LeadTimes, Ranking};

const SQUARE: Frame = Frame {
    width: 460.0,
    height: 350.0,
    left: 50.0,
    right: 16.0,
    top: 30.0,
    bottom: 46.0,
    x: (0.0, 1.0),
    y: (0.0, 1.0),
};
/// More lines than this could not be told apart.
const MOST_GAINS_LINES: usize = 3;

/// Cumulative gains of the model and of the baselines.
pub(super) fn gains(model: &Evaluation, baselines: &[NamedEvaluation]) -> Markup {
    let frame = SQUARE;
    let fifths = ticks(0.0, 1.0, 5);
    let line = |evaluation: &Evaluation| frame.path(evaluation.gains.iter().map(|p| (p.share, p.caught)));
    let others: Vec<&NamedEvaluation> =
        baselines.iter().filter(|b| ranks(&b.evaluation)).take(MOST_GAINS_LINES).collect();
    let caught = |share: f64| {
        model.gains.iter().find(|p| p.share >= share - 1e-9).map_or(NOTHING.to_owned(), |p| percent(p.caught))
    };
    let description = format!(
        "Working through the riskiest 10 % finds {} of all churn, 20 % finds {}, 50 % finds {}.",
        caught(0.1),
        caught(0.2),
        caught(0.5)
    );
    let base = model.base_rate.value;
    let legend_x = 226.0;
    let legend_y = 300.0 - 17.0 * (2.0 + f64_of(others.len()));
    let key = |row: f64, class: &str, text: &str| {
        html! {
            @let y = fixed(legend_y + 17.0 * row - 4.0);
            line class=(class) x1=(legend_x) x2=(legend_x + 22.0) y1=(y) y2=(y) {}
            text.key x=(legend_x + 30.0) y=(fixed(legend_y + 17.0 * row)) { (text) }
        }
    };
    frame.svg(
        "gains",
        "Share of churn found against share of accounts worked through",
        &description,
        &html! {
            (frame.y_axis(&fifths, percent, "Share of churn found"))
            (frame.x_axis(&fifths, percent, "Share worked through, riskiest first"))
            path.perfect d=(frame.path([(0.0, 0.0), (base, 1.0), (1.0, 1.0)])) {}
            path.chance d=(frame.path([(0.0, 0.0), (1.0, 1.0)])) {}
            @for (index, other) in others.iter().enumerate() {
                path class={ "rule rule-" (index) } d=(line(&other.evaluation)) {}
            }
            path.model d=(line(model)) {}
            (key(0.0, "model", "this model"))
            @for (index, other) in others.iter().enumerate() {
                (key(1.0 + f64_of(index), &format!("rule rule-{index}"), &shortened(&other.name, 26)))
            }
            (key(1.0 + f64_of(others.len()), "chance", "random order"))
        },
    )
}

/// The share of churners with a sustained alert, by days ahead, of each ranking.
pub(super) fn lead_times(lead: &LeadTimes) -> Markup {
    let frame = Frame { x: (0.0, 180.0), ..SQUARE };
    let points = |ranking: &Ranking| -> Vec<(f64, f64)> {
        let caught = ranking.lead.caught.iter();
        caught.filter_map(|caught| caught.share.map(|share| (f64::from(caught.days), share))).collect()
    };
    let description = lead
        .rankings
        .iter()
        .map(|ranking| {
            let shares = points(ranking);
            let shares: Vec<String> =
                shares.iter().map(|(days, share)| format!("{} {days} days ahead", percent(*share))).collect();
            format!("{}: {}.", ranking.name, shares.join(", "))
        })
        .collect::<Vec<_>>()
        .join(" ");
    let class = |index: usize| match index.checked_sub(1) {
        None => "model".to_owned(),
        Some(rule) => format!("rule rule-{rule}"),
    };
    let shown = || lead.rankings.iter().take(1 + MOST_GAINS_LINES).enumerate();
    frame.svg(
        "lead-time",
        "Share of churners with a sustained alert against days ahead",
        &description,
        &html! {
            (frame.y_axis(&ticks(0.0, 1.0, 5), percent, "Share of churners caught"))
            (frame.x_axis(&[30.0, 60.0, 90.0, 120.0, 150.0, 180.0], |days| number(days, 0), "At least so many days ahead"))
            @for (index, ranking) in shown() {
                path class=(class(index)) d=(frame.path(points(ranking))) {}
                @let y = fixed(44.0 + 17.0 * f64_of(index));
                line class=(class(index)) x1="226" x2="248" y1=(y) y2=(y) {}
                text.key x="256" y=(fixed(48.0 + 17.0 * f64_of(index))) { (shortened(&ranking.name, 26)) }
            }
        },
    )
}

/// Whether it orders rows to speak of: a constant score lies on the line of a random order, or beside it where the
/// constant differs from fold to fold.
fn ranks(evaluation: &Evaluation) -> bool {
    evaluation.auc.is_some_and(|auc| match (auc.low, auc.high) {
        (Some(low), Some(high)) => low > 0.5 || high < 0.5,
        _ => (auc.value - 0.5).abs() > 0.03,
    })
}

/// Observed churn of the ten bands, with what the model said.
pub(super) fn risk_bands(bands: &[RiskBand], base_rate: f64) -> Markup {
    let highest = bands.iter().map(|b| b.observed.max(b.mean_score)).fold(base_rate, f64::max);
    let top = ceiling(highest, 5).min(1.0);
    let frame = Frame { x: (0.5, 10.5), y: (0.0, top), ..SQUARE };
    let bar = (frame.at_x(2.0) - frame.at_x(1.0)) * 0.66;
    let description = bands
        .iter()
        .map(|b| {
            format!("Band {}: {} churned, {} predicted.", b.band, percent(b.observed), percent(b.mean_score))
        })
        .collect::<Vec<_>>()
        .join(" ");
    let numbers: Vec<f64> = (1..=10_u8).map(f64::from).collect();
    let base = fixed(frame.at_y(base_rate));
    frame.svg(
        "bands",
        "Churn in ten bands of equal size, riskiest first",
        &description,
        &html! {
            (frame.y_axis(&ticks(0.0, top, 5), percent, "Churned"))
            (frame.x_axis(&numbers, |band| number(band, 0), "Band (1 = riskiest tenth)"))
            @for band in bands {
                @let x = frame.at_x(f64::from(band.band));
                @let y = frame.at_y(band.observed);
                rect.bar x=(fixed(x - bar / 2.0)) y=(fixed(y)) width=(fixed(bar))
                    height=(fixed((frame.at_y(0.0) - y).max(0.0))) rx="1.5" {}
                circle.dot cx=(fixed(x)) cy=(fixed(frame.at_y(band.mean_score))) r="4" {}
            }
            line.base x1=(fixed(frame.left)) x2=(fixed(frame.width - frame.right)) y1=(base) y2=(base) {}
            text.key x=(fixed(frame.width - frame.right)) y=(fixed(frame.at_y(base_rate) - 7.0)) text-anchor="end" {
                "average " (percent(base_rate))
            }
            rect.bar x="330" y="22" width="12" height="12" rx="1.5" {}
            text.key x="348" y="32" { "churned" }
            circle.dot cx="336" cy="47" r="4" {}
            text.key x="348" y="51" { "predicted" }
        },
    )
}

/// The reliability curve over its consistency band, and below it where the probabilities lie.
pub(super) fn reliability(reliability: &Reliability) -> Markup {
    let end = |values: &mut dyn Iterator<Item = f64>| ceiling(values.fold(0.0, f64::max), 5).clamp(0.05, 1.0);
    let right = end(&mut reliability.steps.iter().map(|step| step.high));
    let observed = reliability.steps.iter().map(|step| step.observed);
    let top = end(&mut observed.chain(reliability.band.iter().map(|point| point.high)).chain([right]));
    let frame = Frame { height: 440.0, bottom: 126.0, x: (0.0, right), y: (0.0, top), ..SQUARE };
    let tallest = reliability.histogram.iter().map(|bin| bin.churned + bin.retained).fold(0.0, f64::max);
    let strip =
        Frame { height: 440.0, top: 340.0, bottom: 46.0, x: (0.0, right), y: (0.0, tallest), ..SQUARE };
    let upper = reliability.band.iter().map(|p| (p.probability, p.high));
    let lower = reliability.band.iter().rev().map(|p| (p.probability, p.low));
    let curve = reliability.steps.iter().flat_map(|s| [(s.low, s.observed), (s.high, s.observed)]);
    frame.svg(
        "reliability",
        "Share that churned against the stated probability",
        "The closer the line to the diagonal, the more literally the probabilities can be taken. Inside the shaded \
         band a departure is what chance alone would give. The bars below show how many rows got which probability.",
        &html! {
            (frame.y_axis(&ticks(0.0, top, 5), percent, "Churned"))
            path.band d={ (frame.path(upper.chain(lower))) "Z" } {}
            path.chance d=(frame.path([(0.0, 0.0), (right, right)])) {}
            path.model d=(frame.path(curve)) {}
            line.floor x1=(fixed(frame.left)) x2=(fixed(frame.width - frame.right))
                y1=(fixed(frame.at_y(0.0))) y2=(fixed(frame.at_y(0.0))) {}
            (strip.x_axis(&ticks(0.0, right, 5), percent, "Stated probability"))
            @for bin in reliability.histogram.iter().filter(|bin| bin.low < right) {
                @let (x1, x2) = (strip.at_x(bin.low) + 0.5, strip.at_x(bin.high) - 0.5);
                @let (base, middle) = (strip.at_y(0.0), strip.at_y(bin.churned));
                @let end = strip.at_y(bin.churned + bin.retained);
                rect.bar x=(fixed(x1)) width=(fixed(x2 - x1)) y=(fixed(middle)) height=(fixed(base - middle)) {}
                rect.rest x=(fixed(x1)) width=(fixed(x2 - x1)) y=(fixed(end)) height=(fixed(middle - end)) {}
            }
            rect.bar x="330" y="340" width="12" height="12" rx="1.5" {}
            text.key x="348" y="350" { "churned" }
            rect.rest x="330" y="358" width="12" height="12" rx="1.5" {}
            text.key x="348" y="368" { "stayed" }
        },
    )
}

/// One row of a comparison.
pub(super) struct Compared<'a> {
    pub(super) name: &'a str,
    pub(super) estimate: Estimate,
}

/// A figure of the model (the first row) beside that of the baselines, with intervals.
pub(super) fn comparison(id: &str, figure: &str, rows: &[Compared<'_>], reference: Option<f64>) -> Markup {
    let bounds =
        |pick: fn(&Estimate) -> f64| rows.iter().map(move |row| pick(&row.estimate)).chain(reference);
    let low = bounds(|e| e.low.unwrap_or(e.value)).fold(f64::INFINITY, f64::min);
    let high = bounds(|e| e.high.unwrap_or(e.value)).fold(f64::NEG_INFINITY, f64::max);
    let frame = Frame {
        height: 84.0 + 42.0 * f64_of(rows.len()),
        left: 16.0,
        x: widened(low, high, 6),
        y: (0.0, 1.0),
        ..SQUARE
    };
    let decimals = if frame.x.1 - frame.x.0 < 0.1 { 3 } else { 2 };
    let description = rows
        .iter()
        .map(|row| format!("{}: {}.", row.name, number(row.estimate.value, 3)))
        .collect::<Vec<_>>()
        .join(" ");
    let floor = frame.height - frame.bottom;
    let steps = ticks(frame.x.0, frame.x.1, 6);
    frame.svg(
        id,
        &format!("{figure} of the model and of simple rules"),
        &description,
        &html! {
            @for &tick in &steps {
                @let x = fixed(frame.at_x(tick));
                line.grid x1=(x) x2=(x) y1="14" y2=(fixed(floor)) {}
            }
            (frame.x_axis(&steps, |tick| number(tick, decimals), figure))
            @if let Some(reference) = reference {
                @let x = fixed(frame.at_x(reference));
                line.chance x1=(x) x2=(x) y1="14" y2=(fixed(floor)) {}
            }
            @for (index, row) in rows.iter().enumerate() {
                @let y = 44.0 + 42.0 * f64_of(index);
                @let class = if index == 0 { "ours" } else { "theirs" };
                @if let (Some(low), Some(high)) = (row.estimate.low, row.estimate.high) {
                    line class={ "whisker " (class) } x1=(fixed(frame.at_x(low))) x2=(fixed(frame.at_x(high)))
                        y1=(fixed(y)) y2=(fixed(y)) {}
                }
                circle class={ "point " (class) } cx=(fixed(frame.at_x(row.estimate.value))) cy=(fixed(y)) r="5.5" {}
                @let name = shortened(row.name, 44);
                @let x = label_place(&frame, frame.at_x(row.estimate.value), name.chars().count() + 6);
                text class={ "name " (class) } x=(fixed(x)) y=(fixed(y - 12.0)) text-anchor="middle" {
                    (name) " " tspan.figure { (number(row.estimate.value, 3)) }
                }
            }
        },
    )
}

/// The middle of a label of `n_chars` characters: its point, unless that would push it out of the frame.
fn label_place(frame: &Frame, x: f64, n_chars: usize) -> f64 {
    const CHARACTER: f64 = 7.2;
    let half = CHARACTER * f64_of(n_chars) / 2.0;
    let (low, high) = (frame.left + half, frame.width - frame.right - half);
    if low < high { x.clamp(low, high) } else { frame.width / 2.0 }
}

/// The blocks of the protocol on a time line; nothing without dates.
pub(super) fn timeline(protocol: &Protocol) -> Option<Markup> {
    let spans: Vec<(&str, f64, f64, String)> = protocol
        .blocks
        .iter()
        .filter_map(|block| {
            let (first, last) = (block.first?, block.last?);
            let text = format!("{} to {}", first.midnight(), last.midnight());
            Some((block.name.as_str(), f64_of_day(first.day()), f64_of_day(last.day()) + 1.0, text))
        })
        .collect();
    let first = spans.iter().map(|span| span.1).reduce(f64::min)?;
    let last = spans.iter().map(|span| span.2).reduce(f64::max)?;
    let frame = Frame {
        width: 960.0,
        height: 78.0,
        left: 0.0,
        right: 0.0,
        top: 0.0,
        bottom: 0.0,
        x: (first, last),
        y: (0.0, 1.0),
    };
    let description = spans.iter().map(|s| format!("{}: {}.", s.0, s.3)).collect::<Vec<_>>().join(" ");
    Some(frame.svg(
        "timeline",
        "The blocks of time that the model learnt from and was judged on",
        &description,
        &html! {
            @for (index, (name, from, to, dates)) in spans.iter().enumerate() {
                @let (x1, x2) = (frame.at_x(*from), frame.at_x(*to));
                @let is_last = index + 1 == spans.len();
                @let near_end = x2 - x1 < 190.0 && x2 > 700.0;
                @let (x, anchor) = if near_end { (x2, "end") } else { (x1, "start") };
                rect class=(if is_last { "span tested" } else { "span" }) x=(fixed(x1)) y="26" rx="3"
                    width=(fixed((x2 - x1).max(3.0))) height="22" {}
                text.name x=(fixed(x)) y="17" text-anchor=(anchor) { (name) }
                text.tick x=(fixed(x)) y="66" text-anchor=(anchor) { (dates) }
            }
        },
    ))
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[expect(clippy::cast_precision_loss, reason = "the index of a row of a chart")]
fn f64_of(index: usize) -> f64 {
    index as f64
}

#[expect(clippy::cast_precision_loss, reason = "days since 1970, far below 2^53")]
fn f64_of_day(day: i64) -> f64 {
    day as f64
}
