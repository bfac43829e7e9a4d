//! The section of the page that draws the glass-box model: a small chart a feature, all on one scale.

use maud::{Markup, html};

use super::format::{number, percent, prose};
use super::plot::{Frame, fixed, ticks};
use super::{Category, FeatureShape, GlassBox};

const CHART: Frame = Frame {
    width: 300.0,
    height: 200.0,
    left: 40.0,
    right: 10.0,
    top: 14.0,
    bottom: 40.0,
    x: (0.0, 1.0),
    y: (0.0, 1.0),
};
/// The tallest bar below a curve, as a share of the chart.
const BAR: f64 = 0.22;
/// A scale shorter than this would make noise look like a finding: odds from a half to twice the average.
const LEAST: f64 = std::f64::consts::LN_2;

/// The section; nothing without a glass box.
pub(super) fn section(glass_box: Option<&GlassBox>) -> Markup {
    let Some(glass_box) = glass_box.filter(|glass_box| !glass_box.shapes.is_empty()) else {
        return html! {};
    };
    let reach = glass_box.shapes.iter().flat_map(added).map(f64::abs).fold(LEAST, f64::max);
    html! {
        section {
            h2 { "How each feature moves the risk" }
            p {
                "The glass-box model: the odds of churn are a product of one curve a feature, and these curves are all "
                "there is to it. Its out-of-fold log loss is " (number(glass_box.log_loss, 4))
                @if let Some(auc) = glass_box.auc { ", its AUC " (number(auc, 3)) }
                "; compare the candidates below. Bars show where the rows lie, the outermost hundredth on "
                "either side left out."
                @if glass_box.features > glass_box.shapes.len() {
                    " The " (glass_box.shapes.len()) " most important of " (glass_box.features) " features with a curve."
                }
            }
            div.shapes {
                @for (index, shape) in glass_box.shapes.iter().enumerate() {
                    figure {
                        h3 { code { (shape.feature) } }
                        (chart(index, shape, reach))
                        // A column of a prepared table has no unit, and a meaning that only repeats its name.
                        @if !shape.unit.is_empty() { figcaption { (prose(&shape.meaning)) } }
                    }
                }
            }
        }
    }
}

/// All that a feature may add.
fn added(shape: &FeatureShape) -> impl Iterator<Item = f64> {
    let steps = shape.steps.iter().map(|step| step.value);
    steps.chain(shape.categories.iter().map(|category| category.value)).chain(shape.missing)
}

fn chart(index: usize, shape: &FeatureShape, reach: f64) -> Markup {
    let id = format!("shape-{index}");
    let title = format!("Odds of churn by {}", shape.feature);
    if shape.steps.is_empty() {
        return categories(&id, &title, shape, reach);
    }
    let (low, high) = (shape.steps[0].from, shape.steps[shape.steps.len() - 1].to);
    let frame = Frame { x: (low, high), y: (-reach, reach), ..CHART };
    let curve = shape.steps.iter().flat_map(|step| [(step.from, step.value), (step.to, step.value)]);
    let tallest = shape.bars.iter().copied().fold(0.0, f64::max);
    let floor = frame.height - frame.bottom;
    let bar_width =
        (frame.width - frame.left - frame.right) / shape.bars.iter().map(|_| 1.0).sum::<f64>().max(1.0);
    let bar_height =
        |share: f64| if tallest > 0.0 { share / tallest * BAR * (floor - frame.top) } else { 0.0 };
    let ends = shape.steps.iter().map(|step| format!("from {}: {}", number(step.from, 2), times(step.value)));
    let unit = if shape.unit.is_empty() { "value" } else { &shape.unit };
    frame.svg(
        &id,
        &title,
        &ends.collect::<Vec<_>>().join(", "),
        &html! {
            (odds_axis(&frame, reach))
            @for (at, &share) in (0_u8..).zip(&shape.bars) {
                rect.rest x=(fixed(frame.left + bar_width * f64::from(at) + 0.5)) width=(fixed((bar_width - 1.0).max(0.5)))
                    y=(fixed(floor - bar_height(share))) height=(fixed(bar_height(share))) {}
            }
            (frame.x_axis(&ticks(low, high, 4), |tick| short(tick, high - low), unit))
            path.model d=(frame.path(curve)) {}
            (missing(&frame, shape))
        },
    )
}

