//! The race as a picture: a bar a contender, on a scale of powers of ten.

use std::fmt::Write;

use holdfast_figures::thousands;

use crate::report::{Entry, Report};
use holdfast_race::workload::Profile;

const WIDTH: f64 = 960.0;
/// Where bars begin and end.
const LEFT: f64 = 270.0;
const RIGHT: f64 = 780.0;
const ROW: f64 = 26.0;
const TOP: f64 = 84.0;
const HOLDFAST: &str = "#0b6e4f";
const PEER: &str = "#8d99ae";
const FLOOR: &str = "#d5dae3";

/// Makes an SVG of a report, fastest first.
pub fn svg(report: &Report) -> String {
    let entries = report.results.fastest(Profile::W);
    let scale = Scale::of(&entries);
    let bottom = TOP + ROW * entries.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"20\" y=\"30\" font-size=\"18\" font-weight=\"bold\">Workload W, orders a second</text>\n\
         <text x=\"20\" y=\"52\" fill=\"#555555\">{}, {} cores. The line in a bar: lowest to highest round.</text>\n",
        bottom + 50.0,
        escaped(&report.date),
        report.machine.cores,
    );
    for power in scale.low..=scale.high {
        let (value, x) = (10_f64.powi(power), scale.x(10_f64.powi(power)));
        let _ = write!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"#e5e5e5\"/>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555555\">{}</text>\n",
            TOP - 8.0,
            bottom + 18.0,
            thousands(value),
        );
    }
    for (row, entry) in entries.iter().enumerate() {
        bar(&mut svg, &scale, entry, TOP + ROW * row as f64);
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.1}\" fill=\"#555555\">Behind the figures: ratio to {}.</text>\n</svg>\n",
        bottom + 38.0,
        escaped(
            entries
                .first()
                .and_then(|entry| entry.baseline.as_deref())
                .unwrap_or("nothing")
        ),
    );
    svg
}

fn bar(svg: &mut String, scale: &Scale, entry: &Entry, y: f64) {
    let rate = entry.orders_per_s;
    let colour = match () {
        () if entry.name.starts_with("Holdfast") => HOLDFAST,
        () if entry.durable == "nothing" || entry.name.starts_with("minimal") => FLOOR,
        () => PEER,
    };
    let ratio = entry
        .ratio
        .map_or_else(String::new, |ratio| format!(" · {:.2} ×", ratio.median));
    let (middle, text) = (y + ROW / 2.0, y + ROW / 2.0 + 4.5);
    let end = scale.x(rate.median);
    let _ = write!(
        svg,
        "<text x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\n\
         <line x1=\"{:.1}\" y1=\"{middle:.1}\" x2=\"{:.1}\" y2=\"{middle:.1}\" stroke=\"#222222\" stroke-width=\"1.5\"/>\n\
         <text x=\"{:.1}\" y=\"{text:.1}\">{}{ratio}</text>\n",
        LEFT - 10.0,
        escaped(&entry.name),
        y + 4.0,
        end - LEFT,
        ROW - 8.0,
        scale.x(rate.low),
        scale.x(rate.high),
        scale.x(rate.high).max(end) + 8.0,
        thousands(rate.median),
    );
}

/// Powers of ten around all rounds.
struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    fn of(entries: &[&Entry]) -> Self {
        let lowest = entries
            .iter()
            .map(|entry| entry.orders_per_s.low)
            .fold(f64::MAX, f64::min);
        let highest = entries
            .iter()
            .map(|entry| entry.orders_per_s.high)
            .fold(1.0, f64::max);
        let low = lowest.max(1.0).log10().floor() as i32;
        Self {
            low,
            high: (highest.log10().ceil() as i32).max(low + 1),
        }
    }

    fn x(&self, value: f64) -> f64 {
        let share =
            (value.max(1.0).log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
