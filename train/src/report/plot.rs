//! What all charts share: a frame with axes, nice ticks, paths. Colours come from the style sheet.

use std::fmt::Write as _;

use maud::{Markup, html};

/// A plotting area inside an SVG, with its scales.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    /// The values at both ends of the horizontal axis.
    pub(super) x: (f64, f64),
    /// The values at both ends of the vertical axis.
    pub(super) y: (f64, f64),
}

impl Frame {
    /// Where `value` lies horizontally; values beyond the axis lie at its end.
    pub(super) fn at_x(&self, value: f64) -> f64 {
        self.left + share(value, self.x) * (self.width - self.left - self.right)
    }

    /// Where `value` lies vertically.
    pub(super) fn at_y(&self, value: f64) -> f64 {
        self.height - self.bottom - share(value, self.y) * (self.height - self.top - self.bottom)
    }

    /// A line through the points.
    pub(super) fn path(&self, points: impl IntoIterator<Item = (f64, f64)>) -> String {
        let mut text = String::new();
        for (x, y) in points {
            let command = if text.is_empty() { 'M' } else { 'L' };
            // Writing into a String does not fail.
            let _ = write!(text, "{command}{} {}", fixed(self.at_x(x)), fixed(self.at_y(y)));
        }
        text
    }

    /// Horizontal grid lines with their labels.
    pub(super) fn y_axis(&self, ticks: &[f64], label: impl Fn(f64) -> String, name: &str) -> Markup {
        let (x1, x2) = (fixed(self.left), fixed(self.width - self.right));
        html! {
            @for &tick in ticks {
                @let y = fixed(self.at_y(tick));
                line.grid x1=(x1) x2=(x2) y1=(y) y2=(y) {}
                text.tick x=(fixed(self.left - 8.0)) y=(y) dy="0.35em" text-anchor="end" { (label(tick)) }
            }
            text.axis x=(fixed(self.left)) y=(fixed(self.top - 12.0)) { (name) }
        }
    }

    /// Tick labels below, and the name of the axis.
    pub(super) fn x_axis(&self, ticks: &[f64], label: impl Fn(f64) -> String, name: &str) -> Markup {
        let floor = self.height - self.bottom;
        html! {
            line.floor x1=(fixed(self.left)) x2=(fixed(self.width - self.right)) y1=(fixed(floor)) y2=(fixed(floor)) {}
            @for &tick in ticks {
                text.tick x=(fixed(self.at_x(tick))) y=(fixed(floor + 17.0)) text-anchor="middle" { (label(tick)) }
            }
            text.axis x=(fixed(self.width - self.right)) y=(fixed(floor + 35.0)) text-anchor="end" { (name) }
        }
    }

    /// The SVG around `content`, named and described for those who cannot see it. `id` is unique on the page.
    pub(super) fn svg(&self, id: &str, title: &str, description: &str, content: &Markup) -> Markup {
        html! {
            svg viewBox={ "0 0 " (self.width) " " (self.height) } role="img"
                aria-labelledby={ (id) "-title " (id) "-desc" } {
                title id={ (id) "-title" } { (title) }
                desc id={ (id) "-desc" } { (description) }
                (content)
            }
        }
    }
}

fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    let share = (value - low) / (high - low);
    if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
}

/// A coordinate with one decimal.
pub(super) fn fixed(coordinate: f64) -> String {
    if coordinate.is_finite() { format!("{coordinate:.1}") } else { "0.0".to_owned() }
}

/// Round values (1, 2 or 5 times a power of ten apart) from `low` to `high`, at most `most` steps.
pub(super) fn ticks(low: f64, high: f64, most: u8) -> Vec<f64> {
    let step = step(high - low, most);
    if step <= 0.0 || !(low.is_finite() && high.is_finite()) {
        return vec![low];
    }
    let first = (low / step - 1e-9).ceil();
    (0..=u16::from(most))
        .map(|k| (first + f64::from(k)) * step)
        .take_while(|&tick| tick <= high + step * 1e-9)
        .collect()
}

/// The smallest round value that is at least `value`, so that an axis ends on a tick.
pub(super) fn ceiling(value: f64, most: u8) -> f64 {
    let step = step(value, most);
    if step > 0.0 { (value / step - 1e-9).ceil() * step } else { value }
}

/// The largest round value that is at most `value`, in steps fit for a span.
pub(super) fn widened(low: f64, high: f64, most: u8) -> (f64, f64) {
    let step = step(high - low, most);
    if step > 0.0 {
        ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step)
    } else {
        (low - 0.5, high + 0.5)
    }
}

fn step(span: f64, most: u8) -> f64 {
    let rough = span / f64::from(most);
    if !(rough.is_finite() && rough > 0.0) {
        return 0.0;
    }
    let power = 10.0_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|k| k * power).find(|&s| s >= rough * (1.0 - 1e-9)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_ends() {
        let rounded = |ticks: Vec<f64>| ticks.iter().map(|t| format!("{t:.2}")).collect::<Vec<_>>().join(" ");
        assert_eq!(rounded(ticks(0.0, 1.0, 5)), "0.00 0.20 0.40 0.60 0.80 1.00");
        assert_eq!(rounded(ticks(0.33, 0.61, 4)), "0.40 0.50 0.60");
        assert_eq!(rounded(ticks(0.3, 0.3, 4)), "0.30");
        assert!((ceiling(0.47, 5) - 0.5).abs() < 1e-12);
        let (low, high) = widened(0.512, 0.843, 5);
        assert!((low - 0.5).abs() < 1e-12 && (high - 0.9).abs() < 1e-12);
    }

    #[test]
    fn coordinates_are_always_numbers() {
        let frame = Frame {
            width: 100.0,
            height: 100.0,
            left: 10.0,
            right: 10.0,
            top: 10.0,
            bottom: 10.0,
            x: (0.0, 1.0),
            y: (1.0, 1.0),
        };
        assert_eq!(
            frame.path([(0.5, 1.0), (f64::NAN, 2.0), (9.0, f64::INFINITY)]),
            "M50.0 90.0L10.0 90.0L90.0 90.0"
        );
        assert_eq!(fixed(f64::NAN), "0.0");
    }
}