/// A bar a value, from the average to the left or to the right.
fn categories(id: &str, title: &str, shape: &FeatureShape, reach: f64) -> Markup {
    const ROW: f64 = 26.0;
    let rows: Vec<(String, f64, f64)> = shape
        .categories
        .iter()
        .map(|Category { name, share, value }| (name.clone(), *share, *value))
        .chain(shape.missing.map(|value| ("no data".to_owned(), shape.missing_share, value)))
        .collect();
    let height = 56.0 + ROW * rows.iter().map(|_| 1.0).sum::<f64>();
    let frame = Frame { left: 10.0, height, x: (-reach, reach), ..CHART };
    let floor = frame.height - frame.bottom;
    let words =
        rows.iter().map(|(name, share, value)| format!("{name} ({}): {}", percent(*share), times(*value)));
    frame.svg(
        id,
        title,
        &words.collect::<Vec<_>>().join(", "),
        &html! {
            @for tick in odds_ticks(reach) {
                @let x = fixed(frame.at_x(tick));
                line.grid x1=(x) x2=(x) y1=(fixed(frame.top)) y2=(fixed(floor)) {}
            }
            (frame.x_axis(&odds_ticks(reach), times, "odds"))
            @for (at, (name, share, value)) in (0_u8..).zip(&rows) {
                @let y = frame.top + ROW * f64::from(at);
                @let (from, to) = (frame.at_x(value.min(0.0)), frame.at_x(value.max(0.0)));
                text.key x=(fixed(frame.left)) y=(fixed(y + 9.0)) { (name) " · " (percent(*share)) }
                rect.bar x=(fixed(from)) width=(fixed((to - from).max(1.0))) y=(fixed(y + 13.0)) height="7" rx="1.5" {}
            }
        },
    )
}

fn odds_axis(frame: &Frame, reach: f64) -> Markup {
    frame.y_axis(&odds_ticks(reach), times, "")
}

/// Log-odds whose odds are powers of two, four, … so that at most three lie on either side of the average.
fn odds_ticks(reach: f64) -> Vec<f64> {
    let apart = (reach / (3.0 * LEAST)).ceil().max(1.0) * LEAST;
    (-3..=3_i8).map(|k| f64::from(k) * apart).filter(|tick| tick.abs() <= reach * (1.0 + 1e-9)).collect()
}

/// `×2`, `×0.5`: what log-odds do to the odds.
fn times(log_odds: f64) -> String {
    let odds = log_odds.exp();
    // As few decimals as say the number to within a twentieth.
    let is_said = |decimals: i32| {
        let scaled = odds * 10.0_f64.powi(decimals);
        scaled >= 0.95 && (scaled - scaled.round()).abs() <= 0.05 * scaled.max(1.0)
    };
    let decimals = (0..3_u8).find(|&decimals| is_said(i32::from(decimals))).unwrap_or(3);
    format!("×{}", number(odds, usize::from(decimals)))
}

/// A number with as many decimals as its axis needs.
fn short(value: f64, span: f64) -> String {
    let decimals = if span >= 10.0 {
        0
    } else if span >= 1.0 {
        1
    } else {
        2
    };
    if value.abs() >= 1e6 { format!("{}M", number(value / 1e6, 1)) } else { number(value, decimals) }
}

/// What a missing value adds, as a line across.
fn missing(frame: &Frame, shape: &FeatureShape) -> Markup {
    html! {
        @if let Some(value) = shape.missing {
            @let y = frame.at_y(value);
            line.base x1=(fixed(frame.left)) x2=(fixed(frame.width - frame.right)) y1=(fixed(y)) y2=(fixed(y)) {}
            text.key x=(fixed(frame.width - frame.right)) y=(fixed(y - 5.0)) text-anchor="end" {
                "no data (" (percent(shape.missing_share)) ")"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_short() {
        let said = [0.5_f64, 1.0, 2.0, 4.0, 0.25, 1.5, 0.03, 16.0].map(|odds| times(odds.ln()));
        assert_eq!(said, ["×0.5", "×1", "×2", "×4", "×0.25", "×1.5", "×0.03", "×16"]);
        assert_eq!(odds_ticks(LEAST).len(), 3);
        assert_eq!(odds_ticks(5.0).len(), 5);
    }
}
